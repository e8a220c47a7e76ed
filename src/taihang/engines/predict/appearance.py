"""What a detected thing looks like, as a small histogram that survives a change of place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from taihang.engines.predict import predictor as contract

if TYPE_CHECKING:
    from taihang.engines.media import frame as media

COLUMN = "look"
_HUES, _GREYS = 8, 4
LENGTH = 2 * (_HUES + _GREYS)
SCHEMA = contract.DETECTIONS.append(pa.field(COLUMN, pa.list_(pa.float32(), LENGTH), nullable=False))
_COLOURED = 50  # saturation from which a hue means something
_SIDE = 48  # crops are brought to this size: enough for colours


def with_looks(frames: Sequence[media.Frame], detections: pa.Table) -> pa.Table:
    """Detections of these frames with a column `look`: (LENGTH,) float32, each half sums to 1/2.

    Upper and lower half of the box's middle, hues where there is colour, greys elsewhere.
    """
    images = {frame.number: frame.image for frame in frames}
    numbers = detections["number"].to_pylist()
    edges = np.stack([detections[c].to_numpy() for c in ("x0", "y0", "x1", "y1")], axis=1)
    looks = [_look(images[number], box) for number, box in zip(numbers, edges, strict=True)]
    flat = np.concatenate([*looks, np.zeros(0, np.float32)]).astype(np.float32)
    return detections.append_column(SCHEMA.field(COLUMN), pa.FixedSizeListArray.from_arrays(pa.array(flat), LENGTH))


def distance(one: npt.NDArray[np.float32], two: npt.NDArray[np.float32]) -> float:
    """Hellinger distance of two looks: 0 for equal ones, 1 for ones with nothing in common."""
    return float(np.sqrt(max(0.0, 1.0 - float(np.sqrt(one * two).sum()))))


def _look(image: npt.NDArray[np.uint8], box: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    x0, y0, x1, y1 = (float(v) for v in box)
    inset = 0.2 * (x1 - x0)
    left, right = int(x0 + inset), max(int(x0 + inset) + 1, int(x1 - inset))
    crop = image[int(y0) : max(int(y0) + 1, int(y1)), left:right]
    crop = cv2.resize(crop, (_SIDE, 2 * _SIDE), interpolation=cv2.INTER_AREA)
    hue, saturation, value = np.moveaxis(cv2.cvtColor(crop, cv2.COLOR_RGB2HSV), 2, 0).astype(np.int64)
    kind = np.where(saturation >= _COLOURED, hue * _HUES // 180, _HUES + value * _GREYS // 256)
    halves = (kind[:_SIDE], kind[_SIDE:])
    counts = [np.bincount(half.ravel(), minlength=_HUES + _GREYS) for half in halves]
    return np.asarray(np.concatenate(counts) / kind.size, np.float32)
