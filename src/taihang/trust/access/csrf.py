"""CSRF: a token bound to the session (or, before sign-in, to a random cookie); another site can make none."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from taihang.core import errors

HEADER = "X-CSRF-Token"
_SAFE = {"GET", "HEAD", "OPTIONS", "TRACE"}


def token(bound_to: str) -> str:
    """The token for a cookie's secret: an HMAC of it, so that nothing is to be kept and nothing to be guessed."""
    return hmac.new(bound_to.encode("utf-8", "surrogatepass"), b"taihang csrf v1", hashlib.sha256).hexdigest()


def fresh() -> str:
    """A random value for a cookie of somebody who is not signed in yet."""
    return secrets.token_urlsafe(32)


def check(method: str, bound_to: str | None, given: str | None) -> None:
    """Nothing when a request that changes something carries the token. Raises errors.Forbidden.

    For requests that a cookie signs in; one with an API token in its header needs none.
    """
    if method.upper() in _SAFE:
        return
    same = hmac.compare_digest(token(bound_to or "").encode(), (given or "").encode("utf-8", "replace"))
    if not bound_to or not given or not same:
        raise errors.Forbidden("trust:access.csrf", header=HEADER)
