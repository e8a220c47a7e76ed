"""FDR: p-values of many tests as q-values, by Benjamini and Hochberg (1995) or Benjamini and Yekutieli (2001)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def q_values(p: Sequence[float] | npt.NDArray[np.float64], *, any_dependence: bool = False) -> npt.NDArray[np.float64]:
    """The least false discovery rate at which each test is among the discoveries.

    Without `any_dependence` by Benjamini-Hochberg, which holds for independent and positively dependent tests;
    with it by Benjamini-Yekutieli. `p` in (0, 1]; gives as many values in (0, 1], monotone in `p`.
    """
    values = np.asarray(p, np.float64)
    count = len(values)
    if count == 0:
        return values.copy()
    order = np.argsort(values, kind="stable")
    penalty = float(np.sum(1 / np.arange(1, count + 1))) if any_dependence else 1.0
    scaled = values[order] * count * penalty / np.arange(1, count + 1)
    least = np.minimum.accumulate(scaled[::-1])[::-1]
    found = np.empty(count)
    found[order] = np.minimum(least, 1.0)
    return found
