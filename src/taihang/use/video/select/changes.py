"""Change points of a multivariate series by exact optimal partitioning (PELT).

Killick, Fearnhead, Eckley, "Optimal Detection of Changepoints With a Linear Computational Cost",
JASA 107 (2012). The cost of a segment is the squared distance to its mean of values that were
clipped to a few noise widths around a running median, so that a lone outlier buys no segment.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_CLIP = 8.0  # noise widths; a step higher than this is found all the same, a spike costs no more
_SMALLEST_NOISE = 1e-6


def noise(series: Floats, lag: int = 1) -> Floats:
    """Robust standard deviation of each column's noise, from differences `lag` rows apart.

    `series` (rows, columns), NaN where unknown; returns (columns,), never 0. Differences do not see
    the slow changes of level that are looked for.
    """
    steps = np.abs(series[lag:] - series[:-lag])
    width = np.full(series.shape[1], np.nan)
    for column in range(series.shape[1]):
        known = steps[np.isfinite(steps[:, column]), column]
        if len(known):
            # Half of all steps can be 0 in a scene that stands still; then the mean tells more.
            width[column] = max(np.median(known) * 1.4826, known.mean() * 0.5) / np.sqrt(2)
    return np.asarray(np.maximum(np.nan_to_num(width, nan=1.0), _SMALLEST_NOISE))


def partition(series: Floats, penalty: float) -> list[int]:
    """Starts of the segments of `series` (rows, columns) in units of the noise; the first is 0.

    Minimises the sum of the segments' costs plus `penalty` per segment. Unknown values (NaN) cost
    nothing. Raises ValueError for a penalty below 0.
    """
    if penalty < 0:
        raise ValueError("penalty must be at least 0")
    rows = len(series)
    if rows == 0:
        return []
    sums = _Sums(series)
    best = np.full(rows + 1, -penalty)
    origin = np.zeros(rows + 1, dtype=np.int64)
    candidates = np.zeros(1, dtype=np.int64)
    for end in range(1, rows + 1):
        total = best[candidates] + sums.cost(candidates, end)
        least = int(np.argmin(total))
        best[end], origin[end] = total[least] + penalty, candidates[least]
        candidates = np.append(candidates[total <= best[end]], end)
    starts = [rows]
    while starts[-1] > 0:
        starts.append(int(origin[starts[-1]]))
    return starts[:0:-1]


class _Sums:
    """Prefix sums, so that a segment's cost takes constant time."""

    def __init__(self, series: Floats) -> None:
        middle = np.zeros(series.shape[1])
        for column in range(series.shape[1]):
            known = series[np.isfinite(series[:, column]), column]
            middle[column] = np.median(known) if len(known) else 0.0
        known = np.isfinite(series)
        values = np.where(known, _squash(series - middle), 0.0)
        zero = np.zeros((1, series.shape[1]))
        self._count = np.concatenate([zero, np.cumsum(known, axis=0, dtype=np.float64)])
        self._first = np.concatenate([zero, np.cumsum(values, axis=0)])
        self._second = np.concatenate([zero, np.cumsum(values**2, axis=0)])

    def cost(self, starts: npt.NDArray[np.int64], end: int) -> Floats:
        count = self._count[end] - self._count[starts]
        first = self._first[end] - self._first[starts]
        second = self._second[end] - self._second[starts]
        spread = second - first**2 / np.maximum(count, 1.0)
        return np.asarray(np.maximum(spread, 0.0).sum(axis=1))


def _squash(values: Floats) -> Floats:
    """Linear near 0, logarithmic beyond a few noise widths."""
    size = np.abs(values)
    return np.asarray(
        np.sign(values) * np.where(size <= _CLIP, size, _CLIP * (1 + np.log(np.maximum(size / _CLIP, 1))))
    )
