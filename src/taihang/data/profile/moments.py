"""Moments: count, mean and variance of numbers, merged batch by batch."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt


class Moments:
    """Of finite values (Chan, Golub, LeVeque, 1979); NaN and infinities are counted aside."""

    def __init__(self) -> None:
        self.count = 0
        self.mean = 0.0
        self.nan = 0
        self.infinite = 0
        self.zeros = 0
        self.negative = 0
        self.low = math.inf
        self.high = -math.inf
        self._squares = 0.0

    def update(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Add values; gives back the finite ones."""
        finite = np.isfinite(values)
        if not finite.all():
            nan = int(np.isnan(values).sum())
            self.nan += nan
            self.infinite += len(values) - int(finite.sum()) - nan
            values = values[finite]
        if not len(values):
            return values
        self.zeros += int((values == 0).sum())
        self.negative += int((values < 0).sum())
        self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))
        with np.errstate(over="ignore", invalid="ignore"):
            mean = float(values.mean())
            squares = float(np.square(values - mean).sum())
        self._merge(len(values), mean, squares)
        return values

    def merge(self, other: Moments) -> None:
        """Add another's values."""
        self.nan += other.nan
        self.infinite += other.infinite
        if other.count:
            self.zeros += other.zeros
            self.negative += other.negative
            self.low, self.high = min(self.low, other.low), max(self.high, other.high)
            with np.errstate(over="ignore", invalid="ignore"):
                self._merge(other.count, other.mean, other._squares)

    def _merge(self, count: int, mean: float, squares: float) -> None:
        total = self.count + count
        apart = mean - self.mean
        self.mean += apart * count / total
        self._squares += squares + apart * apart * self.count * count / total
        self.count = total

    @property
    def std(self) -> float | None:
        """Sample standard deviation; None for fewer than two values, or when it is beyond a double."""
        if self.count < 2 or not math.isfinite(self._squares):
            return None
        return math.sqrt(self._squares / (self.count - 1))
