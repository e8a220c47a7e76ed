"""Patterns: the shapes of texts, such as 999-AA: digits, letters and Han characters by class, the rest as it is."""

from __future__ import annotations

import collections
import re
from collections.abc import Sequence

from taihang.data.profile import profile

_RUN = re.compile(r"([0-9]+)|([a-z]+)|([A-Z]+)|([㐀-鿿]+)|(\s+)|([{\\])")
_SIGNS = ("9", "a", "A", "汉", "␣")
_CLASSES = {"9": "[0-9]", "a": "[a-z]", "A": "[A-Z]", "汉": "[㐀-鿿]", "␣": r"\s"}
_PART = re.compile(r"([9aA汉␣])(?:\{(\d+)(\+)?\})?")
_LONGEST = 60


def shape(text: str) -> str:
    """The shape of a text: `9{4}-9{2}` for 2026-11; a run of 21 or more of one class has no number."""

    def sign(run: re.Match[str]) -> str:
        place = run.lastindex or 1
        if place > len(_SIGNS):
            return "\\" + run.group()
        length = len(run.group())
        return _SIGNS[place - 1] + ("" if length == 1 else f"{{{length}}}" if length <= 20 else "{21+}")

    found = _RUN.sub(sign, text[: 4 * _LONGEST])
    return found if len(found) <= _LONGEST else found[:_LONGEST] + "…"


def patterns(values: Sequence[str], most: int = 8) -> tuple[profile.Pattern, ...]:
    """The most frequent shapes of texts, with the share that each has."""
    counts = collections.Counter(map(shape, values))
    return tuple(
        profile.Pattern(shape=found, share=count / len(values), regex=regex(found))
        for found, count in counts.most_common(most)
    )


def regex(found: str) -> str:
    """A regular expression (RE2) for a shape; an empty text for one that was cut."""
    if found.endswith("…"):
        return ""
    out, at = ["^"], 0
    while at < len(found):
        part = _PART.match(found, at)
        if part:
            times = f"{{{part[2]},}}" if part[3] else f"{{{part[2]}}}" if part[2] else ""
            out.append(_CLASSES[part[1]] + times)
            at = part.end()
        else:
            at += found[at] == "\\"
            out.append(re.escape(found[at]))
            at += 1
    return "".join(out) + "$"
