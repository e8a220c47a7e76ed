"""Boxes as float32 arrays (n, 4) of x0, y0, x1, y1."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
_FEW = 100  # boxes of which every pair is measured at once


def iou(first: Array, second: Array) -> Array:
    """Intersection over union of every pair, (n, m) in [0, 1]; empty boxes have none with any."""
    shared = _shared(first, second)
    return _ratio(shared, _area(first)[:, None] + _area(second)[None, :] - shared)


def inside(first: Array, second: Array) -> Array:
    """Intersection over the smaller of every pair, (n, m) in [0, 1]: 1 when one holds the other."""
    return _ratio(_shared(first, second), np.minimum(_area(first)[:, None], _area(second)[None, :]))


def from_centres(boxes: Array) -> Array:
    """x, y of the centre, width and height → corners."""
    centre, half = boxes[:, :2], boxes[:, 2:4] / 2
    return np.concatenate([centre - half, centre + half], axis=1).astype(np.float32)


def suppress(
    boxes: Array, scores: Array, classes: npt.NDArray[np.int64], overlap: float, within: float = 1.0
) -> npt.NDArray[np.int64]:
    """Greedy non-maximum suppression within each class: the places kept, best score first.

    A box goes when its IoU with a better one of its class is above `overlap`, or one of the two
    lies in the other by more than `within`.
    """
    if len(scores) < 2:
        return np.arange(len(scores), dtype=np.int64)
    order = np.lexsort((np.arange(len(scores)), -scores))
    kept: list[int] = []
    alive = np.ones(len(scores), bool)
    few = len(scores) <= _FEW
    rivalry = _rivals(boxes, boxes, overlap, within) & (classes[:, None] == classes) if few else None
    for place in order:
        if not alive[place]:
            continue
        kept.append(int(place))
        if rivalry is not None:
            alive &= ~rivalry[place]
        else:
            rivals = np.flatnonzero(alive & (classes == classes[place]))
            alive[rivals[_rivals(boxes[place : place + 1], boxes[rivals], overlap, within)[0]]] = False
        alive[place] = False
    return np.array(kept, np.int64)


def _rivals(first: Array, second: Array, overlap: float, within: float) -> npt.NDArray[np.bool_]:
    shared, ours, theirs = _shared(first, second), _area(first)[:, None], _area(second)
    # Multiplied out: where nothing is shared there is nothing to divide by.
    found: npt.NDArray[np.bool_] = (shared > overlap * (ours + theirs - shared)) & (shared > 0)
    # No share is above 1.
    return found if within >= 1 else found | (shared > within * np.minimum(ours, theirs))


def _shared(first: Array, second: Array) -> npt.NDArray[np.float64]:
    one, other = first.T[:, :, None].astype(np.float64), second.T[:, None, :].astype(np.float64)
    size = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    np.maximum(size, 0, out=size)
    return np.asarray(size[0] * size[1], np.float64)


def _area(boxes: Array) -> npt.NDArray[np.float64]:
    size = np.maximum(boxes[:, 2:].astype(np.float64) - boxes[:, :2], 0)
    return np.asarray(size[:, 0] * size[:, 1], np.float64)


def _ratio(part: npt.NDArray[np.float64], whole: npt.NDArray[np.float64]) -> Array:
    ratio = np.zeros(part.shape, np.float32)
    np.divide(part, whole, out=ratio, where=whole > 0, casting="unsafe")
    return ratio
