"""Time series metrics: of one `Series`."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from taihang.data.quality.metrics.registry import Keep, metric

Floats = npt.NDArray[np.float64]
_TINY = 1e-12


@dataclasses.dataclass(frozen=True)
class Series:
    """Values at times in seconds, as they come; NaN where one is missing."""

    times: Floats
    values: Floats


def drawn(count: int = 1000, seed: int = 1) -> Series:
    """A reading a second: two waves and a little noise."""
    time = np.arange(count, dtype=np.float64)
    noise = np.random.default_rng(seed).normal(0, 0.05, count)
    return Series(time, 20 + 3 * np.sin(time / 40) + np.sin(time / 13) + noise)


def emptied(one: Series, share: float, seed: int = 2) -> Series:
    """This share of the values missing."""
    values = one.values.copy()
    values[np.random.default_rng(seed).permutation(values.size)[: round(share * values.size)]] = np.nan
    return dataclasses.replace(one, values=values)


def broken(one: Series, share: float) -> Series:
    """A piece of this share in the middle taken out."""
    count = len(one.times)
    kept = np.r_[0 : count // 2, count // 2 + round(share * count / 2) : count]
    return Series(one.times[kept], one.values[kept])


def spiked(one: Series, share: float, seed: int = 3) -> Series:
    """This share of the values far off."""
    values = one.values.copy()
    at = np.random.default_rng(seed).permutation(values.size)[: round(share * values.size)]
    values[at] += np.where(np.arange(at.size) % 2, 15, -15)
    return dataclasses.replace(one, values=values)


def stuck(one: Series, share: float) -> Series:
    """The end replaced by one value."""
    values = one.values.copy()
    start = round(values.size * (1 - share))
    values[start:] = values[start - 1]
    return dataclasses.replace(one, values=values)


def noisy(one: Series, sigma: float, seed: int = 4) -> Series:
    """White noise added."""
    return dataclasses.replace(
        one, values=one.values + np.random.default_rng(seed).normal(0, 1, one.values.size) * sigma
    )


def shuffled(one: Series, share: float) -> Series:
    """Neighbours swapped, this share of them."""
    order = np.arange(one.times.size)
    for at in range(0, round(share * one.times.size / 2)):
        order[2 * at], order[2 * at + 1] = order[2 * at + 1], order[2 * at]
    return Series(one.times[order], one.values[order])


def restamped(one: Series, amount: float, seed: int = 5) -> Series:
    """Times moved at random by up to so many seconds, in order still when under half a second."""
    moves = np.random.default_rng(seed).uniform(-1, 1, one.times.size) * amount
    return dataclasses.replace(one, times=one.times + moves)


def cut(one: Series, share: float) -> Series:
    """Everything beyond this share of the range cut off at its end, as by a sensor at its limit."""
    low, high = float(one.values.min()), float(one.values.max())
    return dataclasses.replace(one, values=np.minimum(one.values, high - share * (high - low)))


def drifting(one: Series, amount: float) -> Series:
    """A straight line added that ends so much higher."""
    return dataclasses.replace(one, values=one.values + np.linspace(0, amount, one.values.size))


def _registered(id: str, dimension: str, source: str, bound: float, failing: Any, **more: Any) -> Keep:
    given = {"direction": "lower", "cost": "scan", "passing": drawn, **more}
    return metric(f"series.{id}", dimension=dimension, source=source, bound=bound, failing=failing, **given)


@_registered("missing", "completeness", "—", 0.05, lambda: emptied(drawn(), 0.2))
def missing(one: Series) -> float | None:
    """Share of the values that are missing."""
    return float(np.isnan(one.values).mean()) if one.values.size else None


@_registered("gaps", "completeness", "intervals over 1.5 times the median", 0.02, lambda: broken(drawn(), 0.3))
def gaps(one: Series) -> float | None:
    """Share of the time in intervals over 1.5 times the usual one, beyond that."""
    steps, usual = _steps(one.times)
    if usual is None:
        return None
    wide = steps[steps > 1.5 * usual] - usual
    return float(wide.sum() / max(float(one.times.max() - one.times.min()), _TINY))


@_registered("jitter", "timeliness", "robust spread of intervals", 0.1, lambda: restamped(drawn(), 0.4))
def jitter(one: Series) -> float | None:
    """Median absolute deviation of the intervals over their median."""
    steps, usual = _steps(one.times)
    return None if usual is None else float(np.median(np.abs(steps - usual)) / usual)


@_registered("disorder", "consistency", "—", 0.0, lambda: shuffled(drawn(), 0.1))
def disorder(one: Series) -> float | None:
    """Share of the intervals that go back in time."""
    return float((np.diff(one.times) < 0).mean()) if one.times.size > 1 else None


@_registered(
    "repeated", "uniqueness", "—", 0.0, lambda: dataclasses.replace(drawn(), times=np.floor(drawn().times / 2))
)
def repeated(one: Series) -> float | None:
    """Share of the intervals of no length."""
    return float((np.diff(one.times) == 0).mean()) if one.times.size > 1 else None


@_registered("flatline", "accuracy", "runs of ten and more equal values", 0.05, lambda: stuck(drawn(), 0.3))
def flatline(one: Series) -> float | None:
    """Share of the values in runs of ten and more equal ones."""
    if not one.values.size:
        return None
    edges = np.flatnonzero(np.concatenate([[True], np.diff(one.values) != 0, [True]]))
    lengths = np.diff(edges)
    return float(lengths[lengths >= 10].sum() / one.values.size)


@_registered("outliers", "accuracy", "Hampel 1974 (identifier)", 0.01, lambda: spiked(drawn(), 0.05))
def outliers(one: Series) -> float | None:
    """Share of the values over four robust deviations from the median of the eleven around them."""
    known = one.values[np.isfinite(one.values)]
    if known.size < 11:
        return None
    around = np.lib.stride_tricks.sliding_window_view(np.pad(known, 5, mode="edge"), 11)
    off = np.abs(known - np.median(around, axis=1))
    # On a smooth slope the middle one of eleven is their median: steps say more about the noise there.
    steps = float(np.median(np.abs(np.diff(known)))) / np.sqrt(2)
    scale = 1.4826 * max(float(np.median(off)), steps)
    return float((off > 4 * max(scale, _TINY)).mean())


@_registered("saturation", "accuracy", "repeats at either end of the range", 0.01, lambda: cut(drawn(), 0.3))
def saturation(one: Series) -> float | None:
    """Share of the values at the least or the greatest, two and more in a row."""
    known = one.values[np.isfinite(one.values)]
    if known.size < 3 or known.min() == known.max():
        return None
    at_end = (known == known.max()) | (known == known.min())
    beside = np.concatenate([[False], at_end[:-1] & (known[1:] == known[:-1])])
    runs = at_end & (beside | np.concatenate([beside[1:], [False]]))
    return float(runs.mean())


@_registered(
    "snr", "noise", "noise from second differences (blind estimate)", 10.0, lambda: noisy(drawn(), 3),
    direction="higher", unit="dB",
)  # fmt: skip
def snr(one: Series) -> float | None:
    """Blind estimate: variance beyond the noise over that of the noise, which second differences tell."""
    known = one.values[np.isfinite(one.values)]
    if known.size < 10 or (spread := float(known.var())) <= _TINY:
        return None
    noise = max(float((np.diff(known, 2) ** 2).mean()) / 6, _TINY)
    return 10 * math.log10(max(spread - noise, 1e-3 * noise) / noise)


@_registered("drift", "consistency", "medians of the first and last quarter", 1.0, lambda: drifting(drawn(), 12))
def drift(one: Series) -> float | None:
    """Difference of the medians of the first and last quarter over the robust deviation within them."""
    known = one.values[np.isfinite(one.values)]
    if known.size < 40:
        return None
    first, last = known[: known.size // 4], known[-(known.size // 4) :]
    within = np.concatenate([first - np.median(first), last - np.median(last)])
    scale = 1.4826 * float(np.median(np.abs(within)))
    return float(abs(np.median(last) - np.median(first)) / max(scale, _TINY))


def _steps(times: Floats) -> tuple[Floats, float | None]:
    steps = np.diff(times)
    usual = float(np.median(steps)) if steps.size else 0.0
    return steps, usual if usual > 0 else None
