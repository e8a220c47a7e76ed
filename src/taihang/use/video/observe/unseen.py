"""Unseen: which time nobody looked at, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from taihang.use.video.observe import coverage as cover

Reason = Literal["gap", "dark", "covered", "blurred", "budget"]
# A moment that has several reasons counts under the first: no frame, nothing to see, not looked at.
REASONS: tuple[Reason, ...] = ("gap", "covered", "dark", "blurred", "budget")
_Span = tuple[float, float]


class Unseen(NamedTuple):
    """A span that nobody saw, in seconds, and why."""

    start_s: float
    end_s: float
    reason: Reason


def spans(coverage: cover.Coverage, blind: Mapping[str, Sequence[_Span]], gaps: Sequence[_Span] = ()) -> list[Unseen]:
    """Every unobserved moment once, in order of time."""
    left = [
        (float(s), float(e))
        for s, e, seen in zip(coverage.start_s, coverage.end_s, coverage.observed, strict=True)
        if not seen
    ]
    found: list[Unseen] = []
    for reason in REASONS[:-1]:
        rest: list[_Span] = []
        for span in left:
            inside, outside = _split(span, gaps if reason == "gap" else blind.get(reason, ()))
            found += [Unseen(a, b, reason) for a, b in inside]
            rest += outside
        left = rest
    found += [Unseen(a, b, "budget") for a, b in left]
    return sorted(found)


def _split(span: _Span, by: Sequence[_Span]) -> tuple[list[_Span], list[_Span]]:
    """The parts of a span inside any of the sorted spans `by`, and the rest."""
    start, end = span
    inside: list[_Span] = []
    outside: list[_Span] = []
    for a, b in by:
        if b <= start or a >= end:
            continue
        if a > start:
            outside.append((start, a))
        inside.append((max(a, start), min(b, end)))
        start = min(b, end)
    if end > start:
        outside.append((start, end))
    return inside, outside


def seconds(found: Sequence[Unseen]) -> dict[Reason, float]:
    """Unseen seconds by reason."""
    return {reason: sum(u.end_s - u.start_s for u in found if u.reason == reason) for reason in REASONS}
