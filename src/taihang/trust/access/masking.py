"""Masking: a sensitive value is shown in part, so that a reader can tell cases apart and yet learns nobody's number.

Whether a reader sees it whole is asked of the guard (`field:read`), so a tenant's own policies decide it too.
"""

from __future__ import annotations

import functools
import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, Literal

from taihang.core import principal
from taihang.trust.access import guard

Kind = Literal["phone", "id_card", "bank_card", "name", "email", "address", "secret"]
_STARS = "***"
_DIGIT = "[0-9０-９]"
_GAP = r"[\s\u00a0\-–·.]?"
_EMAIL = re.compile(r"[\w.+%-]{1,64}[@＠](?=[\w.-]{1,180}\.\w)[\w-]+(?:\.[\w-]+)+")
_NUMBERS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    # A resident's number: 17 digits and a check digit or X (GB 11643); the 15 digits of before 1999.
    ("id_card", re.compile(rf"(?<!{_DIGIT})(?:{_DIGIT}{_GAP}){{17}}(?:{_DIGIT}|[xXｘＸ])(?!{_DIGIT})")),
    ("id_card", re.compile(rf"(?<!{_DIGIT}){_DIGIT}{{15}}(?!{_DIGIT})")),
    ("bank_card", re.compile(rf"(?<!{_DIGIT})(?:{_DIGIT}{_GAP}){{15,18}}{_DIGIT}(?!{_DIGIT})")),
    ("phone", re.compile(rf"(?<!{_DIGIT})[1１][3-9３-９](?:{_GAP}{_DIGIT}){{9}}(?!{_DIGIT})")),
)
# What every number to be masked has, and hardly any other text.
_LONG = re.compile(rf"{_DIGIT}(?:{_GAP}{_DIGIT}){{9}}")
_FROM_DATA = {"place", "measured", "message"}
_PLACE = re.compile(r"^(.{2,7}?(?:省|自治区|特别行政区|市))?(.{2,9}?(?:市|自治州|盟|地区))?")


def mask(kind: Kind, value: object) -> str:
    """What may be shown of a value of this kind; '' for nothing. A value that is not of its kind is hidden whole."""
    text = "" if value is None else unicodedata.normalize("NFKC", str(value)).strip()
    return _MASKS[kind](text) if text else ""


def free(text: str) -> str:
    """Free text with the phone, identity and card numbers and e-mail addresses in it masked.

    Names and addresses are not recognised in free text: mark the field instead.
    """
    found = text
    if "@" in text or "＠" in text:
        found = _EMAIL.sub(lambda match: mask("email", match[0]), found)
    if _LONG.search(found) is None:
        return found
    for kind, pattern in _NUMBERS:
        found = pattern.sub(functools.partial(_masked, kind), found)
    return found


def deep(value: Any) -> Any:
    """A JSON value with every text in it masked as `free` does, and whole numbers that are such numbers too."""
    if isinstance(value, str):
        return free(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 10**10:
        shown = free(str(value))
        return value if shown == str(value) else shown
    if isinstance(value, dict):
        return {free(name): deep(part) for name, part in value.items()}
    if isinstance(value, list):
        return [deep(part) for part in value]
    return value


def finding(value: Mapping[str, Any]) -> dict[str, Any]:
    """A finding's JSON with what was read from data masked: place, measured values, message; no hash is touched."""
    return {name: deep(part) if name in _FROM_DATA else part for name, part in value.items()}


@functools.lru_cache(maxsize=4096)
def _masked_finding(text: str) -> str:
    """Pages of findings are read again and again, and a finding never changes."""
    value = json.loads(text)
    shown = finding(value)
    return text if shown == value else json.dumps(shown, ensure_ascii=False, separators=(",", ":"))


class Masker:
    """Shows rows to one reader: fields whose tag they may not read in clear are masked."""

    def __init__(self, keeper: guard.Guard, who: principal.Principal, *, tenant: str | None = None) -> None:
        self._guard = keeper
        self._who = who
        self._tenant = who.tenant if tenant is None else tenant

    def clear(self, field: str, sensitivity: str = "sensitive", owner: str | None = None) -> bool:
        """True when the reader sees the field without a mask."""
        thing = guard.Resource("field", field, self._tenant, owner, sensitivity)
        return self._guard.allowed(self._who, "field:read", thing).allowed

    def value(self, kind: Kind, value: object, *, sensitivity: str = "sensitive", owner: str | None = None) -> object:
        """One value, whole or masked."""
        return value if value is None or self.clear(kind, sensitivity, owner) else mask(kind, value)

    def row(self, row: Mapping[str, Any], kinds: Mapping[str, Kind], sensitivity: str = "sensitive") -> dict[str, Any]:
        """A row whose sensitive columns are named with their kinds; the others are passed on as they are."""
        return {
            name: self.value(kinds[name], value, sensitivity=sensitivity) if name in kinds else value
            for name, value in row.items()
        }

    def finding(self, text: str, sensitivity: str = "sensitive") -> str:
        """A finding's JSON for this reader; when there is nothing to mask, the very same text."""
        return text if self.clear("finding", sensitivity) else _masked_finding(text)

    def text(self, text: str, sensitivity: str = "sensitive") -> str:
        """Free text, such as a finding's message or measured value, for this reader."""
        return text if self.clear("text", sensitivity) else free(text)


def _masked(kind: Kind, match: re.Match[str]) -> str:
    return mask(kind, match[0])


def _digits(text: str, head: int, tail: int, least: int) -> str:
    """The first and last few of the digits; nothing of a text with fewer than `least`."""
    kept = [letter for letter in text if letter.isalnum()]
    if len(kept) < least or sum(letter.isdigit() for letter in kept) < least - 1:
        return _STARS
    return "".join(kept[:head]) + "*" * (len(kept) - head - tail) + "".join(kept[len(kept) - tail :])


def _phone(text: str) -> str:
    plain = re.sub(r"^(\+|00)86[\s-]*", "", text)
    return _digits(plain, 3, 2, 10)


def _name(text: str) -> str:
    # One ideograph of a Chinese name is the family's; of names in letters, the first letter of each word.
    if _is_han(text[0]):
        return text[0] + "**" if len(text) > 1 else "**"
    words = text.split()
    return " ".join(f"{word[0]}**" if len(word) > 1 else "**" for word in words[:4])


def _email(text: str) -> str:
    local, at, domain = text.rpartition("@")
    if not at or not local:
        return _STARS
    return f"{local[0] if len(local) > 2 else ''}***@{domain}"


def _address(text: str) -> str:
    found = _PLACE.match(text)
    shown = found[0] if found else ""
    return shown + _STARS if len(shown) < len(text) else _STARS


def _is_han(letter: str) -> bool:
    return "\u3400" <= letter <= "\u9fff" or "\U00020000" <= letter <= "\U0003ffff"


_MASKS: dict[Kind, Callable[[str], str]] = {
    "phone": _phone,
    "id_card": lambda text: _digits(text, 3, 1, 15),
    "bank_card": lambda text: _digits(text, 0, 4, 12),
    "name": _name,
    "email": _email,
    "address": _address,
    "secret": lambda _text: _STARS,
}
