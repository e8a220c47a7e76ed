"""Faults that only a caller over HTTP can make; the other errors are core's."""

from __future__ import annotations

from typing import Any

from taihang.core import errors


class Limited(errors.UserError, errors.Transient):
    """Too much: more than a size, a quota or a rate allows; `status` says which."""

    def __init__(self, status: int, key: str, /, *, after_s: float = 0.0, **values: Any) -> None:
        super().__init__(key, **values)
        self.status = status
        self.after_s = after_s


class Malformed(errors.UserError):
    """The request cannot be read: 400."""


class Unmet(errors.Conflict):
    """A condition of the request does not hold (If-Match): 412."""


class NoSession(errors.Forbidden):
    """A token cannot do what only a signed-in person may."""
