"""Scoring: F1 of what is said to go on, step by step."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def f1(said: npt.NDArray[np.bool_], truth: npt.NDArray[np.bool_]) -> float | None:
    """2·TP / (2·TP + FP + FN); None when the class neither goes on nor is said to."""
    right = int((said & truth).sum())
    wrong = int((said ^ truth).sum())
    return 2 * right / (2 * right + wrong) if right + wrong else None


def best(outputs: npt.NDArray[np.floating], truth: npt.NDArray[np.bool_]) -> float:
    """The output from which to say yes, of nineteen between 0.05 and 0.95, that gives the best F1; amid equal ones
    the middle. 0.5 for a class that never goes on."""
    if not truth.any():
        return 0.5
    tried = np.round(np.arange(1, 20) * 0.05, 2)
    scores = np.array([f1(outputs >= one, truth) or 0.0 for one in tried])
    equal = np.flatnonzero(scores >= scores.max() - 1e-12)
    return float(tried[equal[len(equal) // 2]])
