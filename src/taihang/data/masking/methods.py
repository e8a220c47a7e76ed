"""Methods: one value in, what may be shown of it out."""

from __future__ import annotations

import datetime
import math
import re
from typing import Any

from taihang.core import errors
from taihang.data.masking import formats, policy, secrets
from taihang.data.profile.semantic import kinds
from taihang.trust.access import masking as partly

_TAGS = {
    "id-card": "ID", "phone": "PHONE", "email": "EMAIL", "bank-card": "CARD", "plate": "PLATE", "name": "NAME",
    "address": "ADDRESS", "ip": "IP", "social-security": "SSN", "coordinates": "PLACE", "passport": "PASSPORT",
}  # fmt: skip
_PARTLY: dict[str, partly.Kind] = {
    "id-card": "id_card", "phone": "phone", "email": "email", "bank-card": "bank_card", "name": "name",
    "address": "address",
}  # fmt: skip
PLACEHOLDERS = frozenset({"", "n/a", "na", "null", "none", "-", "--", "无", "未知", "unknown", "暂无", "/"})
_DATE = re.compile(r"(\d{4})([-/.年])(\d{1,2})([-/.月])(\d{1,2})(日?)")
_COMPACT = re.compile(r"(?<!\d)(\d{4})(\d{2})(\d{2})(?!\d)")


def one(kind: str, method: policy.Method, value: str, secret: secrets.Secret | None) -> str | None:
    """What a value of a kind becomes; None when nothing is left of it."""
    if method == "drop":
        return None
    if method == "keep":
        return value
    if method == "hash":
        return f"{_TAGS.get(kind, 'VALUE')}_{needed(secret).hashed(f'{kind}:{_same(kind, value)}')}"
    if method == "format":
        made = formats.masked(kind, value, needed(secret))
        return made if made is not None else generalised(kind, value)
    return generalised(kind, value)


def tag(kind: str) -> str:
    """What stands in a text for a value that was dropped."""
    return f"[{_TAGS.get(kind, 'VALUE')}]"


def inside(kind: str, method: policy.Method, value: str, secret: secrets.Secret | None) -> str:
    """What a value inside a text becomes: never nothing, so that the text can still be read."""
    made = one(kind, method, value, secret)
    return tag(kind) if made is None else made


def other(value: str, method: policy.Method, secret: secrets.Secret | None) -> str | None:
    """What becomes of a value in a column of a kind that is none of it: a mistyped number is somebody's too."""
    if value.strip().casefold() in PLACEHOLDERS and method != "drop":
        return value
    if method == "hash":
        return f"VALUE_{needed(secret).hashed(value)}"
    if method == "format":
        return formats.shaped(value, needed(secret))
    return None if method == "drop" else "***"


def generalised(kind: str, value: str) -> str:
    """Less of a value: first digits, family name, province and city, a tenth of a degree, a network."""
    if kind in _PARTLY:
        return partly.mask(_PARTLY[kind], value) or "***"
    if kind == "plate":
        return value[:2] + "*****"
    if kind == "coordinates":
        return ", ".join(f"{float(n):.1f}" for n in re.findall(r"-?\d{1,3}\.\d+", value)[:2]) or "***"
    if kind == "ip":
        return ".".join(value.split(".")[:2]) + ".*.*" if "." in value else value.partition(":")[0] + ":*"
    return "***"


def ranged(value: Any, step: float | str | None) -> Any:
    """A number as its range, a day as its month or year. Raises ValueError for what is neither."""
    if value is None:
        return None
    if isinstance(value, (datetime.date, datetime.datetime)):
        return f"{value.year:04d}" if step == "year" else f"{value.year:04d}-{value.month:02d}"
    if isinstance(value, str):
        found = _DATE.match(value.strip())
        if found:
            return found[1] if step == "year" else f"{found[1]}-{int(found[3]):02d}"
        value = float(value)
    width = float(step) if isinstance(step, (int, float)) else 10.0
    if not math.isfinite(value):
        raise ValueError("not finite")
    low = math.floor(value / width) * width
    if width == int(width):
        return f"{int(low)}-{int(low + width - 1)}"
    return f"{low:g}-{low + width:g}"


def shifted(value: Any, days: int) -> Any:
    """A day, or a moment, so many days later, in the form that it had. Raises ValueError for what is no day."""
    if value is None:
        return None
    move = datetime.timedelta(days=days)
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value + move
    text = str(value)
    for pattern in (_DATE, _COMPACT):
        found = pattern.search(text)
        if found:
            parts = [int(g) for g in found.groups() if g.isdigit()]
            day = datetime.date(*parts) + move
            groups = found.groups()
            made = f"{day:%Y%m%d}"
            if pattern is _DATE:
                # One that was written without a zero is written so again.
                width = min(len(groups[2]), len(groups[4]))
                made = f"{day.year:04d}{groups[1]}{day.month:0{width}d}{groups[3]}{day.day:0{width}d}{groups[5]}"
            return text[: found.start()] + made + text[found.end() :]
    raise ValueError("no day")


def fits(kind: str, value: str) -> bool:
    """True when a value passes the check of its kind."""
    if kind in {"name", "address"}:
        # No check tells these: what stands in such a column is taken for one, unless it is a number.
        return any(c.isalpha() for c in value) and (kind == "address" or not any(c.isdigit() for c in value))
    if kind == "passport":
        return value.isalnum() and 7 <= len(value) <= 10
    return kinds.BY_NAME[kind].check(value.strip()) if kind in kinds.BY_NAME else False


def plain(value: str) -> str:
    """Letters and digits alone, however a value is broken up."""
    return "".join(c for c in value if c.isalnum()).casefold()


def _same(kind: str, value: str) -> str:
    """The same number however it is written."""
    plain = "".join(c for c in value if c.isalnum()).upper()
    if kind == "phone":
        return re.sub(r"^(?:00)?86(?=1[3-9]\d{9}$)", "", plain)
    return value.strip().casefold() if kind in {"name", "email", "address"} else plain


def needed(secret: secrets.Secret | None) -> secrets.Secret:
    """The secret. Raises errors.UserError where there is none."""
    if secret is None:
        raise errors.UserError("data.masking:no_secret")
    return secret
