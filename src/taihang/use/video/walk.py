"""Walk: a video from its bytes to verdicts, in stages that are kept.

probe → packets → signals → segments → frames chosen → looked at → tables → rules → suspected spans
looked at again → rules. Each stage is a table under the hash of all that decides it.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

import taihang
from taihang.core import errors, i18n, job, words
from taihang.engines import stages
from taihang.engines.media import packets as packeting
from taihang.engines.media import probe as probing
from taihang.engines.predict import predictor as predict
from taihang.engines.predict import speaker
from taihang.model.temporal import classifier
from taihang.rules import judge, rulebook
from taihang.rules import table as ruled
from taihang.use.video import again, backdrop, look, scope, track
from taihang.use.video.observe import conditions, coverage, movement, occupancy, protection, seen, tables, zone_motion
from taihang.use.video.select import boundaries, budget, saliency
from taihang.use.video.temporal import activities
from taihang.use.video.understand import advice, questions, reading, statements, windows
from taihang.use.video.zoning import placing, zones

_RESERVE = 0.25  # of the budget, for suspected spans, when the book has time terms
_FLOOR_S = 30.0
_LIBRARIES = ("av", "opencv-python-headless", "numpy", "duckdb")  # they decode, detect and judge
_CODE = ("taihang.use.video", "taihang.engines.media")


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """What to inspect and how; `home` is where stages are kept; `vlm` is asked what the frames show, `temporal` what
    goes on before any frame is chosen."""

    path: Path
    book: rulebook.Rulebook
    predictor: predict.Predictor
    budget: float
    home: Path
    zones: zones.Zones | None = None
    progress: job.Progress = dataclasses.field(default_factory=job.Silent)
    vlm: speaker.Speaker | None = None
    temporal: classifier.Classifier | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Walked:
    """Everything the report is told from."""

    request: Request
    scope: scope.Scope
    probe: probing.Probe
    packets: pa.Table
    signals: saliency.Signals
    segments: pa.Table
    chosen: pa.Table
    again: tuple[int, ...]
    left_out: int
    frames: pa.Table
    decoded: int
    seen: seen.Seen
    conditions: pa.Table
    judgement: judge.Judgement
    store: stages.Stages
    producers: tuple[words.Producer, ...]
    understood: reading.Understood | None = None
    activities: activities.Told | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class _Prefilter:
    """What is known before anything is looked at."""

    scope: scope.Scope
    zones: zones.Zones | None
    probe: probing.Probe
    packets: pa.Table
    signals: saliency.Signals
    segments: pa.Table
    zone_motion: pa.Table
    store: stages.Stages
    told: activities.Told | None


def walk(request: Request) -> Walked:
    """Inspect one video. Raises errors.UserError or errors.Failure in one line; stages done stay."""
    before = _prefilter(request)
    share, allowed = _allowed(request, before)
    timed = any(c.rule.timed for c in request.book.rules)
    reserve = _RESERVE if timed else 0.0
    wishes = _wishes(before)
    key = {**_chosen_by(request, before.probe), "budget": share, "reserve": reserve, "wishes": repr(wishes)}
    chosen = before.store.table(
        "chosen",
        key,
        lambda: budget.choose(
            before.segments, before.signals, before.packets, budget=share, floor_s=_FLOOR_S, hold=reserve, wishes=wishes
        ),
    )
    eyes = _eyes(request, before)
    first = chosen["number"].to_pylist()
    looked = look.look(eyes, first)
    state = _judge(request, before, looked)
    times = before.packets["time_s"].to_numpy()
    suspects = [again.Suspect(s.start_s, s.end_s, request.book[s.rule].level.rank) for s in state.judgement.suspects]
    plan = again.plan(suspects, times, first, max(0, allowed - len(first)))
    left = max(0, allowed - len(first) - len(plan.numbers))
    extra = again.fill(before.segments, times, sorted({*first, *plan.numbers}), left)
    if plan.numbers or extra:
        looked = _both(looked, look.look(eyes, [*plan.numbers, *extra], "use.video:stage.again"))
        state = _judge(request, before, looked)
    understood = _understood(request, before, looked)
    if understood is not None:
        state = _judge(request, before, looked, understood)
    return Walked(
        request=request,
        scope=before.scope,
        probe=before.probe,
        packets=before.packets,
        signals=before.signals,
        segments=before.segments,
        chosen=chosen,
        again=plan.numbers,
        left_out=plan.left_out,
        frames=looked.frames,
        decoded=looked.decoded,
        seen=state.seen,
        conditions=state.conditions,
        judgement=state.judgement,
        store=before.store,
        producers=(*_producers(request), *advisers(request)),
        understood=understood,
        activities=before.told,
    )


def _understood(request: Request, before: _Prefilter, looked: look.Looked) -> reading.Understood | None:
    """What the vision-language model says of the frames that show something; None when none is asked."""
    if request.vlm is None:
        return None
    given = speaker.Settings.current()
    clear = looked.frames.filter(
        pa.compute.and_(looked.frames["shown"], pa.compute.equal(looked.frames["seen"], "clear"))
    )
    fixed = before.scope.camera == "fixed"
    asked = reading.Asked(
        path=request.path,
        video=before.probe.sha256,
        packets=before.packets,
        model=request.vlm,
        settings=given,
        questions=questions.of(before.scope),
        store=before.store,
        progress=request.progress,
        language=i18n.current(),
    )
    return reading.read(asked, windows.windows(before.segments, clear, most=given.frames, fixed=fixed))


def _allowed(request: Request, before: _Prefilter) -> tuple[float, int]:
    """Share and number of frames the detector may see: what was asked for, but enough for the floor."""
    count = before.packets.num_rows
    floor = math.ceil(before.signals.duration_s / _FLOOR_S)
    allowed = min(count, max(int(request.budget * count + 1e-9), floor, 1))
    # A share that gives back just this number.
    return max(request.budget, (allowed + 0.5) / count if allowed < count else 1.0), allowed


def check(book: rulebook.Rulebook) -> None:
    """Bind every rule to the tables of a walk before anything is decoded.

    Raises errors.UserError for the first that cannot be judged: table, column, type, placeholder.
    """
    empty = {n: ruled.Table(tables.schema(n).empty_table(), tables.KEYS[n], asset="0" * 64) for n in tables.KEYS}
    advice.check(book)
    judge.check(book, empty, {need: None for c in book.rules for need in c.rule.needs})


def _prefilter(request: Request) -> _Prefilter:
    path, progress = request.path, request.progress
    asked = scope.read(request.book.scope, request.book.id)
    check(request.book)
    progress.update("use.video:stage.probe", 0, 1)
    probe = probing.probe(path)
    progress.update("use.video:stage.probe", 1, 1)
    drawn = request.zones.scaled(probe.width, probe.height) if request.zones else None
    if drawn is not None:
        placing.belongs(drawn, probe.sha256)
    store = stages.Stages(request.home / "stages" / probe.sha256[:16])
    key = _key(probe)
    packets = store.table("packets", key, lambda: packeting.packets(path))
    signals = saliency.Signals.of(
        store.tables("signals", key, lambda: saliency.signals(path, packets, progress=progress).tables())
    )
    told = _told(request, packets, signals.duration_s, store, probe)
    stays = activities.presence(told) if told is not None and told.outputs.num_rows else None
    segments = store.table("segments", _chosen_by(request, probe), lambda: boundaries.segments(signals, stays))
    asked = scope.against(asked, signals.camera)
    moved = tables.schema("zone_motion").empty_table()
    if drawn is not None and asked.camera == "fixed":
        moved = store.table(
            "zone-motion",
            {**key, "zones": drawn.sha256},
            lambda: zone_motion.zone_motion(path, packets, drawn, signals.duration_s),
        )
    return _Prefilter(asked, drawn, probe, packets, signals, segments, moved, store, told)


def _key(probe: probing.Probe) -> dict[str, str]:
    return {"video": probe.sha256, "code": stages.code_version(*_CODE)}


def _chosen_by(request: Request, probe: probing.Probe) -> dict[str, str]:
    """What decides which frames are chosen: the film, the code, and the temporal classifier where one is asked."""
    asked = request.temporal
    if asked is None:
        return _key(probe)
    code = stages.code_version("taihang.model.temporal")
    return {**_key(probe), "temporal": asked.version, "temporal-code": code}


def _told(
    request: Request, packets: pa.Table, duration_s: float, store: stages.Stages, probe: probing.Probe
) -> activities.Told | None:
    """What the temporal classifier says of the film; None when none is asked."""
    judge = request.temporal
    if judge is None:
        return None
    try:
        outputs = store.table(
            "temporal",
            _chosen_by(request, probe),
            lambda: activities.tell(request.path, packets, judge, request.progress),
        )
    except errors.UserError as error:
        # A film that the network cannot judge is still judged by everything else.
        return activities.Told(judge.card, activities.OUTPUTS.empty_table(), duration_s, error.message.both())
    return activities.Told(judge.card, outputs, duration_s)


def _wishes(before: _Prefilter) -> list[budget.Wish]:
    """Where the book wants more or fewer frames: its predicates over what is known so far."""
    if not before.scope.looks:
        return []
    title = {"zh": "-", "en": "-"}
    rules = [
        {
            "id": f"look-{i}",
            "title": title,
            "message": title,
            "level": "info",
            "dimension": "look",
            "table": wish.table,
            "where": wish.where,
            "per": "run",
        }
        for i, wish in enumerate(before.scope.looks)
    ]
    book = {"taihang": "rules/1", "id": "looks", "version": "1", "title": title, "rules": rules}
    view = conditions.camera(before.signals.keys, before.signals.camera, before.signals.duration_s)
    known = {"camera": view, "zone_motion": before.zone_motion}
    judged = judge.judge(rulebook.loads(json.dumps(book), "scope.looks"), _ruled(known, before.probe), {})
    return [
        budget.Wish(f.place.start_s or 0.0, f.place.end_s or 0.0, before.scope.looks[int(f.rule.id[5:])].rate)
        for f in judged.findings
        if f.verdict == "violated"
    ]


def _eyes(request: Request, before: _Prefilter) -> look.Eyes:
    return look.Eyes(
        path=request.path,
        video=before.probe.sha256,
        packets=before.packets,
        predictor=request.predictor,
        scene=backdrop.backdrop(request.path, before.packets, before.scope.camera),
        reference=placing.reference(request.path, before.packets, before.zones) if before.zones else None,
        zones=[z.array() for z in before.zones.zones] if before.zones else [],
        store=before.store,
        progress=request.progress,
    )


@dataclasses.dataclass(frozen=True, slots=True)
class _State:
    seen: seen.Seen
    conditions: pa.Table
    judgement: judge.Judgement


def _both(one: look.Looked, other: look.Looked) -> look.Looked:
    """Two looks as one, in the order of the film."""
    return look.Looked(
        pa.concat_tables([one.frames, other.frames]).sort_by("number"),
        pa.concat_tables([one.detections, other.detections]).sort_by(
            [("number", "ascending"), ("score", "descending")]
        ),
        one.decoded + other.decoded,
    )


def _judge(
    request: Request, before: _Prefilter, looked: look.Looked, understood: reading.Understood | None = None
) -> _State:
    """Tables from what was seen so far, and the rules' verdicts on them."""
    fixed = before.scope.camera == "fixed"
    duration = before.signals.duration_s
    shown = looked.frames.filter(looked.frames["shown"])
    columns = ["time_s", "seen", "luma", "sharpness"]
    sights = pa.concat_tables([_plain(before.signals.keys.select(columns)), _plain(shown.select(columns))])
    view = conditions.camera(sights, before.signals.camera, duration)
    hidden = sorted(span for spans in conditions.blind(view).values() for span in spans)
    times = shown["time_s"].to_numpy()
    size = (before.probe.width, before.probe.height)
    tracked = track.track(looked.detections, shown, *size, sure=request.predictor.sure, camera=before.scope.camera)
    outlines = placing.outlines(before.zones, shown, size, fixed)
    what = seen.Seen(
        times=times,
        numbers=shown["number"].to_numpy().astype(np.int64),
        tracked=tracked,
        coverage=coverage.cover(times, duration, before.segments, blind=hidden, fixed=fixed),
        duration_s=duration,
        outlines=outlines,
        error_px=placing.errors_px(before.zones, shown),
    )
    told = scope.items(before.scope, request.predictor.classes)
    worn = protection.protection(what, told)
    derived = {
        "people": occupancy.people(what),
        "zone_occupancy": occupancy.zone_occupancy(what, before.zones.zones if before.zones else ()),
        "movement": movement.movement(what),
        "protection": worn,
        "camera": view,
        "zone_motion": before.zone_motion,
        "statements": tables.schema("statements").empty_table(),
        "activities": tables.schema("activities").empty_table(),
    }
    if before.told is not None:
        derived["activities"] = activities.activities(before.told, what)
    if understood is not None:
        derived["statements"] = statements.statements(
            understood, what, worn, before.segments, blind=hidden, fixed=fixed
        )
    placed = not outlines or any(o is not None for per_frame in outlines.values() for o in per_frame)
    asked = {"vlm": request.vlm is not None, "temporal": request.temporal is not None}
    able = scope.capabilities(before.scope, before.zones, request.predictor.classes, placed, asked)
    producers = _producers(request)
    ruled_on = _ruled(derived, before.probe, producers)
    # Whoever says a thing answers for it: a model has no part in what the detector's tables say.
    advised = (*producers, *advisers(request))
    for name in advice.NEEDS:
        ruled_on[name] = dataclasses.replace(ruled_on[name], produced_by=advised)
    judged = judge.judge(request.book, ruled_on, able)
    judged = dataclasses.replace(judged, scorecard=advice.attested(judged.scorecard, request.book))
    return _State(what, view, judged)


def _plain(table: pa.Table) -> pa.Table:
    """The sights of one source, in one type."""
    types = (pa.float64(), pa.string(), pa.float64(), pa.float64())
    return pa.table([c.cast(t) for c, t in zip(table.columns, types, strict=True)], names=table.column_names)


def _ruled(
    derived: Mapping[str, pa.Table], probe: probing.Probe, producers: tuple[words.Producer, ...] = ()
) -> dict[str, ruled.Table]:
    return {
        name: ruled.Table(data, tables.KEYS[name], asset=probe.sha256, produced_by=producers)
        for name, data in derived.items()
    }


def advisers(request: Request) -> tuple[words.Producer, ...]:
    """The models whose word is taken down but not measured."""
    said = () if request.vlm is None else (speaker.producer(request.vlm),)
    return said if request.temporal is None else (*said, request.temporal.producer)


def _producers(request: Request) -> tuple[words.Producer, ...]:
    code = stages.code_version("taihang.use.video", "taihang.engines.media", "taihang.engines.predict", "taihang.rules")
    return (
        words.Producer(name="taihang", version=taihang.__version__, sha256=code),
        words.Producer(name=request.book.id, version=request.book.version, sha256=request.book.sha256),
        predict.producer(request.predictor),
        *(words.Producer(name=n, version=importlib.metadata.version(n)) for n in _LIBRARIES),
    )
