"""Events: what happened when and where, in recordings that each have a clock of their own."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from taihang.core import errors, i18n
from taihang.core import evidence as proof

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
MOST = 200_000
MOST_KINDS = 500
_LONGEST_S = 1e11
_BACK_S = 1.0  # an event observed after another cannot lie further before it than this, on one clock


@dataclasses.dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. Seconds count from the start of its recording.

    `clock` names whose clock told the time (a camera, say): events of two clocks are never compared. `order` says in
    which order events were observed, where that is known: time that runs backward along it is a clock that jumped.
    `actor` is a track; `confidence` a probability that the event is one.
    """

    id: str
    kind: str
    start_s: float
    end_s: float
    clock: str = ""
    place: str | None = None
    actor: str | None = None
    confidence: float | None = None
    order: int | None = None
    evidence: tuple[proof.Evidence, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Recording:
    """One stretch of observation: a video, a shift of a sensor; observed for `duration_s` from `begin_s` on."""

    name: str
    duration_s: float
    events: tuple[Event, ...]
    begin_s: float = 0.0


@dataclasses.dataclass(frozen=True)
class Log:
    """Recordings with their events, and what each kind of event is called."""

    recordings: tuple[Recording, ...]
    titles: Mapping[str, i18n.Text] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        count = sum(len(r.events) for r in self.recordings)
        if count > MOST:
            raise errors.UserError("model.causes:many", count=count, most=MOST)
        for recording in self.recordings:
            _usable(recording)
        if len(self.kinds) > MOST_KINDS:
            raise errors.UserError("model.causes:many_kinds", count=len(self.kinds), most=MOST_KINDS)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds that occur, sorted."""
        return tuple(sorted({e.kind for r in self.recordings for e in r.events}))

    def title(self, kind: str) -> i18n.Text:
        """What a kind is called; its own name when nobody said."""
        return self.titles.get(kind) or i18n.Text(zh=kind, en=kind)


@dataclasses.dataclass(frozen=True, slots=True)
class Timeline:
    """A log as columns, a row an event, sorted by stretch and start.

    A stretch is a part of a recording with one clock that runs forward; `span` holds each stretch's first and last
    second. `place` and `actor` are numbers within the log, -1 where unknown. `row` leads back to the log.
    """

    kinds: tuple[str, ...]
    kind: Ints
    start: Floats
    stretch: Ints
    place: Ints
    actor: Ints
    confidence: Floats
    recording: Ints
    row: Ints
    span: Floats
    jumps: int
    clocks: int

    @property
    def lengths(self) -> Floats:
        """Seconds of each stretch."""
        return np.asarray(self.span[:, 1] - self.span[:, 0])

    def of(self, kind: int) -> Ints:
        """Rows of one kind."""
        return np.flatnonzero(self.kind == kind)


def flat(log: Log) -> list[tuple[int, Event]]:
    """Every event with the number of its recording, in the order that `Timeline.row` counts in."""
    return [(n, event) for n, recording in enumerate(log.recordings) for event in recording.events]


def timeline(log: Log) -> Timeline:
    """The log as columns, cut where a clock jumps."""
    kinds = log.kinds
    number = {kind: n for n, kind in enumerate(kinds)}
    rows: list[tuple[int, int, float, int, int, int, float, int, int]] = []
    spans: list[tuple[float, float]] = []
    jumps = clocks = at = 0
    places: dict[object, int] = {}
    actors: dict[object, int] = {}
    for n, recording in enumerate(log.recordings):
        by_clock: dict[str, list[tuple[int, Event]]] = {}
        for event in recording.events:
            by_clock.setdefault(event.clock, []).append((at, event))
            at += 1
        clocks += max(0, len(by_clock) - 1)
        for clock in sorted(by_clock):
            parts = _forward(by_clock[clock])
            jumps += len(parts) - 1
            for part in parts:
                whole = len(parts) == 1
                least, last = min(e.start_s for _, e in part), max(e.start_s for _, e in part)
                end = recording.begin_s + recording.duration_s
                spans.append((min(recording.begin_s, least), max(end, last)) if whole else (least, last))
                for row, e in part:
                    # A track is a number of one camera's film; a place is the site's.
                    place = -1 if e.place is None else places.setdefault(e.place, len(places))
                    actor = -1 if e.actor is None else actors.setdefault((n, clock, e.actor), len(actors))
                    sure = 1.0 if e.confidence is None else e.confidence
                    rows.append((len(spans) - 1, number[e.kind], e.start_s, place, actor, n, sure, row, 0))
    rows.sort(key=lambda r: (r[0], r[2], r[1], r[7]))
    table = np.array([r[:8] for r in rows], np.float64).reshape(-1, 8)

    def whole_(column: int) -> Ints:
        return np.asarray(table[:, column].astype(np.int64))

    return Timeline(
        kinds=kinds,
        kind=whole_(1),
        start=table[:, 2].copy(),
        stretch=whole_(0),
        place=whole_(3),
        actor=whole_(4),
        confidence=table[:, 6].copy(),
        recording=whole_(5),
        row=whole_(7),
        span=np.array(spans, np.float64).reshape(-1, 2),
        jumps=jumps,
        clocks=clocks,
    )


def _forward(part: Sequence[tuple[int, Event]]) -> list[list[tuple[int, Event]]]:
    """The events of a clock in stretches in which it runs forward; one stretch where no order is known."""
    if any(e.order is None for _, e in part):
        return [list(part)]
    ordered = sorted(part, key=lambda one: (one[1].order or 0, one[0]))
    found: list[list[tuple[int, Event]]] = [[]]
    latest = -math.inf
    for row, event in ordered:
        if event.start_s < latest - _BACK_S:
            found.append([])
            latest = -math.inf
        latest = max(latest, event.start_s)
        found[-1].append((row, event))
    return found


def _usable(recording: Recording) -> None:
    name = recording.name
    begin = recording.begin_s
    if not 0 <= recording.duration_s <= _LONGEST_S or not abs(begin) <= _LONGEST_S:
        raise errors.UserError("model.causes:duration", recording=name, given=recording.duration_s)
    for event in recording.events:
        times = (event.start_s, event.end_s)
        if not all(math.isfinite(t) and abs(t) <= _LONGEST_S for t in times) or event.end_s < event.start_s:
            raise errors.UserError("model.causes:time", recording=name, id=event.id, start=times[0], end=times[1])
        if event.confidence is not None and not 0 <= event.confidence <= 1:
            raise errors.UserError("model.causes:confidence", recording=name, id=event.id, given=event.confidence)
        if not event.kind:
            raise errors.UserError("model.causes:no_kind", recording=name, id=event.id)


def shifted(log: Log, by: Iterable[float]) -> Log:
    """The log with each recording's clock put forward by so many seconds."""
    made = []
    for recording, delta in zip(log.recordings, by, strict=True):
        moved = tuple(
            dataclasses.replace(e, start_s=e.start_s + delta, end_s=e.end_s + delta) for e in recording.events
        )
        made.append(dataclasses.replace(recording, events=moved, begin_s=recording.begin_s + delta))
    return Log(tuple(made), log.titles)
