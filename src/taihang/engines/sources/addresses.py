"""Addresses: `scheme://user:password@host:port/path?options` taken apart, and shown without the password."""

from __future__ import annotations

import dataclasses
import urllib.parse

from taihang.core import errors


@dataclasses.dataclass(frozen=True, slots=True)
class Address:
    """The parts of an address; `shown` holds neither user nor password nor options."""

    scheme: str
    host: str
    port: int | None
    user: str | None
    password: str | None = dataclasses.field(repr=False)
    path: str
    options: dict[str, str]
    shown: str


def parse(given: str, known: tuple[str, ...] = ()) -> Address:
    """Raises errors.UserError for what is no address, or has an option that is not in `known`."""
    plain = ""
    try:
        parts = urllib.parse.urlsplit(given)
        plain = f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
        port = parts.port
        options = dict(urllib.parse.parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    except ValueError:
        raise errors.UserError("engines.sources:address", path=plain or given.partition("://")[0]) from None
    strange = sorted(options.keys() - set(known))
    if strange or not (parts.hostname or parts.scheme == "redis"):
        raise errors.UserError("engines.sources:address", path=plain)
    host = parts.hostname or ""
    return Address(
        scheme=parts.scheme,
        host=host,
        port=port,
        user=None if parts.username is None else urllib.parse.unquote(parts.username),
        password=None if parts.password is None else urllib.parse.unquote(parts.password),
        path=urllib.parse.unquote(parts.path),
        options=options,
        shown=f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path}",
    )
