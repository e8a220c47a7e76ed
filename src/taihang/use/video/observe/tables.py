"""Tables: what the walk observed, as the tables that rulebooks speak about.

Each has start_s and end_s in seconds and `observed`. Rows of one group tile the video (those of a
track, its life), so that absence is a row too, and an unseen span is a row whose measurements are null.

================  ==========  =====================================================================
table             keys        measurements
================  ==========  =====================================================================
people            —           people
zone_occupancy    zone        zone_kind, people, looks (frames in a row that agree), registration_error_px
movement          track       label, speed (body heights per second), height_px
protection        track       helmet, vest, self_rescuer (true, false, or null: cannot be told)
camera            —           state, luma, sharpness, dark, covered, blurred
zone_motion       zone        zone_kind, motion (grey values), moving, change (start, stop or null)
statements        question    seen (what a vision-language model said), text (its words), frame; and of the detector
                              in that frame: people, helmet, vest, self_rescuer
activities        activity    going_on (what a temporal classifier said); and of the detector in that span: people
================  ==========  =====================================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from taihang.use.video.observe import seen as seeing

SCHEMAS: dict[str, pa.Schema] = {
    "people": pa.schema([("people", pa.int64())]),
    "zone_occupancy": pa.schema(
        [
            ("zone", pa.string()),
            ("zone_kind", pa.string()),
            ("people", pa.int64()),
            ("looks", pa.int64()),
            ("registration_error_px", pa.float64()),
        ]
    ),
    "movement": pa.schema(
        [("track", pa.int64()), ("label", pa.string()), ("speed", pa.float64()), ("height_px", pa.float64())]
    ),
    "protection": pa.schema(
        [("track", pa.int64()), ("helmet", pa.bool_()), ("vest", pa.bool_()), ("self_rescuer", pa.bool_())]
    ),
    "camera": pa.schema(
        [
            ("state", pa.string()),
            ("luma", pa.float64()),
            ("sharpness", pa.float64()),
            ("dark", pa.bool_()),
            ("covered", pa.bool_()),
            ("blurred", pa.bool_()),
        ]
    ),
    "zone_motion": pa.schema(
        [
            ("zone", pa.string()),
            ("zone_kind", pa.string()),
            ("motion", pa.float64()),
            ("moving", pa.bool_()),
            ("change", pa.string()),
        ]
    ),
    "statements": pa.schema(
        [
            ("question", pa.string()),
            ("seen", pa.bool_()),
            ("text", pa.string()),
            ("frame", pa.int64()),
            ("people", pa.int64()),
            ("helmet", pa.bool_()),
            ("vest", pa.bool_()),
            ("self_rescuer", pa.bool_()),
        ]
    ),
    "activities": pa.schema([("activity", pa.string()), ("going_on", pa.bool_()), ("people", pa.int64())]),
}
KEYS: dict[str, tuple[str, ...]] = {
    "people": (),
    "zone_occupancy": ("zone",),
    "movement": ("track",),
    "protection": ("track",),
    "camera": (),
    "zone_motion": ("zone",),
    "statements": ("question",),
    "activities": ("activity",),
}
# What the detector says of the same frame or span: a rule that acts on what a model said needs one of them.
AGREEING = ("people", "helmet", "vest", "self_rescuer")
_SPAN = [("start_s", pa.float64()), ("end_s", pa.float64()), ("observed", pa.bool_())]


def schema(name: str) -> pa.Schema:
    """The whole schema of one derived table: time columns first."""
    return pa.schema([*_SPAN, *SCHEMAS[name]])


def from_frames(
    name: str,
    seen: seeing.Seen,
    columns: Mapping[str, Sequence[object]],
    constant: Mapping[str, object] | None = None,
    known: Sequence[bool] | None = None,
) -> pa.Table:
    """Coverage rows with each frame's values; `constant` columns keep their value where unseen."""
    constant = constant or {}
    frame = seen.coverage.frame
    visible = seen.coverage.observed.copy()
    if known is not None and len(known):
        visible &= np.asarray(known)[np.maximum(frame, 0)]
    data: dict[str, object] = {
        "start_s": seen.coverage.start_s,
        "end_s": seen.coverage.end_s,
        "observed": visible,
    }
    for field in SCHEMAS[name]:
        values = columns[field.name]
        data[field.name] = pa.array(
            [
                values[f] if ok else constant.get(field.name)
                for f, ok in zip(frame.tolist(), visible.tolist(), strict=True)
            ],
            type=field.type,
        )
    return pa.table(data, schema=schema(name))
