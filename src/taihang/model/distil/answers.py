"""Answers: what a teacher says of a picture, as maps on the student's grid. Hard and soft labels have one form."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

STRIDE = 4  # pixels a cell; `network.STRIDE` without torch
_REACH = 0.15  # a centre's heat falls off over this share of the box


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Boxes:
    """Objects of one picture: `where` (n, 4) as x0, y0, x1, y1 in pixels of the student's picture, `classes` (n,)
    places among the student's classes, `scores` (n,) in 0 to 1."""

    where: Floats
    classes: npt.NDArray[np.int64]
    scores: Floats

    def sure(self, threshold: float) -> Boxes:
        """Those from this score on, each as good as certain."""
        kept = self.scores >= threshold
        return Boxes(self.where[kept], self.classes[kept], np.ones(int(kept.sum()), np.float32))


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Maps:
    """`heat` (classes, h, w) in 0 to 1; `sides` (4, h, w) in cells and `trust` (h, w), how much they count;
    `attention` (h, w) of unit length, all zero where the teacher has none to show."""

    heat: Floats
    sides: Floats
    trust: Floats
    attention: Floats

    @property
    def finite(self) -> bool:
        """False when any value is no number."""
        return all(bool(np.isfinite(getattr(self, f.name)).all()) for f in dataclasses.fields(self))


def drawn(boxes: Boxes, classes: int, size: tuple[int, int]) -> Maps:
    """Maps of a picture of `size` (height, width): around each centre a hill as high as the box's score.

    The top of a hill is the score itself, so a box of score 1 is what a person would have drawn.
    """
    high, wide = size[0] // STRIDE, size[1] // STRIDE
    heat = np.zeros((classes, high, wide), np.float32)
    sides, trust = np.ones((4, high, wide), np.float32), np.zeros((high, wide), np.float32)
    x, y = np.arange(wide, dtype=np.float32) + 0.5, np.arange(high, dtype=np.float32)[:, None] + 0.5
    # The largest first: a helmet's cells are its own, not its bearer's.
    order = np.argsort(-_areas(boxes.where), kind="stable")
    for place in order:
        x0, y0, x1, y1 = boxes.where[place] / STRIDE
        cx = np.clip(np.floor((x0 + x1) / 2), 0, wide - 1) + 0.5
        cy = np.clip(np.floor((y0 + y1) / 2), 0, high - 1) + 0.5
        sx, sy = max(0.5, _REACH * float(x1 - x0)), max(0.5, _REACH * float(y1 - y0))
        hill = np.exp(-((x - cx) ** 2) / (2 * sx**2) - ((y - cy) ** 2) / (2 * sy**2)).astype(np.float32)
        score = np.float32(boxes.scores[place])
        label = heat[boxes.classes[place]]
        np.maximum(label, hill * score, out=label)
        inside = (x > x0) & (x < x1) & (y > y0) & (y < y1)
        near = (hill > 0.3) & (inside | ((x == cx) & (y == cy)))
        for side, value in enumerate((x - x0, y - y0, x1 - x, y1 - y)):
            sides[side][near] = np.maximum(np.broadcast_to(value, near.shape)[near], 0.1)
        trust[near] = (hill * score)[near]
    strength = heat.max(axis=0, initial=0.0)
    return Maps(heat, sides, trust, unit(strength))


def unit(strength: Floats) -> Floats:
    """A map of unit length; one without anything stays zero."""
    length = float(np.linalg.norm(strength))
    return np.asarray(strength / length if length > 0 else strength, np.float32)


def difficulty(maps: Maps) -> float:
    """How unsure the teacher is of its own answer, in 0 to 1: the entropy of what it might mean, in bits, on average
    over the cells that it does not rule out; 0 for an empty picture."""
    heat = maps.heat.max(axis=0).astype(float)
    doubtful = heat[heat > 0.1]
    if not len(doubtful):
        return 0.0
    p = np.clip(doubtful, 1e-6, 1 - 1e-6)
    return float((-(p * np.log2(p) + (1 - p) * np.log2(1 - p))).mean())


def stacked(maps: Sequence[Maps]) -> tuple[Floats, Floats, Floats, Floats]:
    """Heat, sides, trust and attention of several pictures, one array each."""
    return (
        np.stack([m.heat for m in maps]).astype(np.float32),
        np.stack([m.sides for m in maps]).astype(np.float32),
        np.stack([m.trust for m in maps]).astype(np.float32),
        np.stack([m.attention for m in maps]).astype(np.float32),
    )


def _areas(where: Floats) -> Floats:
    return np.asarray((where[:, 2] - where[:, 0]) * (where[:, 3] - where[:, 1]), np.float32)
