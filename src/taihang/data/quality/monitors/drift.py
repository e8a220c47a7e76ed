"""Drift: how far two samples, or two profiles, of one column are apart, by measures of the field."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from taihang.core import words
from taihang.data.profile import profile as profiles

Values = npt.NDArray[np.float64]
_BINS = 10
_LEAST = 1e-4  # share of an empty bin in PSI, which has a logarithm of it


@dataclasses.dataclass(frozen=True)
class Drift:
    """Measures of one column between two versions; None where a measure does not apply.

    `psi`: population stability index over deciles of the first. `ks`: the largest gap between the distribution
    functions. `js`: Jensen-Shannon distance, base 2, in [0, 1]. `tvd`: total variation distance. `chi2_p`: the chance
    of counts so far apart from one distribution. `exact`: False when it rests on sketches of a profile.
    """

    column: str
    psi: float | None = None
    ks: float | None = None
    js: float | None = None
    tvd: float | None = None
    chi2_p: float | None = None
    exact: bool = True


def numbers(column: str, old: Values, new: Values) -> Drift:
    """Measures of two samples of numbers, NaN left out; None of them when either is empty."""
    a, b = (np.sort(one[np.isfinite(one)]) for one in (old, new))
    if not len(a) or not len(b):
        return Drift(column)
    edges = np.unique(np.quantile(a, np.linspace(0, 1, _BINS + 1)[1:-1]))
    shares = [
        np.bincount(np.searchsorted(edges, one, side="left"), minlength=len(edges) + 1) / len(one) for one in (a, b)
    ]
    return Drift(column, psi=psi(*shares), ks=ks(a, b), js=js(*shares), tvd=tvd(*shares))


def categories(column: str, old: Mapping[str, int], new: Mapping[str, int]) -> Drift:
    """Measures of two counts by value."""
    names = sorted({*old, *new})
    a, b = (np.array([one.get(n, 0) for n in names], np.float64) for one in (old, new))
    if not a.sum() or not b.sum():
        return Drift(column)
    shares = a / a.sum(), b / b.sum()
    return Drift(column, psi=psi(*shares), js=js(*shares), tvd=tvd(*shares), chi2_p=chi_square(a, b))


def between(old: profiles.Profile, new: profiles.Profile) -> tuple[Drift, ...]:
    """Measures of every column that both profiles describe alike, in the newer one's order."""
    before = {c.name: c for c in old.columns}
    found = []
    for column in new.columns:
        other = before.get(column.name)
        if other is None or other.kind != column.kind or not column.rows or not other.rows:
            continue
        made = _column(other, column)
        if made is not None:
            found.append(made)
    return tuple(found)


def psi(old: Values, new: Values) -> float:
    """Population stability index Σ (q - p) ln(q / p) of shares; empty bins count as 0.0001."""
    p, q = np.maximum(old, _LEAST), np.maximum(new, _LEAST)
    return float(np.sum((q - p) * np.log(q / p)))


def ks(old: Values, new: Values) -> float:
    """Kolmogorov-Smirnov statistic of two sorted samples."""
    every = np.concatenate([old, new])
    gaps = np.searchsorted(old, every, side="right") / len(old) - np.searchsorted(new, every, side="right") / len(new)
    return float(np.max(np.abs(gaps)))


def js(old: Values, new: Values) -> float:
    """Jensen-Shannon distance of shares (the root of the divergence, base 2): 0 for equal, 1 for nothing in common."""
    middle = (old + new) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.where(one > 0, one * np.log2(one / middle), 0.0) for one in (old, new)]
    return math.sqrt(max(0.0, float(np.sum(parts)) / 2))


def tvd(old: Values, new: Values) -> float:
    """Total variation distance of shares: half the sum of their differences."""
    return float(np.abs(old - new).sum() / 2)


def chi_square(old: Values, new: Values) -> float:
    """The p-value of Pearson's chi-square test that two rows of counts come from one distribution."""
    table = np.array([old, new])
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2:
        return 1.0
    wanted = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    statistic = float(np.sum((table - wanted) ** 2 / wanted))
    return _upper_gamma((table.shape[1] - 1) / 2, statistic / 2)


def _upper_gamma(a: float, x: float) -> float:
    """The regularised upper incomplete gamma function Q(a, x): a series below a + 1, a continued fraction above."""
    if x <= 0:
        return 1.0
    front = math.exp(-x + a * math.log(x) - math.lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        n = a
        while abs(term) > abs(total) * 1e-16:
            n += 1
            term *= x / n
            total += term
        return max(0.0, 1 - total * front)
    tiny = 1e-300
    b = x + 1 - a
    c, d = 1 / tiny, 1 / b
    value = d
    for i in range(1, 10_000):
        step = -i * (i - a)
        b += 2
        d = 1 / (step * d + b or tiny)
        c = b + step / c or tiny
        value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return min(1.0, front * value)


def _column(old: profiles.Column, new: profiles.Column) -> Drift | None:
    if old.numbers and new.numbers and old.numbers.histogram and new.numbers.histogram:
        return _sketched(new.name, old.numbers, new.numbers)
    if old.top and new.top and not (new.semantic is not None and new.semantic.pii) and not new.mentions:
        counts = [_counts(one) for one in (old, new)]
        # Columns of so many values that the frequent ones say little of the whole are left out.
        if all(sum(one.values()) - one.get("…", 0) >= 0.5 * sum(one.values()) for one in counts):
            return dataclasses.replace(
                categories(new.name, counts[0], counts[1]), exact=all("…" not in c for c in counts)
            )
    return None


def _counts(one: profiles.Column) -> dict[str, int]:
    """Counts of the frequent values, and of all others together."""
    found = {_said(t.value): t.count for t in one.top}
    rest = one.rows - one.nulls - sum(found.values())
    return {**found, "…": rest} if rest > 0 else found


def _said(value: words.Scalar) -> str:
    return str(value)


def _sketched(column: str, old: profiles.Numbers, new: profiles.Numbers) -> Drift | None:
    """From two histograms, each drawn as a distribution function that is straight within a bin."""
    curves = [_curve(one) for one in (old, new)]
    at = np.unique(np.concatenate([c[0] for c in curves]))
    drawn = [np.interp(at, c[0], c[1], left=0.0, right=1.0) for c in curves]
    cuts = np.unique(np.interp(np.linspace(0, 1, _BINS + 1)[1:-1], curves[0][1], curves[0][0]))
    shares = [np.diff(np.concatenate([[0.0], np.interp(cuts, *c, left=0.0, right=1.0), [1.0]])) for c in curves]
    gap = float(np.max(np.abs(drawn[0] - drawn[1])))
    return Drift(column, psi=psi(*shares), ks=gap, js=js(*shares), tvd=tvd(*shares), exact=False)


def _curve(one: profiles.Numbers) -> tuple[Values, Values]:
    counts = np.array(one.histogram, np.float64)
    low, width = one.low or 0.0, one.bin or 1.0
    edges = low + width * np.arange(len(counts) + 1)
    total = counts.sum() or 1.0
    return np.asarray(edges, np.float64), np.concatenate([[0.0], np.cumsum(counts) / total])
