"""OpenCV's people detector: histograms of oriented gradients and a linear SVM.

Dalal and Triggs, 2005. Its window is 64 x 128 pixels with a person of 96 in the middle; the weights
ship inside OpenCV 4. A margin is the signed distance to the SVM's plane, not a probability.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from taihang.core import errors
from taihang.engines.predict import boxes as geometry

Grey = npt.NDArray[np.uint8]
_WIDE, _HIGH, _PERSON = 64, 128, 96
_PADDING = 16
_SIZES = (0.9, 1.0, 1.15)
_ASIDE = (-0.06, 0.0, 0.06)
_UP = (-0.04, 0.0, 0.04)


class Hog:
    """The SVM, asked either for all windows of an image or about one box."""

    def __init__(self) -> None:
        if not hasattr(cv2, "HOGDescriptor"):
            raise errors.UserError("engines.predict:no_hog", version=cv2.__version__)
        weights = np.asarray(cv2.HOGDescriptor.getDefaultPeopleDetector(), np.float32).ravel()
        self._hog: Any = cv2.HOGDescriptor()
        self._hog.setSVMDetector(weights)
        self._weights, self._bias = weights[:-1], float(weights[-1])

    def windows(self, image: Grey, least: float) -> tuple[geometry.Array, npt.NDArray[np.float64]]:
        """People in an image: boxes (n, 4) of the person inside each window, margins (n,) above `least`."""
        # OpenCV does not look whether its window fits in: it would read beyond the image, and the process may die.
        if image.shape[0] + 2 * _PADDING < _HIGH or image.shape[1] + 2 * _PADDING < _WIDE:
            return np.zeros((0, 4), np.float32), np.zeros(0)
        # Grouping would depend on the order in which threads find windows; the caller suppresses.
        found, margins = self._hog.detectMultiScale(
            image, hitThreshold=least, winStride=(8, 8), padding=(_PADDING, _PADDING), scale=1.05, groupThreshold=0
        )
        if len(found) == 0:
            return np.zeros((0, 4), np.float32), np.zeros(0)
        x, y, wide, high = np.asarray(found, np.float32).T
        inside = np.stack([x + 0.17 * wide, y + 0.1 * high, x + 0.83 * wide, y + 0.9 * high], axis=1)
        values = np.asarray(margins, np.float64).reshape(-1)
        order = np.lexsort((*inside.T, -values))
        return inside[order], values[order]

    def margin(self, image: Grey, box: npt.NDArray[np.floating[Any]]) -> float:
        """The best margin of windows laid over one box, a little shifted and scaled each way."""
        x0, y0, x1, y1 = (float(v) for v in box)
        tall, x, y = y1 - y0, (x0 + x1) / 2, (y0 + y1) / 2
        best = -np.inf
        for size in _SIZES:
            step = tall / _PERSON * size
            for aside in _ASIDE:
                for up in _UP:
                    corner = (x + aside * tall - step * _WIDE / 2, y + up * tall - step * _HIGH / 2)
                    best = max(best, self._window(image, step, corner))
        return best

    def _window(self, image: Grey, step: float, corner: tuple[float, float]) -> float:
        back = np.array([[step, 0, corner[0]], [0, step, corner[1]]], np.float32)
        window = cv2.warpAffine(
            image,
            back,
            (_WIDE, _HIGH),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return float(self._hog.compute(window).ravel() @ self._weights) + self._bias
