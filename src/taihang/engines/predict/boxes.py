"""Boxes as float32 arrays (n, 4) of x0, y0, x1, y1."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


def iou(first: Array, second: Array) -> Array:
    """Intersection over union of every pair, (n, m) in [0, 1]; empty boxes have none with any."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2, dtype=np.float64)
    whole = _area(first)[:, None] + _area(second)[None, :] - shared
    ratio = np.zeros(shared.shape, np.float32)
    np.divide(shared, whole, out=ratio, where=whole > 0, casting="unsafe")
    return ratio


def from_centres(boxes: Array) -> Array:
    """x, y of the centre, width and height → corners."""
    centre, half = boxes[:, :2], boxes[:, 2:4] / 2
    return np.concatenate([centre - half, centre + half], axis=1).astype(np.float32)


def suppress(boxes: Array, scores: Array, classes: npt.NDArray[np.int64], overlap: float) -> npt.NDArray[np.int64]:
    """Greedy non-maximum suppression within each class: the places kept, best score first.

    A box goes when its IoU with a better one of its class is above `overlap`.
    """
    order = np.lexsort((np.arange(len(scores)), -scores))
    kept: list[int] = []
    alive = np.ones(len(scores), bool)
    for place in order:
        if not alive[place]:
            continue
        kept.append(int(place))
        rivals = np.flatnonzero(alive & (classes == classes[place]))
        alive[rivals[iou(boxes[place : place + 1], boxes[rivals])[0] > overlap]] = False
        alive[place] = False
    return np.array(kept, np.int64)


def _area(boxes: Array) -> npt.NDArray[np.float64]:
    size = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).astype(np.float64)
    area: npt.NDArray[np.float64] = size[:, 0] * size[:, 1]
    return area
