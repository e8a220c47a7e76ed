"""Refusals of sign-in: who is not signed in (HTTP 401) and who has to wait (HTTP 429)."""

from __future__ import annotations

from taihang.core import errors


class NotSignedIn(errors.Forbidden):
    """No session, no token, or one that holds no longer."""


class TooMany(errors.Forbidden):
    """Too many attempts; the value `wait_s` says for how many seconds there is no answer."""

    @property
    def wait_s(self) -> int:
        """Seconds until the next attempt is looked at."""
        return int(self.message.values["wait_s"])
