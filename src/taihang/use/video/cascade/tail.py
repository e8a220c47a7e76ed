"""Tail: the last stretch of a stream as the tables that rules speak about, judged again as it grows.

Only as much is kept as the longest time term of the book needs. The walk's tracker goes on from picture to picture.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from taihang.core import i18n, words
from taihang.engines import tables as engines
from taihang.rules import judge as judging
from taihang.rules import judgement, planning, rulebook
from taihang.rules import rule as ruling
from taihang.rules import table as ruled
from taihang.use.video import scope as scopes
from taihang.use.video import track
from taihang.use.video.observe import conditions, coverage, movement, occupancy, protection, seen, tables
from taihang.use.video.select import sight
from taihang.use.video.zoning import zones as zoning

LONGEST_S = 300.0  # time terms beyond this are not judged live
_MARGIN_S = 2.0
_HOLD = coverage.Hold(anywhere_s=0.5, stable_s=0.5)
_STATES = pa.table(
    {"start_s": pa.array([], pa.float64()), "end_s": pa.array([], pa.float64()), "state": pa.array([], pa.string())}
)


@dataclasses.dataclass(frozen=True, slots=True)
class Scene:
    """What does not change from picture to picture: the book, its scope, zones in the picture's size, the detector."""

    book: rulebook.Rulebook
    scope: scopes.Scope
    zones: zoning.Zones | None
    classes: tuple[str, ...]
    sure: float
    size: tuple[int, int]
    producers: tuple[words.Producer, ...]
    asset: str

    def able(self) -> dict[str, i18n.Text | None]:
        """What rules may need, with the reason where it is absent. Zones are not followed on a moving camera."""
        placed = self.scope.camera == "fixed"
        return scopes.capabilities(self.scope, self.zones, self.classes, placed)


@dataclasses.dataclass(frozen=True, slots=True)
class _Look:
    number: int
    time_s: float
    detections: pa.Table
    sight: sight.Sight


@dataclasses.dataclass(frozen=True, slots=True)
class Judged:
    """`judgement` of the tail, and the detections that it rests on, with the tracks' lasting names."""

    judgement: judgement.Judgement
    tracked: pa.Table


class Tail:
    """The pictures of the last `keep_s` seconds of one stream."""

    def __init__(self, scene: Scene, before: Tail | None = None) -> None:
        """With `before`, a tail of pictures of the same size, what was seen until now still counts."""
        self.scene = scene
        self.keep_s = reach(scene.book)
        self._looks: deque[_Look] = deque() if before is None else before._looks
        self._engine: engines.Engine | None = None if before is None else before._engine
        self._planned: tuple[Any, planning.Plan] | None = None
        self._tracker: track.Tracker = (
            track.Tracker(*scene.size, camera=scene.scope.camera) if before is None else before._tracker
        )

    def add(self, number: int, time_s: float, detections: pa.Table, seen_: sight.Sight) -> None:
        """A picture that was looked at: its detections with looks (`appearance`), and how well it shows anything."""
        self._looks.append(_Look(number, time_s, detections, seen_))
        self._tracker.add(detections, time_s)
        while self._looks and self._looks[0].time_s < time_s - self.keep_s:
            self._looks.popleft()

    def judge(self) -> Judged | None:
        """The rules' verdicts on the tail as it is now; None when nothing was looked at yet.

        Times are seconds of the stream; what lies before the tail is unseen.
        """
        if not self._looks:
            return None
        looks = list(self._looks)
        tracked = self._tracked(looks)
        times = np.array([look.time_s for look in looks])
        step = float(np.median(np.diff(times))) if len(times) > 1 else 0.2
        duration = float(times[-1]) + min(step, 1.0) / 2
        sights = pa.table(
            {
                "time_s": times,
                "seen": [look.sight.verdict for look in looks],
                "luma": [look.sight.luma for look in looks],
                "sharpness": [look.sight.sharpness for look in looks],
            }
        )
        view = conditions.camera(sights, _STATES, duration)
        hidden = sorted(span for spans in conditions.blind(view).values() for span in spans)
        fixed = self.scene.scope.camera == "fixed"
        covered = coverage.cover(times, duration, conditions.NO_SEGMENTS, blind=hidden, hold=_HOLD, fixed=fixed)
        what = seen.Seen(
            times=times,
            numbers=np.array([look.number for look in looks], np.int64),
            tracked=tracked,
            coverage=covered,
            duration_s=duration,
            outlines=self._outlines(len(looks)) if fixed else {},
        )
        return Judged(self._judged(what, view), tracked)

    def _judged(self, what: seen.Seen, view: pa.Table) -> judgement.Judgement:
        scene = self.scene
        told = scopes.items(scene.scope, scene.classes)
        drawn = scene.zones.zones if scene.zones is not None and what.outlines else ()
        derived = {name: tables.schema(name).empty_table() for name in tables.KEYS}
        derived |= {
            "people": occupancy.people(what),
            "zone_occupancy": occupancy.zone_occupancy(what, drawn),
            "movement": movement.movement(what),
            "protection": protection.protection(what, told),
            "camera": view,
        }
        ruled_on = {
            name: ruled.Table(data, tables.KEYS[name], asset=scene.asset, produced_by=scene.producers)
            for name, data in derived.items()
        }
        if self._engine is None:
            self._engine = engines.Engine()
        able = scene.able()
        shape = (able, {name: table.data.schema for name, table in ruled_on.items()})
        if self._planned is None or self._planned[0] != shape:
            self._planned = shape, planning.plan(scene.book, ruled_on, able, self._engine)
        return judging.planned(scene.book, ruled_on, self._planned[1], self._engine)

    def close(self) -> None:
        """Let go of the database that rules run in; judging opens another."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.__exit__(None, None, None)

    def _outlines(self, count: int) -> Mapping[str, Sequence[np.ndarray | None]]:
        drawn = self.scene.zones
        return {} if drawn is None else {zone.name: [zone.array()] * count for zone in drawn.zones}

    def _tracked(self, looks: Sequence[_Look]) -> pa.Table:
        """The detections of the tail that can be believed, in order of time, each with its track."""
        self._tracker.forget(looks[0].time_s)
        starts = dict(zip((look.number for look in looks), _starts(looks), strict=True))
        names = {
            starts[one.number] + one.place: name
            for name, seen_ in self._tracker.believed(self.scene.sure)
            for one in seen_
            if one.number in starts
        }
        places = sorted(names)
        found = pa.concat_tables([look.detections for look in looks]).combine_chunks()
        column = pa.array([names[place] for place in places], pa.int32())
        return found.take(pa.array(places, pa.int64())).append_column(pa.field("track", pa.int32()), column)


def _starts(looks: Sequence[_Look]) -> list[int]:
    """Where each picture's rows begin in the rows of all."""
    return list(itertools.accumulate((look.detections.num_rows for look in looks[:-1]), initial=0))


def reach(book: rulebook.Rulebook) -> float:
    """How many seconds back the rules of a book look, at most LONGEST_S."""
    spans = [0.0]
    for compiled in book.rules:
        rule = compiled.rule
        own = rule.sustained + ruling.longest_gap(rule.sustained, rule.max_gap)
        follow = rule.follow.sustained if rule.follow is not None else 0.0
        spans.append(own + (rule.within or 0.0) + follow)
    return min(LONGEST_S, max(spans) + _MARGIN_S)


def beyond(book: rulebook.Rulebook) -> list[str]:
    """Rules whose time terms are longer than what is kept live."""
    far = []
    for compiled in book.rules:
        rule = compiled.rule
        if rule.sustained + (rule.within or 0.0) + _MARGIN_S > LONGEST_S:
            far.append(rule.id)
    return far
