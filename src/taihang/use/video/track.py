"""Tracks: which detections in different frames are one thing, whatever the time between frames.

Frames may be a tenth of a second or ten seconds apart. Position follows a damped constant velocity
(an Ornstein-Uhlenbeck process, as in Singer, 1970): straight on for a moment, anywhere a walker can
be after a while. Every frame's detections are assigned to the tracks at the least total cost, the
negative log likelihood of place, size, look and of not having been seen in the frames between.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from taihang.engines.predict import appearance, assignment
from taihang.engines.predict import boxes as geometry

TRACKS = pa.schema(
    [
        pa.field("track", pa.int32(), nullable=False),
        pa.field("label", pa.string(), nullable=False),
        pa.field("start_s", pa.float64(), nullable=False),
        pa.field("end_s", pa.float64(), nullable=False),
        pa.field("seen", pa.int32(), nullable=False),  # detections in it
        pa.field("sure", pa.int32(), nullable=False),  # those that stand alone
        pa.field("longest_gap_s", pa.float64(), nullable=False),  # between detections next to each other
        pa.field("score", pa.float32(), nullable=False),  # the best one
    ]
)
_SIDES = ("x0", "y0", "x1", "y1")
# Lengths are in units of the box's longer side (for a person: their height).
_SPEED = {"fixed": 0.6, "worn": 1.5}  # standard deviation of the speed, per second
_TURN_S = 2.0  # after this long a velocity is half forgotten
_JITTER = 0.1  # standard deviation of a detection's place
_SIZE, _SIZE_GROWTH = 0.35, 0.2  # of the logarithm of the size; growth per root second
_LOOK = 0.25  # a usual Hellinger distance of one person to themselves
_MISSED = 1.0  # for each frame in which the thing should have been seen
_NEW = 5.5  # the cost of calling a detection a new thing
_MOST_MISSED = 8
_SURE_SHARE = 0.25
_OUTSIDE = 0.1  # as far beyond the edge the middle of the top must be

_Box = npt.NDArray[np.float32]


def track(
    detections: pa.Table,
    frames: pa.Table,
    width: int | None = None,
    height: int | None = None,
    *,
    sure: float = 0.5,
    camera: str = "fixed",
    max_gap_s: float = 12.0,
) -> pa.Table:
    """The detections that can be believed, each with its track: a further column `track`, int32.

    `detections`: schema predictor.DETECTIONS, with or without `appearance.COLUMN`. `frames`: columns
    number and time_s, every frame that the detector was given, those without detections included.
    With `width` and `height` of the shown frames a track ends when it walks out of them.

    A track needs a detection of at least `sure` (the predictor's), and keeps its weak ones where at
    least a quarter are sure; what no such track holds is left out. It ends after `max_gap_s` unseen.
    The rows' order does not matter for the tracks and is kept; tracks are numbered from 1 by their
    first detection.
    Raises ValueError when a detection lies in no frame.
    """
    times = dict(zip(frames["number"].to_pylist(), frames["time_s"].to_pylist(), strict=True))
    by_frame: dict[int, list[Seen]] = {number: [] for number in times}
    for row in _rows(detections):
        if row.number not in by_frame:
            raise ValueError(f"a detection in frame {row.number}, which is not among the frames")
        by_frame[row.number].append(row)
    made = Tracker(width, height, camera=camera, max_gap_s=max_gap_s)
    for number in sorted(times, key=lambda n: (times[n], n)):
        made.step(by_frame[number], times[number])
    kept = [seen for _, seen in made.believed(sure)]
    kept.sort(key=lambda seen: (seen[0].time_s, seen[0].number, _canonical(seen[0])))
    names = {s.place: name for name, seen in enumerate(kept, 1) for s in seen}
    places = sorted(names)
    column = pa.array([names[place] for place in places], pa.int32())
    return detections.take(pa.array(places, pa.int64())).append_column(pa.field("track", pa.int32()), column)


class Tracker:
    """The same, picture by picture: each step goes on from the one before. For streams, which have no end."""

    def __init__(
        self,
        width: int | None = None,
        height: int | None = None,
        *,
        camera: str = "fixed",
        max_gap_s: float = 12.0,
    ) -> None:
        self._edges = (width or math.inf, height or math.inf)
        self._speed, self._max_gap_s = _SPEED.get(camera, _SPEED["worn"]), max_gap_s
        self._done: list[_Track] = []
        self._live: list[_Track] = []
        self._names = itertools.count(1)

    def add(self, detections: pa.Table, now: float) -> None:
        """The detections of one picture, later than all before; `place` of what is believed counts its rows."""
        self.step(_rows(detections), now)

    def step(self, seen: list[Seen], now: float) -> None:
        """One picture's detections, as `_rows` reads them."""
        over = [t.over(now, self._max_gap_s, self._edges) for t in self._live]
        self._done += [t for t, ended in zip(self._live, over, strict=True) if ended]
        self._live = [t for t, ended in zip(self._live, over, strict=True) if not ended]
        fresh = _assign(self._live, sorted(seen, key=_canonical), now, self._speed)
        for one in fresh:
            one.name = next(self._names)
        self._live += fresh

    def believed(self, sure: float) -> list[tuple[int, list[Seen]]]:
        """Each track that can be believed: its name, which stays, and its detections in order."""
        return [(t.name, seen) for t in (*self._done, *self._live) if (seen := t.believed(sure))]

    def forget(self, before_s: float) -> None:
        """Let go of what was seen before a moment."""
        for one in (*self._done, *self._live):
            # A track that goes on keeps its last detection, however old: it is what the next is compared with.
            one.seen = [s for s in one.seen[:-1] if s.time_s >= before_s] + one.seen[-1:]
        self._done = [t for t in self._done if t.seen[-1].time_s >= before_s]


def tracks(tracked: pa.Table, sure: float = 0.5) -> pa.Table:
    """One row a track of `track`'s result, schema TRACKS, in the order of their numbers."""
    groups: dict[int, list[dict[str, Any]]] = {}
    for row in tracked.select(["track", "label", "time_s", "score"]).to_pylist():
        groups.setdefault(row["track"], []).append(row)
    rows = []
    for name in sorted(groups):
        group = groups[name]
        times = sorted(row["time_s"] for row in group)
        rows.append(
            {
                "track": name,
                "label": group[0]["label"],
                "start_s": times[0],
                "end_s": times[-1],
                "seen": len(group),
                "sure": sum(row["score"] >= sure for row in group),
                "longest_gap_s": max((b - a for a, b in itertools.pairwise(times)), default=0.0),
                "score": max(row["score"] for row in group),
            }
        )
    return pa.Table.from_pylist(rows, schema=TRACKS)


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """One detection: its row (`place`) in the table it came from, the picture it is in, and what it is."""

    place: int
    number: int
    time_s: float
    label: str
    score: float
    box: _Box
    look: npt.NDArray[np.float32] | None

    @property
    def point(self) -> npt.NDArray[np.float64]:
        """The middle of the top edge: it stays when the feet are hidden or leave the picture."""
        return np.array([(self.box[0] + self.box[2]) / 2, self.box[1]], np.float64)

    @property
    def unit(self) -> float:
        """The longer side in pixels."""
        return max(1.0, float(self.box[2] - self.box[0]), float(self.box[3] - self.box[1]))


class _Track:
    """One thing: what was seen of it, and where it may be now (mean and covariance for each axis)."""

    def __init__(self, first: Seen, speed: float) -> None:
        self.seen = [first]
        self.name = 0
        self.missed = 0
        self.look = first.look
        self._speed = speed
        self._unit = first.unit
        self._mean = np.stack([first.point, np.zeros(2)])  # (place, velocity) x (x, y)
        self._spread = np.diag([(_JITTER * self._unit) ** 2, (speed * self._unit) ** 2])

    @property
    def label(self) -> str:
        return self.seen[-1].label

    def believed(self, sure: float) -> list[Seen]:
        """Its detections, or the sure ones alone where they are few: weak ones by the dozen prove nothing."""
        strong = [s for s in self.seen if s.score >= sure]
        return self.seen if len(strong) >= _SURE_SHARE * len(self.seen) else strong

    def over(self, now: float, max_gap_s: float, edges: tuple[float, float]) -> bool:
        """Unseen for too long, or walked out of the picture."""
        elapsed = now - self.seen[-1].time_s
        if elapsed > max_gap_s or self.missed > _MOST_MISSED:
            return True
        place = self._ahead(max(1e-3, elapsed))[0][0]
        margin = _OUTSIDE * self._unit
        return bool((place < -margin).any() or place[0] > edges[0] + margin or place[1] > edges[1])

    def cost(self, seen: Seen, now: float) -> float:
        """Negative log likelihood that `seen` is this thing, up to a constant shared by all."""
        elapsed = max(1e-3, now - self.seen[-1].time_s)
        mean, spread = self._ahead(elapsed)
        unit = math.sqrt(self._unit * seen.unit)
        variance = (spread[0, 0] + (_JITTER * unit) ** 2) / unit**2
        off = (seen.point - mean[0]) / unit
        place = 0.5 * float(off @ off) / variance + math.log(variance)
        size = math.log(seen.unit / self._unit) / (_SIZE + _SIZE_GROWTH * math.sqrt(elapsed))
        look = 0.0
        if self.look is not None and seen.look is not None:
            look = 0.5 * (appearance.distance(self.look, seen.look) / _LOOK) ** 2
        moved = np.tile(mean[0] - self.seen[-1].point, 2).astype(np.float32)
        overlap = float(geometry.iou((self.seen[-1].box + moved)[None], seen.box[None])[0, 0])
        total: float = place + 0.5 * size**2 + look - overlap + _MISSED * self.missed
        return total

    def take(self, seen: Seen, now: float) -> None:
        mean, spread = self._ahead(max(1e-3, now - self.seen[-1].time_s))
        gain = spread[:, 0] / (spread[0, 0] + (_JITTER * seen.unit) ** 2)
        self._mean = mean + gain[:, None] * (seen.point - mean[0])[None, :]
        self._spread = spread - np.outer(gain, spread[0])
        self._unit = 0.5 * (self._unit + seen.unit)
        if seen.look is not None:
            self.look = seen.look if self.look is None else (0.7 * self.look + 0.3 * seen.look).astype(np.float32)
        self.seen.append(seen)
        self.missed = 0

    def _ahead(self, elapsed: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        left = math.exp(-elapsed / _TURN_S)
        step = np.array([[1.0, _TURN_S * (1 - left)], [0.0, left]])
        variance = (self._speed * self._unit) ** 2
        place = variance * _TURN_S**2 * (2 * elapsed / _TURN_S - 3 + 4 * left - left**2)
        both = variance * _TURN_S * (1 - left) ** 2
        noise = np.array([[max(0.0, place), both], [both, variance * (1 - left**2)]])
        return step @ self._mean, step @ self._spread @ step.T + noise


def _assign(live: list[_Track], seen: list[Seen], now: float, speed: float) -> list[_Track]:
    """Give each detection to a track or make it a new one; the new ones are returned."""
    # A row a detection; then a column for each track, and one of its own for calling it new.
    cost = np.full((len(seen), len(live) + len(seen)), _NEW)
    for row, one in enumerate(seen):
        for column, thing in enumerate(live):
            alike = thing.label == one.label
            cost[row, column] = min(thing.cost(one, now), 2 * _NEW) if alike else 2 * _NEW
    taken: set[int] = set()
    fresh = []
    for row, column in enumerate(assignment.cheapest(cost)):
        if column < len(live) and cost[row, column] < _NEW:
            live[column].take(seen[row], now)
            taken.add(int(column))
        else:
            fresh.append(_Track(seen[row], speed))
    for column, thing in enumerate(live):
        if column not in taken:
            thing.missed += 1
    return fresh


def _rows(detections: pa.Table) -> list[Seen]:
    edges = np.stack([detections[c].to_numpy() for c in _SIDES], axis=1).astype(np.float32)
    looks: list[npt.NDArray[np.float32] | None] = [None] * detections.num_rows
    if appearance.COLUMN in detections.column_names:
        looks = [np.asarray(v, np.float32) for v in detections[appearance.COLUMN].to_pylist()]
    plain = zip(*(detections[c].to_pylist() for c in ("number", "time_s", "label", "score")), strict=True)
    return [Seen(i, n, t, label, score, edges[i], looks[i]) for i, (n, t, label, score) in enumerate(plain)]


def _canonical(seen: Seen) -> tuple[float | str, ...]:
    return (seen.label, *map(float, seen.box), -seen.score)
