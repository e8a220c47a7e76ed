"""Conditions: whether the camera could see anything, moment by moment, and how it moved."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from taihang.use.video.observe import coverage as cover
from taihang.use.video.observe import tables

# A picture stands for a second to each side at most: a hand before the lens comes and goes quickly.
_HOLD = cover.Hold(anywhere_s=1.0, stable_s=1.0)
_BLIND = ("dark", "covered", "blurred")
NO_SEGMENTS = pa.table(
    {c: pa.array([], t) for c, t in (("start_s", pa.float64()), ("end_s", pa.float64()), ("kind", pa.string()))}
)


def camera(sights: pa.Table, states: pa.Table, duration_s: float) -> pa.Table:
    """The `camera` table, from the pictures that were measured.

    `sights` has time_s, seen (clear, dark, blurred, covered), luma, sharpness; several measurements
    of one moment count once. `states` has start_s, end_s, state and tiles the video.
    """
    sights = sights.sort_by("time_s")
    times = sights["time_s"].to_numpy()
    first = np.flatnonzero(np.diff(times, prepend=-np.inf) > 1e-6)
    sights, times = sights.take(pa.array(first)), times[first]
    tiled = cover.cover(times, duration_s, NO_SEGMENTS, hold=_HOLD, fixed=False)
    rows = pa.array(tiled.frame, mask=~tiled.observed)
    seen = sights["seen"].take(rows)
    data = {
        "start_s": tiled.start_s,
        "end_s": tiled.end_s,
        "observed": tiled.observed,
        "state": _states(states, (tiled.start_s + tiled.end_s) / 2),
        "luma": sights["luma"].take(rows).cast(pa.float64()),
        "sharpness": sights["sharpness"].take(rows).cast(pa.float64()),
        **{name: pa.compute.equal(seen, name) for name in ("dark", "covered", "blurred")},
    }
    return pa.table(data, schema=tables.schema("camera"))


def _states(states: pa.Table, at: np.ndarray) -> pa.Array:
    if not states.num_rows:
        return pa.array(["unknown"] * len(at))
    place = np.searchsorted(states["start_s"].to_numpy(), at, side="right") - 1
    return pa.array([states["state"][int(i)].as_py() for i in np.maximum(place, 0)], pa.string())


def blind(conditions: pa.Table) -> dict[str, list[tuple[float, float]]]:
    """Spans in which a frame shows nothing, by reason: dark, covered, blurred; in time order."""
    return {reason: _spans(conditions.filter(conditions[reason])) for reason in _BLIND}


def _spans(rows: pa.Table) -> list[tuple[float, float]]:
    found: list[tuple[float, float]] = []
    for start, end in zip(rows["start_s"].to_pylist(), rows["end_s"].to_pylist(), strict=True):
        if found and start - found[-1][1] < 1e-6:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found
