"""Seen: what the detector was shown and what it found, frame by frame and track by track."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from taihang.use.video.observe import coverage as cover

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

PERSON = "person"


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """What the detector was shown and what it found, of one video.

    `times` (n,) are the frames' seconds, sorted; `numbers` (n,) their numbers; `tracked` holds
    detections with a `track` column, `number` telling the frame; `outlines` gives, per zone name,
    the polygon in each frame or None where it could not be placed, and `error_px` its stated error.
    """

    times: npt.NDArray[np.float64]
    numbers: npt.NDArray[np.int64]
    tracked: pa.Table
    coverage: cover.Coverage
    duration_s: float
    outlines: Mapping[str, Sequence[npt.NDArray[np.float64] | None]] = dataclasses.field(default_factory=dict)
    error_px: Mapping[str, Sequence[float | None]] = dataclasses.field(default_factory=dict)


def _person(seen: Seen) -> npt.NDArray[np.bool_]:
    return np.array([label == PERSON for label in seen.tracked["label"].to_pylist()], dtype=bool)


def _corners(table: pa.Table) -> npt.NDArray[np.float64]:
    return np.column_stack([table[c].to_numpy().astype(np.float64) for c in ("x0", "y0", "x1", "y1")]).reshape(-1, 4)


def foot(box: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Where a person stands: the middle of the box's lower edge, (2,)."""
    return np.array([(box[0] + box[2]) / 2, box[3]])


def _place(seen: Seen) -> npt.NDArray[np.int64]:
    """Each detection's frame as a place in `seen.numbers`."""
    return np.asarray(np.searchsorted(seen.numbers, seen.tracked["number"].to_numpy()), dtype=np.int64)


def feet_per_frame(seen: Seen) -> list[npt.NDArray[np.float64]]:
    """The feet of the people in each frame, one (n, 2) array a frame."""
    keep = _person(seen)
    boxes, place = _corners(seen.tracked)[keep], _place(seen)[keep]
    feet = np.column_stack([(boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 3]]) if len(boxes) else np.empty((0, 2))
    return [feet[place == i] for i in range(len(seen.times))]


def tracks(seen: Seen) -> list[tuple[int, npt.NDArray[np.int64], npt.NDArray[np.float64]]]:
    """Per track of a person: its id, its frames in order, its boxes."""
    keep = _person(seen)
    boxes, place = _corners(seen.tracked)[keep], _place(seen)[keep]
    ids = np.array([-1 if t is None else t for t in seen.tracked["track"].to_pylist()], dtype=np.int64)[keep]
    found = []
    for track in np.unique(ids[ids >= 0]).tolist():
        mine = np.flatnonzero(ids == track)
        mine = mine[np.argsort(place[mine], kind="stable")]
        found.append((int(track), place[mine], boxes[mine]))
    return found


def boxes_by_frame(seen: Seen) -> dict[int, list[tuple[str, npt.NDArray[np.float64]]]]:
    """Everything that is no person, by place of its frame: label and box."""
    found: dict[int, list[tuple[str, npt.NDArray[np.float64]]]] = {}
    labels, boxes = seen.tracked["label"].to_pylist(), _corners(seen.tracked)
    for place, label, box in zip(_place(seen).tolist(), labels, boxes, strict=True):
        if label != PERSON:
            found.setdefault(place, []).append((label, box))
    return found


def span_of_frames(seen: Seen) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """What each frame stands for, as one span; empty for a frame that shows nothing."""
    start, end = np.full(len(seen.times), np.inf), np.full(len(seen.times), -np.inf)
    rows = seen.coverage.observed
    np.minimum.at(start, seen.coverage.frame[rows], seen.coverage.start_s[rows])
    np.maximum.at(end, seen.coverage.frame[rows], seen.coverage.end_s[rows])
    return start, end
