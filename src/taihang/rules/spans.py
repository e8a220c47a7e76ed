"""Spans: where a time rule is violated, surely or possibly, before they become findings."""

from __future__ import annotations

import bisect
import dataclasses
import enum
from collections.abc import Sequence

import numpy as np

from taihang.rules import occurrence, timeline


@enum.unique
class Doubt(enum.Enum):
    """Why a span is not certain."""

    none = "none"
    short = "short"
    apart = "apart"
    anchor = "anchor"
    window = "window"


@dataclasses.dataclass(frozen=True, slots=True)
class Span:
    """One verdict on one group.

    `look` bounds what another look could settle. `second` is the span of what followed, in its own
    table's group; `after_s` how long after the anchor it came; `count` how many occurrences it holds.
    """

    group: int
    start: float
    end: float
    certain: bool
    look: tuple[float, float]
    doubt: Doubt = Doubt.none
    count: int = 1
    after_s: float | None = None
    second: tuple[int, float, float] | None = None


def lasting(found: occurrence.Occurrences, sustained: float) -> list[Span]:
    """Each occurrence is a violation."""
    reach = np.where(found.certain, 0.0, sustained)
    before = np.maximum(found.start - reach, found.low)
    after = np.minimum(found.end + reach, found.high)
    columns = (found.group, found.start, found.end, found.certain, before, after)
    return [
        Span(group, start, end, certain, (low, high), Doubt.none if certain else Doubt.short)
        for group, start, end, certain, low, high in zip(*(c.tolist() for c in columns), strict=True)
    ]


def repeated(line: timeline.Line, sustained: float, at_least: int, within: float) -> list[Span]:
    """`at_least` separate occurrences, all seen inside some window of `within` seconds.

    Certain when FALSE was seen between them. Possible when unknown spans may part or lengthen them,
    or, where one is within reach, hide the one that is missing.
    """
    found = occurrence.sightings(line, sustained)
    unknown = np.flatnonzero(line.value == timeline.UNKNOWN)
    spans: list[Span] = []
    for group in np.unique(found.group).tolist():
        here = slice(*np.searchsorted(found.group, [group, group + 1]).tolist())
        start, end, certain, run = found.start[here], found.end[here], found.certain[here], found.low[here]
        violated = [
            Span(group, a, b, True, (a, b))
            for a, b in _sure_windows(start, end, certain, run, at_least=at_least, within=within)
        ]
        hidden = unknown[line.group[unknown] == group]
        gaps = line.start[hidden], line.end[hidden]
        extent = slice(*np.searchsorted(line.group, [group, group + 1]).tolist())
        first, last = float(line.start[extent][0]), float(line.end[extent][-1])
        for a, b in _possible_windows(start, end, gaps, at_least, within):
            if not any(s.start < b and a < s.end for s in violated):
                look = (max(a - within, first), min(b + within, last))
                spans.append(Span(group, a, b, False, look, Doubt.apart, count=_count(start, end, a, b)))
        spans.extend(dataclasses.replace(s, count=_count(start, end, s.start, s.end)) for s in violated)
    return sorted(spans, key=lambda s: (s.group, s.start, s.end))


def _sure_windows(
    start: timeline.Times,
    end: timeline.Times,
    certain: occurrence.Flags,
    run: timeline.Times,
    *,
    at_least: int,
    within: float,
) -> list[tuple[float, float]]:
    """Windows with enough certain occurrences in different possible runs; one run counts once."""
    start, end, run = start[certain], end[certain], run[certain]
    if not len(run):
        return []
    first = np.flatnonzero(np.concatenate([[True], run[1:] != run[:-1]]))
    last = np.append(first[1:] - 1, len(run) - 1)
    begins, leaves = start[first][at_least - 1 :], end[last][: len(first) - at_least + 1]
    near = np.flatnonzero(begins - leaves < within)
    return _united(list(zip(start[last][near].tolist(), end[first][at_least - 1 :][near].tolist(), strict=True)))


def _possible_windows(
    start: timeline.Times,
    end: timeline.Times,
    gaps: tuple[timeline.Times, timeline.Times],
    at_least: int,
    within: float,
) -> list[tuple[float, float]]:
    """Windows with enough sightings, or with one fewer and an unknown span within reach."""
    windows = []
    for n in range(len(start)):
        reach = end[n] + within
        count = int(np.searchsorted(start, reach, side="left")) - n
        last = n + min(count, at_least) - 1
        lent = count == at_least - 1 and bool(np.any((gaps[0] < reach) & (gaps[1] > start[last] - within)))
        if count >= at_least or lent:
            windows.append((float(start[n]), float(end[last])))
    return _united(windows)


def _count(start: timeline.Times, end: timeline.Times, low: float, high: float) -> int:
    return int(np.count_nonzero((end > low) & (start < high)))


def _united(windows: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    united: list[tuple[float, float]] = []
    for start, end in sorted(windows):
        if united and start < united[-1][1]:
            united[-1] = (united[-1][0], max(end, united[-1][1]))
        else:
            united.append((start, end))
    return united


def cooled(spans: Sequence[Span], cooldown: float) -> list[Span]:
    """Repeats in a group that start within `cooldown` seconds of the last one's end, as one span.

    Certain ones are joined first; a possible one near a certain one adds nothing and is left out.
    """
    if not cooldown:
        return sorted(spans, key=lambda s: (s.group, s.start, s.end))
    certain = _chained([s for s in spans if s.certain], cooldown)
    by_group: dict[int, tuple[list[float], list[float]]] = {}
    for span in certain:
        starts, ends = by_group.setdefault(span.group, ([], []))
        starts.append(span.start)
        ends.append(span.end)
    apart = [s for s in spans if not s.certain and not _near(s, by_group.get(s.group), cooldown)]
    return sorted([*certain, *_chained(apart, cooldown)], key=lambda s: (s.group, s.start, s.end))


def _near(span: Span, certain: tuple[list[float], list[float]] | None, cooldown: float) -> bool:
    if certain is None:
        return False
    starts, ends = certain
    at = bisect.bisect_left(ends, span.start - cooldown)
    return at < len(starts) and starts[at] <= span.end + cooldown


def _chained(spans: Sequence[Span], cooldown: float) -> list[Span]:
    chained: list[Span] = []
    for span in sorted(spans, key=lambda s: (s.group, s.start, s.end)):
        last = chained[-1] if chained else None
        if last is not None and last.group == span.group and span.start <= last.end + cooldown:
            look = (min(last.look[0], span.look[0]), max(last.look[1], span.look[1]))
            end = max(last.end, span.end)
            chained[-1] = dataclasses.replace(last, end=end, look=look, count=last.count + span.count)
        else:
            chained.append(span)
    return chained
