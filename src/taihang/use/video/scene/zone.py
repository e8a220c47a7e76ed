"""Zone: a marked part of the place, on the ground in metres and in the picture in pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from taihang.core import words
from taihang.use.video.scene.view import View

Kind = Literal["restricted", "post", "equipment", "area"]


class Zone(words.Word):
    """A polygon in pixels of the shown frame."""

    name: str
    kind: Kind
    points: tuple[tuple[float, float], ...]


class Ground(words.Word):
    """A level rectangle in the world, metres: x and z from low to high, at height `y`."""

    name: str
    kind: Kind
    x: tuple[float, float]
    z: tuple[float, float]
    y: float = 0.0

    def holds(self, x: float, z: float) -> bool:
        """Whether somebody with both feet about (x, z) stands in it."""
        return self.x[0] <= x <= self.x[1] and self.z[0] <= z <= self.z[1]

    def corners(self) -> list[tuple[float, float, float]]:
        """Its corners in the world, in order around it."""
        (x0, x1), (z0, z1) = self.x, self.z
        return [(x0, self.y, z0), (x1, self.y, z0), (x1, self.y, z1), (x0, self.y, z1)]

    def seen(self, view: View) -> Zone:
        """Its outline in a view that has all of it ahead, cut to the frame's edge by clamping."""
        places = view.project(np.array(self.corners()))
        points = tuple(
            (round(float(np.clip(u, 0, view.width)), 1), round(float(np.clip(v, 0, view.height)), 1))
            for u, v, _ in places
        )
        return Zone(name=self.name, kind=self.kind, points=points)


def at(zones: Sequence[Ground], x: float, z: float) -> tuple[str, ...]:
    """Names of the zones in which (x, z) lies."""
    return tuple(zone.name for zone in zones if zone.holds(x, z))
