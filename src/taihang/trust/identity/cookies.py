"""Cookies: how a session's secret travels, so that no script reads it and no other site sends it."""

from __future__ import annotations

import datetime
from typing import Literal, TypedDict


class Cookie(TypedDict):
    """Arguments of a response's `set_cookie`."""

    key: str
    value: str
    max_age: int
    path: str
    secure: bool
    httponly: bool
    samesite: Literal["lax", "strict"]


def name(secure: bool) -> str:
    """The cookie's name. `__Host-` makes browsers insist on https, on this host, on the whole path."""
    return "__Host-taihang" if secure else "taihang"


def of(secret: str, expires_at: datetime.datetime, now: datetime.datetime, *, secure: bool) -> Cookie:
    """The cookie for a session; `secure` is False only for plain http on this machine."""
    age = max(0, int((expires_at - now).total_seconds()))
    return _cookie(secret, age, secure)


def gone(*, secure: bool) -> Cookie:
    """The cookie that removes it."""
    return _cookie("", 0, secure)


def before(value: str, *, secure: bool, max_age: int = 600) -> Cookie:
    """A cookie of somebody who is not signed in yet: ties a form, or a journey to a provider, to this browser."""
    cookie = _cookie(value, max_age, secure)
    cookie["key"] += "-before"
    # The provider sends the browser back from its own site: a strict cookie would stay behind.
    cookie["samesite"] = "lax"
    return cookie


def _cookie(value: str, age: int, secure: bool) -> Cookie:
    return Cookie(key=name(secure), value=value, max_age=age, path="/", secure=secure, httponly=True, samesite="lax")
