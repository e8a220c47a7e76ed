"""Pages: a list in pieces, each with the cursor of the next.

A cursor is opaque to callers: the sort key of the last row, as base64url JSON. It carries no right: the
tenant comes from the principal, and a made-up cursor starts somewhere else in the caller's own list.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Annotated, Generic, TypeVar

import fastapi
import pydantic

from taihang.core import errors

T = TypeVar("T")

Limit = Annotated[int, fastapi.Query(ge=1, le=200, description="How many at most · 最多返回条数")]
After = Annotated[
    str | None,
    fastapi.Query(pattern=r"^[A-Za-z0-9_-]{1,2000}$", description="`next` of the page before · 上一页返回的 next"),
]


class Page(pydantic.BaseModel, Generic[T]):
    """Some of a list; `next` goes into `after` of the following call, None at the end."""

    items: list[T]
    next: str | None = None


def cursor(*key: str | int | float | None) -> str:
    """A sort key as text."""
    plain = json.dumps(key, ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(plain.encode()).rstrip(b"=").decode()


def key(after: str | None, length: int) -> tuple[str | int | float | None, ...] | None:
    """The sort key in a cursor. Raises errors.UserError for one that is not of this list."""
    if after is None:
        return None
    try:
        found = json.loads(base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        found = None
    if not isinstance(found, list) or len(found) != length or any(isinstance(part, list | dict) for part in found):
        raise errors.UserError("app.api:cursor")
    return tuple(found)
