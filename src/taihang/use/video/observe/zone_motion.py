"""Zone motion: whether something moves inside a zone of a fixed camera, such as a running machine.

From key frames alone: how much a zone's pixels differ between one key frame and the next, held
against the picture's own noise outside the zones. A person who walks through a zone moves in it
too, but not for long: rules on equipment ask for seconds of it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from taihang.engines.media import keyframes
from taihang.use.video.observe import tables
from taihang.use.video.zoning import zones as zoning

_WIDTH = 320
_LONGEST_STEP_S = 12.0  # key frames further apart tell nothing of the time between them
_TIMES_NOISE = 2.5
_LEAST = 1.5  # grey values: below it, the coder's own changes
_SMALLEST_PX = 12  # pixels of the small picture that a zone must cover

Floats = npt.NDArray[np.float64]


def zone_motion(path: str | os.PathLike[str], packets: pa.Table, zones: zoning.Zones, duration_s: float) -> pa.Table:
    """A row per zone and pair of key frames, of schema `zone_motion`; the zones' frame is the video's.

    `change` is set in the first row after a zone began or ceased to move and stayed so for two rows.
    """
    times, differences, noise = _differences(path, packets, zones)
    parts = [_rows(zone, times, differences[:, i], noise, duration_s) for i, zone in enumerate(zones.zones)]
    return pa.concat_tables([tables.schema("zone_motion").empty_table(), *parts])


def _differences(path: str | os.PathLike[str], packets: pa.Table, zones: zoning.Zones) -> tuple[Floats, Floats, Floats]:
    """Key frames' times (k,), mean absolute difference to the one before per zone (k, n), and outside (k,)."""
    times: list[float] = []
    rows: list[list[float]] = []
    noise: list[float] = []
    masks: npt.NDArray[np.bool_] | None = None
    last: npt.NDArray[np.uint8] | None = None
    for frame in keyframes.keyframes(path, width=_WIDTH, packets=packets):
        # A little blur: grain is no motion.
        grey = cv2.GaussianBlur(cv2.cvtColor(frame.image, cv2.COLOR_RGB2GRAY), (5, 5), 0)
        if masks is None:
            masks = _masks(zones, grey.shape[1], grey.shape[0])
        if last is None or last.shape != grey.shape:
            rows.append([np.nan] * len(zones.zones))
            noise.append(np.nan)
        else:
            step = cv2.absdiff(grey, last).astype(np.float32)
            outside = step[~masks.any(axis=0)]
            rows.append([float(step[m].mean()) if m.sum() >= _SMALLEST_PX else np.nan for m in masks])
            noise.append(float(np.median(outside)) if outside.size else 0.0)
        times.append(frame.time_s)
        last = grey
    return np.array(times), np.array(rows).reshape(len(times), len(zones.zones)), np.array(noise)


def _masks(zones: zoning.Zones, width: int, height: int) -> npt.NDArray[np.bool_]:
    made = np.zeros((len(zones.zones), height, width), dtype=np.uint8)
    scale = np.array([width / zones.frame.width, height / zones.frame.height])
    for mask, zone in zip(made, zones.zones, strict=True):
        cv2.fillPoly(mask, [(zone.array() * scale).round().astype(np.int32)], 1)
    return made.astype(bool)


def _rows(zone: zoning.Zone, times: Floats, difference: Floats, noise: Floats, duration_s: float) -> pa.Table:
    """One zone's rows: between two key frames it moved or it did not; elsewhere it is unseen."""
    count = len(times)
    starts = np.concatenate(([0.0], times)) if count and times[0] > 0 else times
    ends = np.append(starts[1:], duration_s)
    # Row i stands for the time up to key frame i + 1, which shows what happened since key frame i.
    value = np.append(difference[1:], np.nan) if count else difference
    floor = np.append(noise[1:], np.nan) if count else noise
    pad = len(starts) - count
    value, floor = np.append(np.full(pad, np.nan), value), np.append(np.full(pad, np.nan), floor)
    seen = np.isfinite(value) & (ends - starts <= _LONGEST_STEP_S) & (ends > starts)
    moving = seen & (value > np.maximum(_LEAST, _TIMES_NOISE * np.nan_to_num(floor)))
    known = [bool(m) if s else None for m, s in zip(moving, seen, strict=True)]
    changes = _changes(known)
    data = {
        "start_s": starts,
        "end_s": ends,
        "observed": seen,
        "zone": [zone.name] * len(starts),
        "zone_kind": [zone.kind] * len(starts),
        "motion": [float(v) if s else None for v, s in zip(value, seen, strict=True)],
        "moving": known,
        "change": changes,
    }
    return pa.table(data, schema=tables.schema("zone_motion")).filter(pa.array(ends > starts))


def _changes(known: Sequence[bool | None]) -> list[str | None]:
    """Where a state that lasts at least two rows differs from the last one that did."""
    found: list[str | None] = [None] * len(known)
    settled: bool | None = None
    for i, (this, after) in enumerate(zip(known, [*known[1:], None], strict=True)):
        if this is None or this != after:
            continue
        if settled is not None and this != settled:
            found[i] = "start" if this else "stop"
        settled = this
    return found
