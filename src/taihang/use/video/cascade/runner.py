"""Runner: the edge node. Streams, the router between edge and cloud, the queue, and changes while all that runs."""

from __future__ import annotations

import dataclasses
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from taihang.core import errors, i18n, words
from taihang.engines import stages
from taihang.engines.media import live
from taihang.engines.predict import loading
from taihang.model.routing import audit, bound, router
from taihang.rules import rulebook
from taihang.use.video import scope as scopes
from taihang.use.video import walk
from taihang.use.video.cascade import alerts, calibrating, folder, link, purse, segment, spool, stream, tail
from taihang.use.video.cascade import config as configs
from taihang.use.video.zoning import zones as zoning

_LOOK_S, _STATUS_S = 1.0, 2.0
_JOIN_S = 60.0  # for the pictures that were taken
_LINGER_S = 5.0  # for what waits to leave, at the end

_CONSOLE = "console"  # its place among the sinks, whose names are addresses
_BULKY = frozenset({"scene", "finding"})  # what the list of alerts leaves out

Secret = Callable[[str], str]


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What a node is started with. `reload` gives the configuration of now (None: it cannot change); `say` shows a
    line; `secret` turns a reference into a secret; `wait_s`: at the end, for what still waits."""

    config: configs.Config
    out: Path
    say: Callable[[str], None]
    secret: Secret
    reload: Callable[[], configs.Config] | None = None
    node: str = "edge"
    wait_s: float = _LINGER_S


class Runner:
    """One edge node: `run` until `stop`, or until all sources ended."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.config = plan, plan.config
        self.counts: Counter[str] = Counter()
        self._over = threading.Event()
        self._lock = threading.RLock()
        self._out = plan.out
        gears = _gears(self.config)
        self._known = _known(self.config)
        with stages.disk(self._out):
            self._out.mkdir(parents=True, exist_ok=True)
            self._alone = folder.alone(self._out)
        self._lot = folder.lot(self._out / "lot.key")
        self._purse = purse.Purse(self.config.budget_per_hour)
        self.spool = spool.Spool(self._out / "queue", self.config.queue_bytes)
        self.clips = spool.Spool(self._out / "clips", self.config.clip_bytes)
        self._sent = link.Sent(self._out, self.config.policy.latency_s)
        self._audits = self._audited()
        self._desks = self._opened(self.config, {})
        self._link = self._linked(self.config)
        self.streams = {name: self._stream(name, self.config, gear) for name, gear in gears.items()}

    def run(self) -> None:
        """Until `stop`, or until the last source ended; then what waits may still leave."""
        for one in self.streams.values():
            one.start()
        if self._link is not None:
            self._link.start()
        looked = told = 0.0
        try:
            while not self._over.wait(0.1):
                if time.monotonic() - looked >= _LOOK_S:
                    looked = time.monotonic()
                    self._reload()
                if time.monotonic() - told >= _STATUS_S:
                    told = time.monotonic()
                    self.status()
                if all(s.join(0) for s in self.streams.values()):
                    break
        finally:
            self._end()

    def stop(self) -> None:
        """Ask `run` to end."""
        self._over.set()

    @property
    def failed(self) -> dict[str, str]:
        """Sources that cannot be used at all, and why."""
        return {name: s.error for name, s in self.streams.items() if s.state == "failed"}

    def _end(self) -> None:
        for one in self.streams.values():
            one.stop()
        for one in self.streams.values():
            one.join(_JOIN_S)
        for desk in self._desks.values():
            desk.close(self.plan.wait_s)
        if self._link is not None:
            self._link.close(self.plan.wait_s)
        self.status()
        self._alone.close()

    # What streams find.

    def alert(self, facts: Mapping[str, Any], film: bytes, level: words.Level) -> None:
        """Tell every sink, keep the clip, and write it down."""
        with self._lock:
            desks = list(self._desks.values())
        for desk in desks:
            self._written(lambda desk=desk: desk.put(facts, film, level))  # type: ignore[misc]
        self.counts["alerts"] += 1
        # The least grave go first, and of one level the oldest.
        rank = (-float(level.rank), -time.time())
        kept = bool(film) and self._written(
            lambda: self.clips.put(facts["id"], rank, {"id": facts["id"]}, film, keep=False, level=str(level))
        )
        clip = str(self.clips.place(facts["id"]).relative_to(self._out) / spool.FILM) if kept else None
        told = {k: v for k, v in facts.items() if k not in _BULKY} | {"clip": clip}
        self._written(lambda: folder.log(self._out / "alerts.jsonl", told))
        message = facts["message"]["zh" if i18n.current() == "zh" else "en"]
        self.plan.say(i18n.text("use.video:edge.alert", stream=facts["stream"], level=level, message=message))

    def segment(self, name: str, done: stream.Done) -> None:
        """Route a segment; what leaves the edge goes into the queue."""
        with self._lock:
            settings, bounds, known = self.config, self._bounds(), self._known
        asked = segment.heaviest(done.plays, done.id, done.cut)
        if asked is None:
            self.counts["unjudged"] += 1
            return
        asked = dataclasses.replace(asked, uncertainty=_uncertainty(asked.kind, asked.score, known))
        # With the link down the way stays the same: the segment waits in the queue.
        [way] = router.route([asked], settings.policy, bounds, self._purse.left())
        drawn = audit.drawn(done.id, settings.policy.audit, self._lot)
        self.counts[way.path] += 1
        self.counts["drawn"] += drawn
        if settings.cloud is None or (way.path == "edge" and not drawn):
            return
        self._purse.spend(way.cost)
        path = "large" if way.path == "edge" else way.path
        held = bounds.get(asked.kind)
        facts = _facts(name, done, way, path) | {
            "drawn": drawn,
            "cleared": not way.forced and asked.score < 1.0,
            "bounded": not way.forced or (held is not None and held.threshold is not None),
        }
        rank = (not way.forced, *router.order(asked)[:4])
        film, level = done.film(), str(asked.level)
        kept = self._written(
            lambda: self.spool.put(done.id, tuple(map(float, rank)), facts, film, keep=way.forced, level=level)
        )
        if kept and self._link is not None:
            self._link.wake()

    def _written(self, work: Callable[[], bool | None]) -> bool:
        done, why = folder.tried(work)
        self.counts["not written"] += bool(why)
        if why and why != self._unwritten:
            self.plan.say(i18n.text("use.video:edge.unwritten", reason=why))
        self._unwritten = why or self._unwritten
        return done

    def _heard(self, answer: link.Answer, row: Mapping[str, Any]) -> None:
        """An answer of the cloud: for the audit, and for people when the edge had not warned."""
        rule = str(row.get("rule"))
        with self._lock:
            if row.get("drawn") and answer.violated and rule in self._audits:
                was = self._audits[rule].broken
                self._audits[rule] = self._audits[rule].noted(missed=bool(row.get("cleared")))
                if self._audits[rule].broken and not was:
                    self.plan.say(i18n.text("use.video:edge.broken", rule=rule))
        if answer.violated and float(row.get("score") or 0) < 1.0:
            self.counts["found by the cloud"] += 1
            self.plan.say(i18n.text("use.video:edge.found", stream=row.get("stream"), rule=rule, by=answer.by))

    def _bounds(self) -> dict[str, bound.Bound]:
        """Bounds by rule; one that the audit found broken holds no more."""
        return {
            name: dataclasses.replace(held, threshold=None) if self._audits[name].broken else held
            for name, held in self._known.bounds.items()
        }

    def _audited(self) -> dict[str, audit.Audit]:
        """Audits as what was answered before left them."""
        drawn = self._sent.drawn()
        return {
            name: audit.Audit(held.limit, held.delta, *drawn.get(name, (0, 0)))
            for name, held in self._known.bounds.items()
        }

    # What may change while streams run.

    def _reload(self) -> None:
        if self.plan.reload is None:
            return
        try:
            fresh = self.plan.reload()
            if fresh == self.config:
                return
            gears, known = _gears(fresh), _known(fresh)
            self._swap(fresh, gears, known)
        except errors.TaihangError as error:
            if str(error) != self._refused:
                self.plan.say(i18n.text("use.video:edge.kept", reason=str(error)))
            self._refused = str(error)
            return
        self._refused = ""
        self.counts["reloads"] += 1
        self.plan.say(i18n.text("use.video:edge.reloaded"))

    _refused = _unwritten = ""

    def _swap(self, fresh: configs.Config, gears: dict[str, stream.Gear], known: calibrating.Known) -> None:
        """Everything is built before anything is changed; streams that stay go on without a picture lost."""
        old = self.config
        stay = set(fresh.alerts) if fresh.alert_secret == old.alert_secret else set()
        if (fresh.console, fresh.console_token) == (old.console, old.console_token) and fresh.console:
            stay.add(_CONSOLE)
        gone = {name: desk for name, desk in self._desks.items() if name not in stay}
        told = self._opened(fresh, {name: desk for name, desk in self._desks.items() if name in stay})
        with self._lock:
            self.config, self._known = fresh, known
            self._audits = self._audited()
            self._desks = told
        self._purse.resize(fresh.budget_per_hour)
        self.spool.resize(fresh.queue_bytes)
        self.clips.resize(fresh.clip_bytes)
        self._sent.late_s = fresh.policy.latency_s
        for desk in gone.values():
            desk.close(0.0)
        if (fresh.cloud, fresh.cloud_secret) != (old.cloud, old.cloud_secret):
            before, self._link = self._link, self._linked(fresh)
            if before is not None:
                before.close(0.0)
            if self._link is not None:
                self._link.start()
        for name in list(self.streams):
            same = fresh.sources.get(name) == old.sources[name]
            if same and (fresh.fps, fresh.stall_s) == (old.fps, old.stall_s):
                self.streams[name].gear = gears[name]
            else:
                ended = self.streams.pop(name)
                ended.stop()
                ended.join(_JOIN_S)
        for name in fresh.sources:
            if name not in self.streams:
                self.streams[name] = self._stream(name, fresh, gears[name])
                self.streams[name].start()

    def _opened(self, settings: configs.Config, kept: Mapping[str, alerts.Desk]) -> dict[str, alerts.Desk]:
        """A desk for each sink by address; each goes on with what its spool holds. Senders first: they may refuse."""
        secret = self.plan.secret(settings.alert_secret) if settings.alert_secret else None
        senders = {one: alerts.sender(one, secret) for one in settings.alerts if one not in kept}
        if settings.console is not None and settings.console_token is not None and _CONSOLE not in kept:
            token = self.plan.secret(settings.console_token)
            senders[_CONSOLE] = alerts.reporter(settings.console, token, self.plan.node)
        fresh = {
            one: alerts.Desk(
                "console" if one == _CONSOLE else live.shown(one),
                send,
                alerts.place(self._out / "alerts", one),
                self.plan.say,
            )
            for one, send in senders.items()
        }
        return {**kept, **fresh}

    def _linked(self, settings: configs.Config) -> link.Link | None:
        if settings.cloud is None:
            return None
        secret = self.plan.secret(settings.cloud_secret) if settings.cloud_secret else None

        def say(reason: str) -> None:
            key = "use.video:edge.link_down" if reason else "use.video:edge.link_up"
            self.plan.say(i18n.text(key, reason=reason, waiting=len(self.spool)))

        return link.Link(
            settings.cloud,
            secret,
            self.spool,
            self._sent,
            node=self.plan.node,
            heard=self._heard,
            say=say,
            tell=self.plan.say,
        )

    def _stream(self, name: str, settings: configs.Config, gear: stream.Gear) -> stream.Stream:
        source = live.Live(settings.sources[name], settings.fps, stall_s=settings.stall_s)
        return stream.Stream(name, source, gear, self, self.plan.say)

    def status(self) -> dict[str, Any]:
        """How the node is, also written to `status.json`."""
        with self._lock:
            found = {
                "taihang": "edge-status/1",
                "node": self.plan.node,
                "pid": os.getpid(),
                "at": alerts.moment(time.time()),
                "config": self.config.sha256,
                "streams": {n: {"state": s.state, "error": s.error, **s.counts} for n, s in self.streams.items()},
                "counts": dict(self.counts),
                "queue": {
                    "waiting": len(self.spool),
                    "bytes": self.spool.size,
                    "most_bytes": self.spool.most_bytes,
                    "dropped": dict(self.spool.dropped),
                },
                "clips": {"kept": len(self.clips), "bytes": self.clips.size, "dropped": dict(self.clips.dropped)},
                "link": None
                if self._link is None
                else {"up": self._link.up, "failed": self._link.failed, "answers": dict(self._sent.counts)},
                "alerts": {
                    d.name: {
                        "waiting": len(d.spool),
                        "sent": d.sent,
                        "failed": d.failed,
                        "refused": d.refused,
                        "dropped": dict(d.spool.dropped),
                    }
                    for d in self._desks.values()
                },
                "audits": {
                    n: {"violations": a.violations, "missed": a.missed, "upper": round(a.upper, 4), "broken": a.broken}
                    for n, a in self._audits.items()
                },
            }
        text = json.dumps(found, ensure_ascii=False, indent=1).encode()
        self._written(lambda: stages.write_bytes(self._out / "status.json", text))
        return found


def _gears(settings: configs.Config) -> dict[str, stream.Gear]:
    """What each stream works with. Raises errors.UserError for whatever cannot be used."""
    book = rulebook.load(settings.rules)
    walk.check(book)
    asked = scopes.read(book.scope, book.id)
    far = tail.beyond(book)
    if far:
        raise errors.UserError("use.video:edge.too_long", rules=", ".join(far[:10]), most=int(tail.LONGEST_S))
    found = {}
    for name in settings.sources:
        drawn = zoning.load(Path(settings.zones[name])) if name in settings.zones else None
        # One detector a stream: nobody promised that one may be used by two threads.
        predictor = loading.load(settings.detector, threshold=settings.threshold, threads=1)
        found[name] = stream.Gear(book, asked, predictor, drawn, settings.segment_s)
    return found


def _known(settings: configs.Config) -> calibrating.Known:
    """Bounds and conformal sets of the configuration. Raises errors.UserError for a table that cannot be used."""
    told = calibrating.Known()
    if settings.calibration is not None:
        rows = calibrating.rows(Path(settings.calibration))
        told = calibrating.learn(rows, limit=settings.limit, events=settings.bound_on == "events")
    given = {name: held.bound() for name, held in settings.bounds.items()}
    return calibrating.Known({**told.bounds, **given}, told.sets)


def _uncertainty(rule: str, score: float, known: calibrating.Known) -> float:
    """How unsure the edge is: by the conformal sets where there are any; without, sure of nothing but an alert."""
    if score >= 1.0:
        return 0.0
    sets = known.sets.get(rule)
    return 1.0 if sets is None else float(sets.uncertainty([score])[0])


def _facts(name: str, done: stream.Done, way: router.Route, path: str) -> dict[str, Any]:
    return {
        "taihang": "edge-segment/1",
        "id": done.id,
        "stream": name,
        "synthetic": done.synthetic,
        "start_s": round(done.cut.start_s, 3),
        "end_s": round(done.end_s, 3),
        "at": alerts.moment(done.cut.wall),
        "level": str(way.segment.level),
        "rule": way.segment.kind,
        "title": next(p.title for p in done.plays if p.rule == way.segment.kind).model_dump(),
        "score": round(way.segment.score, 4),
        "complexity": dataclasses.asdict(done.cut.complexity()),
        "weights": {n: round(v, 4) for n, v in way.weights.items()},
        "path": path,
        "forced": way.forced,
        "plays": [{"rule": p.rule, "level": str(p.level), "score": round(p.score, 4)} for p in done.plays],
        "scene": done.scene,
    }
