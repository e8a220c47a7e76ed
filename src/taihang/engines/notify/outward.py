"""Outward: a connection to a host outside, and to nothing inside unless it was allowed.

The name is resolved once, every address of it is judged, and the connection goes to a judged address:
a name that answers differently a moment later gains nothing.
"""

from __future__ import annotations

import ipaddress
import socket

from taihang.core import errors

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# Addresses that carry another one inside: translation (RFC 6052), 6to4, Teredo.
_WRAPPING = tuple(ipaddress.ip_network(n) for n in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"))
_SITE = ipaddress.ip_network("fec0::/10")


class Undelivered(errors.Failure, errors.Transient):
    """A message could not be handed over; it may be possible later."""


def public(address: str) -> bool:
    """True for an address of the open internet."""
    try:
        found: _Address = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        elif any(found in network for network in _WRAPPING) or found in _SITE:
            return False
    return found.is_global and not found.is_multicast and not found.is_reserved


def connect(host: str, port: int, timeout_s: float, *, private: bool) -> socket.socket:
    """A TCP connection. Raises Undelivered: unknown name, nobody answers, or an address inside without `private`."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, ValueError) as error:
        raise Undelivered("engines.notify:name", host=host, reason=_reason(error)) from None
    addresses = list(dict.fromkeys((family, str(place[0])) for family, _, _, _, place in found))
    inside = [address for _, address in addresses if not public(address)]
    if inside and not private:
        raise Undelivered("engines.notify:inside", host=host, address=inside[0])
    failed: OSError | None = None
    for _, address in addresses:
        try:
            return socket.create_connection((address, port), timeout_s)
        except OSError as error:
            failed = error
    raise Undelivered("engines.notify:unreachable", host=host, port=port, reason=_reason(failed))


def _reason(error: Exception | None) -> str:
    return (getattr(error, "strerror", None) or str(error) or "-").split("\n", 1)[0]
