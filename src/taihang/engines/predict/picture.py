"""From a frame to the array a network takes, and its boxes back to the frame."""

from __future__ import annotations

import dataclasses
import functools
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from taihang.engines.predict import shrinking

Image = npt.NDArray[np.uint8]
Tensor = npt.NDArray[np.float32]
_PAD = 114


@dataclasses.dataclass(frozen=True)
class Intake:
    """How a network wants its images: size in pixels, value = (v * rescale − mean) / std."""

    width: int
    height: int
    channels: Literal["rgb", "bgr"] = "rgb"
    resize: Literal["letterbox", "stretch"] = "stretch"
    rescale: float = 1 / 255
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def tensor(self, image: Image, into: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(1, 3, H, W) float32, and the factors (x, y) that take its pixels back to the image's.

        A letterbox keeps the shape, from the top left, the rest grey. `into`: an array of that shape to write to.
        """
        rows, columns = image.shape[:2]
        wide, high = self.width, self.height
        if self.resize == "letterbox":
            factor = min(self.width / columns, self.height / rows)
            wide, high = max(1, int(columns * factor)), max(1, int(rows * factor))
        planes = shrinking.shrink(image, wide, high)
        values = np.empty((1, 3, self.height, self.width), np.float32) if into is None else into
        for place, plane in enumerate(planes[::-1] if self.channels == "bgr" else planes):
            cv2.LUT(plane, self._values[place], dst=values[0, place, :high, :wide])
        if (high, wide) != (self.height, self.width):
            for place in range(3):
                values[0, place, high:] = values[0, place, :, wide:] = self._values[place][_PAD]
        back = np.array([columns / wide, rows / high], np.float32)
        return values, back

    @functools.cached_property
    def _values(self) -> list[Tensor]:
        """For each channel what the network takes for 0…255."""
        found = []
        for place in range(3):
            values = np.arange(256, dtype=np.float32) * np.float32(self.rescale)
            found.append((values - np.float32(self.mean[place])) / np.float32(self.std[place]))
        return found
