"""Suspects: labels that a detector's boxes speak against: swapped, shifted and omitted ones.

For each image, detections are compared with labels. How far detections usually lie from labels is
measured on the whole set first, so that a careless detector raises no alarm. Suspicion is a rank between
0 and 1, not a probability: nothing calibrated it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from taihang.data.quality.metrics.boxes import Marked, ious

Kind = Literal["swapped", "shifted", "omitted"]
Floats = npt.NDArray[np.float64]
_NEAR, _SAME = 0.1, 0.5


@dataclasses.dataclass(frozen=True)
class Detected:
    """A detector's boxes on one image with their classes and scores in 0 to 1."""

    corners: Floats
    names: tuple[str, ...]
    scores: Floats


@dataclasses.dataclass(frozen=True, slots=True)
class Suspect:
    """`number` is that of the label, or of the detection for `omitted`; `name` what the detector says."""

    image: int
    kind: Kind
    number: int
    name: str
    suspicion: float


def suspects(labels: Sequence[Marked], found: Sequence[Detected]) -> list[Suspect]:
    """Every label, and every detection without one, with how much speaks against it; nothing below 0.01."""
    usual, spread = _usual(labels, found)
    told = []
    for image, (one, seen) in enumerate(zip(labels, found, strict=True)):
        if len(seen.names):
            told += _image(image, one, seen, usual, spread)
    return [s for s in told if s.suspicion >= 0.01]


def suspicions(labels: Sequence[Marked], found: Sequence[Detected]) -> Floats:
    """For each image the chance-like sum (noisy or) of what speaks against its labels."""
    clear = np.ones(len(labels))
    for one in suspects(labels, found):
        clear[one.image] *= 1 - min(one.suspicion, 0.999) ** 3
    return np.asarray(1 - clear)


def _usual(labels: Sequence[Marked], found: Sequence[Detected]) -> tuple[float, float]:
    """Median of 1 - IoU between labels and the best detection of their class, and its robust deviation."""
    gaps = []
    for one, seen in zip(labels, found, strict=True):
        if len(one.names) and len(seen.names):
            overlap = np.where(_equal(one.names, seen.names), ious(one.corners, seen.corners), 0)
            best = overlap.max(axis=1)
            gaps.append(1 - best[best >= _SAME])
    every = np.concatenate(gaps) if gaps else np.zeros(0)
    if not every.size:
        return 0.2, 0.1
    middle = float(np.median(every))
    return middle, max(0.02, 1.4826 * float(np.median(np.abs(every - middle))))


def _image(image: int, one: Marked, seen: Detected, usual: float, spread: float) -> list[Suspect]:
    told: list[Suspect] = []
    overlap = ious(one.corners, seen.corners) if len(one.names) else np.zeros((0, len(seen.names)))
    same = _equal(one.names, seen.names)
    taken = np.zeros(len(seen.names))
    for at in range(len(one.names)):
        agrees = np.where(same[at], overlap[at] * seen.scores, 0)
        differs = np.where(~same[at] & (overlap[at] >= _SAME), overlap[at] * seen.scores, 0)
        other = int(differs.argmax())
        swapped = float(differs[other]) * (1 - float(agrees.max()))
        told.append(Suspect(image, "swapped", at, seen.names[other], swapped))
        near = np.where(same[at] & (overlap[at] >= _NEAR), seen.scores, 0)
        best = int((near * overlap[at]).argmax())
        if near[best] > 0:
            beyond = (1 - overlap[at, best] - usual) / (4 * spread)
            told.append(
                Suspect(image, "shifted", at, seen.names[best], float(near[best] * np.clip(beyond - 0.5, 0, 1)))
            )
        taken = np.maximum(taken, overlap[at])
    for at in range(len(seen.names)):
        lonely = float(np.clip(1 - taken[at] / 0.2, 0, 1))
        told.append(Suspect(image, "omitted", at, seen.names[at], float(seen.scores[at]) * lonely))
    return told


def _equal(a: Sequence[str], b: Sequence[str]) -> npt.NDArray[np.bool_]:
    return np.array([[x == y for y in b] for x in a], bool).reshape(len(a), len(b))
