"""Calibration: a student's scores are made to say how likely a box is right, however the student was taught.

A student of soft labels is less sure than one of hard labels that finds the same; what acts from one score on would
find less with it. Platt, "Probabilistic Outputs for Support Vector Machines", 1999: a logistic function of the logit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from taihang.engines.predict import boxes as geometry
from taihang.model.distil import network as nets
from taihang.model.distil import training

_BATCH = 64
_LOWEST = -4.0  # logit of a peak that says anything, a score of 0.018
_OVERLAP = 0.5
_FEWEST = 20  # boxes that are right, and as many that are not, without which nothing is known
_SLOPE = (0.25, 8.0)  # what a scale may be, so that the order of scores is kept
_PRIOR = 1e-3  # how strongly a scale of 1 and a shift of 0 are held to

Scale = npt.NDArray[np.float32]
"""By class: by what a logit is multiplied, and what is added to it, (classes, 2)."""


def plain(classes: int) -> Scale:
    """The scale that changes nothing."""
    return np.tile(np.array([1.0, 0.0], np.float32), (classes, 1))


def fitted(network: nets.Network, lessons: Sequence[training.Lesson], classes: int) -> Scale:
    """The scale by which peaks of these lessons' pictures, judged by their hard labels, say how likely they are right.

    A class with too few boxes keeps its scores.
    """
    told = plain(classes)
    given: list[list[tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]]] = [[] for _ in range(classes)]
    for start in range(0, len(lessons), _BATCH):
        part = lessons[start : start + _BATCH]
        logits, where = _seen(network, part)
        for one, heat, edges in zip(part, logits, where, strict=True):
            truth = nets.corners(torch.from_numpy(one.hard.sides)[None])[0].numpy()
            for label in range(classes):
                there = one.hard.heat[label] >= 1
                given[label].append(_judged(heat[label], edges, truth[:, there].T))
    for label, found in enumerate(given):
        score = np.concatenate([s for s, _ in found]) if found else np.zeros(0)
        right = np.concatenate([r for _, r in found]) if found else np.zeros(0, bool)
        if min(int(right.sum()), int((~right).sum())) >= _FEWEST:
            told[label] = _logistic(score, right)
    return told


def _seen(
    network: nets.Network, lessons: Sequence[training.Lesson]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Logits (n, classes, h, w), those beside a peak without a value, and boxes (n, 4, h, w) in cells."""
    images = np.stack([one.image for one in lessons]).astype(np.float32).transpose(0, 3, 1, 2) / 255
    with torch.no_grad():
        seen = network.eval()(torch.from_numpy(np.ascontiguousarray(images)))
        peak = seen.heat >= torch.nn.functional.max_pool2d(seen.heat, 3, 1, 1)
        logits = torch.where(peak & (seen.heat > _LOWEST), seen.heat, torch.full_like(seen.heat, torch.nan))
        # What lies outside the picture is no part of a box, as in the exported file.
        high, wide = seen.heat.shape[2:]
        edges = nets.corners(seen.sides)
        limit = torch.tensor([wide, high, wide, high], dtype=edges.dtype)[None, :, None, None]
        return logits.numpy(), torch.minimum(edges.clamp(min=0), limit).numpy()


def _judged(
    heat: npt.NDArray[np.float32], edges: npt.NDArray[np.float32], truth: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Logits of the peaks of one class in one picture, best first, and whether each hit a box that was free."""
    rows, columns = np.nonzero(~np.isnan(heat))
    order = np.argsort(-heat[rows, columns], kind="stable")
    rows, columns = rows[order], columns[order]
    right = np.zeros(len(rows), bool)
    if len(truth) and len(rows):
        free = np.ones(len(truth), bool)
        for place, row in enumerate(geometry.iou(edges[:, rows, columns].T, truth)):
            able = np.where(free, row, -1.0)
            if able.max() >= _OVERLAP:
                right[place], free[int(able.argmax())] = True, False
    return heat[rows, columns].astype(np.float64), right


def _logistic(logits: npt.NDArray[np.float64], right: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """Slope and shift of the logistic regression, by Newton's method."""
    given = np.stack([logits, np.ones_like(logits)], axis=1)
    prior = np.array([1.0, 0.0])
    found = prior.copy()
    for _ in range(50):
        chance = 1 / (1 + np.exp(-np.clip(given @ found, -30, 30)))
        slope = given.T @ (chance - right) + _PRIOR * (found - prior)
        bend = (given * (chance * (1 - chance))[:, None]).T @ given + _PRIOR * np.eye(2)
        step = np.linalg.solve(bend, slope)
        # A step that is too long would leap over the answer.
        found = found - step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-9))
    return np.array([np.clip(found[0], *_SLOPE), found[1]], np.float32)
