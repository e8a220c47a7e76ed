"""Edge cloud: the receiving end over HTTP. A process of its own, or mounted anywhere: it is one ASGI application."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from taihang.app import speaking, up
from taihang.core import errors, i18n
from taihang.engines.notify import webhook
from taihang.engines.predict import speaker
from taihang.model.routing import paths
from taihang.trust.access import secrets
from taihang.use.video.cascade import cloud, panel

_MOST_BODY = 64 << 20


@dataclasses.dataclass(frozen=True, slots=True)
class Models:
    """What answers for the paths `small` and `large`, as `inspect --vlm` names it; without one a path is a person's.

    `patience_s`: how long a call may take, and how long a segment waits for one model while another is free.
    """

    small: str | None = None
    large: str | None = None
    patience_s: float = 60.0

    def speakers(self) -> tuple[dict[paths.Name, speaker.Speaker], speaker.Settings]:
        """The models. Raises errors.UserError for a name that names nothing, errors.MissingExtra."""
        given = speaker.Settings.current()
        # The allowance is one job's; this one never ends: only what somebody set holds, for one run of the process.
        tokens = given.tokens if "tokens" in given.model_fields_set else 0
        total = min(given.total_s, self.patience_s)
        fit = given.model_copy(
            update={"tokens": tokens, "attempts": 1, "total_s": total, "stall_s": min(given.stall_s, total)}
        )
        named: dict[paths.Name, str | None] = {"small": self.small, "large": self.large}
        return {name: speaking.load(spec, fit) for name, spec in named.items() if spec}, fit


def create(kept: cloud.Cloud, secret: bytes | None, asking: panel.Panel | None = None) -> Starlette:
    """The application. With a secret, what is not signed with it is refused (401)."""

    async def take(request: Request) -> Response:
        return await _answered(request, secret, kept.take)

    async def asked(request: Request) -> Response:
        return await _answered(request, secret, kept.asked)

    async def health(_request: Request) -> Response:
        return JSONResponse({"status": "ok", **kept.counts, "asked": dict(asking.counts) if asking else {}})

    return Starlette(
        routes=[
            Route("/v1/segments", take, methods=["POST"]),
            Route("/v1/answers", asked, methods=["POST"]),
            Route("/health", health),
        ]
    )


def serve(
    out: Path,
    *,
    host: str,
    port: int,
    secret: str | None,
    say: Callable[[str], None],
    models: Models = Models(),
) -> None:
    """Receive until SIGTERM or SIGINT. Raises errors.UserError for a port that is taken, an open door, or no model.

    Beyond this machine a secret is needed: whoever can reach the port could fill the disk.
    """
    key = secrets.read(secret).encode() if secret else None
    if key is None and host not in {"127.0.0.1", "::1", "localhost"}:
        raise errors.UserError("app:edge.secret", host=host)
    speakers, settings = models.speakers()
    kept = cloud.Cloud(out)
    asking = panel.Panel(kept, speakers, settings, patience_s=models.patience_s, say=say) if speakers else None
    with up.bound(host, port) as place, contextlib.ExitStack() as stack:
        say(i18n.text("app:edge.cloud", url=up.address(place), path=out))
        if asking is not None:
            stack.callback(asking.close)
            asking.start()
        config = uvicorn.Config(
            create(kept, key, asking), log_level="warning", server_header=False, timeout_graceful_shutdown=5
        )
        uvicorn.Server(config).run(sockets=[place])


async def _answered(request: Request, secret: bytes | None, work: Callable[[bytes], dict[str, Any]]) -> Response:
    try:
        raw = await _body(request)
    except ClientDisconnect:
        return Response(status_code=400)
    signed = request.headers.get("taihang-signature", "")
    if raw is None:
        return _problem(413, errors.UserError("use.video:edge.body", reason=f"> {_MOST_BODY} bytes"))
    if secret is not None and not webhook.signed(secret, signed, raw, int(time.time())):
        return _problem(401, errors.Forbidden("app:edge.unsigned"))
    try:
        return JSONResponse(await run_in_threadpool(work, raw))
    except (errors.UserError, errors.Failure) as error:
        status = 409 if isinstance(error, errors.Conflict) else 400 if isinstance(error, errors.UserError) else 507
        return _problem(status, error)


async def _body(request: Request) -> bytes | None:
    """The body, or None when it is too large."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > _MOST_BODY:
            return None
        parts.append(part)
    return b"".join(parts)


def _problem(status: int, error: errors.TaihangError) -> Response:
    return JSONResponse({"title": error.message.both().model_dump()}, status, media_type="application/problem+json")
