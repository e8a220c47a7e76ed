"""Gate: what every route passes before its function runs, and what its answer gets on the way out.

In order: who asks (401), how often (429), whether this very call was answered before (Idempotency-Key).
Then the function. A JSON answer to GET gets a strong ETag, and 304 when the caller has it already.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any

import fastapi
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from taihang.app.api import caller, faults
from taihang.core import errors
from taihang.trust.access import rates

if TYPE_CHECKING:
    from taihang.app.api import service

_KEY = re.compile(r"[\x21-\x7e]{1,128}")
PUBLIC: dict[str, Any] = {"security": []}
Handler = Callable[[Request], Awaitable[Response]]

Key = Annotated[
    str | None,
    fastapi.Header(
        alias="Idempotency-Key",
        pattern=r"^[\x21-\x7e]{1,128}$",
        description="The same key again gives the first answer again · 相同的键返回首次的结果",
    ),
]
Match = Annotated[
    str | None,
    fastapi.Header(
        alias="If-Match",
        pattern=r"^[\x21-\x7e]{1,100}$",
        description="ETag of what was read; 412 when it changed since · 读取时的 ETag，已变则 412",
    ),
]


class Route(APIRoute):
    """A route behind the gate. One with `openapi_extra=gate.PUBLIC` asks nobody who they are."""

    def get_route_handler(self) -> Callable[[Request], Any]:
        """FastAPI's own handler, wrapped."""
        inner = super().get_route_handler()
        public = (self.openapi_extra or {}).get("security") == []

        async def handle(request: Request) -> Response:
            kept: service.Service = request.app.state.service
            if public:
                _limited(kept.rates.take(f"@{caller.address(request)}"))
                public_answer: Response = await inner(request)
                return public_answer
            found = await asyncio.to_thread(caller.identified, request)
            _limited(kept.rates.take(f"{found.who.tenant}/{found.who.name}"))
            request.state.caller = found
            key = request.headers.get("idempotency-key")
            streamed = request.headers.get("content-type", "").startswith("application/offset+")
            if request.method == "POST" and not streamed and key is not None and _KEY.fullmatch(key):
                return await kept.answers.once(key, found.who, request, lambda: _made(inner, request))
            made: Response = await inner(request)
            return _tagged(request, made) if request.method == "GET" else made

        return handle


def router(tag: str) -> fastapi.APIRouter:
    """A router whose every route stands behind the gate."""
    return fastapi.APIRouter(tags=[tag], route_class=Route)


def matches(given: str | None, etag: str) -> None:
    """Nothing when the caller holds this state or asked for none. Raises faults.Unmet."""
    if given is not None and given != etag:
        raise faults.Unmet("app.api:unmet")


def revision(given: str | None) -> int | None:
    """The revision in an If-Match of a thing whose ETag is its revision. Raises faults.Unmet for another form."""
    if given is None:
        return None
    plain = given.strip('"')
    if not plain.isascii() or not plain.isdigit() or len(plain) > 9:
        raise faults.Unmet("app.api:unmet")
    return int(plain)


def etag(number: int) -> str:
    """The ETag of a thing with a revision."""
    return f'"{number}"'


async def _made(inner: Handler, request: Request) -> Response:
    return await inner(request)


def _limited(verdict: rates.Verdict) -> None:
    if not verdict.allowed:
        raise faults.Limited(429, "app.api:too_often", after=verdict.wait_s, after_s=verdict.wait_s)


def _tagged(request: Request, made: Response) -> Response:
    body = getattr(made, "body", None)
    if made.status_code != 200 or not isinstance(body, bytes) or made.media_type != "application/json":
        return made
    if "etag" not in made.headers:
        made.headers["etag"] = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    known = {part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")}
    if made.headers["etag"] in known or "*" in known:
        return Response(None, 304, {"etag": made.headers["etag"]})
    return made


def refuse_unmet(error: errors.Conflict) -> faults.Unmet:
    """A conflict about a condition that the caller set."""
    unmet = faults.Unmet(error.message.key, **error.message.values)
    unmet.__cause__ = error
    return unmet
