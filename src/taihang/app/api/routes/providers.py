"""Providers: sign-in through an organisation's own OpenID Connect provider.

The browser's page asks for a journey, goes to its address, comes back to `/signed-in/{name}` with a query, and
gives that query to `arrivals`. So the cookies of sign-in are set by a call of our own page, and may be strict.
"""

from __future__ import annotations

from typing import Annotated

import fastapi
from starlette.requests import Request
from starlette.responses import Response

from taihang.app.api import forms, gate
from taihang.app.api.routes import session
from taihang.trust.identity import cookies, oidc

router = gate.router("session")
Name = Annotated[
    str, fastapi.Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,79}$", description="The provider's name · 提供方名称")
]


class Start(forms.Form):
    """Where in the console to go after sign-in: a path on this host."""

    return_to: forms.Long | None = None


class Journey(forms.Answer):
    """Where to send the browser."""

    url: str


class Return(forms.Form):
    """The query with which the provider sent the browser back."""

    state: forms.Long
    code: forms.Long | None = None
    error: forms.Long | None = None
    iss: forms.Long | None = None


class Arrival(forms.Answer):
    """Who is signed in now, and where they wanted to go."""

    me: session.Me
    return_to: str


@router.get("/providers", openapi_extra=gate.PUBLIC)
def list_providers(request: Request) -> forms.Listed[str]:
    """Names of the providers through which one may sign in."""
    return forms.Listed(items=list(_oidc(request).names))


@router.post("/providers/{name}/journeys", status_code=201, openapi_extra=gate.PUBLIC)
def begin_journey(name: Name, body: Start, request: Request, response: Response) -> Journey:
    """Begin a sign-in; a cookie ties it to this browser for ten minutes."""
    session.counted(request)
    made = _oidc(request).begin(name, redirect_uri=_back(request, name), return_to=body.return_to or "/")
    response.set_cookie(**cookies.before(made.browser, secure=session.secure(request)))
    return Journey(url=made.url)


@router.post("/providers/{name}/arrivals", status_code=201, openapi_extra=gate.PUBLIC)
def finish_journey(name: Name, body: Return, request: Request, response: Response) -> Arrival:
    """End a sign-in with what the provider answered; good for one use."""
    session.counted(request)
    cookie = cookies.before("", secure=session.secure(request))
    made = _oidc(request).finish(
        name,
        body.model_dump(exclude_none=True),
        browser=request.cookies.get(cookie["key"]),
        redirect_uri=_back(request, name),
        agent=request.headers.get("user-agent", ""),
    )
    cookie["max_age"] = 0
    response.set_cookie(**cookie)
    return Arrival(me=session.entered(request, response, made.session), return_to=made.return_to)


def _oidc(request: Request) -> oidc.Oidc:
    found: oidc.Oidc = request.app.state.platform.oidc
    return found


def _back(request: Request, name: str) -> str:
    """The address that is registered at the provider."""
    return f"{str(request.base_url).rstrip('/')}/signed-in/{name}"
