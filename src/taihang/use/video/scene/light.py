"""Light: lamps on surfaces and on people, and how the camera turns light into 8 bits."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from taihang.use.video.scene.image import Field, Pixels

AMBIENT = 0.075
EXPOSURE = 2.6
_STEPS = 4096
_BRIGHTEST = 4.0


@dataclasses.dataclass(frozen=True, slots=True)
class Lamp:
    """A small lamp; `power` is its light at one metre."""

    x: float
    y: float
    z: float
    power: float

    def on(self, points: Field, normals: Field) -> Field:
        """Its light on surface points (…, 3), falling with the square of the distance and with the slant."""
        to = np.array([self.x, self.y, self.z], np.float32) - points
        square = np.einsum("...i,...i->...", to, to) + 0.15
        slant = np.einsum("...i,...i->...", to, normals) / np.sqrt(square)
        return np.asarray(self.power * np.clip(slant, 0, None) / square, np.float32)

    def at(self, x: float, y: float, z: float) -> float:
        """Its light on something upright at a place, from whatever side."""
        square = (self.x - x) ** 2 + (self.y - y) ** 2 + (self.z - z) ** 2
        return self.power * 0.62 / (square + 0.8)


@functools.cache
def _curve() -> Pixels:
    light = np.linspace(0, _BRIGHTEST, _STEPS)
    return np.round(255 * (1 - np.exp(-EXPOSURE * light)) ** (1 / 2.2)).astype(np.uint8)


def developed(light: Field) -> Pixels:
    """Linear light to the picture's 8 bits: a shoulder for the bright parts, then the display's gamma."""
    steps = np.clip(light * ((_STEPS - 1) / _BRIGHTEST), 0, _STEPS - 1).astype(np.int32)
    return np.asarray(_curve()[steps], np.uint8)
