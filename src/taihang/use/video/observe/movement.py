"""Movement: how fast people's feet move across the picture."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from taihang.use.video.observe import seen as seeing
from taihang.use.video.observe import tables

_SHORTEST_STEP_S = 0.5  # a speed over less time measures the box's jitter
_LONGEST_STEP_S = 2.0  # over more, two people may have been taken for one


def movement(seen: seeing.Seen) -> pa.Table:
    """How fast each person's feet move across the picture, in body heights per second.

    Displacement over time is at most the true speed along the path, and motion towards the camera
    does not show: a high value is a fact, a low one is not proof of slowness.
    """
    rows: list[dict[str, object]] = []
    for track, frames, boxes in seeing.tracks(seen):
        at = seen.times[frames]
        step = np.minimum(np.searchsorted(at, at + _SHORTEST_STEP_S - 1e-6), len(at) - 1)
        for i, j in enumerate(step.tolist()[:-1]):
            row = {"start_s": float(at[i]), "end_s": float(at[i + 1]), "track": track, "label": "person"}
            dt = float(at[j] - at[i])
            if dt < _SHORTEST_STEP_S / 2 or dt > _LONGEST_STEP_S:
                rows.append({**row, "observed": False, "speed": None, "height_px": None})
                continue
            height = float((boxes[i, 3] - boxes[i, 1] + boxes[j, 3] - boxes[j, 1]) / 2)
            shift = np.hypot(*(seeing.foot(boxes[j]) - seeing.foot(boxes[i])))
            rows.append({**row, "observed": True, "speed": float(shift / max(height, 1.0) / dt), "height_px": height})
    return pa.Table.from_pylist(rows, schema=tables.schema("movement"))
