"""Panel: the models behind the receiving end's paths; each segment is put to the one it was routed to, gravest first.

Nothing waits for a model that stalls, refuses, breaks off or cannot tell: the segment goes to the next path up, in the
end to a person. A model's "no" to what the rules found violated settles nothing: that goes up, too. Every segment stays
open on the disk until somebody answered, so that a killed process asks again.
"""

from __future__ import annotations

import contextvars
import dataclasses
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from taihang.core import errors, i18n, words
from taihang.engines import stages
from taihang.engines.predict import speaker
from taihang.model.routing import paths
from taihang.use.video.cascade import cloud, question

MODELS: tuple[paths.Name, ...] = ("small", "large")
# What another moment may mend: the segment goes up now, and may come back when the model answers again.
_PASSING = frozenset({"unreachable", "stalled", "status", "denied", "no_chat", "broken", "allowance"})
_MOST_TRIES = 3
_FIRST_REST_S, _LONGEST_REST_S = 2.0, 60.0
_POLL_S = 0.5


@dataclasses.dataclass(slots=True)
class _Case:
    """One open segment. `said`: the outcome by path, where that path is through with it."""

    id: str
    facts: dict[str, Any]
    rank: tuple[float, ...]
    path: str
    since: float
    said: dict[str, str] = dataclasses.field(default_factory=dict)
    tries: Counter[str] = dataclasses.field(default_factory=Counter)
    busy: bool = False
    told: bool = False


class Panel:
    """Threads that ask: as many for each path as its model answers side by side. `counts` by path and outcome."""

    def __init__(
        self,
        kept: cloud.Cloud,
        models: Mapping[paths.Name, speaker.Speaker],
        settings: speaker.Settings,
        *,
        patience_s: float,
        say: Callable[[str], None],
    ) -> None:
        """`patience_s`: a segment that waits longer for one model may go to the next; a call is bounded by the model's
        own settings."""
        self.models, self.patience_s = dict(models), patience_s
        self.counts: Counter[str] = Counter()
        self._kept, self._settings, self._say = kept, settings, say
        self._language = i18n.current()
        self._cases: dict[str, _Case] = {}
        self._rest: dict[str, tuple[float, float]] = {}  # until when (monotonic), and how long the rest was
        self._change = threading.Condition()
        self._over = False
        self._threads = [
            threading.Thread(
                target=contextvars.copy_context().run, args=(self._work, name), name=f"ask {name}", daemon=True
            )
            for name, model in self.models.items()
            for _ in range(model.concurrency)
        ]

    def start(self) -> None:
        """Take up what is open, and begin."""
        self._kept.arrived = self.offer
        for ident in self._kept.waiting():
            self.offer(ident)
        for thread in self._threads:
            thread.start()

    def close(self, wait_s: float = 2.0) -> None:
        """End after the calls that are under way, or without them after `wait_s`."""
        with self._change:
            self._over = True
            self._change.notify_all()
        until = time.monotonic() + wait_s
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def offer(self, ident: str) -> None:
        """A segment that is open."""
        facts = self._kept.facts(ident)
        if facts is None:
            return
        rank = (-float(words.Level(facts["level"]).rank), -_number(facts.get("score")), _number(facts.get("start_s")))
        case = _Case(ident, facts, rank, str(facts.get("path")), time.monotonic(), _noted(self._kept.place(ident)))
        with self._change:
            self._cases.setdefault(ident, case)
            if self._where(case) is None:
                self._to_person(case)
            self._change.notify_all()

    def _where(self, case: _Case) -> paths.Name | None:
        """The path that has a segment now; None is a person. A path that rests is passed over."""
        first = MODELS.index(case.path) if case.path in MODELS else len(MODELS)
        open_ = [name for name in MODELS[first:] if name in self.models and name not in case.said]
        awake = [name for name in open_ if time.monotonic() >= self._rest.get(name, (0.0, 0.0))[0]]
        if len(awake) > 1 and time.monotonic() - case.since > self.patience_s:
            return awake[1]
        return awake[0] if awake else None

    def _work(self, name: paths.Name) -> None:
        while True:
            with self._change:
                case = None if self._over else self._next(name)
                if case is None:
                    if self._over:
                        return
                    self._change.wait(_POLL_S)
                    continue
                case.busy = True
            try:
                told = question.ask(
                    self.models[name], self._kept.place(case.id), case.facts, self._settings, self._language
                )
                self._settle(name, case, told)
            except errors.NotFound:  # somebody took the segment away
                with self._change:
                    self._cases.pop(case.id, None)
            except Exception as error:  # noqa: BLE001 - one segment, or a full disk, must not end a path for all others
                self._failed(name, case, error)
            finally:
                with self._change:
                    case.busy = False
                    self._change.notify_all()

    def _next(self, name: paths.Name) -> _Case | None:
        """The gravest that this path has; what somebody answered meanwhile is let go."""
        mine = [case for case in self._cases.values() if not case.busy and self._where(case) == name]
        for case in sorted(mine, key=lambda c: (c.rank, c.id)):
            if not self._kept.answered(case.id):
                return case
            del self._cases[case.id]
        return None

    def _settle(self, name: paths.Name, case: _Case, told: question.Verdict) -> None:
        outcome = told.outcome
        if told.violated is False and _number(case.facts.get("score")) >= 1.0:
            outcome = "contradicts"  # rules decide: a model's word takes nothing back
        self.counts[f"{name} {outcome}"] += 1
        if outcome == "ok":
            by = f"{name}: {self.models[name].name}"[:200]
            first = self._kept.answer_first(case.id, violated=told.violated, by=by, text=told.text)
            self.counts["late"] += not first
        with self._change:
            if outcome in _PASSING:
                case.tries[name] += 1
                self._to_rest(name, outcome)
            elif outcome != "clip" and self._rest.pop(name, None) is not None:
                self._say(i18n.text("use.video:edge.model_back", path=name, model=self.models[name].name))
            if outcome == "ok":
                self._cases.pop(case.id, None)
                return
            if outcome not in _PASSING or case.tries[name] >= _MOST_TRIES:
                case.said[name] = outcome
                case.since = time.monotonic()
                _note(self._kept.place(case.id), case.said)
            if self._where(case) is None:
                self._to_person(case, outcome)

    def _failed(self, name: paths.Name, case: _Case, error: Exception) -> None:
        """A segment that could not be asked about, or whose answer could not be kept: later again, or a person's."""
        with self._change:
            self.counts[f"{name} failed"] += 1
            if not case.tries[name]:
                reason = str(error) or type(error).__name__
                self._say(i18n.text("use.video:edge.not_settled", id=case.id, path=name, reason=reason))
            case.tries[name] += 1
            if case.tries[name] >= _MOST_TRIES:
                case.said[name], case.since = "failed", time.monotonic()
            if self._where(case) is None:
                self._to_person(case, "failed")

    def _to_rest(self, name: paths.Name, outcome: str) -> None:
        """Ask this model nothing for a while, longer each time it fails."""
        now = time.monotonic()
        until, last = self._rest.get(name, (0.0, 0.0))
        if until > now:
            return  # another call of the same moment has failed already
        if not last:
            self._say(i18n.text("use.video:edge.model_rests", path=name, model=self.models[name].name, why=outcome))
        rest = min(max(_FIRST_REST_S, 2 * last), _LONGEST_REST_S)
        self._rest[name] = (now + rest, rest)

    def _to_person(self, case: _Case, outcome: str = "") -> None:
        if case.told:
            return
        case.told = True
        self.counts["to a person"] += 1
        if outcome and words.Level(case.facts["level"]).reaches(words.Level.orange):
            told = {"id": case.id, "level": case.facts["level"], "why": outcome}
            self._say(i18n.text("use.video:edge.to_person", **told))


def _noted(folder: Path) -> dict[str, str]:
    """What models said before this process began; a note that is none is as good as none."""
    try:
        found = json.loads((folder / cloud.NOTES).read_bytes())
        return {str(name): str(said)[:60] for name, said in found.items() if name in MODELS}
    except (OSError, ValueError, AttributeError):
        return {}


def _note(folder: Path, said: Mapping[str, str]) -> None:
    if not folder.is_dir():  # somebody took the segment away: nothing is left in its place
        return
    stages.write_bytes(folder / cloud.NOTES, json.dumps(dict(said)).encode())


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) and abs(value) < 1e15 else 0.0
