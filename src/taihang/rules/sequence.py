"""Sequences: one occurrence, and what comes, or fails to come, within a window after it.

The window is [anchor, anchor + within), the anchor the start (or end) of the first half. Where an
unknown span adjoins that start, it may lie anywhere in it: only what holds for each place is certain.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from taihang.rules import occurrence, timeline
from taihang.rules import spans as spanning

_Pairs = tuple[timeline.Times, timeline.Times]


@dataclasses.dataclass(frozen=True)
class Signal:
    """When the second half was seen, and when it may have been: disjoint spans in order, by group.

    `extent` is the part of time that the group's rows speak about at all.
    """

    seen: dict[int, _Pairs]
    maybe: dict[int, _Pairs]
    extent: dict[int, tuple[float, float]]


def extents(line: timeline.Line) -> dict[int, tuple[float, float]]:
    """First and last time of each group's timeline."""
    first, last = np.flatnonzero(line.first()), np.flatnonzero(line.last())
    times = zip(line.start[first].tolist(), line.end[last].tolist(), strict=True)
    return dict(zip(line.group[first].tolist(), times, strict=True))


def signal(line: timeline.Line, found: Sequence[spanning.Span]) -> Signal:
    """A signal from a bridged timeline and the occurrences in it."""
    unknown = np.flatnonzero(line.value == timeline.UNKNOWN)
    gaps = zip(*(a[unknown].tolist() for a in (line.group, line.start, line.end)), strict=True)
    maybe = [*gaps, *((s.group, s.start, s.end) for s in found if not s.certain)]
    seen = [(s.group, s.start, s.end) for s in found if s.certain]
    return Signal(_disjoint(seen), _disjoint(maybe), extents(line))


def followed(
    first: occurrence.Occurrences,
    own: dict[int, tuple[float, float]],
    second: Signal,
    groups: Sequence[int],
    *,
    within: float,
    anchor: str,
    wanted: bool,
) -> list[spanning.Span]:
    """Verdicts on each occurrence of the first half, those that pass left out.

    `own` holds the extents of the first half's groups, `groups` the second's group for each of
    them (-1 for none: never observed). `wanted` False: a violation when the second half comes;
    True: when it does not.
    """
    found: list[spanning.Span] = []
    for group in np.unique(first.group).tolist():
        here = slice(*np.searchsorted(first.group, [group, group + 1]).tolist())
        other = groups[group]
        window = _Window(first, here, own[group], within, anchor)
        found.extend(_verdicts(group, window, second, other, wanted=wanted))
    return found


class _Window:
    """Windows of the occurrences of one group, at the earliest and the latest place of each anchor."""

    def __init__(
        self, first: occurrence.Occurrences, here: slice, own: tuple[float, float], within: float, anchor: str
    ) -> None:
        self.start, self.end, self.certain = first.start[here], first.end[here], first.certain[here]
        self.own, self.within = own, within
        if anchor == "start":
            self.low, self.high = first.low[here], self.start
        else:
            self.low, self.high = self.end, first.high[here]
        # What lies beyond the recording is not looked for; it only keeps a verdict from being certain.
        self.bounded = np.isfinite(self.low) & np.isfinite(self.high)
        self.ended = np.isfinite(self.high)
        self.low_in = np.maximum(self.low, own[0])
        self.high_in = np.minimum(self.high, own[1])

    def hits(self, pairs: _Pairs | None) -> tuple[occurrence.Flags, occurrence.Flags, timeline.Times, timeline.Times]:
        """Whether spans meet every window and any window, and the first one's start and end."""
        sure = _meets(pairs, self.high_in, self.low_in + self.within)
        some = _meets(pairs, self.low_in, self.high_in + self.within)
        start, end = _first(pairs, np.where(sure, self.high_in, self.low_in))
        return sure, some, start, end


def _verdicts(
    group: int,
    window: _Window,
    second: Signal,
    other: int,
    *,
    wanted: bool,
) -> list[spanning.Span]:
    every, some, came, left = window.hits(second.seen.get(other))
    extent = second.extent.get(other, (np.inf, -np.inf))
    unseen = _meets(second.maybe.get(other), window.low_in, window.high_in + window.within)
    margin = timeline.MOMENT_S
    unseen |= (window.low_in < extent[0] - margin) | (window.high_in + window.within > extent[1] + margin)
    sound = window.certain & window.bounded
    if wanted:
        sure = sound & ~some & ~unseen
        doubtful = ~sure & ~every & window.ended
    else:
        sure = sound & every
        doubtful = ~sure & (some | (unseen & window.ended))
    spans = []
    for n in np.flatnonzero(sure | doubtful).tolist():
        certain = bool(sure[n])
        deadline = float(min(window.high_in[n] + window.within, max(extent[1], window.end[n])))
        start, end, after, pair = float(window.start[n]), deadline, None, None
        if not wanted and some[n]:
            after = max(float(came[n]) - float(window.high_in[n]), 0.0)
            end = min(float(left[n]), float(window.high_in[n] + window.within))
            pair = (other, float(came[n]), float(left[n]))
        look = (float(min(window.low_in[n], window.start[n])), deadline)
        doubt = spanning.Doubt.none if certain else _doubt(window, n)
        spans.append(spanning.Span(group, start, max(end, start), certain, look, doubt, after_s=after, second=pair))
    return spans


def _doubt(window: _Window, n: int) -> spanning.Doubt:
    if not window.certain[n]:
        return spanning.Doubt.short
    moved = not window.bounded[n] or window.high[n] - window.low[n] > timeline.MOMENT_S
    return spanning.Doubt.anchor if moved else spanning.Doubt.window


def _meets(pairs: _Pairs | None, low: timeline.Times, high: timeline.Times) -> occurrence.Flags:
    """True where a span has a part in [low, high)."""
    if pairs is None:
        return np.zeros(len(low), bool)
    at = np.searchsorted(pairs[1], low, side="right")
    start = np.append(pairs[0], np.inf)[at]
    met: occurrence.Flags = (start < high) & (low < high)
    return met


def _first(pairs: _Pairs | None, low: timeline.Times) -> _Pairs:
    if pairs is None:
        return np.full(len(low), np.inf), np.full(len(low), np.inf)
    at = np.searchsorted(pairs[1], low, side="right")
    return np.append(pairs[0], np.inf)[at], np.append(pairs[1], np.inf)[at]


def _disjoint(found: Sequence[tuple[int, float, float]]) -> dict[int, _Pairs]:
    by_group: dict[int, list[tuple[float, float]]] = {}
    for group, start, end in sorted(found):
        united = by_group.setdefault(group, [])
        if united and start <= united[-1][1]:
            united[-1] = (united[-1][0], max(end, united[-1][1]))
        else:
            united.append((start, end))
    return {
        group: (np.array([s for s, _ in united]), np.array([e for _, e in united]))
        for group, united in by_group.items()
    }
