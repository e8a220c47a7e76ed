"""Backdrop: what is known of the scene as a whole, from a few frames spread over the film."""

from __future__ import annotations

import os

import numpy as np
import pyarrow as pa

from taihang.engines.media import frames
from taihang.engines.predict import scene

_MOST = 96
_FEWEST_KEYS = 24  # below, any frames are taken: a film may have one key frame


def backdrop(path: str | os.PathLike[str], packets: pa.Table, camera: scene.Camera) -> scene.Scene:
    """The scene of a film; a fixed camera's background is learnt from key frames, which decode cheaply.

    These frames are not handed to the detector as pictures to look at.
    """
    if camera == "worn":
        return scene.Scene(camera)
    numbers = np.flatnonzero(packets["key"].to_numpy(zero_copy_only=False))
    if len(numbers) < _FEWEST_KEYS:
        numbers = np.arange(packets.num_rows)
    picked = np.unique(numbers[np.linspace(0, len(numbers) - 1, min(_MOST, len(numbers))).round().astype(int)])
    return scene.of(frames.frames(path, picked.tolist(), packets), camera)
