"""Factory: the application put together. `mounts` is where a console joins it, below another path than /api."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import fastapi
from fastapi.routing import APIRoute
from starlette.routing import compile_path
from starlette.types import ASGIApp, Scope

import taihang
from taihang.app import platform
from taihang.app.api import edge, problems, service, settings, speech
from taihang.app.api.routes import ROUTERS

PREFIX = "/api/v1"
_LOCAL = frozenset({"localhost", "127.0.0.1", "[::1]", "testserver"})


def create(
    whole: platform.Platform, limits: settings.Api | None = None, mounts: Mapping[str, ASGIApp] | None = None
) -> fastapi.FastAPI:
    """The API over an open platform. The caller closes the platform."""
    limits = limits or settings.Api.current()
    kept = service.Service(whole, limits)

    @contextlib.asynccontextmanager
    async def life(_app: fastapi.FastAPI) -> AsyncIterator[None]:
        yield
        kept.streams.stopping = True

    app = fastapi.FastAPI(
        title="Taihang 太行",
        version=taihang.__version__,
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=life,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.platform = whole
    app.state.service = kept
    problems.install(app, _methods())
    for router in ROUTERS:
        app.include_router(router, prefix=PREFIX)
    for path, mounted in (mounts or {}).items():
        app.mount(path, mounted)
    speech.install(app)
    app.add_middleware(
        edge.Edge,
        hosts=_hosts(limits),
        body_bytes=limits.body_bytes,
        body_s=limits.body_s,
        streams=_streams,
        more=_more,
    )
    return app


def _methods() -> list[tuple[re.Pattern[str], frozenset[str]]]:
    """Which methods there are at which paths, for Allow."""
    return [
        (compile_path(PREFIX + route.path)[0], frozenset(route.methods or ()))
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute)
    ]


def _streams(scope: Scope) -> bool:
    """Pieces of uploads are read as they come; everything else is small."""
    piece = (b"content-type", b"application/offset+octet-stream") in scope["headers"]
    return piece and scope["method"] in {"PATCH", "POST"} and scope["path"].startswith(f"{PREFIX}/uploads")


def _more(scope: Scope) -> list[tuple[bytes, bytes]]:
    """Every answer about uploads says which protocol it speaks, errors too."""
    return [(b"tus-resumable", b"1.0.0")] if scope["path"].startswith(f"{PREFIX}/uploads") else []


def _hosts(limits: settings.Api) -> frozenset[str]:
    named = frozenset(name.strip().lower() for name in limits.hosts.split(",") if name.strip())
    return named | _LOCAL if named else named


def document(app: fastapi.FastAPI) -> dict[str, Any]:
    """The OpenAPI document."""
    return app.openapi()
