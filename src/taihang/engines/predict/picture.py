"""From a frame to the array a network takes, and its boxes back to the frame."""

from __future__ import annotations

import dataclasses
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

_PAD = np.float32(114)


@dataclasses.dataclass(frozen=True, slots=True)
class Intake:
    """How a network wants its images: size in pixels, value = (v * rescale − mean) / std."""

    width: int
    height: int
    channels: Literal["rgb", "bgr"] = "rgb"
    resize: Literal["letterbox", "stretch"] = "stretch"
    rescale: float = 1 / 255
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def tensor(self, image: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """(1, 3, H, W) float32, and the factors (x, y) that take its pixels back to the image's.

        A letterbox keeps the shape, from the top left, the rest grey.
        """
        rows, columns = image.shape[:2]
        wide, high = self.width, self.height
        if self.resize == "letterbox":
            factor = min(self.width / columns, self.height / rows)
            wide, high = max(1, int(columns * factor)), max(1, int(rows * factor))
        smaller = wide < columns
        scaled = cv2.resize(image, (wide, high), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
        # A picture has 256 values: what becomes of each is worked out once, not for every pixel.
        mean, std = np.array(self.mean, np.float32), np.array(self.std, np.float32)
        table = (np.append(np.arange(256, dtype=np.float32), _PAD)[:, None] * np.float32(self.rescale) - mean) / std
        values = np.empty((1, 3, self.height, self.width), np.float32)
        planes = cv2.split(scaled)
        for place, plane in enumerate(planes[::-1] if self.channels == "bgr" else planes):
            values[0, place, :high, :wide] = cv2.LUT(plane, np.ascontiguousarray(table[:256, place]))
            values[0, place, high:] = values[0, place, :, wide:] = table[256, place]
        back = np.array([columns / wide, rows / high], np.float32)
        return values, back
