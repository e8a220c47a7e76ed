"""Glimpses: a film as the temporal network sees it: small key frames, each with the motion right after it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from taihang.core import job
from taihang.engines.media import frame, frames, keyframes, motion
from taihang.model.temporal import steps as stepping
from taihang.use.video.select import activity, parallax, sight

_APART_S = 0.9  # key frames nearer than this to the one before are left out
_FIELDS = 3  # frames of a glance, the key frame with them
_PART = 64  # steps that are handed on together
_GRID_S = 0.5  # between the steps of a clip that is learnt from
# Frame widths a thirtieth of a second that fill half of the scale; noise widths that fill it.
_FLOW, _APART = 0.02, 8.0
_FRAME_S = 1 / 30
_STAGE = "use.video:stage.temporal"
_Step = tuple[float, npt.NDArray[np.uint8], tuple[float, ...]]


def of_film(
    path: str | os.PathLike[str], packets: pa.Table, progress: job.Progress | None = None
) -> Iterator[tuple[stepping.Steps, list[bool]]]:
    """Steps of a film in parts, one step a key frame, and whether each shows anything; decodes no more than three
    frames for each. Raises what `engines.media` does, and what `progress` raises to stop."""
    progress = progress or job.Silent()
    times, step_s = packets["time_s"].to_numpy(), _interval(packets)
    numbers = _keys(packets)
    spans = [(float(times[n]), float(times[n]) + (_FIELDS - 0.5) * step_s) for n in numbers]
    glances = _Glances(motion.motion(path, spans, workers=1, packets=packets), step_s)
    moved = activity.per_frame(packets)
    steps: list[_Step] = []
    clear: list[bool] = []
    pictures = keyframes.keyframes(path, width=sight.WIDTH, every_s=_APART_S, packets=packets)
    for done, picture in enumerate(pictures, 1):
        luma = sight.grey(picture.image)
        clear.append(sight.measure(luma).verdict == "clear")
        fields = glances.from_to(picture.time_s, picture.time_s + (_FIELDS - 0.5) * step_s)
        steps.append(_step(picture.time_s, luma, fields, float(moved[picture.number]), step_s))
        progress.update(_STAGE, min(done, len(numbers)), max(len(numbers), 1))
        if len(steps) == _PART:
            yield _steps(steps), clear
            steps, clear = [], []
    if steps:
        yield _steps(steps), clear


def of_clip(path: str | os.PathLike[str], packets: pa.Table) -> stepping.Steps:
    """Steps every half second of a clip that is learnt from; all of it is decoded."""
    times, step_s = packets["time_s"].to_numpy(), _interval(packets)
    if not len(times):
        return _steps([])
    grid = np.arange(times[0], times[-1] + 1e-9, _GRID_S)
    starts = np.unique(np.searchsorted(times, grid))
    starts = starts[starts < len(times)]
    asked = sorted({int(n) for s in starts for n in range(s, min(s + _FIELDS, len(times)))})
    moved = activity.per_frame(packets)
    first = set(starts.tolist())
    steps: list[_Step] = []
    held: tuple[frame.Frame, npt.NDArray[np.uint8]] | None = None
    fields: list[frame.MotionField] = []
    for shown in frames.frames(path, asked, packets, motion=True):
        if shown.number in first:
            if held is not None:
                steps.append(_step(held[0].time_s, held[1], fields, float(moved[held[0].number]), step_s))
            held, fields = (shown, sight.grey(shown.image)), []
        elif shown.motion is not None and not shown.motion.key:  # a key frame has no vectors of its own
            fields.append(shown.motion)
    if held is not None:
        steps.append(_step(held[0].time_s, held[1], fields, float(moved[held[0].number]), step_s))
    return _steps(steps)


class _Glances:
    """Motion fields of a film in order, taken by spans of time."""

    def __init__(self, fields: Iterable[frame.MotionField], step_s: float) -> None:
        self._fields, self._ahead = iter(fields), None
        self._near = step_s / 2
        self._ahead = next(self._fields, None)

    def from_to(self, start_s: float, end_s: float) -> list[frame.MotionField]:
        """Fields within a span; those before it are dropped."""
        found = []
        while self._ahead is not None and self._ahead.time_s < end_s:
            if self._ahead.time_s >= start_s - self._near and not self._ahead.key:
                found.append(self._ahead)
            self._ahead = next(self._fields, None)
        return found


def _interval(packets: pa.Table) -> float:
    times = packets["time_s"].to_numpy()
    return float(np.median(np.diff(times))) if len(times) > 1 else _FRAME_S


def _keys(packets: pa.Table) -> list[int]:
    """Rows of the key frames that are looked at, as `keyframes` thins them out."""
    times = packets["time_s"].to_numpy()
    kept: list[int] = []
    for number in np.flatnonzero(packets["key"].to_numpy(zero_copy_only=False)):
        if not kept or times[number] - times[kept[-1]] >= _APART_S:
            kept.append(int(number))
    return kept


def _step(
    time_s: float, luma: npt.NDArray[np.uint8], fields: list[frame.MotionField], moved: float, step_s: float
) -> _Step:
    size = (stepping.WIDTH, stepping.HEIGHT)
    planes = np.zeros((len(stepping.KEPT), stepping.HEIGHT, stepping.WIDTH), np.uint8)
    planes[0] = cv2.resize(luma, size, interpolation=cv2.INTER_AREA)
    planes[1:3] = 128
    found = parallax.deviation(fields) if fields else None
    if found is None:
        return time_s, planes, (moved, *[0.0] * (len(stepping.MEASURED) - 1))
    flow = found.flow * (_FRAME_S / max(step_s, 1e-3))
    flow -= np.median(flow[found.known], axis=0)
    flow[~found.known] = 0
    for place in (0, 1):
        whole = cv2.resize(flow[..., place].astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
        planes[1 + place] = np.clip(128 + 64 * whole / _FLOW, 0, 255)
    for place, value in ((3, found.width / _APART), (4, found.known)):
        whole = cv2.resize(value.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
        planes[place] = np.clip(255 * whole, 0, 255)
    evidence = parallax.apart_of(found).evidence
    return time_s, planes, (moved, float(found.walking), min(found.noise, 4.0), evidence)


def _steps(rows: list[_Step]) -> stepping.Steps:
    if not rows:
        empty = np.zeros((0, len(stepping.KEPT), stepping.HEIGHT, stepping.WIDTH), np.uint8)
        return stepping.Steps(np.zeros(0), empty, np.zeros((0, len(stepping.MEASURED)), np.float32))
    return stepping.Steps(
        np.array([row[0] for row in rows]),
        np.stack([row[1] for row in rows]),
        np.array([row[2] for row in rows], np.float32),
    )
