"""Health, readiness, version."""

from __future__ import annotations

import sqlalchemy as sa
from starlette.requests import Request

import taihang
from taihang.app.api import forms, gate

router = gate.router("system")


class State(forms.Answer):
    """`ok`, or the request is answered with a problem."""

    state: str


class Version(forms.Answer):
    """What runs here."""

    name: str
    version: str


@router.get("/health", openapi_extra=gate.PUBLIC)
def health() -> State:
    """The process answers."""
    return State(state="ok")


@router.get("/ready", openapi_extra=gate.PUBLIC)
def ready(request: Request) -> State:
    """The store answers too."""
    with request.app.state.platform.store.read() as conn:
        conn.execute(sa.select(1))
    return State(state="ok")


@router.get("/version", openapi_extra=gate.PUBLIC)
def version() -> Version:
    """Name and version."""
    return Version(name="taihang", version=taihang.__version__)
