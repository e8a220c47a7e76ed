"""Bound: the highest threshold at which, with high probability, few violations stay below it unseen.

Learn then test (Angelopoulos, Bates, Candès, Jordan, Lei: Learn then Test: Calibrating predictive algorithms to
achieve risk control, Annals of Applied Statistics 19(2), 2025; arXiv:2110.01052): thresholds are tested from the most
cautious on, in an order fixed before the data (fixed-sequence testing), and the first that does not pass ends it. The
chance that a threshold is picked whose miss rate is above the limit is then at most delta, for any distribution.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from taihang.model.routing import binomial

Floats = npt.NDArray[np.float64]
# Fixed before any data: that is what makes testing them one after the other cost nothing.
GRID: Floats = np.round(np.arange(0.01, 1.0, 0.01), 2)


@dataclasses.dataclass(frozen=True, slots=True)
class Bound:
    """Segments with a score of at least `threshold` are escalated; None: no threshold holds, so all are.

    With probability 1 - `delta` over the calibration data at most `limit` of the violations lie below the threshold.
    `missed` of `units` did in the calibration data; `upper` is what the rate is at most, at the same delta, for
    this threshold taken alone (exact tests only).
    """

    threshold: float | None
    limit: float
    delta: float
    units: int
    missed: float
    method: Literal["exact binomial", "Hoeffding-Bentkus"]
    upper: float | None = None

    def escalates(self, score: float) -> bool:
        """Whether a segment with this score leaves the edge; a score that is no number does."""
        return self.threshold is None or not score < self.threshold


def learn(
    scores: Sequence[float] | Floats,
    *,
    limit: float,
    delta: float = 0.05,
    groups: Sequence[Hashable] | None = None,
    whole: bool = False,
    grid: Floats = GRID,
) -> Bound:
    """The threshold for one class from the edge's scores of segments that truly hold a violation.

    `scores` in [0, 1]. A miss is a violation whose score is below the threshold. Without `groups` the segments must be
    independent draws, and tests are exact; with them (one label a segment, such as its stream or its event) a group is
    one draw, its loss the share of it that is missed, and tests are Hoeffding-Bentkus. `whole`: a group is missed when
    all of it is, since one segment that is seen gives its event away; then tests are exact again.
    `grid` rises and must not depend on the scores. Raises ValueError for limits or scores outside (0, 1) and [0, 1].
    """
    found = np.asarray(scores, np.float64)
    if not (0 < limit < 1 and 0 < delta < 1):
        raise ValueError("limit and delta lie between 0 and 1")
    if found.size and not ((found >= 0) & (found <= 1)).all():
        raise ValueError("scores lie in [0, 1]")
    if (np.diff(grid) <= 0).any():
        raise ValueError("the grid must rise")
    if groups is not None and len(groups) != found.size:
        raise ValueError("one group label a score")
    places = _places(groups)
    if whole and places is not None:
        highest = np.zeros(int(places.max(initial=-1)) + 1)
        np.maximum.at(highest, places, found)
        found, places = highest, None
    best: tuple[float, float] | None = None
    for threshold in grid.tolist():
        losses = _losses(found < threshold, places)
        if _p(losses, limit, exact=places is None) > delta:
            break
        best = threshold, float(losses.sum())
    units = int(found.size) if places is None else int(places.max(initial=-1)) + 1
    kind: Literal["exact binomial", "Hoeffding-Bentkus"] = "exact binomial" if places is None else "Hoeffding-Bentkus"
    if best is None:
        return Bound(None, limit, delta, units, 0.0, kind)
    above = binomial.upper(int(best[1]), units, delta) if places is None else None
    return Bound(best[0], limit, delta, units, best[1], kind, above)


def fewest(limit: float, delta: float = 0.05) -> int:
    """How many independent violations without a miss are needed before any threshold can hold."""
    return int(np.ceil(np.log(delta) / np.log1p(-limit) - 1e-12))


def _places(groups: Sequence[Hashable] | None) -> npt.NDArray[np.int64] | None:
    if groups is None:
        return None
    names = {name: place for place, name in enumerate(dict.fromkeys(groups))}
    return np.array([names[g] for g in groups], np.int64)


def _losses(missed: npt.NDArray[np.bool_], places: npt.NDArray[np.int64] | None) -> Floats:
    """One loss in [0, 1] a unit."""
    if places is None:
        return missed.astype(np.float64)
    count = np.bincount(places)
    return np.asarray(np.bincount(places, weights=missed, minlength=len(count)) / count)


def _p(losses: Floats, limit: float, *, exact: bool) -> float:
    if not len(losses):
        return 1.0
    if exact:
        return binomial.exact_p(int(losses.sum()), len(losses), limit)
    return binomial.hoeffding_bentkus_p(float(losses.mean()), len(losses), limit)
