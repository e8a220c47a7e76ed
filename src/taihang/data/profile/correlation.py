"""Correlation: Pearson's coefficient of all pairs of number columns, over the rows that have both."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
MOST = 60


class Correlation:
    """Running sums of products, about the first batch's means so that no digits are lost."""

    def __init__(self, columns: int) -> None:
        self._shift: Floats | None = None
        shape = (columns, columns)
        self._n, self._x, self._xx, self._xy = (np.zeros(shape) for _ in range(4))

    def update(self, values: Floats) -> None:
        """Add rows × columns; what is not finite is absent."""
        if self._shift is None:
            with np.errstate(invalid="ignore"):
                counts = np.isfinite(values).sum(axis=0)
                sums = np.where(np.isfinite(values), values, 0.0).sum(axis=0)
            self._shift = np.where(counts > 0, sums / np.maximum(counts, 1), 0.0)
        there = np.isfinite(values)
        x = np.where(there, values - self._shift, 0.0)
        mask = there.astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            self._n += mask.T @ mask
            self._x += x.T @ mask
            self._xx += (x * x).T @ mask
            self._xy += x.T @ x

    def merge(self, other: Correlation) -> None:
        """Add another's sums, moved to the means that these are about."""
        if other._shift is None:
            return
        if self._shift is None:
            self._shift = other._shift
        d = (other._shift - self._shift)[:, None]
        n, x = other._n, other._x
        with np.errstate(over="ignore", invalid="ignore"):
            self._n += n
            self._x += x + d * n
            self._xx += other._xx + 2 * d * x + d * d * n
            self._xy += other._xy + d.T * x + d * x.T + d * d.T * n

    def pearson(self) -> tuple[Floats, npt.NDArray[np.int64]]:
        """Coefficients, NaN where a column does not vary, and over how many rows each is."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            n = self._n
            covariance = self._xy - self._x * self._x.T / n
            spread = self._xx - self._x**2 / n
            scale = np.sqrt(spread * spread.T)
            # What is left of the digits after subtraction is noise when the spread is that small.
            flat = (spread <= 1e-12 * self._xx) | (spread.T <= 1e-12 * self._xx.T) | (n < 3)
            found = np.where(flat, np.nan, covariance / scale)
        return np.clip(found, -1, 1), n.astype(np.int64)
