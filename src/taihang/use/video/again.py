"""Again: which frames to look at a second time round, where a rule suspects something."""

from __future__ import annotations

import dataclasses
import heapq
import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

RATE = 5.0  # frames a second at which a suspected span is looked at
_AROUND_S = 0.4  # so that its beginning and end are seen
_LONGEST_S = 10.0
_ENDS_S = 2.5
_SHORT_ENDS_S = 1.2
_SHORTEST_GAP_S = 1.0


@dataclasses.dataclass(frozen=True, slots=True)
class Suspect:
    """A span that a rule suspects, and how grave it would be (core Level rank)."""

    start_s: float
    end_s: float
    rank: int


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """Frame numbers to look at, sorted; and how many suspected spans the budget left out."""

    numbers: tuple[int, ...]
    left_out: int


def plan(suspects: Sequence[Suspect], times: npt.NDArray[np.float64], looked: Sequence[int], frames: int) -> Plan:
    """At most `frames` new frames, the gravest and shortest spans first, each at `RATE` or not at all.

    `times` are the seconds of all frames by number; `looked` are known already. Of a span longer
    than 10 s, or than the budget allows, its two ends are looked at: they decide when it began and
    whether it ended.
    """
    known = set(looked)
    left_out = 0
    for suspect in sorted(suspects, key=lambda s: (-s.rank, s.end_s - s.start_s, s.start_s)):
        room = frames - (len(known) - len(set(looked)))
        for ends_s in (_LONGEST_S, _ENDS_S, _SHORT_ENDS_S):
            wanted = _frames(suspect, times, ends_s) - known
            if len(wanted) <= room:
                known |= wanted
                break
        else:
            left_out += 1
    return Plan(tuple(sorted(known - set(looked))), left_out)


def fill(segments: pa.Table, times: npt.NDArray[np.float64], looked: Sequence[int], frames: int) -> tuple[int, ...]:
    """At most `frames` new frames for what is left of a budget.

    First the middle of each stable span that has none, the longest first: there a frame stands for
    most time. Then the middle of the longest times without a frame.
    """
    known = np.sort(times[list(looked)]) if looked else np.empty(0)
    empty = [
        (row["start_s"] - row["end_s"], row["start_s"], row["end_s"])
        for row in segments.to_pylist()
        if row["kind"] == "stable" and np.searchsorted(known, row["start_s"]) == np.searchsorted(known, row["end_s"])
    ]
    picked: set[int] = set()
    for _, start, end in sorted(empty):
        if len(picked) >= frames:
            break
        number = _shown(times, (start + end) / 2)
        if number is not None and number not in looked:
            picked.add(number)
    return tuple(sorted(picked | _halved(times, {*looked, *picked}, frames - len(picked))))


def _halved(times: npt.NDArray[np.float64], known: set[int], frames: int) -> set[int]:
    """At most `frames` new frames, each amid the longest time that has none."""
    edges = sorted({0.0, *(float(times[n]) for n in known), float(times[-1]) if len(times) else 0.0})
    gaps = [(a - b, a, b) for a, b in itertools.pairwise(edges)]
    heapq.heapify(gaps)
    picked: set[int] = set()
    while gaps and len(picked) < frames:
        width, start, end = heapq.heappop(gaps)
        number = _shown(times, (start + end) / 2)
        if number is None or number in known or number in picked or width > -_SHORTEST_GAP_S:
            continue
        picked.add(number)
        middle = (start + end) / 2
        heapq.heappush(gaps, (start - middle, start, middle))
        heapq.heappush(gaps, (middle - end, middle, end))
    return picked


def _shown(times: npt.NDArray[np.float64], at_s: float) -> int | None:
    """The frame that is shown at a moment."""
    number = int(np.searchsorted(times, at_s, side="right")) - 1
    return number if number >= 0 else None


def _frames(suspect: Suspect, times: npt.NDArray[np.float64], ends_s: float) -> set[int]:
    """The frames at `RATE` of a span, or of its two ends of `ends_s` when it is longer than both."""
    start, end = suspect.start_s - _AROUND_S, suspect.end_s + _AROUND_S
    short = end - start <= (_LONGEST_S if ends_s == _LONGEST_S else 2 * ends_s)
    if ends_s == _LONGEST_S:
        ends_s = _ENDS_S
    pieces = [(start, end)] if short else [(start, start + ends_s), (end - ends_s, end)]
    found: set[int] = set()
    for a, b in pieces:
        count = int(np.ceil((b - a) * RATE)) + 1
        # The frame shown at each moment; several moments may show one frame of a slow video.
        place = np.searchsorted(times, np.linspace(a, b, count), side="right") - 1
        found |= {int(i) for i in place if i >= 0}
    return found
