"""Camera: how the camera itself moves, and what in the picture moves against it.

A motion field, from the codec's vectors or from the flow between two key frames, is fitted with an
affine model by iteratively re-weighted least squares (Geman-McClure weights; Odobez and Bouthemy,
"Robust Multiresolution Estimation of Parametric Motion Models", JVCIR 6, 1995). What the model
explains is the camera; what is left, moves by itself or stands much nearer than its surroundings.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from taihang.engines.media import frame

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_ROUNDS = 6
_FEWEST_CELLS = 24
# Codec vectors come in quarter pixels of the coded picture and follow bits, not truth: below this
# share of the width (half a pixel at 640) a residual means nothing.
_SMALLEST_RESIDUAL = 0.5 / 640
_OUTLIER = 3.0  # noise widths of the fit beyond which a cell moves against the camera
_FEWEST_NEIGHBOURS = 4  # of the 3x3 block: a lone deviating cell is a coding accident
_FLOW_CELL = 8  # pixels of the small key frames
_WRONG = 18.0  # grey values by which a place looks otherwise than the flow promises


@dataclasses.dataclass(frozen=True, slots=True)
class Motion:
    """Camera motion over one interval, and what moves against it.

    `x`, `y`: mean apparent shift of the scene, in frame widths a second, right and down positive.
    `zoom`: growth of the picture a second (walking forward makes it positive). `roll`: radians a
    second. `noise`: width of the fit's residual in frame widths a second. `against`: share (0 to 1)
    of the picture that moves against the camera. `unseen`: share with no vector (new content).
    """

    time_s: float
    x: float
    y: float
    zoom: float
    roll: float
    noise: float
    against: float
    unseen: float

    @property
    def speed(self) -> float:
        """Typical apparent speed of the scene, in frame widths a second."""
        # A quarter of the width is where the zoom's and roll's own speed is about average.
        return float(np.hypot(np.hypot(self.x, self.y), 0.25 * np.hypot(self.zoom, self.roll)))


def of_field(field: frame.MotionField, interval_s: float) -> Motion | None:
    """Motion of one codec motion field; `interval_s` is the time from the frame before.

    None when too few cells carry a vector to tell.
    """
    columns = field.present.shape[1]
    width = float(columns * field.cell)
    unseen = 1.0 - float(field.present.mean())
    return _motion(_Field(field.dx / width, field.dy / width, field.present), field.time_s, interval_s, unseen)


def between(
    before: npt.NDArray[np.uint8], after: npt.NDArray[np.uint8], time_s: float, interval_s: float
) -> Motion | None:
    """Motion from one small grey picture (H, W) to a later one, by dense inverse search flow.

    `unseen` is the share that the other picture does not explain, averaged over both directions:
    what came is not to be found in the one before, what left not in the one after.
    None when the two do not show enough of the same scene to tell.
    """
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    ahead, back = search.calc(before, after, None), search.calc(after, before, None)
    lost, new = _wrong(before, after, ahead), _wrong(after, before, back)
    height, width = before.shape
    cells = (width // _FLOW_CELL, height // _FLOW_CELL)
    grids = [cv2.resize(plane, cells, interpolation=cv2.INTER_AREA) for plane in (ahead[..., 0], ahead[..., 1])]
    present = cv2.resize(lost.astype(np.float32), cells, interpolation=cv2.INTER_AREA) < 0.5
    field = _Field(grids[0] / width, grids[1] / width, present)
    return _motion(field, time_s, interval_s, float(lost.mean() + new.mean()) / 2)


def _wrong(picture: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8], flow: npt.NDArray[np.float32]) -> Mask:
    """Pixels of a picture that look otherwise where the flow finds them in another one.

    What leaves the other picture's frame is not wrong: a camera that moves loses sight of it.
    """
    height, width = picture.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x, y = x + flow[..., 0], y + flow[..., 1]
    found = cv2.remap(other, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    inside: Mask = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    if not inside.any():
        return inside
    # Exposure follows the scene: a common factor is light, not content.
    gain = float(np.median(picture[inside])) / max(float(np.median(found[inside])), 1.0)
    error = cv2.absdiff(picture.astype(np.float32), found.astype(np.float32) * np.float32(gain))
    return np.asarray((cv2.boxFilter(error, -1, (5, 5)) > _WRONG) & inside)


class _Field(NamedTuple):
    """Shift of each cell in frame widths, and which cells are known."""

    dx: npt.NDArray[np.float32]
    dy: npt.NDArray[np.float32]
    present: Mask


def _motion(field: _Field, time_s: float, interval_s: float, unseen: float) -> Motion | None:
    present = field.present
    if int(present.sum()) < max(_FEWEST_CELLS, 0.2 * present.size) or interval_s <= 0:
        return None
    across, down, residual, noise = _fit(field.dx.astype(np.float64), field.dy.astype(np.float64), present)
    moving = present & (residual > max(_OUTLIER * noise, _SMALLEST_RESIDUAL))
    crowd = cv2.boxFilter(moving.astype(np.float32), -1, (3, 3), normalize=False, borderType=cv2.BORDER_CONSTANT)
    against = float((moving & (crowd >= _FEWEST_NEIGHBOURS)).mean())
    return Motion(
        time_s=time_s,
        x=float(across[0]) / interval_s,
        y=float(down[0]) / interval_s,
        zoom=float(across[1] + down[2]) / 2 / interval_s,
        roll=float(down[1] - across[2]) / 2 / interval_s,
        noise=noise / interval_s,
        against=against,
        unseen=unseen,
    )


def _fit(dx: Floats, dy: Floats, present: Mask) -> tuple[Floats, Floats, Floats, float]:
    """Affine coefficients (constant, x, y) of both components, residual size per cell, its width."""
    rows, columns = present.shape
    y, x = np.mgrid[:rows, :columns]
    basis = np.stack([np.ones(x.shape), (x + 0.5) / columns - 0.5, (y + 0.5 - rows / 2) / columns], axis=-1)
    # A few hundred cells tell the camera's six numbers as well as thousands do.
    step = max(1, int(np.sqrt(present.sum() / 600)))
    chosen = np.zeros_like(present)
    chosen[step // 2 :: step, step // 2 :: step] = True
    chosen &= present
    known, goal = basis[chosen], np.stack([dx[chosen], dy[chosen]], axis=-1)
    weight = np.ones(len(known))
    found = np.zeros((3, 2))
    width = _SMALLEST_RESIDUAL / 2
    for _ in range(_ROUNDS):
        scaled = known * weight[:, None]
        found = np.linalg.solve(scaled.T @ known + 1e-9 * np.eye(3), scaled.T @ goal)
        distance = np.hypot(*(goal - known @ found).T)
        # The median of a two-dimensional Gaussian's distance is 1.18 of its width.
        width = max(float(np.median(distance)) / 1.18, _SMALLEST_RESIDUAL / 2)
        weight = 1 / (1 + (distance / (2 * width)) ** 2) ** 2
    rest = np.stack([dx, dy], axis=-1) - basis @ found
    return found[:, 0], found[:, 1], np.hypot(rest[..., 0], rest[..., 1]), width
