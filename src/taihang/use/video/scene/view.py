"""View: a pinhole camera in the world (metres; x right, y up from the floor, z along the roadway)."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from taihang.use.video.scene.image import Array, Field


@dataclasses.dataclass(frozen=True, slots=True)
class View:
    """Where a camera is and where it looks; angles in radians, positive yaw to the right, positive pitch down."""

    width: int
    height: int
    x: float
    y: float
    z: float
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    field: float = math.radians(62)

    @property
    def focal(self) -> float:
        """Focal length in pixels, from the horizontal angle of view."""
        return self.width / 2 / math.tan(self.field / 2)

    def axes(self) -> Array:
        """Rows: the picture's right, up and forward directions in the world."""
        cy, sy, cp, sp = math.cos(self.yaw), math.sin(self.yaw), math.cos(self.pitch), math.sin(self.pitch)
        right, forward = np.array([cy, 0, -sy]), np.array([sy * cp, -sp, cy * cp])
        up = np.array([sy * sp, cp, cy * sp])
        cr, sr = math.cos(self.roll), math.sin(self.roll)
        return np.array([cr * right + sr * up, cr * up - sr * right, forward])

    def project(self, points: Array) -> Array:
        """World points (N, 3) to rows of picture x, picture y and distance along the view axis.

        A point behind the camera has a distance below zero and no meaningful place.
        """
        seen = (np.asarray(points, np.float64) - (self.x, self.y, self.z)) @ self.axes().T
        ahead = np.where(np.abs(seen[:, 2]) < 1e-6, 1e-6, seen[:, 2])
        across = self.width / 2 + self.focal * seen[:, 0] / ahead
        down = self.height / 2 - self.focal * seen[:, 1] / ahead
        return np.stack([across, down, seen[:, 2]], axis=1)

    def rays(self, shrink: float = 1.0) -> Field:
        """Direction of each pixel's centre, (H, W, 3), one metre ahead; `shrink` > 1 gives fewer, coarser pixels."""
        rows, columns = round(self.height / shrink), round(self.width / shrink)
        u = ((np.arange(columns) + 0.5) * self.width / columns - self.width / 2) / self.focal
        v = (self.height / 2 - (np.arange(rows) + 0.5) * self.height / rows) / self.focal
        axes = self.axes().astype(np.float32)
        across, up = np.meshgrid(u.astype(np.float32), v.astype(np.float32))
        rays = across[..., None] * axes[0] + up[..., None] * axes[1] + axes[2]
        return np.asarray(rays, np.float32)
