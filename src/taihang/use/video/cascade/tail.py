"""Tail: the last stretch of a stream as the tables that rules speak about, judged again as it grows.

Only as much is kept as the longest time term of the book needs. Tracks are made anew from the whole tail each time,
as in the walk, and carry names that stay.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from taihang.core import i18n, words
from taihang.rules import judge as judging
from taihang.rules import judgement, rulebook
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
        self._names: dict[tuple[int, int], int] = {} if before is None else before._names
        self._fresh: Iterator[int] = itertools.count(1) if before is None else before._fresh

    def add(self, number: int, time_s: float, detections: pa.Table, seen_: sight.Sight) -> None:
        """A picture that was looked at: its detections with looks (`appearance`), and how well it shows anything."""
        self._looks.append(_Look(number, time_s, detections, seen_))
        while self._looks and self._looks[0].time_s < time_s - self.keep_s:
            gone = self._looks.popleft()
            for place in range(gone.detections.num_rows):
                self._names.pop((gone.number, place), None)

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
        return judging.judge(scene.book, ruled_on, scene.able())

    def _outlines(self, count: int) -> Mapping[str, Sequence[np.ndarray | None]]:
        drawn = self.scene.zones
        return {} if drawn is None else {zone.name: [zone.array()] * count for zone in drawn.zones}

    def _tracked(self, looks: Sequence[_Look]) -> pa.Table:
        """Detections with tracks whose names are those that most of their detections had before."""
        found = pa.concat_tables([look.detections for look in looks]).combine_chunks()
        frames = pa.table({"number": [look.number for look in looks], "time_s": [look.time_s for look in looks]})
        keys = [(look.number, place) for look in looks for place in range(look.detections.num_rows)]
        marked = found.append_column("place", pa.array(range(found.num_rows), pa.int64()))
        scene = self.scene
        tracked = track.track(marked, frames, *scene.size, sure=scene.sure, camera=scene.scope.camera)
        places, old = tracked["place"].to_pylist(), tracked["track"].to_pylist()
        members: dict[int, list[tuple[int, int]]] = {}
        for place, name in zip(places, old, strict=True):
            members.setdefault(name, []).append(keys[place])
        lasting = self._lasting(members)
        column = pa.array([lasting[name] for name in old], pa.int32())
        return tracked.drop_columns(["place", "track"]).append_column(pa.field("track", pa.int32()), column)

    def _lasting(self, members: Mapping[int, Sequence[tuple[int, int]]]) -> dict[int, int]:
        found: dict[int, int] = {}
        taken: set[int] = set()
        # The longest first: of two that were one, the longer keeps the name.
        for name, keys in sorted(members.items(), key=lambda m: (-len(m[1]), m[0])):
            votes = Counter(self._names[k] for k in keys if k in self._names)
            mine = next((n for n, _ in votes.most_common() if n not in taken), None)
            found[name] = next(self._fresh) if mine is None else mine
            taken.add(found[name])
        for name, keys in members.items():
            self._names.update(dict.fromkeys(keys, found[name]))
        return found


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
