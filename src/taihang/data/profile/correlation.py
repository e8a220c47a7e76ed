"""Correlation: Pearson's coefficient of all pairs of number columns, over the rows that have both."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
MOST = 60
_FEW_DIGITS = 1e-6
_ROUNDING = 1e-13


class Correlation:
    """For each pair of columns, over the rows that have both: means and sums about the means.

    A batch's sums are about its own means; batches are joined after Chan, Golub & LeVeque (1983),
    so that the order and the size of the parts change no more than the last digits.
    """

    def __init__(self, columns: int) -> None:
        shape = (columns, columns)
        self._n, self._mean, self._xx, self._xy = (np.zeros(shape) for _ in range(4))

    def update(self, values: Floats) -> None:
        """Add rows × columns; what is not finite is absent."""
        there = np.isfinite(values)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            about = np.where(there, values, 0.0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
            x = np.where(there, values - about, 0.0)
            mask = there.astype(np.float64)
            n = mask.T @ mask
            sums = x.T @ mask
            mean = sums / np.maximum(n, 1)
            squares = (x * x).T @ mask
            xx = squares - sums * mean
            xy = x.T @ x - sums * mean.T
        mean = np.where(n > 0, mean + about[:, None], 0.0)
        # Where one column's rows without the other lie far off, the subtraction leaves too few digits.
        poor = (n > 0) & (xx < _FEW_DIGITS * squares)
        for i, j in np.argwhere(np.triu(poor | poor.T)):
            both = there[:, i] & there[:, j]
            a, b = values[both, i], values[both, j]
            mean[i, j], mean[j, i] = a.mean(), b.mean()
            a, b = a - mean[i, j], b - mean[j, i]
            xx[i, j], xx[j, i] = a @ a, b @ b
            xy[i, j] = xy[j, i] = a @ b
        self._join(n, mean, xx, xy)

    def merge(self, other: Correlation) -> None:
        """Add another's sums."""
        self._join(other._n, other._mean, other._xx, other._xy)

    def _join(self, n: Floats, mean: Floats, xx: Floats, xy: Floats) -> None:
        total = self._n + n
        with np.errstate(over="ignore", invalid="ignore"):
            share = n / np.maximum(total, 1)
            apart = mean - self._mean
            self._xx += xx + apart**2 * self._n * share
            self._xy += xy + apart * apart.T * self._n * share
            self._mean += apart * share
        self._n = total

    def pearson(self) -> tuple[Floats, npt.NDArray[np.int64]]:
        """Coefficients, NaN where a column does not vary, and over how many rows each is."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            # A spread this small beside the mean is the rounding of the numbers themselves.
            flat = (self._n < 3) | (self._xx <= _ROUNDING**2 * self._n * self._mean**2)
            found = np.where(flat | flat.T, np.nan, self._xy / np.sqrt(self._xx * self._xx.T))
        return np.clip(found, -1, 1), self._n.astype(np.int64)
