"""Stays: while something moves by itself in front of a camera that moves, told from glances."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Floats = npt.NDArray[np.float64]

# One glance may be mistaken (a reflection, a bush that moves in the wind); whoever comes is there in the next too.
_SMOOTH_S = 2.0
# Evidence as `parallax.Apart` has it: a stay reaches as far as the lower, when it rises above the higher.
_HIGHER, _LOWER = 1.3, 0.8
_REACH_S = 1.0  # a glance speaks for this long before and after it


class Stay(NamedTuple):
    """`start_s` to `end_s`; `moment_s`: where the evidence is greatest; `evidence` (0 to 3) there."""

    start_s: float
    end_s: float
    moment_s: float
    evidence: float


def stays(apart: pa.Table) -> list[Stay]:
    """Stays in order of time; `apart` has columns time_s (rising) and evidence, one row a glance."""
    times = apart["time_s"].to_numpy().astype(np.float64)
    level = _smoothed(times, apart["evidence"].to_numpy().astype(np.float64))
    inside = np.concatenate([[False], level > _LOWER, [False]])
    starts, ends = np.flatnonzero(inside[1:] & ~inside[:-1]), np.flatnonzero(~inside[1:] & inside[:-1])
    found = []
    for first, last in zip(starts, ends - 1, strict=True):
        top = first + int(np.argmax(level[first : last + 1]))
        if level[top] <= _HIGHER:
            continue
        before = (times[first] - times[first - 1]) / 2 if first else _REACH_S
        after = (times[last + 1] - times[last]) / 2 if last + 1 < len(times) else _REACH_S
        start, end = times[first] - min(before, _REACH_S), times[last] + min(after, _REACH_S)
        found.append(Stay(float(max(start, 0.0)), float(end), float(times[top]), float(level[top])))
    return found


def _smoothed(times: Floats, values: Floats) -> Floats:
    """Mean over the neighbours in time, weighted by a triangle `_SMOOTH_S` to each side."""
    out = np.empty(len(values))
    low, high = np.searchsorted(times, times - _SMOOTH_S), np.searchsorted(times, times + _SMOOTH_S)
    for place, (first, last) in enumerate(zip(low, high, strict=True)):
        weight = 1 - np.abs(times[first:last] - times[place]) / _SMOOTH_S
        out[place] = float(weight @ values[first:last]) / float(weight.sum())
    return out
