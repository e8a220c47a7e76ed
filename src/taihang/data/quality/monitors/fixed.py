"""Fixed: the mean of all earlier points and three standard deviations, to hold learned bands against."""

from __future__ import annotations

import numpy as np

from taihang.data.quality.monitors import panel, season, track

_SIGMAS = 3.0


def track_of(on: panel.Panel, at: season.Season) -> track.Track:
    """The band of each point from the points before it; it begins where the learned one does."""
    x = on.values
    n, m = x.shape
    known = np.isfinite(x)
    filled = np.where(known, x, 0.0)
    zero = np.zeros((1, m))
    count = np.concatenate([zero, np.cumsum(known, axis=0)[:-1]])
    first = filled[np.argmax(known, axis=0), np.arange(m)]  # sums of squares about the first value lose no digits
    apart = np.where(known, x - first, 0.0)
    total = np.concatenate([zero, np.cumsum(apart, axis=0)[:-1]])
    square = np.concatenate([zero, np.cumsum(apart**2, axis=0)[:-1]])
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / count
        scale = np.sqrt(np.maximum(square / count - mean**2, 0.0))
        mean = mean + first
        points, span = track.needs(at)
        began = on.seconds
        ready = (np.arange(n) >= points) & (began - began[0] >= span) if n else np.zeros(0, bool)
        mean = np.where(ready[:, None], mean, np.nan)
        ratio = (x - mean) / (_SIGMAS * np.maximum(scale, 1e-12))
    limit = np.full((2, n, m), _SIGMAS)
    ones = np.ones((n, m))
    return track.Track(
        mean, mean - _SIGMAS * scale, mean + _SIGMAS * scale, ratio, scale, limit, ones, count.astype(np.int64),
        np.zeros(m, bool), np.zeros((n, m), np.int64), count.astype(np.int64), np.zeros((n, m)), "fixed",
    )  # fmt: skip
