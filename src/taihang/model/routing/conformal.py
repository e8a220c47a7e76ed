"""Conformal sets: which verdicts a score leaves open, at a stated rate of error for each of them.

Label-conditional split conformal prediction (Vovk: Conditional validity of inductive conformal predictors, ACML 2012):
of segments that hold a violation, at most `alpha` get a set without "present", and of the others at most `alpha` one
without "absent", as long as new segments are exchangeable with those of the calibration.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Label = Literal["present", "absent"]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Sets:
    """Calibration scores, rising: `present` of segments with a violation, `absent` of those without."""

    alpha: float
    present: Floats
    absent: Floats

    def p_values(self, scores: Sequence[float] | Floats) -> tuple[Floats, Floats]:
        """For each score the p-value of "present" and of "absent", in (0, 1]; no number fits nothing worse."""
        found = np.asarray(scores, np.float64)
        # As strange as this one or stranger: a lower score for "present", a higher one for "absent".
        low = np.searchsorted(self.present, found, side="right")
        high = len(self.absent) - np.searchsorted(self.absent, found, side="left")
        return (low + 1) / (len(self.present) + 1), (high + 1) / (len(self.absent) + 1)

    def of(self, score: float) -> frozenset[Label]:
        """The verdicts that stay open; all of them for a score that is no number."""
        if not np.isfinite(score):
            return frozenset(("present", "absent"))
        present, absent = (float(p[0]) for p in self.p_values([score]))
        kept: list[Label] = []
        if present > self.alpha:
            kept.append("present")
        if absent > self.alpha:
            kept.append("absent")
        return frozenset(kept)

    def uncertainty(self, scores: Sequence[float] | Floats) -> Floats:
        """In [0, 1]: 1 where both verdicts fit alike or none fits, near 0 where one alone does.

        The lesser p-value over the greater one; where even the greater is at most `alpha`, 1.
        """
        found = np.asarray(scores, np.float64)
        present, absent = self.p_values(found)
        most, least = np.maximum(present, absent), np.minimum(present, absent)
        open_ = ~np.isfinite(found) | (most <= self.alpha)
        return np.asarray(np.where(open_, 1.0, least / most))


def fit(scores: Sequence[float] | Floats, present: Sequence[bool] | npt.NDArray[np.bool_], *, alpha: float) -> Sets:
    """Sets from calibration segments: the edge's scores and whether a violation is truly there.

    With too few segments of a kind its verdict is never left out. Raises ValueError for an alpha outside (0, 1), for
    scores that are no numbers, or when the two differ in length.
    """
    found, truth = np.asarray(scores, np.float64), np.asarray(present, bool)
    if not 0 < alpha < 1:
        raise ValueError("alpha lies between 0 and 1")
    if found.shape != truth.shape or not np.isfinite(found).all():
        raise ValueError("one finite score and one verdict a segment")
    return Sets(alpha, np.sort(found[truth]), np.sort(found[~truth]))
