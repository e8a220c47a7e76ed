"""Pairs: an event of one kind and a later one of another within a lag, and how lags fall into bins."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from taihang.model.causes import candidates as proposing
from taihang.model.causes import events

BINS = 8
_GROWTH = 1.5  # each bin of lags is so much wider than the one before: a late effect is less exact


@dataclasses.dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of rows of a timeline: `cause` begins `lag` seconds before `effect`; `bin` is the lag's bin."""

    cause: events.Ints
    effect: events.Ints
    lag: events.Floats
    bin: events.Ints


def edges(least_s: float, most_s: float) -> events.Floats:
    """Bounds of the bins, BINS + 1 of them."""
    steps = (_GROWTH ** np.arange(BINS + 1) - 1) / (_GROWTH**BINS - 1)
    return np.asarray(least_s + (most_s - least_s) * steps)


def within(line: events.Timeline, one: proposing.Candidate) -> Pairs:
    """All pairs of a candidate in one stretch, in the lag, with the same place or actor where that is asked."""
    index = {kind: n for n, kind in enumerate(line.kinds)}
    causes, effects = line.of(index[one.cause]), line.of(index[one.effect])
    # One number line for all stretches: farther apart than any lag.
    gap = float(line.lengths.max(initial=0.0)) + 2 * one.most_s
    base = line.span[:, 0] if len(line.span) else np.zeros(0)
    at = line.start - base[line.stretch] + line.stretch * gap
    first = np.searchsorted(at[causes], at[effects] - one.most_s, side="left")
    last = np.searchsorted(at[causes], at[effects] - one.least_s, side="right")
    counts = np.maximum(last - first, 0)
    total = int(counts.sum())
    owner = np.repeat(np.arange(len(effects)), counts)
    offset = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
    left, right = causes[first[owner] + offset], effects[owner]
    kept = same(line, left, right, one.same)
    left, right = left[kept], right[kept]
    lag = line.start[right] - line.start[left]
    place = np.searchsorted(edges(one.least_s, one.most_s), lag, side="right") - 1
    return Pairs(left, right, lag, np.clip(place, 0, BINS - 1))


def same(line: events.Timeline, left: events.Ints, right: events.Ints, asked: str) -> npt.NDArray[np.bool_]:
    """Which pairs share a place or an actor, where that is asked; what is unknown is shared with nothing."""
    if asked == "any":
        return np.ones(len(left), bool)
    held = line.place if asked == "place" else line.actor
    return np.asarray((held[left] == held[right]) & (held[left] >= 0))
