"""Picture: one decoded image with the planes that several metrics share, each made once."""

from __future__ import annotations

import functools
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


class Picture:
    """An image as shown: uint8, (height, width, 3) RGB or (height, width) grey; `bits` a channel as stored."""

    def __init__(self, pixels: Bytes, bits: int = 8) -> None:
        self.pixels = pixels
        self.bits = bits

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.pixels.shape[1])

    @functools.cached_property
    def luma(self) -> Bytes:
        """ITU-R BT.601 luma, uint8 (height, width)."""
        return self.pixels if self.pixels.ndim == 2 else cv2.cvtColor(self.pixels, cv2.COLOR_RGB2GRAY)

    @functools.cached_property
    def histogram(self) -> npt.NDArray[np.float64]:
        """Share of the pixels at each of the 256 values of luma."""
        counts = cv2.calcHist([self.luma], [0], None, [256], [0, 256]).ravel().astype(np.float64)
        return np.asarray(counts / max(counts.sum(), 1.0))

    @functools.cached_property
    def mean(self) -> float:
        """Mean luma, 0 to 255."""
        return float(self.histogram @ np.arange(256))

    def quantile(self, share: float) -> float:
        """The value of luma below which this share of the pixels lies."""
        return float(np.searchsorted(np.cumsum(self.histogram), share - 1e-12))

    @functools.cached_property
    def gradients(self) -> tuple[Any, Any]:
        """Mean squared Sobel derivative along x and along y (3 × 3, of luma 0 to 255)."""
        found = []
        for x, y in ((1, 0), (0, 1)):
            plane = cv2.Sobel(self.luma, cv2.CV_16S, x, y, ksize=3)
            found.append(float(cv2.norm(plane, cv2.NORM_L2SQR)) / plane.size)
        return found[0], found[1]

    @functools.cached_property
    def noise(self) -> float:
        """Standard deviation of white noise in grey levels, estimated blindly (Immerkær 1996): texture adds to it."""
        if min(self.height, self.width) < 3:
            return 0.0
        kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
        plane = cv2.filter2D(self.luma, cv2.CV_16S, kernel)[1:-1, 1:-1]
        return float(np.sqrt(np.pi / 2) * cv2.norm(plane, cv2.NORM_L1) / (6.0 * plane.size))

    @functools.cached_property
    def fingerprint(self) -> int:
        """64-bit difference hash: whether each of 8 × 9 cells of luma is darker than the one to its right."""
        small = cv2.resize(self.luma, (9, 8), interpolation=cv2.INTER_AREA).astype(np.int16)
        bits = (small[:, 1:] > small[:, :-1]).ravel()
        return int(np.packbits(bits).view(">u8")[0])
