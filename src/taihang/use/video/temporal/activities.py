"""Activities: what the network says of each moment, as spans that tile the film, and as stays that frames go to."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from taihang.core import i18n, job
from taihang.model.temporal import card as cards
from taihang.model.temporal import classifier
from taihang.model.temporal import steps as stepping
from taihang.use.video.observe import seen as seeing
from taihang.use.video.observe import tables
from taihang.use.video.select import stays
from taihang.use.video.temporal import glimpses

OUTPUTS = pa.schema([("time_s", pa.float64()), ("clear", pa.bool_()), ("outputs", pa.list_(pa.float32()))])
_REACH_S = 2.0  # a step speaks for this long before and after it
_SURE = 3.0  # evidence of a stay, as `select.stays` has it
_SHORTEST_S = 1.0


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What a classifier with `card` said of a film: `outputs`, a table of OUTPUTS. `failed`: why it said nothing."""

    card: cards.Card
    outputs: pa.Table
    duration_s: float
    failed: i18n.Text | None = None

    @property
    def times(self) -> npt.NDArray[np.float64]:
        """(n,) when the steps are."""
        return np.asarray(self.outputs["time_s"].to_numpy())

    @property
    def clear(self) -> npt.NDArray[np.bool_]:
        """(n,) whether a step shows anything."""
        return np.asarray(self.outputs["clear"].to_numpy(zero_copy_only=False), bool)

    def going_on(self) -> npt.NDArray[np.bool_]:
        """(n, classes) which classes go on at each step."""
        count = len(self.card.classes)
        flat = self.outputs["outputs"].combine_chunks().flatten().to_numpy() if self.outputs.num_rows else np.zeros(0)
        return np.asarray(np.reshape(flat, (-1, count)) >= np.array(self.card.thresholds))


def tell(path: Path, packets: pa.Table, judge: classifier.Classifier, progress: job.Progress) -> pa.Table:
    """A table of OUTPUTS, one row a step. Raises what reading and judging the film raises."""
    times: list[float] = []
    clear: list[bool] = []

    def parts() -> Iterator[stepping.Steps]:
        for part, shows in glimpses.of_film(path, packets, progress):
            times.extend(part.times.tolist())
            clear.extend(shows)
            yield part

    outputs = [row for part in judge.stream(parts()) for row in part.tolist()]
    return pa.table({"time_s": times, "clear": clear, "outputs": outputs}, schema=OUTPUTS)


def spans(told: Told) -> list[tuple[float, float, int]]:
    """(start_s, end_s, step) from 0 to the film's end: the step that speaks for each span, -1 where none does."""
    found: list[tuple[float, float, int]] = []
    reached = 0.0
    times, clear = told.times, told.clear
    for place, time_s in enumerate(times):
        before = (time_s + times[place - 1]) / 2 if place else 0.0
        after = (time_s + times[place + 1]) / 2 if place + 1 < len(times) else told.duration_s
        start = max(reached, before, time_s - _REACH_S)
        end = min(after, time_s + _REACH_S, told.duration_s)
        if end <= start:
            continue
        if start > reached:
            found.append((reached, start, -1))
        found.append((start, end, place if clear[place] else -1))
        reached = end
    if reached < told.duration_s:
        found.append((reached, told.duration_s, -1))
    return found


def unjudged(told: Told) -> list[tuple[float, float]]:
    """Spans of which nothing was said."""
    found: list[tuple[float, float]] = []
    for start, end, place in spans(told):
        if place < 0:
            if found and found[-1][1] == start:
                found[-1] = (found[-1][0], end)
            else:
                found.append((start, end))
    return found


def activities(told: Told, seen: seeing.Seen) -> pa.Table:
    """The `activities` table: for each class rows that tile the film.

    A row is observed where a clear step speaks for it; `people` is the most that the detector saw in a frame within it.
    """
    going_on, tiled = told.going_on(), spans(told)
    counts = [(float(t), len(feet)) for t, feet in zip(seen.times, seeing.feet_per_frame(seen), strict=True)]
    schema = tables.schema("activities")
    parts = [schema.empty_table()]
    for kind, name in enumerate(told.card.classes):
        rows: list[dict[str, object]] = []
        for start, end, place in tiled:
            value = bool(going_on[place, kind]) if place >= 0 else None
            if rows and rows[-1]["going_on"] is value:
                rows[-1]["end_s"] = end
            else:
                known = {"observed": value is not None, "activity": name, "going_on": value, "people": None}
                rows.append({"start_s": start, "end_s": end, **known})
        for row in rows:
            first, last = float(str(row["start_s"])), float(str(row["end_s"]))
            here = [count for at, count in counts if first <= at < last] if row["observed"] else []
            row["people"] = max(here, default=None)
        parts.append(pa.Table.from_pylist(rows, schema=schema))
    return pa.concat_tables(parts)


def presence(told: Told) -> list[stays.Stay]:
    """While somebody is there, by the classes that mean it; a blink of one step between two others is bridged."""
    chosen = [told.card.classes.index(name) for name in told.card.presence]
    going_on: npt.NDArray[np.bool_] = np.zeros(len(told.times), bool)
    for kind in chosen:
        going_on |= told.going_on()[:, kind]
    found: list[list[float]] = []
    for start, end, place in spans(told):
        if place < 0 or not going_on[place]:
            continue
        if found and start - found[-1][1] < _SHORTEST_S:
            found[-1][1] = end
        else:
            found.append([start, end])
    return [stays.Stay(a, b, (a + b) / 2, _SURE) for a, b in found if b - a >= _SHORTEST_S]
