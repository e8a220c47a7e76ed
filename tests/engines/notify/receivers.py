"""Real receivers on this machine: an HTTP server that can misbehave, a certificate for it, a mail server."""

from __future__ import annotations

import contextlib
import datetime
import http.server
import ipaddress
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from aiosmtpd import controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Got:
    """What a receiver was sent."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []

    @property
    def ids(self) -> list[str]:
        return [json.loads(b)["id"] for b in self.bodies]


@contextlib.contextmanager
def http_server(
    answer: Callable[[int], int | str] = lambda n: 200, tls: ssl.SSLContext | None = None
) -> Iterator[tuple[int, Got]]:
    """A port and what came. `answer(n)` is the status for the nth request, `drip`, or a place to redirect to."""
    got = Got()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.bodies.append(body)
            got.headers.append(dict(self.headers))
            said = answer(len(got.bodies))
            if said == "drip":
                with contextlib.suppress(OSError):
                    for _ in range(600):
                        self.wfile.write(b"H")
                        self.wfile.flush()
                        time.sleep(0.1)
                return
            self.send_response(said if isinstance(said, int) else 302)
            if isinstance(said, str):
                self.send_header("Location", said)
            self.end_headers()

        def log_message(self, *_args: Any) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.server_port, got
    finally:
        server.shutdown()
        server.server_close()


def certificate(folder: Path, name: str = "localhost") -> tuple[Path, ssl.SSLContext]:
    """A certificate for a name, and a server's context with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    alternatives: list[x509.GeneralName] = [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(alternatives[: 2 if name == "localhost" else 1]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file, secret = folder / f"{name}.pem", folder / f"{name}.key"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, secret)
    return file, context


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Mailbox:
    """What a mail server took; `refuse` are recipients that it does not know."""

    def __init__(self, refuse: tuple[str, ...] = ()) -> None:
        self.refuse, self.letters, self.encrypted, self.users = refuse, list[Any](), list[bool](), list[Any]()

    async def handle_RCPT(  # noqa: N802
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if address in self.refuse:
            return "550 unknown"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self, _server: Any, session: Any, envelope: Any
    ) -> str:
        self.letters.append(envelope)
        self.encrypted.append(session.ssl is not None)
        self.users.append(session.auth_data)
        return "250 OK"


@contextlib.contextmanager
def mail_server(box: Mailbox, context: ssl.SSLContext | None, *, implicit: bool = False) -> Iterator[int]:
    """A port on localhost: STARTTLS required, TLS from the start (`implicit`), or none without a context."""

    def authenticator(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        fine = isinstance(data, LoginPassword) and (data.login, data.password) == (b"bot", b"pass word")
        return AuthResult(success=fine, auth_data=data.login.decode() if fine else None)

    more: dict[str, Any] = (
        {"ssl_context": context} if implicit else {"tls_context": context, "require_starttls": bool(context)}
    )
    running = controller.Controller(
        box, hostname="127.0.0.1", port=_free_port(), authenticator=authenticator, auth_require_tls=not implicit, **more
    )
    running.start()
    try:
        yield running.port
    finally:
        running.stop()
