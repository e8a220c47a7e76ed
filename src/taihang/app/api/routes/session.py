"""Sessions: sign in and out, one-time links, who I am."""

from __future__ import annotations

import datetime

from starlette.requests import Request
from starlette.responses import Response

from taihang.app.api import caller, faults, forms, gate
from taihang.trust.access import csrf
from taihang.trust.identity import sessions

router = gate.router("session")


class SignIn(forms.Form):
    """A local account's login and password; `tenant` when one belongs to several."""

    login: forms.Line
    password: forms.Secret
    tenant: forms.Tenant | None = None


class Link(forms.Form):
    """The part of a one-time link after the `#`."""

    secret: forms.Secret


class Redeem(Link):
    """`login` and `name` are the first administrator's own choice."""

    password: forms.Secret
    login: forms.Line | None = None
    name: forms.Line | None = None


class Password(forms.Form):
    """A change of one's own password."""

    old: forms.Secret
    new: forms.Secret


class Move(forms.Form):
    """To another tenant of the same person."""

    tenant: forms.Tenant


class Place(forms.Answer):
    """A tenant that one belongs to."""

    id: str
    name: str


class Me(forms.Answer):
    """Who asks. `csrf` goes into X-CSRF-Token with every change made by a browser's session."""

    id: str
    tenant: str
    roles: list[str]
    scopes: list[str] | None = None
    login: str = ""
    name: str = ""
    tenants: list[Place] = []
    csrf: str | None = None


class Offer(forms.Answer):
    """What a one-time link is for."""

    kind: str
    tenant: str
    login: str
    name: str
    expires_at: datetime.datetime


@router.post("/session", status_code=201, openapi_extra=gate.PUBLIC)
def sign_in(body: SignIn, request: Request, response: Response) -> Me:
    """A session, in a cookie that no script can read."""
    counted(request)
    session = request.app.state.platform.accounts.sign_in(
        body.login,
        body.password,
        tenant=body.tenant,
        address=caller.address(request),
        agent=request.headers.get("user-agent", ""),
    )
    return entered(request, response, session)


@router.post("/links/look", openapi_extra=gate.PUBLIC)
def look_at_link(body: Link, request: Request) -> Offer:
    """What a link offers, before it is used."""
    counted(request)
    return Offer.model_validate(request.app.state.platform.accounts.offer(body.secret))


@router.post("/links/redeem", status_code=201, openapi_extra=gate.PUBLIC)
def redeem_link(body: Redeem, request: Request, response: Response) -> Me:
    """Use a link: become the first administrator, join a tenant, or set a new password."""
    counted(request)
    session = request.app.state.platform.accounts.redeem(
        body.secret,
        body.password,
        login=body.login or "",
        name=body.name or "",
        address=caller.address(request),
        agent=request.headers.get("user-agent", ""),
    )
    return entered(request, response, session)


@router.get("/me")
def me(who: caller.Who) -> Me:
    """Who asks, in which tenant and roles."""
    return _me(who)


@router.delete("/session", status_code=204)
def sign_out(who: caller.Who, response: Response) -> None:
    """End this session. A token ends by being revoked."""
    if who.session is not None:
        who.platform.sessions.sign_out(who.session)
    for name in (caller.COOKIE, caller.SECURE_COOKIE):
        response.delete_cookie(name, path="/", secure=name == caller.SECURE_COOKIE, httponly=True, samesite="strict")


@router.post("/session/tenant")
def switch_tenant(body: Move, who: caller.Who, request: Request, response: Response) -> Me:
    """The same person in another tenant, with a new session."""
    return entered(request, response, who.platform.sessions.switch(_session(who), body.tenant))


@router.put("/me/password", status_code=204)
def change_password(body: Password, who: caller.Who, request: Request) -> None:
    """A new password; every other session ends."""
    counted(request)
    who.platform.accounts.set_password(_session(who), body.old, body.new, address=caller.address(request))


def _session(who: caller.Caller) -> sessions.Session:
    """A browser's session. Raises faults.NoSession for a token: it may not widen what it is."""
    if who.session is None:
        raise faults.NoSession("app.api:no_session")
    return who.session


def counted(request: Request) -> None:
    """Each attempt at a secret costs, right or wrong: a hash of a password is dear."""
    tries, where = request.app.state.service.tries, caller.address(request)
    tries.check(where)
    tries.wrong(where)


def secure(request: Request) -> bool:
    """True when cookies go over https only: always, but for a browser on this machine."""
    chosen: bool | None = request.app.state.service.limits.secure_cookies
    local = caller.address(request) in {"127.0.0.1", "::1", "testclient"} and request.url.scheme == "http"
    return chosen if chosen is not None else not local


def entered(request: Request, response: Response, session: sessions.Session) -> Me:
    """Give the session's cookie to the browser, and say who is signed in."""
    https = secure(request)
    response.set_cookie(
        caller.SECURE_COOKIE if https else caller.COOKIE,
        session.secret,
        path="/",
        expires=session.expires_at,
        secure=https,
        httponly=True,
        samesite="strict",
    )
    return _me(caller.Caller(session.principal, request.app.state.platform, request.app.state.service, session))


def _me(who: caller.Caller) -> Me:
    account = who.platform.accounts.get(who.who.name)
    places = who.platform.accounts.tenants.of(who.who.name) if who.session else ()
    return Me(
        id=who.who.name,
        tenant=who.who.tenant,
        roles=list(who.who.roles),
        scopes=None if who.who.scopes is None else list(who.who.scopes),
        login=account.login,
        name=account.name,
        tenants=[Place(id=id, name=name) for id, name in places],
        csrf=csrf.token(who.session.secret) if who.session else None,
    )
