"""Agreement of annotators beyond chance, and how labels are spread over classes and items."""

from __future__ import annotations

import collections
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from taihang.data.quality.metrics.registry import metric

Labels = Sequence[Any]


@metric(
    "labels.cohen_kappa", dimension="consistency", source="Cohen 1960", direction="higher", bound=0.6, of="set",
    cost="scan", failing=lambda: (["a", "b", "a", "b"] * 9, ["a", "a", "b", "b"] * 9),
    passing=lambda: (["a", "b", "a", "b"] * 9, ["a", "b", "a", "b"] * 9),
)  # fmt: skip
def cohen_kappa(both: tuple[Labels, Labels]) -> float | None:
    """Cohen's kappa of two annotators over the same items; None of no item, and where chance agrees on all."""
    first, second = both
    if len(first) != len(second) or not len(first):
        return None
    count = len(first)
    one, two = collections.Counter(first), collections.Counter(second)
    agreed = sum(a == b for a, b in zip(first, second, strict=True)) / count
    chance = sum(one[label] * two[label] for label in one) / count**2
    return None if math.isclose(chance, 1.0) else (agreed - chance) / (1 - chance)


@metric(
    "labels.fleiss_kappa", dimension="consistency", source="Fleiss 1971", direction="higher", bound=0.6, of="set",
    cost="scan", failing=lambda: np.array([[2, 1], [1, 2]] * 8), passing=lambda: np.array([[3, 0], [0, 3]] * 8),
)  # fmt: skip
def fleiss_kappa(table: npt.NDArray[np.int64]) -> float | None:
    """Fleiss' kappa of a table (items, classes) of how many annotators said what, equally many for each item."""
    counts = np.asarray(table, np.float64)
    if not counts.size or (raters := counts[0].sum()) < 2 or not np.all(counts.sum(axis=1) == raters):
        return None
    each = ((counts**2).sum(axis=1) - raters) / (raters * (raters - 1))
    chance = float(((counts.sum(axis=0) / counts.sum()) ** 2).sum())
    return None if math.isclose(chance, 1.0) else float((each.mean() - chance) / (1 - chance))


@metric(
    "labels.krippendorff_alpha", dimension="consistency", source="Krippendorff 2011 (nominal)", direction="higher",
    bound=0.667, of="set", cost="scan", failing=lambda: [["a", "b", "a", None] * 6, ["a", "a", "b", "b"] * 6],
    passing=lambda: [["a", "b", None, "b"] * 6, ["a", "b", "a", "b"] * 6],
)  # fmt: skip
def krippendorff_alpha(said: Sequence[Sequence[Any | None]]) -> float | None:
    """Krippendorff's alpha for nominal labels; a sequence an annotator, None where one said nothing.

    None when no item has two labels, and when all labels are equal.
    """
    coincidences: dict[tuple[Any, Any], float] = collections.defaultdict(float)
    for item in zip(*said, strict=True):
        values = collections.Counter(v for v in item if v is not None)
        total = sum(values.values())
        if total < 2:
            continue
        for a, n in values.items():
            for b, m in values.items():
                coincidences[a, b] += n * (m - (a == b)) / (total - 1)
    sums: dict[Any, float] = collections.defaultdict(float)
    for (a, _), weight in coincidences.items():
        sums[a] += weight
    whole = sum(sums.values())
    expected = whole**2 - sum(n * n for n in sums.values())
    if whole < 2 or expected <= 0:
        return None
    observed = sum(n for (a, b), n in coincidences.items() if a != b)
    return float(1 - (whole - 1) * observed / expected)


@metric(
    "labels.balance", dimension="balance", source="smallest class over largest", direction="higher", bound=0.2,
    of="set", cost="scan", failing=lambda: ["a"] * 95 + ["b"] * 5, passing=lambda: ["a"] * 50 + ["b"] * 40,
)  # fmt: skip
def balance(labels: Labels) -> float | None:
    """Size of the smallest class over that of the largest; None of fewer than two classes."""
    sizes = collections.Counter(labels).values()
    return min(sizes) / max(sizes) if len(sizes) > 1 else None


@metric(
    "labels.evenness", dimension="balance", source="Pielou 1966", direction="higher", bound=0.7, of="set",
    cost="scan", failing=lambda: ["a"] * 95 + ["b"] * 5, passing=lambda: ["a"] * 50 + ["b"] * 40,
)  # fmt: skip
def evenness(labels: Labels) -> float | None:
    """Entropy of the classes over the most it could be; None of fewer than two classes."""
    sizes = np.array(list(collections.Counter(labels).values()), np.float64)
    if sizes.size < 2:
        return None
    shares = sizes / sizes.sum()
    return float(-(shares @ np.log(shares)) / np.log(sizes.size))


@metric(
    "labels.coverage", dimension="completeness", source="items that bear a label", direction="higher", bound=0.95,
    of="set", cost="scan", failing=lambda: ["a", None, None, "b"], passing=lambda: ["a", "b", "c", "b"],
)  # fmt: skip
def coverage(labels: Sequence[Any | None]) -> float | None:
    """Share of the items that bear a label."""
    return sum(v is not None for v in labels) / len(labels) if len(labels) else None


def counted(items: Sequence[Labels]) -> npt.NDArray[np.int64]:
    """A table (items, classes) for Fleiss' kappa from the labels of each item."""
    classes = sorted({label for item in items for label in item})
    return np.array([[list(item).count(label) for label in classes] for item in items], np.int64)
