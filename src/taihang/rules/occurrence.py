"""Occurrences: runs of TRUE that last long enough, surely or possibly.

Suspicion needs a sighting: an unknown span may lengthen or join what was seen, it never makes an
occurrence by itself.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from taihang.rules import timeline

Flags = npt.NDArray[np.bool_]


@dataclasses.dataclass(frozen=True)
class Occurrences:
    """One entry each, in order of group and time.

    `start`, `end` bound what was seen. `certain`: it lasts long enough whatever the unknown spans
    hold. `low`, `high` bound it when every unknown span beside it held TRUE; infinite where that
    reaches an end of the timeline, since nobody saw what was beyond.
    """

    group: timeline.Index
    start: timeline.Times
    end: timeline.Times
    certain: Flags
    low: timeline.Times
    high: timeline.Times

    def __len__(self) -> int:
        return len(self.group)


def occurrences(line: timeline.Line, sustained: float) -> Occurrences:
    """Runs of TRUE of a bridged timeline that last `sustained` seconds, or would if unknown were TRUE.

    Possible ones that only unknown spans part from each other are one.
    """
    run, low, high = _possible_runs(line)
    seen = np.flatnonzero(line.value == timeline.TRUE)
    run, low, high = run[seen], low[seen], high[seen]
    start, end, group = line.start[seen], line.end[seen], line.group[seen]
    certain = end - start >= sustained - timeline.MOMENT_S
    possible = certain | (high - low >= sustained - timeline.MOMENT_S)
    keep = np.flatnonzero(possible)
    run, group, certain = run[keep], group[keep], certain[keep]
    start, end, low, high = start[keep], end[keep], low[keep], high[keep]
    if not len(run):
        return Occurrences(group, start, end, certain, low, high)
    joined = (run[1:] == run[:-1]) & ~certain[1:] & ~certain[:-1]
    first = np.flatnonzero(np.concatenate([[True], ~joined]))
    last = np.append(first[1:] - 1, len(run) - 1)
    return Occurrences(group[first], start[first], end[last], certain[first], low[first], high[last])


def sightings(line: timeline.Line, sustained: float) -> Occurrences:
    """As `occurrences`, but every run of TRUE by itself."""
    found = occurrences(line, 0.0)
    certain = found.end - found.start >= sustained - timeline.MOMENT_S
    keep = np.flatnonzero(certain | (found.high - found.low >= sustained - timeline.MOMENT_S))
    return Occurrences(
        found.group[keep], found.start[keep], found.end[keep], certain[keep], found.low[keep], found.high[keep]
    )


def _possible_runs(line: timeline.Line) -> tuple[timeline.Index, timeline.Times, timeline.Times]:
    """For every span: the number of its run of not-FALSE, and that run's start and end."""
    if not len(line.value):
        return np.zeros(0, np.int64), np.zeros(0), np.zeros(0)
    first, last = line.first(), line.last()
    open_ = line.value != timeline.FALSE
    fresh = first | ~open_ | np.concatenate([[True], ~open_[:-1]])
    run = np.cumsum(fresh) - 1
    begins = np.flatnonzero(fresh)
    ends = np.append(begins[1:] - 1, len(fresh) - 1)
    low = np.where(first[begins], -np.inf, line.start[begins])
    high = np.where(last[ends], np.inf, line.end[ends])
    return run, low[run], high[run]
