"""Mounting: API and console behind one address. /api is the API's, everything else the console's."""

from __future__ import annotations

import secrets
from pathlib import Path

import fastapi
from nicegui import app as kit
from nicegui import ui
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from taihang.app.console import calls, registry

_RECONNECT_S = 20.0
# Vue compiles its templates in the browser, and the page's own state stands in an inline script.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = [
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
]


class Front:
    """Sends each request where it belongs, and keeps foreign pages from opening the console's socket."""

    def __init__(self, api: fastapi.FastAPI, console: fastapi.FastAPI) -> None:
        self.api, self.console = api, console

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, socket or start of the server."""
        if scope["type"] == "lifespan":
            await self._lives(scope, receive, send)
            return
        if scope["path"].startswith("/api/") or scope["path"] == "/api":
            await self.api(scope, receive, _shown(send) if _by_link(scope) else send)
            return
        if scope["type"] == "websocket" and not _same_origin(scope):
            await send({"type": "websocket.close", "code": 1008})
            return

        async def out(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(pair for pair in _HEADERS if pair[0] not in present)]
            await send(message)

        await self.console(scope, receive, out)

    async def _lives(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Both have something to start and to end; the console's answers stand for both.
        async with self.api.router.lifespan_context(self.api):
            await self.console(scope, receive, send)


def _by_link(scope: Scope) -> bool:
    """Whether somebody's click opens this address as a page of its own, such as a report."""
    headers = dict(scope["headers"])
    return headers.get(b"sec-fetch-mode") == b"navigate" and headers.get(b"sec-fetch-dest") == b"document"


def _shown(send: Send) -> Send:
    """What a link leads to and is not to be had is told by a page, not by the API's JSON."""
    refused = False

    async def out(message: Message) -> None:
        nonlocal refused
        if message["type"] == "http.response.start" and message["status"] >= 400:
            refused = True
            place = f"/unavailable?status={message['status']}".encode()
            headers = [(b"location", place), (b"content-length", b"0"), (b"cache-control", b"no-store"), *_HEADERS]
            await send({"type": "http.response.start", "status": 303, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
        elif not refused:
            await send(message)

    return out


def _same_origin(scope: Scope) -> bool:
    headers = dict(scope["headers"])
    origin = headers.get(b"origin", b"").decode("latin-1")
    host = headers.get(b"host", b"").decode("latin-1")
    return not origin or origin.partition("://")[2] == host


def create(api: fastapi.FastAPI) -> ASGIApp:
    """API and console as one application. Made once in a process: the console's pages are global to it."""
    console = fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    calls.connect(api)
    registry.load()
    kit.add_static_files("/console", Path(__file__).parent / "static")
    ui.run_with(
        console,
        root=registry.lost,
        title="太行 Taihang",
        favicon=Path(__file__).parent / "static" / "favicon.svg",
        language="zh-CN",
        # Its compiler of style classes in the browser costs each page a quarter of its time; the few classes that
        # pages use stand in console.css.
        tailwind=False,
        storage_secret=secrets.token_urlsafe(32),
        # So long a page's state waits for a browser whose connection was lost; after that the page is loaded anew,
        # at the same address and with what was typed (static/console.js).
        reconnect_timeout=_RECONNECT_S,
        message_history_length=200,
        show_welcome_message=False,
        session_middleware_kwargs={"same_site": "strict", "https_only": False, "session_cookie": "taihang_console"},
    )
    return Front(api, console)
