"""Background: what a fixed camera sees when nobody is there."""

from __future__ import annotations

import os

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from taihang.engines.media import frames

_WIDTH = 640
_MOST = 41  # key frames: enough for a median, and a thing that stays half the film is background


def background(path: str | os.PathLike[str], packets: pa.Table) -> npt.NDArray[np.uint8] | None:
    """Median of key frames spread over the film, (h, w, 3) RGB at most 640 wide; None below five."""
    keys = np.flatnonzero(packets["key"].to_numpy(zero_copy_only=False))
    if len(keys) < 5:
        keys = np.arange(packets.num_rows)
    picked = np.unique(keys[np.linspace(0, len(keys) - 1, min(_MOST, len(keys))).round().astype(int)])
    small = [_small(frame.image) for frame in frames.frames(path, picked.tolist(), packets)]
    small = [s for s in small if s.shape == small[0].shape]
    return np.median(np.stack(small), axis=0).astype(np.uint8) if len(small) >= 5 else None


def _small(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    height, width = image.shape[:2]
    if width <= _WIDTH:
        return image
    return np.asarray(cv2.resize(image, (_WIDTH, max(1, round(height * _WIDTH / width))), interpolation=cv2.INTER_AREA))
