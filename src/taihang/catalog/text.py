"""Text that comes in: what may be kept, and the form in which it is searched."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from typing import Any

from taihang.core import errors

# Controls, half characters and the bidi overrides: no name needs them, and databases or terminals break on them.
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_LONGEST_SEARCHED = 4000
_SURROGATE = re.compile("[\ud800-\udfff]")


def checked(field: str, value: str, most: int, *, least: int = 0, lines: bool = False) -> str:
    """`value` when it is a text of `least` to `most` characters; raises errors.UserError.

    With `lines`, line breaks and tabs are allowed.
    """
    if not isinstance(value, str) or not least <= len(value) <= most:
        raise errors.UserError("catalog:text.length", field=field, least=least, most=most)
    plain = re.sub(r"[\n\r\t]", " ", value) if lines else value
    if _UNFIT.search(plain):
        raise errors.UserError("catalog:text.control", field=field)
    return value


def cleaned(value: str, most: int) -> str:
    """`value` as far as it can be kept: what cannot becomes U+FFFD, what is too long is cut."""
    return _UNFIT.sub("�", value)[:most]


def folded(*parts: str) -> str:
    """What is searched: compatibility forms unified (full-width digits are digits), case gone, blanks single.

    At most 4,000 characters; what is behind them is not found.
    """
    joined = unicodedata.normalize("NFKC", "\n".join(parts)).casefold()
    return "\n".join(re.sub(r"\s+", " ", line).strip() for line in joined.split("\n"))[:_LONGEST_SEARCHED]


def grams(words: str) -> set[str]:
    """Every character, and every two neighbours, of a folded text."""
    found = set(words) | {words[i : i + 2] for i in range(len(words) - 1)}
    return {gram for gram in found if not any(c.isspace() for c in gram)}


def dumped(value: Any) -> str:
    """JSON that any database keeps: no NaN, no half characters."""
    return json.dumps(_valid(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _valid(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub("�", value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {_valid(k): _valid(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_valid(v) for v in value]
    return value
