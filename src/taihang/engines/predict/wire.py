"""Wire: one JSON document sent by POST, and the answer within hard limits of time and size.

Plain `http.client` over a socket that we opened ourselves: the address is judged once and the connection goes to
that address, no proxy or netrc of the environment is used, a redirect is an answer like any other, nothing is
logged, and a watch cuts the connection when the time is over, whatever the server is doing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import socket
import ssl
import threading
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from pathlib import Path

from taihang.engines.notify import outward

_PIECE = 1 << 16


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """Seconds to connect, without a byte, and in all; bytes of an answer.

    `private`: addresses inside (loopback, private networks) may be called. `ca_file` replaces the system's
    certificates.
    """

    connect_s: float = 10.0
    stall_s: float = 120.0
    total_s: float = 300.0
    largest: int = 2 << 20
    private: bool = False
    ca_file: Path | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Response:
    """What came back: `cut` when there was more than `largest` bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: bool = False


class Unreachable(Exception):
    """No connection came about: nothing was sent. The text says why."""


class Stalled(Exception):
    """The time was over before the whole answer had come."""


class Broken(Exception):
    """The connection broke, or what came is no HTTP."""


def call(url: str, body: bytes | None, headers: Mapping[str, str], limits: Limits) -> Response:
    """POST `body` to `url`, or GET without one. Raises Unreachable, Stalled, Broken."""
    parts = urllib.parse.urlsplit(url)
    host, tls = str(parts.hostname), parts.scheme == "https"
    port = parts.port or (443 if tls else 80)
    until = time.monotonic() + limits.total_s
    try:
        raw = outward.connect(host, port, min(limits.connect_s, limits.total_s), private=limits.private)
    except outward.Undelivered as error:
        raise Unreachable(str(error)) from None
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.closing(raw))
        over = stack.enter_context(_cut(raw, max(until - time.monotonic(), 0.01)))
        raw.settimeout(limits.stall_s)
        try:
            wire = stack.enter_context(_context(limits).wrap_socket(raw, server_hostname=host)) if tls else raw
        except ssl.SSLError as error:
            raise Unreachable(str(error.reason or "TLS")) from None
        except OSError as error:
            raise _fault(error, over) from None
        try:
            return _exchanged(wire, parts, body, headers, limits.largest)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _fault(error, over) from None


def _exchanged(
    wire: socket.socket,
    parts: urllib.parse.SplitResult,
    body: bytes | None,
    headers: Mapping[str, str],
    largest: int,
) -> Response:
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port or 80)
    connection.sock = wire
    # An answer that is packed could unpack to anything: none is asked for, and none is read.
    own = {"Host": parts.netloc, "Accept-Encoding": "identity", "Connection": "close", "User-Agent": "Taihang"}
    connection.request("GET" if body is None else "POST", parts.path or "/", body, {**own, **headers})
    answer = connection.getresponse()
    if answer.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise http.client.HTTPException("Content-Encoding")
    found = bytearray()
    while len(found) <= largest and (piece := answer.read1(_PIECE)):
        found += piece
    if len(found) <= largest and answer.length:  # a length was promised, and the connection ended before it
        raise http.client.IncompleteRead(b"", answer.length)
    plain = {name.lower(): value for name, value in answer.headers.items()}
    return Response(answer.status, plain, bytes(found[:largest]), len(found) > largest)


def _fault(error: Exception, over: threading.Event) -> Exception:
    if over.is_set() or isinstance(error, TimeoutError):
        return Stalled()
    return Broken(" ".join(str(error).split())[:200] or type(error).__name__)


def _context(limits: Limits) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(limits.ca_file) if limits.ca_file else None)


@contextlib.contextmanager
def _cut(raw: socket.socket, after_s: float) -> Iterator[threading.Event]:
    """Shut the connection down when the time is over: a server that sends a byte a minute holds nobody."""
    over = threading.Event()
    own = raw.dup()  # a TLS socket takes the descriptor over

    def shut() -> None:
        over.set()
        with contextlib.suppress(OSError):
            own.shutdown(socket.SHUT_RDWR)

    watch = threading.Timer(after_s, shut)
    watch.daemon = True
    watch.start()
    try:
        yield over
    finally:
        watch.cancel()
        watch.join()
        own.close()
