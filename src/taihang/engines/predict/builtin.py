"""The detector that needs no download: upright people, by gradients, background and shape.

Two ways lead to a person. Whatever stands out from a fixed camera's background is measured: its
shape, and the margin of the SVM on windows laid over it. And the SVM searches the whole image by
itself, where it must be far surer. What moves is no person until the SVM says so.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pyarrow as pa

from taihang.core import errors, i18n
from taihang.engines.predict import background, hog, registry
from taihang.engines.predict import boxes as geometry
from taihang.engines.predict import predictor as contract
from taihang.engines.predict import scene as scenes

if TYPE_CHECKING:
    from taihang.engines.media import frame as media

PERSON = "person"
_WORKING_PX = 800  # longest side that is searched
_SHORTEST_PX = 40  # in the working image
_MOST_BLOBS = 24
_STEEPNESS = 2.5
# The margin at which a score is 0.5, by where the box came from.
_EVEN_OUT, _EVEN_INSIDE, _EVEN_ALONE = -0.3, 0.4, 1.0
_LEAST_MARGIN = 0.0
_ASPECT = (1.5, 4.5)  # height over width of someone upright
_FILL = (0.25, 0.92)  # share of the box that stands out
_UNSHAPELY = 0.49  # the most that a box of another shape can score: never enough alone
_MUST_STAND_OUT = 0.3
_OVERLAP, _INSIDE = 0.3, 0.6


class BuiltinPredictor:
    """People who stand or walk. Scores order detections; they are no probabilities."""

    name = "builtin"
    classes: tuple[str, ...] = (PERSON,)
    sure = 0.5
    calibration: contract.Calibration | None = None
    limits: tuple[i18n.Message, ...] = tuple(
        i18n.Message(key=f"engines.predict:limit.{name}", values=values)
        for name, values in (
            ("posture", {}),
            ("hidden", {}),
            ("far", {"share": _SHORTEST_PX * 100 // _WORKING_PX}),
            ("still", {}),
            ("moving_camera", {}),
            ("only_people", {}),
            ("uncalibrated", {}),
        )
    )

    def __init__(self, options: registry.Options) -> None:
        self._hog = hog.Hog()
        self._threshold = options.threshold or 0.25
        self.version = _version(self._threshold)

    def predict(self, frames: Sequence[media.Frame], scene: scenes.Scene | None = None) -> pa.Table:
        """As the contract says; the scene's background is what lifts recall on a fixed camera."""
        empty = None if scene is None else scene.background
        return contract.joined([self._one(frame, empty) for frame in frames])

    def _one(self, frame: media.Frame, empty: background.Image | None) -> pa.Table:
        rows, columns = frame.image.shape[:2]
        factor = min(1.0, _WORKING_PX / max(rows, columns))
        size = (max(1, round(columns * factor)), max(1, round(rows * factor)))
        grey = cv2.cvtColor(cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        mask = None if empty is None else background.standing_out(frame.image, empty)
        found, margins = self._hog.windows(np.asarray(grey, np.uint8), _LEAST_MARGIN)
        scores = _score(margins, _even(found, mask, grey.shape))
        if mask is not None:
            where, values = self._blobs(np.asarray(grey, np.uint8), mask)
            found, scores = np.concatenate([where, found]), np.concatenate([values, scores])
        kept = np.flatnonzero(scores >= self._threshold)
        found, scores = found[kept], scores[kept].astype(np.float32)
        best = geometry.suppress(found, scores, np.zeros(len(found), np.int64), _OVERLAP, _INSIDE)
        back = np.array([columns / size[0], rows / size[1]] * 2, np.float32)
        return contract.detections(frame, found[best] * back, scores[best], [PERSON] * len(best))

    def _blobs(self, grey: hog.Grey, mask: background.Mask) -> tuple[geometry.Array, np.ndarray]:
        scale = np.array([grey.shape[1] / mask.shape[1], grey.shape[0] / mask.shape[0]] * 2)
        shortest = _SHORTEST_PX / scale[1]
        blobs = background.blobs(mask, int(shortest * shortest / 8))[:_MOST_BLOBS]
        where, values = [], []
        for x0, y0, x1, y1 in _candidates(blobs, shortest):
            box = np.array([x0, y0, x1, y1], np.float64)
            score = float(_score(np.array([self._hog.margin(grey, box * scale)]), np.array([_EVEN_OUT]))[0])
            aspect, fill = (y1 - y0) / (x1 - x0), float(mask[y0:y1, x0:x1].mean())
            if not (_ASPECT[0] <= aspect <= _ASPECT[1] and _FILL[0] <= fill <= _FILL[1]):
                score = min(score, _UNSHAPELY)
            where.append(box * scale)
            values.append(score)
        return np.array(where, np.float32).reshape(-1, 4), np.array(values, np.float64)


@registry.scheme("builtin")
def build(spec: str, options: registry.Options) -> contract.Predictor:
    """The built-in detector. Raises errors.UserError when OpenCV lacks its part, or for a `rest`."""
    if spec or options.labels is not None:
        raise errors.UserError("engines.predict:builtin_takes_none")
    return BuiltinPredictor(options)


def _candidates(blobs: Sequence[background.Blob], shortest: float) -> list[tuple[int, int, int, int]]:
    """Boxes that may hold one person: regions, and pieces one above another."""
    found = [(b.x0, b.y0, b.x1, b.y1) for b in blobs]
    for one, two in itertools.combinations(blobs, 2):
        shared = min(one.x1, two.x1) - max(one.x0, two.x0)
        upper, lower = (one, two) if one.y0 <= two.y0 else (two, one)
        whole = max(one.y1, two.y1) - upper.y0
        if shared >= 0.5 * min(one.x1 - one.x0, two.x1 - two.x0) and 0 <= lower.y0 - upper.y1 <= 0.15 * whole:
            found.append((min(one.x0, two.x0), upper.y0, max(one.x1, two.x1), max(one.y1, two.y1)))
    return [box for box in found if box[3] - box[1] >= shortest]


def _even(found: geometry.Array, mask: background.Mask | None, shape: tuple[int, ...]) -> np.ndarray:
    """The margin each searched box needs for an even score: little where something stands out."""
    if mask is None:
        return np.full(len(found), _EVEN_ALONE)
    scale = np.array([mask.shape[1] / shape[1], mask.shape[0] / shape[0]] * 2)
    need = np.empty(len(found))
    for place, box in enumerate(found * scale):
        x0, y0 = (max(0, int(v)) for v in box[:2])
        x1, y1 = (max(1, int(np.ceil(v))) for v in box[2:])
        part = mask[y0:y1, x0:x1]
        need[place] = _EVEN_INSIDE if part.size and part.mean() >= _MUST_STAND_OUT else _EVEN_ALONE
    return need


def _score(margins: np.ndarray, even: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-_STEEPNESS * (margins - even))))


def _version(threshold: float) -> str:
    digest = hashlib.sha256(f"{cv2.__version__} {threshold}".encode())
    for module in (__file__, background.__file__, hog.__file__, geometry.__file__):
        digest.update(hashlib.sha256(Path(module).read_bytes()).digest())
    return digest.hexdigest()
