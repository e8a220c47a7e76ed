"""Binomial tails by exact sums, and the p-values and bounds that rest on them. NumPy alone."""

from __future__ import annotations

import math

import numpy as np

_STEPS = 60  # halvings: far below what a double tells apart


def at_most(count: int, trials: int, chance: float) -> float:
    """P(X <= count) of X ~ Bin(trials, chance); `chance` in [0, 1].

    Raises ValueError for what is no binomial.
    """
    if trials < 0 or not 0 <= chance <= 1:
        raise ValueError(f"no binomial of {trials} trials with chance {chance}")
    if count < 0:
        return 0.0
    if count >= trials or chance == 0:
        return 1.0
    if chance == 1:
        return 0.0
    step = np.arange(count)
    choose = np.concatenate(([0.0], np.cumsum(np.log(trials - step) - np.log(step + 1))))
    places = np.arange(count + 1)
    logs = choose + places * math.log(chance) + (trials - places) * math.log1p(-chance)
    top = float(logs.max())
    return min(1.0, math.exp(top) * float(np.exp(logs - top).sum()))


def exact_p(missed: int, trials: int, limit: float) -> float:
    """p-value of "the rate is above `limit`" when `missed` of `trials` independent trials were: P(Bin <= missed)."""
    return at_most(missed, trials, limit)


def hoeffding_bentkus_p(mean: float, trials: int, limit: float) -> float:
    """The same for losses in [0, 1] with this mean: the lesser of Hoeffding's and Bentkus' bound.

    Bates, Angelopoulos, Lei, Malik, Jordan: Distribution-free, risk-controlling prediction sets, J. ACM 68(6), 2021.
    """
    if not trials:
        return 1.0
    low = min(mean, limit)
    hoeffding = math.exp(-trials * _divergence(low, limit))
    bentkus = math.e * at_most(math.ceil(trials * mean - 1e-9), trials, limit)
    return min(1.0, hoeffding, bentkus)


def upper(missed: int, trials: int, delta: float) -> float:
    """One-sided Clopper-Pearson bound: the rate is at most this with probability at least 1 - `delta`."""
    if missed >= trials:
        return 1.0
    low, high = missed / trials, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if at_most(missed, trials, middle) > delta else (low, middle)
    return high


def _divergence(a: float, b: float) -> float:
    """Kullback-Leibler divergence of two coins, natural logarithm."""
    found = 0.0
    if a > 0:
        found += a * math.log(a / b) if b > 0 else math.inf
    if a < 1:
        found += (1 - a) * math.log((1 - a) / (1 - b)) if b < 1 else math.inf
    return found
