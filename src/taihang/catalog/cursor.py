"""Cursors: where a page ended, as a text that the client hands back. Hostile until read."""

from __future__ import annotations

import base64
import binascii
import datetime
import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from taihang.core import errors, ids

MOST = 500
_LONGEST = 8000
Value = str | int | float | datetime.datetime


def encode(query: Mapping[str, Any], values: Sequence[Value]) -> str:
    """A cursor after the row with these sort values, good for this query only."""
    plain = [v.isoformat() if isinstance(v, datetime.datetime) else v for v in values]
    text = json.dumps([_digest(query), plain], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(query: Mapping[str, Any], text: str, kinds: Sequence[type]) -> tuple[Value, ...]:
    """The sort values in a cursor. Raises errors.UserError when it is none, or one of another query."""
    try:
        if len(text) > _LONGEST:
            raise ValueError("long")
        raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        digest, plain = json.loads(raw.decode())
        if digest != _digest(query) or len(plain) != len(kinds):
            raise ValueError("another query")
        return tuple(_value(v, kind) for v, kind in zip(plain, kinds, strict=True))
    except (ValueError, TypeError, binascii.Error, RecursionError):
        raise errors.UserError("catalog:cursor") from None


def after(columns: Sequence[sa.ColumnElement[Any]], values: Sequence[Value], *, down: bool) -> sa.ColumnElement[bool]:
    """The rows behind `values` in the order of `columns`, all rising or (`down`) all falling."""
    row = sa.tuple_(*columns)
    given = sa.tuple_(*(sa.bindparam(None, v, c.type) for v, c in zip(values, columns, strict=True)))
    return row < given if down else row > given


def limited(limit: int) -> int:
    """A page's length, 1 to MOST. Raises errors.UserError."""
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MOST:
        raise errors.UserError("catalog:limit", most=MOST)
    return limit


def _digest(query: Mapping[str, Any]) -> str:
    return ids.digest_json(dict(query))[:12]


def _value(value: Any, kind: type[Any]) -> Value:
    if kind is datetime.datetime:
        moment = datetime.datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError("zone")
        return moment
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise ValueError("type")
    if isinstance(value, int) and not -(2**31) <= value < 2**31:
        raise ValueError("range")
    if isinstance(value, str) and ("\x00" in value or any(0xD800 <= ord(c) < 0xE000 for c in value)):
        raise ValueError("text")
    found: Value = value
    return found
