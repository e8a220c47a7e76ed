"""Terminal: progress with time left, and what was found, in the reader's language."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import rich.console
import rich.progress
import rich.text

from taihang.core import i18n, words
from taihang.report import plain

if TYPE_CHECKING:
    from taihang.app import assess, causes, inspect
    from taihang.app import books as shelf
    from taihang.app import mask as masks
    from taihang.app import monitor as watching
    from taihang.app import profile as profiles
    from taihang.app import remote as far
    from taihang.data.masking import risk

_MOST_FAULTS = 10
_MOST_LIMITS = 20
_SLOW_S = 15.0  # where nobody watches live (a log file), a line so often


class Progress:
    """Shows stages on a terminal as bars with time left, elsewhere as a line now and then."""

    def __init__(self) -> None:
        self._console = rich.console.Console(stderr=True)
        self._bars = rich.progress.Progress(
            rich.progress.TextColumn("{task.description}"),
            rich.progress.BarColumn(),
            rich.progress.TaskProgressColumn(),
            rich.progress.TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            console=self._console,
        )
        self._tasks: dict[str, rich.progress.TaskID] = {}
        self._spoke = time.monotonic()

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._bars.stop()

    def update(self, stage: str, done: float, total: float) -> None:
        """Show how far a stage is; `stage` is a catalogue key."""
        if not self._console.is_terminal:
            self._say(stage, done, total)
            return
        task = self._tasks.get(stage)
        if task is None or (done == 0 and self._bars.tasks[task].finished):
            self._tasks[stage] = task = self._bars.add_task(i18n.text(stage), total=max(total, 1e-9))
        self._bars.update(task, completed=min(done, total) if total else 1e-9, total=max(total, 1e-9))

    def _say(self, stage: str, done: float, total: float) -> None:
        now = time.monotonic()
        if now - self._spoke >= _SLOW_S:
            self._spoke = now
            share = 100 * done / total if total else 100
            print(f"{i18n.text(stage)} {share:.0f}%", file=sys.stderr, flush=True)  # noqa: T201


def summary(done: inspect.Inspection) -> None:
    """What was found, what was not judged, where the report is, and what it cost."""
    for one in done.videos:
        report = one.report
        if report.synthetic:
            _line("app:summary.synthetic")
        for warning in one.warnings:
            _line("app:summary.warning", text=warning.in_())
        told = [f for f in report.findings if f.verdict == "violated"]
        found = [f for f in told if f.level is not words.Level.info]
        events = [f for f in told if f.level is words.Level.info]
        doubtful = [f for f in report.findings if f.verdict == "insufficient"]
        _line("app:summary.found", video=report.asset.name, count=len(found))
        for level in words.Level:
            for title, times in _grouped([f for f in found if f.level is level]):
                mark = i18n.text(f"core:level.{level.value}")
                _line("app:summary.finding", level=mark, title=title, count=len(times), times=_times(times))
        for title, times in _grouped(events):
            _line("app:summary.event", title=title, count=len(times), times=_times(times))
        if doubtful:
            titles = "; ".join(sorted({f.rule.title.in_() for f in doubtful}))
            _line("app:summary.insufficient", count=len(doubtful), titles=titles)
        for unjudged in report.not_judged:
            if unjudged.subject == "rule" and unjudged.title:
                _line("app:summary.not_judged", title=unjudged.title.in_(), reason=unjudged.reason.in_())
        _understood(one)
        looked = f"{100 * one.looked / max(one.frames, 1):.1f}"
        _line("app:summary.looked", looked=one.looked, frames=one.frames, share=looked)
        ratio = f"{one.took_s / one.duration_s:.2f}" if one.duration_s else "–"
        _line("app:summary.took", took=f"{one.took_s:.1f}", duration=f"{one.duration_s:.1f}", ratio=ratio)
        _line("app:summary.report", path=one.page)


def _understood(one: inspect.Inspected) -> None:
    """How much of the film the vision-language model answered, and each reason why it did not: a service that is away
    must not look like one that saw nothing."""
    if one.understood is None:
        return
    asked = len(one.understood.answers)
    if asked:
        _line("app:summary.answered", asked=asked, answered=one.understood.outcomes().get("ok", 0))
    else:
        _line("app:summary.unasked")
    reasons: dict[str, list[float]] = {}
    for span in one.report.not_judged:
        if span.code.startswith("vlm-"):
            reasons.setdefault(span.reason.in_(), []).append(span.start_s or 0.0)
    for reason, times in reasons.items():
        _line("app:summary.unanswered", reason=reason, count=len(times), times=_times(times))


@contextlib.contextmanager
def judged_all_the_same() -> Iterator[None]:
    """Say what was found also when the record for later runs could not be kept, before that is said."""
    from taihang.app import assess  # noqa: PLC0415 - most verbs judge no table

    try:
        yield
    except assess.Unkept as failure:
        assessed(failure.done)
        raise


def assessed(done: assess.Assessed) -> None:
    """What each table holds that it should not, and where the report and the bad rows are."""
    report = done.report
    for name, rows in done.found.totals.items():
        _line("app:assessed.table", table=name, rows=rows)
    passed = sum(o.judged > 0 and not o.broken for o in done.found.outcomes)
    broken = sum(f.level is not words.Level.info for f in report.findings)
    if done.sampled is not None:
        _line("app:assessed.sample", rows=done.sampled)
        _line("app:assessed.found", rules=len(done.found.outcomes), found=broken)
    else:
        _line("app:assessed.rules", rules=len(done.found.outcomes), passed=passed, found=broken)
    for found in report.findings:
        level = i18n.text(f"core:level.{found.level.value}")
        _line("app:assessed.finding", level=level, rule=found.rule.id, message=found.message.in_())
    for unjudged in report.not_judged:
        title = unjudged.title.in_() if unjudged.title else ""
        _line("app:summary.not_judged", title=title, reason=unjudged.reason.in_())
    for limit in report.limits[:_MOST_LIMITS]:
        _line("app:assessed.limit", limit=limit.in_())
    _line("app:summary.report", path=done.page)
    for line in done.annotations:
        print(line)  # noqa: T201


def masked(done: masks.Masked, version: str) -> None:
    """What was masked how, what the second pass saw, the risks, and where the file is."""
    _line("app:masked.rows", rows=done.rows, name=done.inputs.name)
    for one in done.treatments:
        found = {kind: n for (column, kind), n in sorted(done.counts.items()) if column == one.column}
        if one.method == "keep" or (one.method == "text" and not found):
            continue
        counts = ", ".join(f"{kind} {n}" for kind, n in found.items()) or "–"
        _line(
            "app:masked.column", column=one.column, method=i18n.text(f"app:masked.method.{one.method}"), counts=counts
        )
    _line("app:masked.checked", values=done.checked.found, left=done.checked.leaked)
    for when, found_risk in (("before", done.before), ("after", done.after)):
        if found_risk is not None:
            _risk(when, found_risk)
    if done.exit_code:
        _line("app:masked.low")
    for fault in done.faults[:_MOST_FAULTS]:
        _line("app:profile.fault", fault=fault.in_())
    if version:
        _line("app:masked.version", version=version)
    _line("app:masked.file", path=done.file, summary=done.summary.name)


def _risk(when: str, found: risk.Risk) -> None:
    shown = i18n.text(f"app:masked.{when}")
    highest = "–" if found.prosecutor is None else f"{found.prosecutor:.1%}"
    expected = "–" if found.marketer is None else f"{found.marketer:.1%}"
    _line("app:masked.risk", when=shown, k=found.k if found.k is not None else "–", alone=found.alone,
          l=found.l if found.l is not None else "–", highest=highest, expected=expected)  # fmt: skip


def monitored(done: watching.Monitored) -> None:
    """What is unusual, how the back-test went, and where the report is."""
    report, found = done.report, done.found
    _line(
        "app:monitor.history", name=report.asset.name, points=len(found.panel.times),
        monitors=len(found.panel.monitors), judged=len(found.judged),
    )  # fmt: skip
    for one in found.tests[:1]:
        if one.quarters:
            rates = {"alarms": f"{one.alarms / one.quarters:.2f}", "near": f"{one.near / one.quarters:.2f}"}
            model = i18n.text(f"data.quality.monitors:model.{one.model}")
            _line("app:monitor.back_test", model=model, budget=f"{found.options.budget:g}", **rates)
    for told in report.findings:
        level = i18n.text(f"core:level.{told.level.value}")
        _line("app:assessed.finding", level=level, rule=told.rule.id, message=told.message.in_())
    if not report.findings:
        _line("app:monitor.quiet") if found.track.ready[-1:].any() else None
    for reason in dict.fromkeys(one.reason.in_() for one in report.not_judged):
        _line("app:assessed.limit", limit=reason)
    for limit in report.limits[:_MOST_LIMITS]:
        _line("app:assessed.limit", limit=limit.in_())
    _line("app:summary.report", path=done.page)


def caused(done: causes.Caused) -> None:
    """How many edges are supported, the strongest of them, and where the report is."""
    found, line = done.judged, done.judged.line
    supported = found.of("supported")
    if done.report.synthetic:
        _line("app:summary.synthetic")
    _line(
        "app:causes.judged", events=len(line.kind), kinds=len(line.kinds), recordings=len(found.log.recordings),
        candidates=len(found.edges), supported=len(supported), insufficient=len(found.of("insufficient")),
    )  # fmt: skip
    for edge in supported[:_MOST_FAULTS]:
        lag = f"{edge.statistic.lags.middle_s:.1f}" if edge.statistic.lags else "–"
        names = {"cause": found.log.title(edge.cause).in_(), "effect": found.log.title(edge.effect).in_()}
        confidence = plain.percent(edge.confidence or 0.0)
        _line("app:causes.edge", confidence=confidence, lag=lag, count=edge.count, **names)
    if len(supported) > _MOST_FAULTS:
        _line("app:causes.more", count=len(supported) - _MOST_FAULTS)
    for unjudged in done.report.not_judged[:_MOST_LIMITS]:
        _line(
            "app:summary.not_judged", title=unjudged.title.in_() if unjudged.title else "", reason=unjudged.reason.in_()
        )
    _line("app:summary.report", path=done.page)


def remote(done: Iterable[far.Done]) -> None:
    """What a server found, and where its report lies here."""
    for one in done:
        _line("app:remote.done", job=one.job, count=one.findings, report=one.report)
        _line("app:summary.report", path=one.page)
        unclear(one.masked, one.withheld)


def unclear(masked: int, withheld: int) -> None:
    """That files came masked, or not at all."""
    if masked or withheld:
        _line("app:remote.unclear", masked=masked, withheld=withheld)


def _grouped(found: Iterable[object]) -> list[tuple[str, list[float]]]:
    groups: dict[str, list[float]] = {}
    for one in found:
        groups.setdefault(one.rule.title.in_(), []).append(one.place.start_s or 0.0)  # type: ignore[attr-defined]
    return [(title, sorted(times)) for title, times in sorted(groups.items())]


def _times(times: list[float]) -> str:
    shown = ", ".join(plain.clock(t) for t in times[:5])
    return shown + (" …" if len(times) > 5 else "")


def profiled(done: Iterable[profiles.Profiled]) -> None:
    """What each table holds in a few lines, what could not be read of it, and where the report is."""
    for one in done:
        found = one.profile
        _line("app:profile.rows", name=found.asset.name, rows=found.rows, columns=len(found.columns))
        for fault in found.faults[:_MOST_FAULTS]:
            _line("app:profile.fault", fault=fault.message.in_())
        if len(found.faults) > _MOST_FAULTS:
            _line("app:profile.more_faults", count=len(found.faults) - _MOST_FAULTS)
        if found.keys:
            _line("app:profile.keys", keys=", ".join(" + ".join(key.columns) for key in found.keys))
        for other in found.foreign_keys:
            _line("app:profile.foreign", column=other.column, parent=f"{other.table}.{other.key}")
        personal = dict.fromkeys(p.column for p in found.personal)
        if personal:
            _line("app:profile.personal", columns=", ".join(personal))
        for change in one.changes:
            _line("app:profile.change", change=change.text.in_())
        _line("app:profile.suggested", count=one.suggested)
        _line("app:profile.took", took=f"{one.took_s:.1f}")
        _line("app:summary.report", path=one.page)


def made(files: Iterable[Path]) -> None:
    """The files that were written, one a line."""
    for path in files:
        _line("app:made", path=path)


def books(found: Iterable[shelf.Book]) -> None:
    """Rulebooks: id, version, title, how many rules."""
    for book in found:
        key = "app:book_templates" if book.templates else "app:book"
        _line(key, id=book.id, version=book.version, title=book.title.in_(), rules=book.rules, templates=book.templates)


def _line(key: str, **values: object) -> None:
    print(i18n.text(key, None, **values))  # noqa: T201
