"""Timelines: what a predicate is over time in each group, in three values.

TRUE and FALSE where it was observed; UNKNOWN where nobody looked or it could not be told. A group's
timeline runs from its first row to its last; beyond both ends it is unknown.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from taihang.core import errors, words
from taihang.rules import table as tabling

FALSE, UNKNOWN, TRUE = np.int8(0), np.int8(1), np.int8(2)
# Times closer than this are one time; a row of no length lasts this long. Seconds.
MOMENT_S = 1e-6
Times = npt.NDArray[np.float64]
Values = npt.NDArray[np.int8]
Index = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class Layout:
    """The rows of a table put in order of group and time, once for all rules with one `by`.

    `order` (n,) are row positions; `group`, `start`, `end`, `observed` (n,) follow that order.
    `overlapping` tells that rows of one group do overlap: then a group is TRUE while any of its
    rows is, else UNKNOWN while any is, else FALSE.
    """

    order: Index
    group: Index
    start: Times
    end: Times
    observed: npt.NDArray[np.bool_]
    keys: list[tuple[words.Scalar, ...]]
    overlapping: bool

    def slice(self, group: int) -> slice:
        """The rows of one group, in that order."""
        return slice(*np.searchsorted(self.group, [group, group + 1]).tolist())


@dataclasses.dataclass(frozen=True)
class Line:
    """Spans that tile each group's timeline, in order of group and time; equal neighbours are merged."""

    group: Index
    start: Times
    end: Times
    value: Values

    def first(self) -> npt.NDArray[np.bool_]:
        """True at the first span of each group."""
        return np.concatenate([[True], self.group[1:] != self.group[:-1]])[: len(self.group)]

    def last(self) -> npt.NDArray[np.bool_]:
        """True at the last span of each group."""
        return np.concatenate([self.group[1:] != self.group[:-1], [True]])[-len(self.group) :][: len(self.group)]


def layout(name: str, table: tabling.Table, by: tuple[str, ...]) -> Layout:
    """Order a table's rows. Raises errors.UserError for impossible times, and for rows that overlap.

    Overlap is allowed when `by` leaves out some of the table's keys.
    """
    group, keys = tabling.groups(table.data, by)
    start, end = (_times(name, table.data, column) for column in tabling.TIME[:2])
    wrong = np.flatnonzero(end < start)
    if len(wrong):
        raise errors.UserError("rules:table.backwards", table=name, row=int(wrong[0]))
    end = np.maximum(end, start + MOMENT_S)
    observed = table.data.column("observed").fill_null(False).to_numpy(zero_copy_only=False).astype(bool)
    order = np.arange(len(group))
    same = group[1:] == group[:-1]
    if np.any(group[1:] < group[:-1]) or np.any(same & (start[1:] < start[:-1])):
        order = np.lexsort((end, start, group))
        group, start, end, observed = group[order], start[order], end[order], observed[order]
        same = group[1:] == group[:-1]
    overlaps = np.flatnonzero(same & (start[1:] < end[:-1] - 2 * MOMENT_S))
    if len(overlaps) and not set(by) < set(table.keys):
        first = int(order[overlaps[0] + 1])
        raise errors.UserError("rules:table.overlap", table=name, row=first, by=", ".join(by) or "-")
    return Layout(order, group, start, end, observed, keys, bool(len(overlaps)))


def line(at: Layout, total: int, true: Index, unknown: Index) -> Line:
    """The timeline of a test that is true and unknown at the given row positions of a table of `total` rows."""
    by_row = np.zeros(total, np.int8)
    by_row[true] = TRUE
    by_row[unknown] = UNKNOWN
    value = by_row[at.order]
    value[~at.observed] = UNKNOWN
    return _merged(_swept(at, value) if at.overlapping else _filled(at, value))


def bridged(found: Line, max_gap: float) -> Line:
    """The timeline with short unknown spans settled.

    An unknown span of at most `max_gap` seconds between two observed ones is TRUE between TRUE and
    TRUE, and FALSE otherwise; at either end of the timeline it stays unknown.
    """
    inner = ~found.first() & ~found.last()
    short = inner & (found.value == UNKNOWN) & (found.end - found.start <= max_gap + MOMENT_S)
    at = np.flatnonzero(short)
    value = found.value.copy()
    between = (value[at - 1] == TRUE) & (value[at + 1] == TRUE)
    value[at] = np.where(between, TRUE, FALSE)
    return _merged(Line(found.group, found.start, found.end, value))


def _times(name: str, data: pa.Table, column: str) -> Times:
    times: Times = data.column(column).to_numpy().astype(np.float64)
    wrong = np.flatnonzero(~np.isfinite(times))
    if len(wrong):
        raise errors.UserError("rules:table.time", table=name, column=column, row=int(wrong[0]))
    return times


def _filled(at: Layout, value: Values) -> Line:
    """Rows as spans, with an unknown span wherever the next row starts later than the last one ended."""
    gap = (at.group[1:] == at.group[:-1]) & (at.start[1:] > at.end[:-1] + 2 * MOMENT_S)
    before = np.flatnonzero(gap) + 1
    group = np.insert(at.group, before, at.group[before])
    start = np.insert(at.start, before, at.end[before - 1])
    end = np.insert(at.end, before, at.start[before])
    return Line(group, start, end, np.insert(value, before, UNKNOWN))


def _swept(at: Layout, value: Values) -> Line:
    """Spans between all times at which rows start or end, with the strongest value of those that cover it."""
    group = np.concatenate([at.group, at.group])
    time = np.concatenate([at.start, at.end])
    sign = np.concatenate([np.ones(len(value), np.int64), -np.ones(len(value), np.int64)])
    both = np.concatenate([value, value])
    order = np.lexsort((time, group))
    group, time, sign, both = group[order], time[order], sign[order], both[order]
    covered = [np.cumsum(np.where(both == kind, sign, 0)) for kind in (TRUE, UNKNOWN, FALSE)]
    is_span = (group[1:] == group[:-1]) & (time[1:] > time[:-1])
    here = np.flatnonzero(is_span)
    true, unknown, false = (count[here] > 0 for count in covered)
    strongest = np.where(true, TRUE, np.where(unknown, UNKNOWN, np.where(false, FALSE, UNKNOWN))).astype(np.int8)
    return Line(group[here], time[here], time[here + 1], strongest)


def _merged(found: Line) -> Line:
    if not len(found.value):
        return found
    fresh = np.concatenate([[True], (found.group[1:] != found.group[:-1]) | (found.value[1:] != found.value[:-1])])
    first = np.flatnonzero(fresh)
    last = np.append(first[1:] - 1, len(fresh) - 1)
    return Line(found.group[first], found.start[first], found.end[last], found.value[first])
