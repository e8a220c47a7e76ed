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


def per_frame(packets: pa.Table) -> Floats:
    """log2 of the local mean size of predicted frames, relative to the file's median; one per packet row.

    `packets` is `engines.media.packets`'. Key frames are written whole whatever happens, so they
    borrow their neighbours' size. A file of key frames only uses those: they still follow detail.
    """
    size = packets["size"].to_numpy().astype(np.float64)
    key = packets["key"].to_numpy(zero_copy_only=False).astype(bool)
    times = packets["time_s"].to_numpy()
    if not len(size):
        return np.zeros(0)
    if (~key).sum() > max(2, 0.05 * len(size)):
        place = np.arange(len(size))
        size = np.interp(place, place[~key], size[~key])
    local = _window_mean(size, times)
    typical = float(np.median(local))
    # The floor keeps a handful of bytes more or less in an empty scene from looking like a change.
    return np.asarray(np.log2(local + 0.25 * typical + 16) - np.log2(1.25 * typical + 16))


def _window_mean(size: Floats, times: Floats) -> Floats:
    """Mean over the frames within half a window, at least `_FEWEST_FRAMES` of them."""
    count = len(size)
    place = np.arange(count)
    low = np.searchsorted(times, times - _WINDOW_S / 2, side="left")
    high = np.searchsorted(times, times + _WINDOW_S / 2, side="right")
    reach = _FEWEST_FRAMES // 2
    low = np.minimum(low, np.maximum(place - reach, 0))
    high = np.maximum(high, np.minimum(place + reach + 1, count))
    sums = np.concatenate([[0.0], np.cumsum(size)])
    return np.asarray((sums[high] - sums[low]) / (high - low))
