"""Caller: who asks. A session's cookie with its CSRF token, or a bearer token; never anything in a body."""

from __future__ import annotations

import dataclasses
import hmac
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import fastapi
from starlette.requests import Request

from taihang.app.api import faults
from taihang.core import errors, principal
from taihang.trust.access import guard
from taihang.trust.identity import refusal, sessions

if TYPE_CHECKING:
    from taihang.app import platform
    from taihang.app.api import service

T = TypeVar("T")
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
COOKIE, SECURE_COOKIE = "taihang", "__Host-taihang"
CSRF = "x-csrf-token"


@dataclasses.dataclass(frozen=True, slots=True)
class Caller:
    """A principal at work: what it may do is asked here, what it does goes to the platform's parts."""

    who: principal.Principal
    platform: platform.Platform
    service: service.Service
    session: sessions.Session | None = None

    def may(
        self, action: str, id: str = "*", *, owner: str | None = None, sensitivity: str = "", tags: tuple[str, ...] = ()
    ) -> None:
        """Nothing when the principal may do this. Raises errors.Forbidden."""
        thing = guard.Resource(
            action.partition(":")[0], id, tenant=self.who.tenant, owner=owner, sensitivity=sensitivity, tags=tags
        )
        self.platform.guard.require(self.who, action, thing)

    def can(self, action: str, id: str = "*", *, owner: str | None = None, sensitivity: str = "") -> bool:
        """True when the principal may do this."""
        try:
            self.may(action, id, owner=owner, sensitivity=sensitivity)
        except errors.Forbidden:
            return False
        return True


def csrf(session: sessions.Session) -> str:
    """What a browser must send beside its cookie: nobody who lacks the cookie's secret can know it."""
    return hmac.digest(session.secret.encode(), b"taihang csrf 1", "sha256").hex()


def identified(request: Request) -> Caller:
    """Who asks. Raises refusal.NotSignedIn, errors.Forbidden for a cookie without its CSRF token."""
    whole: platform.Platform = request.app.state.platform
    kept: service.Service = request.app.state.service
    given = request.headers.get("authorization")
    if given is not None:
        scheme, _, secret = given.partition(" ")
        if scheme.lower() != "bearer":
            raise refusal.NotSignedIn("app.api:unauthenticated")
        return Caller(_tried(request, kept, lambda: whole.tokens.resolve(secret.strip())), whole, kept)
    cookie = request.cookies.get(SECURE_COOKIE) or request.cookies.get(COOKIE)
    if cookie is None:
        raise refusal.NotSignedIn("app.api:unauthenticated")
    session = _tried(request, kept, lambda: whole.sessions.resolve(cookie))
    sent = request.headers.get(CSRF, "")
    if request.method not in SAFE and not hmac.compare_digest(sent.encode("utf-8", "replace"), csrf(session).encode()):
        raise errors.Forbidden("app.api:csrf")
    return Caller(session.principal, whole, kept, session)


def address(request: Request) -> str:
    """Where the call comes from, for limits."""
    return request.client.host if request.client else ""


def _tried(request: Request, kept: service.Service, resolve: Callable[[], T]) -> T:
    where = address(request)
    wait = kept.tries.wait(where)
    if wait:
        raise faults.Limited(429, "app.api:too_often", after=round(wait) + 1, after_s=wait)
    try:
        return resolve()
    except refusal.NotSignedIn:
        kept.tries.take(where)
        raise


async def _of(request: Request) -> Caller:
    found: Caller = request.state.caller
    return found


# Put there by gate.Route before anything else of the request is looked at.
Who = Annotated[Caller, fastapi.Depends(_of)]
