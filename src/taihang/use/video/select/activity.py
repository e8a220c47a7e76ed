"""Activity: how much new a codec had to write down, read from packet sizes alone.

A predicted frame costs bits where the picture is not what the frames before it promised. Sizes are
taken as logarithms, since a coder's rate follows quality and scene by factors.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Floats = npt.NDArray[np.float64]

# Long enough to even out the pattern of P and B frames, which no container tells apart.
_WINDOW_S = 0.5
_FEWEST_FRAMES = 5
# Of a key frame's size: a predicted frame smaller than this shows what was there before.
_SMALL = 0.005


def per_frame(packets: pa.Table) -> Floats:
    """log2 of the local mean size of predicted frames, relative to the file's median; one per packet row.

    `packets` is `engines.media.packets`'. Key frames are written whole whatever happens, so they
    are left out. A file of key frames only uses those: they still follow detail.
    """
    size = packets["size"].to_numpy().astype(np.float64)
    key = packets["key"].to_numpy(zero_copy_only=False).astype(bool)
    times = packets["time_s"].to_numpy()
    if not len(size):
        return np.zeros(0)
    counted = ~key if (~key).sum() > max(2, 0.05 * len(size)) else np.ones(len(size), dtype=bool)
    local = _window_mean(np.where(counted, size, 0.0), counted, times)
    typical = float(np.median(local))
    # The floor keeps a handful of bytes more or less in an empty scene from looking like a change.
    whole = float(np.median(size[key])) if (key & ~counted).any() else 0.0
    least = max(0.25 * typical, _SMALL * whole) + 16
    return np.asarray(np.log2(local + least) - np.log2(typical + least))


def _window_mean(size: Floats, counted: npt.NDArray[np.bool_], times: Floats) -> Floats:
    """Mean of the counted frames within half a window, of `_FEWEST_FRAMES` frames at least."""
    count = len(size)
    place = np.arange(count)
    low = np.searchsorted(times, times - _WINDOW_S / 2, side="left")
    high = np.searchsorted(times, times + _WINDOW_S / 2, side="right")
    reach = _FEWEST_FRAMES // 2
    low = np.minimum(low, np.maximum(place - reach, 0))
    high = np.maximum(high, np.minimum(place + reach + 1, count))
    sums = np.concatenate([[0.0], np.cumsum(size)])
    numbers = np.concatenate([[0.0], np.cumsum(counted, dtype=np.float64)])
    number = numbers[high] - numbers[low]
    mean = (sums[high] - sums[low]) / np.maximum(number, 1)
    known = number > 0
    return np.asarray(np.interp(place, place[known], mean[known]))
