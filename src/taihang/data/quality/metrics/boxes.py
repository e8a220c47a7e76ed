"""Boxes: overlap of rectangles, and the metrics of those drawn on images.

A set of boxes is an array (n, 4) of x0, y0, x1, y1 in pixels; `labels` of them are class names.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from taihang.data.quality.metrics.registry import metric

Corners = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Marked:
    """Boxes of one image with their classes."""

    corners: Corners
    names: tuple[str, ...]


def ious(a: Corners, b: Corners) -> Any:
    """Intersection over union of each box of `a` with each of `b`, (n, m); 0 for boxes without area."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    inside = np.clip(high - low, 0, None).prod(axis=2)
    areas = [np.clip(one[:, 2] - one[:, 0], 0, None) * np.clip(one[:, 3] - one[:, 1], 0, None) for one in (a, b)]
    union = areas[0][:, None] + areas[1][None, :] - inside
    return np.divide(inside, union, out=np.zeros_like(inside), where=union > 0)


def matched(a: Corners, b: Corners, least: float = 0.5) -> list[tuple[int, int, float]]:
    """Pairs of boxes, each used once, the greatest overlap first, down to `least`."""
    if not len(a) or not len(b):
        return []
    overlap = ious(a, b)
    pairs, rows, columns = [], set(), set()
    for place in np.argsort(overlap, axis=None)[::-1]:
        row, column = (int(v) for v in np.unravel_index(place, overlap.shape))
        if overlap[row, column] < least or overlap[row, column] == 0:
            break
        if row not in rows and column not in columns:
            rows.add(row)
            columns.add(column)
            pairs.append((row, column, float(overlap[row, column])))
    return pairs


def drawn(count: int = 40, seed: int = 1) -> Marked:
    """Boxes of three classes on an image of 640 × 480."""
    chance = np.random.default_rng(seed)
    corner = chance.uniform(0, 1, (count, 2)) * [560, 400]
    size = chance.uniform(20, 80, (count, 2))
    names = tuple(("helmet", "vest", "person")[n] for n in chance.integers(0, 3, count))
    return Marked(np.hstack([corner, corner + size]), names)


def moved(one: Marked, share: float) -> Marked:
    """Every box moved to the right by this share of its width."""
    shift = (one.corners[:, 2] - one.corners[:, 0])[:, None] * share * np.array([[1, 0, 1, 0]])
    return dataclasses.replace(one, corners=one.corners + shift)


def renamed(one: Marked, share: float) -> Marked:
    """The class of the first boxes swapped for another, this share of them."""
    other = {"helmet": "vest", "vest": "person", "person": "helmet"}
    count = round(share * len(one.names))
    return dataclasses.replace(one, names=tuple(other[n] if i < count else n for i, n in enumerate(one.names)))


def omitted(one: Marked, share: float) -> Marked:
    """The first boxes left out, this share of them."""
    count = round(share * len(one.names))
    return Marked(one.corners[count:], one.names[count:])


@metric(
    "labels.outside", dimension="validity", source="area outside over area", direction="lower", bound=0.0, of="set",
    cost="scan", failing=lambda: (drawn().corners + 300, 640, 480), passing=lambda: (drawn().corners, 640, 480),
)  # fmt: skip
def outside(given: tuple[Corners, float, float]) -> float | None:
    """Share of the boxes' area that lies outside the image; 1 of boxes without area that lie outside."""
    corners, width, height = given
    if not len(corners):
        return None
    inside = np.clip(corners, 0, [width, height, width, height])
    areas = [np.clip(c[:, 2] - c[:, 0], 0, None) * np.clip(c[:, 3] - c[:, 1], 0, None) for c in (corners, inside)]
    if areas[0].sum() <= 0:
        return float((inside != corners).any())
    return max(0.0, float(1 - areas[1].sum() / areas[0].sum()))


@metric(
    "labels.degenerate", dimension="validity", source="width or height of at most nothing", direction="lower",
    bound=0.0, of="set", cost="scan",
    failing=lambda: np.vstack([drawn().corners, [[50.0, 50, 40, 60]]]), passing=lambda: drawn().corners,
)  # fmt: skip
def degenerate(corners: Corners) -> float | None:
    """Share of the boxes whose width or height is zero or negative."""
    if not len(corners):
        return None
    return float(((corners[:, 2] <= corners[:, 0]) | (corners[:, 3] <= corners[:, 1])).mean())


@metric(
    "labels.repeated", dimension="uniqueness", source="IoU at least 0.9 with an earlier box of the class",
    direction="lower", bound=0.0, of="set", cost="scan",
    failing=lambda: Marked(np.vstack([drawn().corners, drawn().corners[:4]]), (*drawn().names, *drawn().names[:4])),
    passing=drawn,
)  # fmt: skip
def repeated(one: Marked) -> float | None:
    """Share of the boxes that nearly repeat an earlier one of their class."""
    if not one.names:
        return None
    overlap = np.tril(ious(one.corners, one.corners), -1)
    names = np.array(one.names)
    return float(((overlap >= 0.9) & (names[:, None] == names[None, :])).any(axis=1).mean())


@metric(
    "labels.iou", dimension="accuracy", source="Jaccard 1912; Everingham et al. 2010", direction="higher", bound=0.75,
    of="set", cost="scan", failing=lambda: (drawn(), moved(drawn(), 0.3)),
    passing=lambda: (drawn(), moved(drawn(), 0.05)),
)  # fmt: skip
def iou(both: tuple[Marked, Marked]) -> float | None:
    """Mean over the boxes of the first set of the overlap with the one matched to it in the second, 0 without one."""
    reference, one = both
    if not len(reference.corners):
        return None
    return sum(v for _, _, v in matched(reference.corners, one.corners, 0.0)) / len(reference.corners)


@metric(
    "labels.class_consistency", dimension="consistency", source="classes of boxes matched at IoU 0.5",
    direction="higher", bound=0.95, of="set", cost="scan", failing=lambda: (drawn(), renamed(drawn(), 0.3)),
    passing=lambda: (drawn(), drawn()),
)  # fmt: skip
def class_consistency(both: tuple[Marked, Marked]) -> float | None:
    """Share of the boxes matched between two sets that bear the same class."""
    pairs = matched(both[0].corners, both[1].corners)
    if not pairs:
        return None
    return sum(both[0].names[a] == both[1].names[b] for a, b, _ in pairs) / len(pairs)


@metric(
    "labels.missing", dimension="completeness", source="boxes of a reference without a match at IoU 0.5",
    direction="lower", bound=0.05, of="set", cost="scan", failing=lambda: (drawn(), omitted(drawn(), 0.3)),
    passing=lambda: (drawn(), drawn()),
)  # fmt: skip
def missing(both: tuple[Marked, Marked]) -> float | None:
    """Share of the reference's boxes (the first set) that nothing in the second stands for."""
    if not len(both[0].corners):
        return None
    return 1 - len(matched(both[0].corners, both[1].corners)) / len(both[0].corners)


@metric(
    "labels.spurious", dimension="accuracy", source="boxes without a match in a reference at IoU 0.5",
    direction="lower", bound=0.05, of="set", cost="scan", failing=lambda: (omitted(drawn(), 0.3), drawn()),
    passing=lambda: (drawn(), drawn()),
)  # fmt: skip
def spurious(both: tuple[Marked, Marked]) -> float | None:
    """Share of the second set's boxes that stand for nothing in the reference (the first set)."""
    if not len(both[1].corners):
        return None
    return 1 - len(matched(both[0].corners, both[1].corners)) / len(both[1].corners)
