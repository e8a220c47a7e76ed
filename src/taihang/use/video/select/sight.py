"""Sight: how well a picture shows anything at all, measured on a small copy of a frame.

A report must say what was not seen: a dark gallery, a smeared lens, a hand over the camera.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

Verdict = Literal["clear", "dark", "blurred", "covered"]

WIDTH = 320
# 8-bit luma. A mine gallery lit by one cap lamp has a mean of about 20 but bright spots, and shows
# something: only a picture without bright spots is called dark.
_DARK_MEAN = 32.0
_DARK_BRIGHTEST = 64.0
# A covered lens leaves an even patch of light: little spread, few grey values, no edge but noise.
_COVERED_SPREAD = 14.0
_COVERED_ENTROPY = 3.4
_COVERED_SHARPNESS = 5.5
# Absolute Laplacian, in grey values, of the sharpest places below which no edge is left at the width
# above. The sharpest places, since a cap lamp lights only a part of the picture.
_BLURRED_SHARPNESS = 5.0


@dataclasses.dataclass(frozen=True, slots=True)
class Sight:
    """`luma` mean and `spread` standard deviation (0 to 255), `brightest` the 98th percentile;
    `sharpness` 99th percentile of the absolute Laplacian of a 320-pixel-wide copy; `entropy` of luma
    in bits (0 to 6)."""

    luma: float
    spread: float
    brightest: float
    sharpness: float
    entropy: float

    @property
    def verdict(self) -> Verdict:
        """Thresholds are fixed and stated above; nothing is learnt from the file."""
        if self.luma < _DARK_MEAN and self.brightest < _DARK_BRIGHTEST:
            return "dark"
        flat = self.spread < _COVERED_SPREAD and self.entropy < _COVERED_ENTROPY
        if flat and self.sharpness < _COVERED_SHARPNESS:
            return "covered"
        return "blurred" if self.sharpness < _BLURRED_SHARPNESS else "clear"


def grey(image: npt.NDArray[np.uint8], width: int = WIDTH) -> npt.NDArray[np.uint8]:
    """Luma of an (H, W, 3) RGB image, shrunk to `width` pixels when it is wider."""
    luma = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    if luma.shape[1] > width:
        height = max(1, round(luma.shape[0] * width / luma.shape[1]))
        luma = cv2.resize(luma, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(luma)


def measure(luma: npt.NDArray[np.uint8]) -> Sight:
    """Sight of a grey picture (H, W) uint8 about `WIDTH` wide."""
    counts = np.bincount(luma.ravel(), minlength=256)
    grouped = counts.reshape(64, 4).sum(axis=1)
    shares = grouped[grouped > 0] / luma.size
    # Without the blur, noise would pass for sharpness.
    calm = cv2.GaussianBlur(luma, (3, 3), 0)
    edges = np.bincount(cv2.convertScaleAbs(cv2.Laplacian(calm, cv2.CV_16S, ksize=1)).ravel(), minlength=256)
    mean, spread = cv2.meanStdDev(luma)
    return Sight(
        luma=float(mean[0, 0]),
        spread=float(spread[0, 0]),
        brightest=_quantile(counts, 0.98),
        sharpness=_quantile(edges, 0.99),
        entropy=float(-(shares * np.log2(shares)).sum()),
    )


def _quantile(counts: npt.NDArray[np.int64], share: float) -> float:
    """The value below or at which `share` of what was counted lies."""
    return float(np.searchsorted(np.cumsum(counts), share * counts.sum()))
