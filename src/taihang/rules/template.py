"""Templates: texts with {names} in them, filled without ever evaluating anything."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from taihang.core import errors, i18n
from taihang.rules import form

_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_FIELD = re.compile(r"([^\W\d]\w*)(?::(,|,?\.[0-9]f|\.[0-9]%|d))?")


def check(text: str, places: form.Places) -> None:
    """Raise errors.UserError where a brace is not closed or holds more than a name and a plain number format."""
    for piece in _PIECE.finditer(text):
        if piece.group() in {"{{", "}}"}:
            continue
        if piece.group(1) is None or not _FIELD.fullmatch(piece.group(1)):
            where = places.inside(piece.group(), piece.start())
            raise errors.UserError("rules:message.field", where=where, field=piece.group())


def names(text: str) -> dict[str, int]:
    """The names that a text needs, and where each first stands in it."""
    found: dict[str, int] = {}
    for piece in _PIECE.finditer(text):
        if piece.group(1) and (field := _FIELD.fullmatch(piece.group(1))):
            found.setdefault(field.group(1), piece.start(1))
    return found


def check_names(text: str, known: Collection[str], places: form.Places) -> None:
    """Raise errors.UserError for a name that nothing will fill."""
    for name, at in names(text).items():
        if name not in known:
            where = places.inside(name, at)
            raise errors.UserError("rules:message.unknown", where=where, name=name, known=", ".join(sorted(known)))


def fill(text: str, values: Mapping[str, Any], language: i18n.Language) -> str:
    """The text with its names filled in; what is not known is written as a question mark."""

    def one(piece: re.Match[str]) -> str:
        if piece.group() in {"{{", "}}"}:
            return piece.group()[0]
        field = _FIELD.fullmatch(piece.group(1) or "")
        if field is None:
            return piece.group()
        return _shown(values.get(field.group(1)), field.group(2), language)

    return _PIECE.sub(one, text)


def clock(seconds: float) -> str:
    """A time as hours, minutes, seconds and tenths: 0:01:05.3; cut, not rounded, to be found in a player."""
    sign = "-" if seconds < 0 else ""
    tenths = int(abs(seconds) * 10 + 1e-6)
    return f"{sign}{tenths // 36000}:{tenths // 600 % 60:02d}:{tenths // 10 % 60:02d}.{tenths % 10}"


def _shown(value: Any, spec: str | None, language: i18n.Language) -> str:
    if value is None:
        return "?"
    if isinstance(value, i18n.Text):
        return value.in_(language)
    if isinstance(value, bool):
        return {"zh": ("否", "是"), "en": ("no", "yes")}[language][value]
    if isinstance(value, (int, float)):
        if spec:
            return format(int(value) if spec == "d" else value, spec)
        return str(value) if isinstance(value, int) else f"{value:.3f}".rstrip("0").rstrip(".")
    return i18n.text("rules:value", language, value=value)
