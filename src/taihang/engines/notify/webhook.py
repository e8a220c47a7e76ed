"""Webhook: a message as a signed JSON document, sent by POST; redirects are never followed."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
import socket
import ssl
import threading
import urllib.parse
from collections.abc import Iterator

from taihang.engines.notify import channel, outward, settings

_LONGEST_ANSWER = 1 << 16
_TOLERANCE_S = 300
Undelivered = outward.Undelivered


def signature(secret: bytes, body: bytes, at: int) -> str:
    """The header `Taihang-Signature`: the time, and HMAC-SHA-256 of `TIME.BODY`."""
    mac = hmac.new(secret, f"{at}.".encode() + body, hashlib.sha256)
    return f"t={at},v1={mac.hexdigest()}"


def signed(secret: bytes, header: str, body: bytes, now: int, tolerance_s: int = _TOLERANCE_S) -> bool:
    """For a receiver: True when the body was signed with this secret, at most `tolerance_s` from now."""
    parts = dict(part.partition("=")[::2] for part in header.split(","))
    at = parts.get("t", "")
    if not (at.isascii() and at.isdigit() and len(at) < 15) or abs(now - int(at)) > tolerance_s:
        return False
    return hmac.compare_digest(signature(secret, body, int(at)).encode(), header.encode())


def post(
    to: channel.Webhook,
    body: bytes,
    *,
    ident: str,
    topic: str,
    at: int,
    secret: bytes | None,
    limits: settings.Settings,
    token: str | None = None,
) -> bytes:
    """POST a JSON body; gives what was answered, at most 64 KiB of it.

    `ident` is equal for each attempt: a receiver that knows it has had the message already. `token`: who sends it, for
    a receiver that asks. Raises Undelivered for everything but an answer of 2xx, and when it all takes too long.
    """
    parts = urllib.parse.urlsplit(to.url)
    host, tls = str(parts.hostname), parts.scheme == "https"
    port = parts.port or (443 if tls else 80)
    headers = {
        "Host": parts.netloc,
        "Content-Type": "application/json",
        "User-Agent": "Taihang",
        "Taihang-Delivery": ident,
        "Taihang-Topic": topic,
        "Connection": "close",
    }
    if secret is not None:
        headers["Taihang-Signature"] = signature(secret, body, at)
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    target = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
    raw = outward.connect(host, port, limits.timeout_s, private=limits.private(host))
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.closing(raw))
        stack.enter_context(_cut(raw, limits.timeout_s))
        try:
            # Wrapping takes the descriptor over: then it is the wrapped socket that must be closed.
            wire = stack.enter_context(_context(limits).wrap_socket(raw, server_hostname=host)) if tls else raw
            connection = http.client.HTTPConnection(host, port)
            connection.sock = wire
            connection.request("POST", target, body, headers)
            answer = connection.getresponse()
            said = answer.read(_LONGEST_ANSWER)
            status = answer.status
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = str(error).split("\n", 1)[0] or type(error).__name__
            raise Undelivered("engines.notify:unreachable", host=host, port=port, reason=reason) from None
    if 300 <= status < 400:
        raise Undelivered("engines.notify:redirect", host=host, status=status)
    if not 200 <= status < 300:
        raise Undelivered("engines.notify:status", host=host, status=status)
    return said


def _context(limits: settings.Settings) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(limits.ca_file) if limits.ca_file else None)


@contextlib.contextmanager
def _cut(raw: socket.socket, after_s: float) -> Iterator[None]:
    """Shut the connection down when the time is over: a receiver that sends a byte a minute holds nobody."""
    # A TLS socket takes the descriptor over, so the watch keeps one of its own.
    own = raw.dup()
    watch = threading.Timer(after_s, lambda: _shut(own))
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()
        own.close()


def _shut(raw: socket.socket) -> None:
    with contextlib.suppress(OSError):
        raw.shutdown(socket.SHUT_RDWR)
