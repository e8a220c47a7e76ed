"""Quantiles: exact for small columns, a sketch with a stated error for large ones."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class Quantiles:
    """A compactor sketch (Karnin, Lang, Liberty, FOCS 2016) with one capacity for all levels.

    Up to four times `k` values all are kept. Beyond, a full level is sorted and every other value
    goes up with twice the weight; the first taken alternates, so that the errors cancel.
    """

    def __init__(self, k: int = 4096) -> None:
        self.k = k
        self.count = 0
        self._levels: list[list[Floats]] = [[]]
        self._sizes = [0]
        self._turn = 0

    @property
    def exact(self) -> bool:
        """True while every value is kept."""
        return len(self._levels) == 1

    @property
    def error(self) -> float:
        """Standard error of a rank as a share of all values: 0 while exact, at most 2/k beyond."""
        return 0.0 if self.exact else 2.0 / self.k

    def update(self, values: Floats) -> None:
        """Add finite values."""
        if not len(values):
            return
        self.count += len(values)
        self._push(0, values)

    def merge(self, other: Quantiles) -> None:
        """Add another's values, each with the weight that it has there."""
        self.count += other.count
        for level, values in enumerate(other._levels):
            while len(self._levels) <= level:
                self._levels.append([])
                self._sizes.append(0)
            if values:
                self._push(level, np.concatenate(values))

    def _push(self, level: int, values: Floats) -> None:
        if level == len(self._levels):
            self._levels.append([])
            self._sizes.append(0)
        self._levels[level].append(values)
        self._sizes[level] += len(values)
        if self._sizes[level] < (4 * self.k if level == 0 else self.k):
            return
        whole = np.sort(np.concatenate(self._levels[level]))
        odd = len(whole) % 2
        self._levels[level] = [whole[:odd].copy()] if odd else []
        self._sizes[level] = odd
        self._turn ^= 1
        self._push(level + 1, whole[odd + self._turn :: 2].copy())

    def _weighted(self) -> tuple[Floats, Floats]:
        values = [np.concatenate(level) if level else np.empty(0) for level in self._levels]
        weights = [np.full(len(v), 2.0**i) for i, v in enumerate(values)]
        joined, weighed = np.concatenate(values), np.concatenate(weights)
        order = np.argsort(joined, kind="stable")
        return joined[order], weighed[order]

    def at(self, shares: Floats | list[float]) -> Floats:
        """Values at shares in [0, 1]: while exact, interpolated as usual (type 7); NaN when empty."""
        wanted = np.asarray(shares, np.float64)
        if not self.count:
            return np.full(len(wanted), np.nan)
        values, weights = self._weighted()
        if self.exact:
            with np.errstate(over="ignore", invalid="ignore"):
                return np.asarray(np.quantile(values, wanted))
        ranks = np.cumsum(weights) - weights / 2
        return np.asarray(np.interp(wanted * weights.sum(), ranks, values))
