"""Caller: who asks. A session's cookie with its CSRF token, or a bearer token; never anything in a body."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import fastapi
from starlette.requests import Request

from taihang.core import errors, principal
from taihang.trust.access import csrf, guard
from taihang.trust.identity import refusal, sessions

if TYPE_CHECKING:
    from taihang.app import platform
    from taihang.app.api import service

T = TypeVar("T")
COOKIE, SECURE_COOKIE = "taihang", "__Host-taihang"


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
    csrf.check(request.method, session.secret, request.headers.get(csrf.HEADER))
    return Caller(session.principal, whole, kept, session)


def address(request: Request) -> str:
    """Where the call comes from, for limits."""
    return request.client.host if request.client else ""


def _tried(request: Request, kept: service.Service, resolve: Callable[[], T]) -> T:
    where = address(request)
    kept.tries.check(where)
    try:
        return resolve()
    except refusal.NotSignedIn:
        kept.tries.wrong(where)
        raise


async def _of(request: Request) -> Caller:
    found: Caller = request.state.caller
    return found


# Put there by gate.Route before anything else of the request is looked at.
Who = Annotated[Caller, fastapi.Depends(_of)]
