"""Protection: what protective equipment each person wears."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from taihang.use.video import scope
from taihang.use.video.observe import seen as seeing
from taihang.use.video.observe import tables


def protection(seen: seeing.Seen, labels: Mapping[scope.Item, Mapping[str, bool]]) -> pa.Table:
    """What protective equipment each person wears, from a detector that has classes for it.

    `labels` maps helmet, vest, self_rescuer to the detector's labels and what each says, such as
    {"helmet": {"helmet": True, "head": False}}. A label that lies in the person's box says it;
    with only positive labels, none of them on a person taller than 80 pixels says no.
    """
    items = [i for i in scope.ITEMS if i in labels]
    boxes = seeing.boxes_by_frame(seen)
    rows: list[dict[str, object]] = []
    start, end = seeing.span_of_frames(seen)
    for track, frames, people_boxes in seeing.tracks(seen):
        for frame, box in zip(frames.tolist(), people_boxes, strict=True):
            if not end[frame] > start[frame]:
                continue
            said: dict[str, bool | None] = {i: _worn(box, boxes.get(frame, []), labels[i]) for i in items}
            rows.append({"start_s": start[frame], "end_s": end[frame], "observed": True, "track": track, **said})
        rows += _gaps([r for r in rows if r["track"] == track and r["observed"]], {"track": track})
    table = pa.Table.from_pylist(rows, schema=tables.schema("protection"))
    return table.sort_by([("track", "ascending"), ("start_s", "ascending")])


def _worn(
    person: npt.NDArray[np.float64], others: Sequence[tuple[str, npt.NDArray[np.float64]]], says: Mapping[str, bool]
) -> bool | None:
    found = [says[label] for label, box in others if label in says and _within(box, person)]
    if found:
        return any(found)
    only_positive = all(says.values())
    return False if only_positive and person[3] - person[1] > 80 else None


def _within(inner: npt.NDArray[np.float64], outer: npt.NDArray[np.float64]) -> bool:
    x, y = (inner[0] + inner[2]) / 2, (inner[1] + inner[3]) / 2
    margin = 0.1 * (outer[3] - outer[1])  # a helmet may rise a little above the box
    return bool(outer[0] <= x <= outer[2] and outer[1] - margin <= y <= outer[3])


def _gaps(rows: list[dict[str, object]], constant: dict[str, object]) -> list[dict[str, object]]:
    """Unseen rows between the rows of one group."""
    made: list[dict[str, object]] = []
    for before, after in itertools.pairwise(rows):
        if float(after["start_s"]) - float(before["end_s"]) > 1e-6:  # type: ignore[arg-type]
            made.append({"start_s": before["end_s"], "end_s": after["start_s"], "observed": False, **constant})
    return made
