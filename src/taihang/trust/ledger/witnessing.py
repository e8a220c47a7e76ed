"""Witnessing over HTTP: a witness's small server, and how a log asks it. Source: c2sp.org/tlog-witness."""

from __future__ import annotations

import http.server
import re
import socket
from collections.abc import Sequence

import httpx

from taihang.core import errors
from taihang.trust.ledger import checkpoint, forged, keys, log, note, proof, witness

_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})")
_LONGEST_BODY = 1 << 17
_MOST_STEPS = 63
_PATIENCE_S = 10.0
_PATH = "/add-checkpoint"
_UNSIGNED = {"trust:ledger.unsigned", "trust:ledger.signature"}
Answer = tuple[int, str, bytes]
"""Status, content type, body."""


def answer(one: witness.Witness, body: bytes) -> Answer:
    """What the witness answers to an add-checkpoint request; every request gets one, whatever it holds."""
    try:
        old, path, signed = _request(body)
        head = checkpoint.parse(signed, "request").head
        if head.origin not in one.logs:
            return _plain(404, "unknown log")
        if old > head.size or (old == 0 and path):
            return _plain(400, "old size or proof out of range")
        checkpoint.verify(signed, checkpoint.Policy(one.logs[head.origin]), "request")
    except ValueError as error:
        return _plain(400, str(error))
    except forged.Forged as error:
        # A note in its form whose signature is missing or wrong, or no note at all.
        return _plain(403 if error.message.key in _UNSIGNED else 400, "not a checkpoint signed by its log")
    return _signed(one, old, path, signed)


def _signed(one: witness.Witness, old: int, path: Sequence[bytes], signed: bytes) -> Answer:
    try:
        return 200, "text/plain; charset=utf-8", one.cosign(signed, path, old=old).encode()
    except witness.Moved as moved:
        return 409, "text/x.tlog.size", f"{moved.size}\n".encode()
    except forged.Forked:
        return _plain(409, "another root is signed for this size")
    except forged.Forged:
        return _plain(422, "the proof does not hold")


def body(old: int, path: Sequence[bytes], signed: bytes) -> bytes:
    """An add-checkpoint request."""
    return f"old {old}\n{proof.path_text(path)}\n".encode() + signed


def ask(ledger: log.Ledger, url: str, key: keys.Verifier, *, client: httpx.Client | None = None) -> bytes:
    """Have a witness at `url` sign the newest checkpoint; keeps its signature and gives the note with it.

    Raises errors.Failure when the witness does not answer, errors.UserError when it does not know the log,
    forged.Forged when it refuses what it is shown, or what it signs is not its signature.
    """
    signed = ledger.checkpoint()
    size = checkpoint.parse(signed, "checkpoint").head.size
    own = client or httpx.Client(timeout=_PATIENCE_S, trust_env=False)
    try:
        old = 0
        for _ in range(3):  # the first request tells its size; another asker may be quicker once
            said = _posted(own, url, body(old, ledger.consistency(old, size) if old else (), signed))
            if said.status_code != 409 or not re.fullmatch(rb"[0-9]{1,19}\n", said.content):
                break
            old = int(said.content)
            if old > size:
                raise forged.Forged("trust:ledger.witness_ahead", url=url, size=size, seen=old)
        if said.status_code == 404:
            raise errors.UserError("trust:ledger.witness_stranger", url=url, origin=ledger.signer.name)
        if said.status_code != 200:
            raise forged.Forged("trust:ledger.witness_refused", url=url, status=said.status_code)
        for line in said.text.splitlines():
            if key.knows(note.signature(line, url)):
                return ledger.cosigned(signed, line, key)
        raise forged.Forged("trust:ledger.unsigned", where=url, name=key.name)
    finally:
        if client is None:
            own.close()


def _posted(client: httpx.Client, url: str, data: bytes) -> httpx.Response:
    where = url.rstrip("/") + _PATH
    try:
        with client.stream("POST", where, content=data) as said:
            content = b""
            for piece in said.iter_bytes():
                content += piece
                if len(content) > _LONGEST_BODY:
                    raise errors.Failure("trust:ledger.web", where=where, reason="too long an answer")
            return httpx.Response(said.status_code, content=content)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise errors.Failure("trust:ledger.web", where=where, reason=type(error).__name__) from None


def server(one: witness.Witness, host: str, port: int) -> http.server.ThreadingHTTPServer:
    """A server for the witness, bound and not running yet: `serve_forever` runs it.

    TLS is a reverse proxy's matter. Raises errors.UserError for an address that cannot be had.
    """

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version = "taihang-witness"
        sys_version = ""
        timeout = _PATIENCE_S

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if self.path != _PATH:
                self._say(_plain(404, "only add-checkpoint is here"), close=True)
            elif not re.fullmatch(r"[0-9]{1,7}", length) or int(length) > _LONGEST_BODY:
                self._say(_plain(413, "too long"), close=True)
            else:
                try:
                    self._say(answer(one, self.rfile.read(int(length))))
                except errors.TaihangError:
                    self._say(_plain(500, "the witness cannot write"))

        def _say(self, said: Answer, *, close: bool = False) -> None:
            status, kind, content = said
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            if close:
                self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Requests are not written down."""

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

        def handle_error(self, *_: object) -> None:
            """A client that hangs up is its own affair."""

    try:
        return Server((host, port), Handler)
    except (OSError, OverflowError) as error:
        raise errors.UserError("trust:ledger.address", host=host, port=port, reason=str(error)) from None


def _request(data: bytes) -> tuple[int, list[bytes], bytes]:
    head, blank, signed = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise ValueError("not ASCII before the checkpoint") from None
    first = _OLD.fullmatch(lines[0])
    steps = [note.decode(line) for line in lines[1:]]
    if not blank or first is None or len(steps) > _MOST_STEPS:
        raise ValueError("no old size, proof, empty line and checkpoint")
    found = [step for step in steps if step is not None and len(step) == 32]
    if len(found) != len(steps):
        raise ValueError("a proof line is not a hash")
    return int(first[1]), found, signed


def _plain(status: int, text: str) -> Answer:
    return status, "text/plain; charset=utf-8", (text + "\n").encode()
