"""Shifting: whether effects follow causes more often than they would if the clocks of the causes were put elsewhere.

The causes of each stretch are moved together by one random time along a circle, which keeps their own rhythm and their
number in the stretch. As the move is short beside slow changes, it keeps what a working day does to all rates at once,
too; not where there is one stretch alone (see `_test`). A second test compares what follows with what precedes: what
merely rises together is alike on both sides.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from taihang.model.causes import candidates as proposing
from taihang.model.causes import events, pairs

# So many moves, and the p-value at or below which more are worth their while. Each step draws its moves anew, so that
# the one that is told is valid whatever the ones before it were.
STEPS = ((199, 0.1), (999, 0.02), (4_999, 0.0))
_REACH = 3.0  # moves are at most so many times the longest lag
_STEPS = 160  # of the lag
_MOST_STEPS = 40_000
_CHUNK = 2_000_000


@dataclasses.dataclass(frozen=True, slots=True)
class Tested:
    """`p` of following at all, `p_mirror` of following more than preceding.

    `excess` is how many (weighted) pairs there are beyond chance in the most telling range of lags, `expected` how
    many there would be by chance there; `z` and `z_mirror` are in standard deviations of the moves.
    """

    p: float
    p_mirror: float
    excess: float
    expected: float
    z: float
    z_mirror: float
    window: tuple[int, int]


@dataclasses.dataclass(frozen=True, slots=True)
class Correlogram:
    """For each stretch: pairs by lag along a circle, in steps of `step_s`, and how many steps the circle has."""

    counts: tuple[events.Floats, ...]
    step_s: float
    bounds: events.Ints


def correlogram(line: events.Timeline, one: proposing.Candidate, weights: events.Floats | None = None) -> Correlogram:
    """Lags of all pairs of a candidate. `weights`: one for each row of the timeline, used for effects."""
    index = {kind: n for n, kind in enumerate(line.kinds)}
    causes, effects = line.of(index[one.cause]), line.of(index[one.effect])
    longest = float(line.lengths.max(initial=0.0))
    step = max((one.most_s - one.least_s) / _STEPS, longest / _MOST_STEPS, 1e-6)
    bounds = np.rint(pairs.edges(one.least_s, one.most_s) / step).astype(np.int64)
    counts = []
    for n, length in enumerate(line.lengths):
        a, b = causes[line.stretch[causes] == n], effects[line.stretch[effects] == n]
        size = round(length / step)
        # Where the circle is too short, an early and a late lag cannot be told apart.
        if size < 2 * bounds[-1] + 2 or not len(a) or not len(b):
            continue
        found = np.zeros(size)
        rows = max(1, _CHUNK // len(b))
        for first in range(0, len(a), rows):
            left = np.repeat(a[first : first + rows], len(b))
            right = np.tile(b, len(a[first : first + rows]))
            if one.same != "any":
                kept = pairs.same(line, left, right, one.same)
                left, right = left[kept], right[kept]
            at = np.floor((line.start[right] - line.start[left]) / step).astype(np.int64) % size
            found += np.bincount(at, None if weights is None else weights[right], minlength=size)
        counts.append(found)
    return Correlogram(tuple(counts), step, bounds)


def test(given: Correlogram, seed: int) -> Tested | None:
    """Both tests, or None where no stretch is long enough or holds both kinds."""
    if not given.counts:
        return None
    for n, (moves, promising) in enumerate(STEPS):
        found = _test(given, moves, seed + n)
        if max(found.p, found.p_mirror) > promising:
            break
    return found


def _test(given: Correlogram, moves: int, seed: int) -> Tested:
    random = np.random.default_rng(seed)
    after = np.zeros((moves + 1, pairs.BINS))
    before = np.zeros((moves + 1, pairs.BINS))
    bounds = given.bounds
    for counts in given.counts:
        size = len(counts)
        # Moves that hardly move are like what was observed, so one stretch alone could never be told from chance unless
        # they are rare: it is moved along the whole circle, at the price of what slow changes do to all rates at once.
        reach = min(size // 2, int(_REACH * bounds[-1])) if len(given.counts) > 1 else size // 2
        drawn = random.integers(-reach, reach, moves + 1, endpoint=True)
        drawn[0] = 0
        # Of the circle only what a move and a lag can reach, to both sides.
        far = reach + int(bounds[-1])
        near = counts.take(np.arange(-far, far), mode="wrap")
        sums = np.concatenate([[0.0], np.cumsum(near)])
        middle = drawn[:, None] + far
        after += np.diff(sums[middle + bounds], axis=1)
        before -= np.diff(sums[middle - bounds], axis=1)
    forward, window, excess, expected, z = _scan(after)
    mirror, _, _, _, z_mirror = _scan(after - before)
    p, p_mirror = (float((1 + np.sum(t[1:] >= t[0] - 1e-9)) / (moves + 1)) for t in (forward, mirror))
    return Tested(p, p_mirror, excess, expected, z, z_mirror, window)


def _scan(sums: events.Floats) -> tuple[events.Floats, tuple[int, int], float, float, float]:
    """The largest standardised sum over runs of bins, for each move; and the run that is largest as observed."""
    running = np.concatenate([np.zeros((len(sums), 1)), np.cumsum(sums, axis=1)], axis=1)
    first, last = np.triu_indices(pairs.BINS + 1, 1)
    runs = running[:, last] - running[:, first]
    mean = runs.mean(axis=0)
    # A run that hardly ever holds a pair has no deviation to speak of: one pair must not look like many.
    deviation = np.maximum(runs.std(axis=0), 0.5)
    scores = (runs - mean) / deviation
    best = int(np.argmax(scores[0]))
    window = (int(first[best]), int(last[best]))
    return scores.max(axis=1), window, float(runs[0, best] - mean[best]), float(mean[best]), float(scores[0, best])
