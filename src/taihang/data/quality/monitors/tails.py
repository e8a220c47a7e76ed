"""Tails: how far from the expected value a point may lie, so that chance alone seldom goes beyond."""

from __future__ import annotations

import math
import statistics

import numpy as np

from taihang.data.quality.monitors import panel

Values = panel.Values
_SHARE = 0.1  # of the scores that make the tail
_PRIOR_COUNT, _PRIOR_EXCESS = 4.0, 0.45
_ROUNDS, _JOINS = 6, 1.15
_HEAVIEST = 1.8  # times a normal tail: what needs more is held by the back-test
_PLENTY = 200  # scores from which on each side has a tail of its own
AIM_DAILY, AIM_INTRADAY = 2.0, 0.4
"""So many times the budget is aimed at: tails fitted to few points come out too wide, to many hours too narrow."""
_MOST_RATE = 0.05
_INTRADAY_S = 6 * 3600.0
DOUBTFUL = 1.35
"""An alarm at most so many half-widths out is counted as false in the back-test."""
MOST_REAL = 5.0
"""So many alarms for each one of the budget are the most that a back-test may have."""


def rate(budget: float, step_s: float) -> float:
    """The chance a point may have of a false alarm, for `budget` of them in a quarter of points `step_s` apart."""
    aim = AIM_INTRADAY if step_s <= _INTRADAY_S else AIM_DAILY
    return min(_MOST_RATE, aim * budget * step_s / panel.QUARTER_S)


def limits(scores: Values, p: float, high_only: np.ndarray) -> Values:
    """Limits (2, m), low and high, for standardised scores (k, m), of which NaN are left out.

    Peaks over threshold with an exponential tail, its mean excess from the median excess, so that a few
    true anomalies among the scores do not move it; never below what a normal distribution would need.
    """
    both = _limit(np.abs(scores), p, 2)
    if len(scores) < _PLENTY:
        low = high = both
    else:
        low, high = _limit(-scores, p / 2, 1), _limit(scores, p / 2, 1)
    high = np.where(high_only, _limit(scores, p, 1), high)
    return np.array([np.where(high_only, np.inf, low), high])


def _limit(scores: Values, p: float, sides: int) -> Values:
    """One limit a column. A forward search: from where a normal tail would end, scores join while they fit."""
    normal = -statistics.NormalDist().inv_cdf(p / sides)
    found = np.full(scores.shape[1], normal)
    for _ in range(_ROUNDS):
        kept = np.where(scores <= _JOINS * found, scores, np.nan)
        start = quantile(kept, 1 - _SHARE)
        beyond = np.where(kept > start, kept - start, np.nan)
        count = np.sum(np.isfinite(beyond), axis=0)
        excess = np.nan_to_num(median(beyond)) / math.log(2)
        excess = (count * excess + _PRIOR_COUNT * _PRIOR_EXCESS) / (count + _PRIOR_COUNT)
        fitted = start + excess * math.log(max(_SHARE / p, 1.0))
        found = np.clip(np.nan_to_num(fitted, nan=normal), normal, _HEAVIEST * normal)
    return np.asarray(found)


def held(ratios: Values, quarters: float, budget: float) -> float:
    """By how much limits must grow so that the back-test keeps to the budget; 1 when it does.

    `ratios` are the distances of past points in units of their limits, one an episode. Those close to the
    limit count as false alarms; those far beyond are taken for real until a ticket says otherwise, but no
    more than MOST_REAL times the budget: a measure that is odd more often is not understood by its band.
    """
    allowed = math.floor(budget * max(1.0, quarters))
    doubtful = np.sort(ratios[(ratios > 1.0) & (ratios <= DOUBTFUL)])[::-1]
    grown = float(doubtful[allowed] * 1.001) if len(doubtful) > allowed else 1.0
    every = np.sort(ratios[ratios > 1.0])[::-1]
    most = max(allowed, math.floor(MOST_REAL * budget * max(1.0, quarters)))
    return max(grown, float(every[most] * 1.001)) if len(every) > most else grown


def median(values: Values) -> Values:
    """The median of each column, see `quantile`."""
    return quantile(values, 0.5)


def mean(values: Values) -> Values:
    """The mean of each column without its NaN; NaN where there is nothing else."""
    known = np.isfinite(values)
    return np.asarray(np.sum(np.where(known, values, 0.0), axis=0) / np.sum(known, axis=0))


def quantile(values: Values, share: float) -> Values:
    """A quantile of each column without its NaN; NaN where there is nothing else. Faster than numpy's own."""
    ordered = np.sort(values, axis=0)
    if not len(ordered):
        return np.full(ordered.shape[1], np.nan)
    place = share * np.maximum(np.sum(np.isfinite(ordered), axis=0) - 1, 0)
    low = place.astype(np.int64)
    high = np.minimum(low + 1, len(ordered) - 1)
    columns = np.arange(ordered.shape[1])
    first, part = ordered[low, columns], place - low
    return np.asarray(np.where(part > 0, first + part * (ordered[high, columns] - first), first))
