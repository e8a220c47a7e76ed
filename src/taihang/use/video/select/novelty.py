"""Novelty: how much of a key frame shows something else than the key frame before it.

Only told while the camera stands: what a moving camera's key frames differ in is mostly the walk.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa

WIDTH = 160
ROWS, COLUMNS = 12, 16
_RIM = np.ones((ROWS, COLUMNS), dtype=bool)
_RIM[1:-1, 1:-1] = False
_LEAST_CROSSING = 0.04  # rim cells times key frames
_SMALLEST_STEP = 6.0  # grey values; below it, noise and the coder's own changes


def small(luma: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """A grey picture shrunk to `WIDTH`."""
    height = max(16, round(luma.shape[0] * WIDTH / luma.shape[1]))
    return np.asarray(cv2.resize(luma, (WIDTH, height), interpolation=cv2.INTER_AREA))


def cells(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Mean luma of `ROWS` x `COLUMNS` cells: what is kept of every key frame."""
    return np.asarray(cv2.resize(picture, (COLUMNS, ROWS), interpolation=cv2.INTER_AREA))


def steps(before: npt.NDArray[np.uint8], after: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """How sure it is that each cell changed, 0 to 1; a common change of light is taken out first."""
    step = after.astype(np.float64) - before.astype(np.float64)
    step -= np.median(step)
    return np.asarray(np.clip(np.abs(step) / _SMALLEST_STEP - 1, 0, 1))


def of(keys: pa.Table) -> npt.NDArray[np.uint8]:
    """The kept cells of a table of key frames: (key frames, `ROWS`, `COLUMNS`)."""
    packed = b"".join(keys["cells"].to_pylist())
    return np.frombuffer(packed, dtype=np.uint8).reshape(keys.num_rows, ROWS, COLUMNS)


def crossing(times: npt.NDArray[np.float64], pictures: npt.NDArray[np.uint8]) -> float | None:
    """When something crosses the picture's rim during an action, in seconds; None when nothing does.

    `pictures` (key frames, `ROWS`, `COLUMNS`) at `times`: the action's, with one before and one
    after. Whatever comes or goes covers cells of the rim for a while that are the same before and
    after, unlike what moves about inside.
    """
    if len(pictures) < 3:
        return None
    covered = [
        float(np.minimum(steps(pictures[0], now), steps(pictures[-1], now))[_RIM].mean()) for now in pictures[1:-1]
    ]
    total = sum(covered)
    if total < _LEAST_CROSSING:
        return None
    return float(np.dot(covered, times[1:-1]) / total)
