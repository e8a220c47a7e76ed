"""Values as a reader sees them: safe characters, times, sizes and numbers."""

from __future__ import annotations

import datetime
import math
import re

from taihang.core import i18n, words

LONGEST = 600
_LONGEST_CLOCK_S = 10**9
# XML 1.0 cannot hold C0 controls, lone surrogates and the two non-characters; C1 controls, bidi
# overrides and isolates, and interlinear marks can make a text show something else than it holds.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\ufff9-\ufffb\ufffe\uffff\ud800-\udfff]"
)
_CJK = re.compile("[\u3400-\u9fff]")


def clean(text: str) -> str:
    """`text` with every character that no document should hold shown as U+FFFD."""
    return _UNSAFE.sub("�", text)


def short(text: str, language: i18n.Language, longest: int = LONGEST) -> str:
    """`text` on one line, cleaned; cut beyond `longest` characters, saying how long it was."""
    line = clean(text.replace("\r\n", " ").replace("\n", " ").replace("\t", " "))
    if len(line) <= longest:
        return line
    return i18n.text("report:cut", language, text=line[:longest], total=len(line))


def is_chinese(text: str) -> bool:
    """True when the text holds a Han character, so that it is marked and set as Chinese."""
    return bool(_CJK.search(text))


def number(value: float) -> str:
    """A number with at most five significant digits; integers in full up to 15 digits; – for NaN."""
    if isinstance(value, int):
        if abs(value) < 10**15:
            return f"{value:,}".replace(",", "\u202f") if abs(value) >= 10_000 else str(value)
        try:
            value = float(value)
        except OverflowError:
            return "> 1e308" if value > 0 else "< -1e308"
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if value == int(value) and abs(value) < 10**15:
        return number(int(value))
    return f"{value:.5g}"


def scalar(value: words.Scalar, language: i18n.Language) -> str:
    """A plain value: yes or no, a number, a text on one line, or – for nothing."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return i18n.text("report:yes" if value else "report:no", language)
    if isinstance(value, (int, float)):
        return number(value)
    return short(value, language)


def clock(seconds: float, decimals: int = 1) -> str:
    """`h:mm:ss.s`, as rules' messages write it; – when it is not a time."""
    if not math.isfinite(seconds):
        return "–"
    if abs(seconds) > _LONGEST_CLOCK_S:
        return f"{number(seconds)} s"
    unit = 10**decimals
    whole, part = divmod(round(abs(seconds) * unit), unit)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    text = f"{hours}:{minute:02}:{second:02}"
    return ("-" if seconds < 0 else "") + text + (f".{part:0{decimals}}" if decimals else "")


def moment(at: datetime.datetime) -> str:
    """A date and time with its zone: `2026-11-21 09:30:00 UTC+08:00`."""
    return f"{at:%Y-%m-%d %H:%M:%S %Z}".strip()


def iso(at: datetime.datetime) -> str:
    """A date and time for machines, in UTC to the second."""
    return at.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def span(start_s: float | None, end_s: float | None) -> str:
    """`start–end`, or the one that is known, or nothing."""
    known = [clock(s) for s in (start_s, end_s) if s is not None]
    return "–".join(dict.fromkeys(known))


def size(count: int) -> str:
    """Bytes in decimal units: `12.3 MB`."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def percent(value: float) -> str:
    """A share as a percentage that never rounds to a clean 100 % or 0 %: what is not all reads <100%."""
    if not math.isfinite(value):
        return "–"
    for digits in (1, 2, 3, 4):
        text = f"{100 * value:.{digits}f}"
        if (value in {0, 1}) or float(text) not in {0.0, 100.0}:
            return f"{text}%"
    return "<0.0001%" if value < 0.5 else ">99.9999%"


def share(part: float, total: float) -> str:
    """A share as a percentage with one decimal; – of nothing. What is not nothing never reads 0.0 %."""
    if not total > 0 or not math.isfinite(part):
        return "–"
    percent = 100 * part / total
    if 0 < percent < 0.05:
        return "<0.1%"
    return f"{percent:.1f}%"
