"""Boxes as float32 arrays (n, 4) of x0, y0, x1, y1."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
ONE_BY_ONE = 64  # so many boxes and fewer are compared in plain numbers


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
    if len(scores) <= ONE_BY_ONE:
        return _one_by_one(boxes, scores, classes, overlap, within)
    order = np.lexsort((np.arange(len(scores)), -scores))
    kept: list[int] = []
    alive = np.ones(len(scores), bool)
    for place in order:
        if not alive[place]:
            continue
        kept.append(int(place))
        rivals = np.flatnonzero(alive & (classes == classes[place]))
        alive[rivals[_rivals(boxes[place : place + 1], boxes[rivals], overlap, within)[0]]] = False
        alive[place] = False
    return np.array(kept, np.int64)


def _one_by_one(
    boxes: Array, scores: Array, classes: npt.NDArray[np.int64], overlap: float, within: float
) -> npt.NDArray[np.int64]:
    """`suppress` for few boxes, in plain numbers: calls on arrays would cost more than what is in them."""
    sides, kinds = boxes.tolist(), classes.tolist()
    worth = scores.tolist()
    kept: list[int] = []
    better: dict[int, list[tuple[float, float, float, float, float]]] = {}
    for place in sorted(range(len(worth)), key=lambda i: -worth[i]):
        x0, y0, x1, y1 = sides[place]
        size = max(x1 - x0, 0.0) * max(y1 - y0, 0.0)
        rivals = better.setdefault(kinds[place], [])
        for a0, b0, a1, b1, theirs in rivals:
            shared = max(min(x1, a1) - max(x0, a0), 0.0) * max(min(y1, b1) - max(y0, b0), 0.0)
            if shared > 0 and (
                shared > overlap * (size + theirs - shared) or (within < 1 and shared > within * min(size, theirs))
            ):
                break
        else:
            kept.append(place)
            rivals.append((x0, y0, x1, y1, size))
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
