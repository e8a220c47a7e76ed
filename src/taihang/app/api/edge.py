"""Edge: what every request passes first and every answer last.

A request id, the caller's language, security headers, a bound on how large a body is and how long it
may take, and a problem for whatever nobody caught. Plain ASGI: it costs microseconds, and a stream
passes through untouched.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from taihang.app.api import language, problems
from taihang.core import i18n

_GIVEN_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'"),
    (b"cache-control", b"no-store"),
    (b"vary", b"Accept-Language, Authorization, Cookie"),
]
_TRANSPORT = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")


class Edge:
    """The outermost layer. `streams` tells the requests whose body is read piece by piece further in,
    `more` headers that some answers carry."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: frozenset[str],
        body_bytes: int,
        body_s: float,
        streams: Callable[[Scope], bool],
        more: Callable[[Scope], list[tuple[bytes, bytes]]],
    ) -> None:
        self._app = app
        self._hosts = hosts
        self._most = body_bytes
        self._patience = body_s
        self._streams = streams
        self._more = more

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"")
        request_id = given.decode() if _GIVEN_ID.fullmatch(given) else secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        i18n.use(language.chosen(headers.get(b"accept-language", b"").decode("latin-1")))
        begun = False

        async def out(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                present = {name.lower() for name, _ in message["headers"]}
                more = [pair for pair in _HEADERS if pair[0] not in present]
                more += self._more(scope)
                if scope["scheme"] == "https":
                    more.append(_TRANSPORT)
                message["headers"] = [*message["headers"], *more, (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            refused = self._refused(scope, headers, request_id)
            if refused is None and not self._streams(scope):
                receive, refused = await self._whole(receive, headers, request_id)
            await (refused or self._app)(scope, receive, out)
        except Exception as error:
            if begun:
                raise
            await problems.defect(error, request_id)(scope, receive, out)

    def _refused(self, scope: Scope, headers: dict[bytes, bytes], request_id: str) -> Response | None:
        if self._hosts:
            name = headers.get(b"host", b"").decode("latin-1").lower()
            name = name.partition("]")[0] + "]" if name.startswith("[") else name.partition(":")[0]
            if name not in self._hosts:
                return problems.answer(400, i18n.Message(key="app.api:host"), request_id)
        raw = scope.get("raw_path") or b""
        if b"%00" in raw or b"%00" in scope["query_string"] or b"\x00" in raw:
            return problems.answer(400, i18n.Message(key="app.api:nul"), request_id)
        return None

    async def _whole(
        self, receive: Receive, headers: dict[bytes, bytes], request_id: str
    ) -> tuple[Receive, Response | None]:
        """The body in one piece, or why it is refused; a client that dribbles is not waited for."""
        too_large = i18n.Message(key="app.api:body_size", values={"most": self._most})
        declared = headers.get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > self._most:
            return receive, problems.answer(413, too_large, request_id, headers={"Connection": "close"})
        if declared == b"0" and b"transfer-encoding" not in headers:
            return receive, None
        body, more = bytearray(), True
        try:
            async with asyncio.timeout(self._patience):
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        break
                    body += message.get("body", b"")
                    more = message.get("more_body", False)
                    if len(body) > self._most:
                        return receive, problems.answer(413, too_large, request_id, headers={"Connection": "close"})
        except TimeoutError:
            slow = i18n.Message(key="app.api:body_slow")
            return receive, problems.answer(408, slow, request_id, headers={"Connection": "close"})
        given = False

        async def replay() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": bytes(body), "more_body": False}

        return replay, None
