"""Precision: average precision of boxes as COCO defines it, and what pictures drawn anew would have given.

Lin et al., "Microsoft COCO", ECCV 2014, as its evaluation code computes it: detections of a picture, best first, each
take the true box of their class with the highest IoU that is still free; precision is made monotone and read at 101
recalls; mAP is the mean over classes, and over IoU 0.50, 0.55 … 0.95.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from taihang.engines.predict import boxes as geometry
from taihang.model.distil import answers

OVERLAPS = tuple(round(0.5 + 0.05 * k, 2) for k in range(10))
_RECALLS = np.linspace(0, 1, 101)
_MOST = 100  # detections of a picture and class that count


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """Detections of one class, best score first: their `picture`, at each overlap whether they `hit` (overlaps, n) and
    whether they are `left_out` (overlaps, n) since what they hit is not asked about; `truths` of each picture."""

    scores: answers.Floats
    picture: npt.NDArray[np.int64]
    hit: npt.NDArray[np.bool_]
    left_out: npt.NDArray[np.bool_]
    truths: npt.NDArray[np.int64]

    def average(self, times: npt.NDArray[np.int64] | None = None) -> float:
        """Average precision over the overlaps, in 0 to 1; NaN where there is no true box.

        `times`: how often each picture counts, once when None.
        """
        weight = np.ones(len(self.truths), np.int64) if times is None else times
        total = int((self.truths * weight).sum())
        if total == 0:
            return float("nan")
        each = weight[self.picture]
        return float(
            np.mean([self._one(hit, out, each, total) for hit, out in zip(self.hit, self.left_out, strict=True)])
        )

    def _one(
        self, hit: npt.NDArray[np.bool_], out: npt.NDArray[np.bool_], each: npt.NDArray[np.int64], total: int
    ) -> float:
        right = np.cumsum(np.where(hit & ~out, each, 0))
        wrong = np.cumsum(np.where(~hit & ~out, each, 0))
        if not len(right):
            return 0.0
        precision = right / np.maximum(right + wrong, 1)
        precision = np.maximum.accumulate(precision[::-1])[::-1]
        place = np.searchsorted(right / total, _RECALLS, side="left")
        return float(np.where(place < len(precision), precision[np.minimum(place, len(precision) - 1)], 0.0).mean())


def match(
    found: Sequence[answers.Boxes],
    truth: Sequence[answers.Boxes],
    label: int,
    overlaps: Sequence[float] = OVERLAPS,
    asked: Sequence[npt.NDArray[np.bool_]] | None = None,
) -> Matched:
    """Detections of one class against the truth, picture by picture. `asked`: for each picture which true boxes count;
    one that does not may be found or not."""
    parts = [
        _picture(one, there, label, overlaps, None if asked is None else asked[place])
        for place, (one, there) in enumerate(zip(found, truth, strict=True))
    ]
    scores = np.concatenate([np.zeros(0, np.float32), *[p[0] for p in parts]])
    picture = np.concatenate([np.zeros(0, np.int64), *[np.full(len(p[0]), k) for k, p in enumerate(parts)]])
    empty = np.zeros((len(overlaps), 0), bool)
    hit = np.concatenate([empty, *[p[1] for p in parts]], axis=1)
    out = np.concatenate([empty, *[p[2] for p in parts]], axis=1)
    order = np.argsort(-scores, kind="stable")
    truths = np.array([p[3] for p in parts], np.int64)
    return Matched(scores[order], picture[order].astype(np.int64), hit[:, order], out[:, order], truths)


def mean(
    found: Sequence[answers.Boxes],
    truth: Sequence[answers.Boxes],
    classes: int,
    overlaps: Sequence[float] = OVERLAPS,
    asked: Sequence[npt.NDArray[np.bool_]] | None = None,
) -> tuple[float, tuple[float, ...]]:
    """mAP over the classes that have a true box, and each class's average precision (NaN without one)."""
    each = tuple(match(found, truth, label, overlaps, asked).average() for label in range(classes))
    known = [value for value in each if not np.isnan(value)]
    return (float(np.mean(known)) if known else float("nan")), each


def recalled(
    found: Sequence[answers.Boxes], truth: Sequence[answers.Boxes], label: int, threshold: float, overlap: float = 0.5
) -> npt.NDArray[np.bool_]:
    """For each true box of a class, over all pictures in order, whether a detection of at least `threshold` hit it."""
    told = [np.zeros(0, bool)]
    for one, there in zip(found, truth, strict=True):
        own = there.classes == label
        best = (one.classes == label) & (one.scores >= threshold)
        order = np.argsort(-one.scores[best], kind="stable")
        ious = geometry.iou(one.where[best][order], there.where[own]).astype(np.float64)
        taken = np.zeros(int(own.sum()), bool)
        for row in ious:
            free = np.where(taken, -1.0, row)
            if len(free) and free.max() >= overlap - 1e-6:
                taken[int(free.argmax())] = True
        told.append(taken)
    return np.concatenate(told)


def _picture(
    found: answers.Boxes,
    truth: answers.Boxes,
    label: int,
    overlaps: Sequence[float],
    asked: npt.NDArray[np.bool_] | None,
) -> tuple[answers.Floats, npt.NDArray[np.bool_], npt.NDArray[np.bool_], int]:
    own, there = found.classes == label, truth.classes == label
    counts = np.ones(int(there.sum()), bool) if asked is None else asked[there]
    order = np.argsort(-found.scores[own], kind="stable")[:_MOST]
    scores = found.scores[own][order]
    ious = geometry.iou(found.where[own][order], truth.where[there]).astype(np.float64)
    hit = np.zeros((len(overlaps), len(scores)), bool)
    out = np.zeros_like(hit)
    for level, least in enumerate(overlaps):
        free = np.ones(len(counts), bool)
        for place, row in enumerate(ious):
            able = free & (row >= least - 1e-6)
            # A box that counts is preferred to one that does not, however well that one fits.
            for choice in (able & counts, able & ~counts):
                if choice.any():
                    best = int(np.where(choice, row, -1).argmax())
                    free[best] = False
                    hit[level, place] = True
                    out[level, place] = not counts[best]
                    break
    return scores, hit, out, int(counts.sum())
