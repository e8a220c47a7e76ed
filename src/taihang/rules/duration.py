"""Durations as people write them: `500ms`, `2s`, `1m`, `8h`, `30d`; seconds inside."""

from __future__ import annotations

import re
from typing import Annotated, Any

import pydantic
import pydantic_core

PATTERN = r"^[0-9]{1,9}(\.[0-9]{1,6})?(ms|s|m|h|d)$"
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST_S = 366 * 86400.0


def seconds(text: Any) -> float:
    """Seconds of a duration; raises a pydantic error for anything else, zero excepted, or over 366 days."""
    if isinstance(text, float):
        return text
    found = re.fullmatch(PATTERN, text) if isinstance(text, str) else None
    if found is None:
        raise pydantic_core.PydanticCustomError("duration", "a duration such as 500ms, 2s, 1m, 8h or 30d")
    unit = found.group(2 if found.lastindex == 2 else 1)
    value = float(text[: -len(unit)]) * _UNITS[unit]
    if value > _LONGEST_S:
        raise pydantic_core.PydanticCustomError("duration_long", "at most 366 days")
    return value


def text(value: float) -> str:
    """A duration in the largest unit that keeps it short: 90 → `90s`, 0.5 → `500ms`."""
    for unit in ("d", "h", "m"):
        if value >= _UNITS[unit] and value % _UNITS[unit] == 0:
            return f"{value / _UNITS[unit]:g}{unit}"
    if value and value < 1:
        return f"{value * 1000:g}ms"
    return f"{value:g}s"


Duration = Annotated[
    float,
    pydantic.BeforeValidator(seconds),
    pydantic.PlainSerializer(text, return_type=str),
    pydantic.WithJsonSchema({"type": "string", "pattern": PATTERN}),
]
