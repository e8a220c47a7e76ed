"""Stays: while something moves by itself in front of a camera that moves, told from glances."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Floats = npt.NDArray[np.float64]

# One glance may be mistaken (a reflection, a bush that moves in the wind); whoever comes is there in the next too.
_SMOOTH_S = 2.0
_NEIGHBOURS = 1.8  # where glances are rarer, in distances between two of them
# What deviates most of the time is not somebody who comes: windows that mirror the sky, the wearer's own hands, a lens.
_USUAL_S, _USUAL = 60.0, 0.25  # to each side; the share of glances that show less
# Evidence as `parallax.Apart` has it, above what is usual: a stay reaches as far as the lower, when it
# rises above the higher.
_HIGHER, _LOWER = 1.0, 0.8
_REACH_S = 1.0  # a glance speaks for this long before and after it


class Stay(NamedTuple):
    """`start_s` to `end_s`; `moment_s`: where the evidence is greatest; `evidence` (0 to 3)
    there, above what is usual."""

    start_s: float
    end_s: float
    moment_s: float
    evidence: float


def stays(apart: pa.Table) -> list[Stay]:
    """Stays in order of time; `apart` has columns time_s (rising) and evidence, one row a glance."""
    times = apart["time_s"].to_numpy().astype(np.float64)
    evidence = apart["evidence"].to_numpy().astype(np.float64)
    level = _smoothed(times, np.maximum(evidence - _usual(times, evidence), 0.0))
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


def _usual(times: Floats, values: Floats) -> Floats:
    """What glances show when nobody came, told from the lower part of those around."""
    low, high = np.searchsorted(times, times - _USUAL_S), np.searchsorted(times, times + _USUAL_S)
    return np.array([np.quantile(values[a:b], _USUAL) for a, b in zip(low, high, strict=True)])


def _smoothed(times: Floats, values: Floats) -> Floats:
    """Mean over the neighbours in time, weighted by a triangle to each side that holds a neighbour at least."""
    out = np.empty(len(values))
    reach = max(_SMOOTH_S, _NEIGHBOURS * float(np.median(np.diff(times)))) if len(times) > 1 else _SMOOTH_S
    low, high = np.searchsorted(times, times - reach), np.searchsorted(times, times + reach)
    for place, (first, last) in enumerate(zip(low, high, strict=True)):
        weight = 1 - np.abs(times[first:last] - times[place]) / reach
        out[place] = float(weight @ values[first:last]) / float(weight.sum())
    return out
