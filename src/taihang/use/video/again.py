"""Again: which frames to look at a second time round, where a rule suspects something."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

RATE = 5.0  # frames a second at which a suspected span is looked at
_AROUND_S = 0.4  # so that its beginning and end are seen
_LONGEST_S = 10.0
_ENDS_S = 2.5


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
    than 10 s its two ends are looked at: they decide when it began and whether it ended.
    """
    known = set(looked)
    left_out = 0
    for suspect in sorted(suspects, key=lambda s: (-s.rank, s.end_s - s.start_s, s.start_s)):
        wanted = _frames(suspect, times) - known
        if len(wanted) > frames - (len(known) - len(set(looked))):
            left_out += 1
            continue
        known |= wanted
    return Plan(tuple(sorted(known - set(looked))), left_out)


def fill(segments: pa.Table, times: npt.NDArray[np.float64], looked: Sequence[int], frames: int) -> tuple[int, ...]:
    """At most `frames` new frames for what is left of a budget: the middle of each stable span that has none.

    The longest spans first: there a frame stands for most time.
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
        number = int(np.searchsorted(times, (start + end) / 2, side="right")) - 1
        if number >= 0 and number not in looked:
            picked.add(number)
    return tuple(sorted(picked))


def _frames(suspect: Suspect, times: npt.NDArray[np.float64]) -> set[int]:
    start, end = suspect.start_s - _AROUND_S, suspect.end_s + _AROUND_S
    short = end - start <= _LONGEST_S
    pieces = [(start, end)] if short else [(start, start + _ENDS_S), (end - _ENDS_S, end)]
    found: set[int] = set()
    for a, b in pieces:
        count = int(np.ceil((b - a) * RATE)) + 1
        # The frame shown at each moment; several moments may show one frame of a slow video.
        place = np.searchsorted(times, np.linspace(a, b, count), side="right") - 1
        found |= {int(i) for i in place if i >= 0}
    return found
