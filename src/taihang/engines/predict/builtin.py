"""The detector that needs no download: people, by OpenCV's HOG and a linear SVM.

Dalal and Triggs, 2005; the weights ship inside OpenCV 4.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pyarrow as pa

from taihang.core import errors, i18n
from taihang.engines.predict import boxes as geometry
from taihang.engines.predict import predictor as contract
from taihang.engines.predict import registry
from taihang.engines.predict import scene as scenes

if TYPE_CHECKING:
    from taihang.engines.media import frame as media

PERSON = "person"
_WIDEST = 800
_OVERLAP = 0.3


class BuiltinPredictor:
    """People in upright postures. Its scores are margins squeezed into [0, 1], not probabilities."""

    name = "builtin"
    classes: tuple[str, ...] = (PERSON,)
    sure = 0.5
    calibration: contract.Calibration | None = None
    limits: tuple[i18n.Message, ...] = ()

    def __init__(self, options: registry.Options) -> None:
        if not hasattr(cv2, "HOGDescriptor"):
            raise errors.UserError("engines.predict:no_hog", version=cv2.__version__)
        self._hog: Any = cv2.HOGDescriptor()
        self._hog.setSVMDetector(cv2.HOGDescriptor.getDefaultPeopleDetector())
        self._threshold = options.threshold or 0.25
        code = Path(__file__).read_bytes() + cv2.__version__.encode() + repr(self._threshold).encode()
        self.version = hashlib.sha256(code).hexdigest()

    def predict(self, frames: Sequence[media.Frame], scene: scenes.Scene | None = None) -> pa.Table:
        """As the contract says."""
        return contract.joined([self._one(frame) for frame in frames])

    def _one(self, frame: media.Frame) -> pa.Table:
        rows, columns = frame.image.shape[:2]
        factor = min(1.0, _WIDEST / max(rows, columns))
        image = cv2.resize(
            frame.image, (max(1, round(columns * factor)), max(1, round(rows * factor))), interpolation=cv2.INTER_AREA
        )
        if min(image.shape[:2]) < 16:
            return contract.joined([])
        found, margins = self._hog.detectMultiScale(
            cv2.cvtColor(image, cv2.COLOR_RGB2GRAY),
            hitThreshold=0.0,
            winStride=(8, 8),
            padding=(16, 16),
            scale=1.05,
            groupThreshold=0,
        )
        if len(found) == 0:
            return contract.joined([])
        where = np.asarray(found, np.float32).reshape(-1, 4)
        where[:, 2:] += where[:, :2]
        scores = (1 / (1 + np.exp(-3 * (np.asarray(margins, np.float64).reshape(-1) - 0.3)))).astype(np.float32)
        # Threads find windows in any order: one order before anything depends on it.
        order = np.lexsort((*where.T, -scores))
        where, scores = where[order], scores[order]
        kept = geometry.suppress(where, scores, np.zeros(len(scores), np.int64), _OVERLAP)
        kept = kept[scores[kept] >= self._threshold]
        return contract.detections(frame, where[kept] / factor, scores[kept], [PERSON] * len(kept))


@registry.scheme("builtin")
def build(spec: str, options: registry.Options) -> contract.Predictor:
    """The built-in detector. Raises errors.UserError when OpenCV lacks its part."""
    return BuiltinPredictor(options)
