"""Agreement: whether a judge grades as people do, and better than the length of a text or one grade for all."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Grades = npt.NDArray[np.int64]
FEWEST = 20
_DRAWS = 2000


@dataclasses.dataclass(frozen=True, slots=True)
class Agreement:
    """Quadratically weighted kappa with the labels, its 95% bootstrap interval, and the same of the two simple judges.

    `better` when the lower end of the interval of the difference to each of them is above zero.
    """

    aspect: str
    n: int
    kappa: float
    low: float
    high: float
    by_length: float
    constant: float
    better: bool


def kappa(one: Grades, other: Grades) -> float:
    """Cohen's weighted kappa with squared weights (Cohen, 1968); 0 when one side never varies."""
    observed = float(((one - other) ** 2).mean())
    # The mean squared difference of all pairs, by the moments.
    expected = float((one**2).mean() + (other**2).mean() - 2 * one.mean() * other.mean())
    return (
        1 - observed / expected if expected > 0 and len(set(one.tolist())) > 1 and len(set(other.tolist())) > 1 else 0.0
    )


def measure(aspect: str, labels: Sequence[int], grades: Sequence[int], lengths: Sequence[int]) -> Agreement | None:
    """The agreement of grades with labels; None for fewer than 20 items. `lengths` are the texts' in letters."""
    if len(labels) < FEWEST:
        return None
    said, judged, size = (np.array(values, np.int64) for values in (labels, grades, lengths))
    by_length = _by_length(said, size)
    constant = np.full_like(said, int(np.bincount(said).argmax()))
    chance = np.random.default_rng(1)
    draws = chance.integers(0, len(said), (_DRAWS, len(said)))
    own = np.array([kappa(said[d], judged[d]) for d in draws])
    other = np.array([kappa(said[d], by_length[d]) for d in draws])
    low, high = (float(v) for v in np.quantile(own, [0.025, 0.975]))
    better = low > 0 and float(np.quantile(own - other, 0.025)) > 0
    return Agreement(
        aspect, len(said), kappa(said, judged), low, high, kappa(said, by_length), kappa(said, constant), better
    )


def _by_length(labels: Grades, lengths: Grades) -> Grades:
    """Grades with the labels' own shares, given by length, in the direction that agrees more."""
    order = np.argsort(lengths, kind="stable")
    made = []
    for ordered in (np.sort(labels), np.sort(labels)[::-1]):
        grades = np.empty_like(labels)
        grades[order] = ordered
        made.append(grades)
    return max(made, key=lambda grades: kappa(labels, grades))
