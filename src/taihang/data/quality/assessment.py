"""Assessment: a rulebook over targets gives an outcome for each rule, with every bad row."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import decimal
import math
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from taihang.core import errors, job, words
from taihang.data.quality import local, passes, planning, positions, sets, setting_aside, spanned, target
from taihang.engines import tables
from taihang.rules import kinds, rulebook

_NO_ROWS = np.zeros(0, np.int64)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What one rule found.

    `rows` are the positions of all bad rows, ascending; `judged` rows were decided one way or the
    other and `unknown` could not be. A rule about a whole table judges all of its rows at once, has
    no bad rows of its own, and says in `measured` what it found. `broken`: beyond what it tolerates.
    """

    compiled: rulebook.Compiled
    total: int
    judged: int
    unknown: int
    rows: passes.Rows
    broken: bool
    whole: bool = False
    measured: Mapping[str, words.Scalar] = dataclasses.field(default_factory=dict)
    sql: str = ""

    @property
    def violated(self) -> int:
        """How many of the judged rows are bad."""
        return (self.judged if self.broken else 0) if self.whole else len(self.rows)


@dataclasses.dataclass(frozen=True)
class Assessment:
    """Outcomes in the rulebook's order; `totals` are each table's rows that could be read.

    `kept` are bad rows that were set aside while they were judged, by table: `bad` gives them.
    """

    book: rulebook.Rulebook
    targets: Mapping[str, target.Target]
    outcomes: tuple[Outcome, ...]
    totals: Mapping[str, int]
    as_of: datetime.datetime
    kept: Mapping[str, setting_aside.SetAside] = dataclasses.field(default_factory=dict)

    def bad(self, name: str, rows: positions.Positions) -> Iterator[target.Bad]:
        """The rows of a table at these positions, which were judged bad, ascending, with all columns."""
        aside, on = self.kept.get(name), self.targets[name]
        if aside is not None and aside.complete:
            return aside.bad(rows)
        return on.bad(rows, absolute=on.source.columnar and on.source.rows == self.totals.get(name))


def assess(
    book: rulebook.Rulebook,
    targets: Mapping[str, target.Target],
    *,
    as_of: datetime.datetime | None = None,
    limits: tables.Settings | None = None,
) -> Assessment:
    """Judge every rule of a book on tables that are read as streams, each row condition in one pass.

    `as_of` is the moment for freshness; now when absent. Raises errors.UserError for a rule that
    cannot run, never a pass; errors.Failure for a source that vanishes and for a full disk.
    `pushdown.running.assess` does the same where the rows lie.
    """
    with planned(book, targets, limits) as (engine, plan, folder):
        return judged(book, targets, plan, local.Local(book, targets, engine, plan, folder), as_of)


@contextlib.contextmanager
def assessed(
    book: rulebook.Rulebook,
    targets: Mapping[str, target.Target],
    *,
    as_of: datetime.datetime | None = None,
    progress: job.Progress | None = None,
    unfinished: Path | None = None,
) -> Iterator[Assessment]:
    """As `assess`, with bad rows set aside while they are judged: they can be asked for inside the block.

    `progress` is told how many rows were judged; raises errors.Cancelled when it does. `unfinished` is a folder
    where large Parquet tables are written down span by span as they are judged, until the block is left without an
    error: a run that was killed goes on there.
    """
    with planned(book, targets) as (engine, plan, folder):
        kept = spanned.Unfinished(unfinished, book, targets) if unfinished is not None else None
        runner = local.Local(book, targets, engine, plan, folder, keep=True, progress=progress, unfinished=kept)
        try:
            found = judged(book, targets, plan, runner, as_of)
            yield dataclasses.replace(found, kept=runner.kept, targets=runner.targets)
            if kept is not None:
                kept.end()
        finally:
            for aside in runner.kept.values():
                aside.close()


@contextlib.contextmanager
def planned(
    book: rulebook.Rulebook, targets: Mapping[str, target.Target], limits: tables.Settings | None = None
) -> Iterator[tuple[tables.Engine, planning.Plan, Path]]:
    """An engine with a book planned on it, and a folder for what does not fit in memory."""
    with tempfile.TemporaryDirectory(prefix="taihang-") as folder:
        given = limits or tables.Settings.current()
        held = given.model_copy(update={"spill": given.spill or Path(folder)})
        with tables.Engine(held) as engine:
            yield engine, planning.plan(book, targets, engine), Path(held.spill or folder)


def judged(
    book: rulebook.Rulebook,
    targets: Mapping[str, target.Target],
    plan: planning.Plan,
    runner: passes.Runner,
    as_of: datetime.datetime | None = None,
) -> Assessment:
    """Run a plan and tell what each rule found."""
    return _Told(book, targets, as_of or datetime.datetime.now(tz=datetime.UTC), plan, runner).run()


class _Told:
    def __init__(
        self,
        book: rulebook.Rulebook,
        targets: Mapping[str, target.Target],
        as_of: datetime.datetime,
        plan: planning.Plan,
        runner: passes.Runner,
    ) -> None:
        self.book, self.targets, self.as_of, self.plan, self.runner = book, targets, as_of, plan, runner
        self.found: dict[str, passes.Found] = {}

    def run(self) -> Assessment:
        for name in dict.fromkeys(s.compiled.rule.table for s in self.plan.steps):
            self.found[name] = self.runner.table(name)
        totals = self.runner.totals()
        told = [self._outcome(step, totals) for step in self.plan.steps]
        rows = {name: found.scanned.total for name, found in self.found.items()}
        return Assessment(self.book, self.targets, tuple(told), rows, self.as_of)

    def _outcome(self, step: planning.Step, totals: list[Any]) -> Outcome:
        rule, check = step.compiled.rule, step.check
        found = self.found[rule.table].scanned
        if check is None:
            unknown = found.unknown[step.test]
            judged = found.through.get(step.test, found.total) - unknown
            return self._rows(step, found.rows[step.test], judged, unknown)
        judged = found.true[step.test]
        if rule.id in self.found[rule.table].sets:
            return self._rows(step, self.found[rule.table].sets[rule.id], judged, found.total - judged)
        return self._whole(step, check, judged, [totals[n] for n in step.totals])

    def _rows(self, step: planning.Step, rows: passes.Rows, judged: int, unknown: int) -> Outcome:
        rule = step.compiled.rule
        broken = bool(len(rows)) and not (rule.tolerate and rule.tolerate.allows(len(rows), judged))
        condition = self.plan.tests[rule.table][step.test]
        sql = f"SELECT count(*) FROM {tables.quoted(rule.table)} WHERE {condition}"  # noqa: S608 - told, not run
        if step.check is not None:
            sql = sets.query(step.compiled, "row") or sql
        return Outcome(step.compiled, self.found[rule.table].scanned.total, judged, unknown, rows, broken, sql=sql)

    def _whole(self, step: planning.Step, check: kinds.Kind, judged: int, totals: list[Any]) -> Outcome:
        total = self.found[step.compiled.rule.table].scanned.total
        value = _number(totals[0]) if totals else judged
        measured: dict[str, words.Scalar] = {"value": _plain(value)}
        if isinstance(check, kinds.Freshness):
            age = _age(totals[0], self.as_of)
            broken = age is None or age > check.within
            measured = {"newest": _plain(totals[0]), "age_s": age, "as_of": self.as_of.isoformat()}
        elif isinstance(check, kinds.AggregateEquals):
            other = _number(totals[1])
            measured["other"] = _plain(other)
            broken = not _equal(value, other, check.tolerance)
        else:
            assert isinstance(check, kinds.Bounds)
            try:
                broken = not _within(value, check)
            except ValueError:
                where, rule = step.compiled.place("check"), step.compiled.rule.id
                raise errors.UserError("data.quality:rule.bound", where=where, rule=rule, value=value) from None
        # A table without rows has no total; how many rows it has can be told of any.
        judged = judged if judged or not isinstance(check, kinds.RowCount) else 1
        sql = self.plan.totals[step.totals[0]].sql if step.totals else "count(*)"
        sql = f"SELECT {sql} FROM {tables.quoted(step.compiled.rule.table)}"  # noqa: S608 - told, not run
        return Outcome(step.compiled, total, judged, 0, _NO_ROWS, broken, True, measured, sql)


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, decimal.Decimal) and value != value.to_integral_value() else (
        int(value) if isinstance(value, decimal.Decimal) and value.is_finite() else value
    )  # fmt: skip


def _plain(value: Any) -> words.Scalar:
    if isinstance(value, float):
        # Parallel sums differ in the last digits from run to run.
        return float(f"{value:.9g}") if math.isfinite(value) else None
    return value if value is None or isinstance(value, (bool, int)) else str(value)


def _within(value: Any, bounds: kinds.Bounds) -> bool:
    """False for no value, for NaN, and outside; texts such as dates are compared as texts."""
    if value is None or value != value:  # noqa: PLR0124 - NaN
        return False
    texts = not isinstance(value, (bool, int, float))
    shown: Any = str(value) if texts else value
    low, high = (_bound(b, texts) for b in (bounds.min, bounds.max))
    if isinstance(value, datetime.date):  # 2001-01-01T12:00 and 2001-01-01 12:00:00 are one moment
        shown, low, high = _moment(value), *(b if b is None else _moment(b) for b in (low, high))
    if bounds.strict:
        return (low is None or shown > low) and (high is None or shown < high)
    return (low is None or shown >= low) and (high is None or shown <= high)


def _moment(given: Any) -> Any:
    """A date or a time, or a text of one, as a moment in UTC. Raises ValueError for another text."""
    found = datetime.datetime.fromisoformat(str(given))
    return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)


def _bound(bound: float | str | None, texts: bool) -> Any:
    if bound is None:
        return None
    return str(bound) if texts else float(bound) if isinstance(bound, str) else bound


def _equal(one: Any, other: Any, tolerance: float) -> bool:
    if one is None or other is None:
        return one is None and other is None
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return bool(abs(one - other) <= tolerance)
    return bool(one == other)


def _age(newest: Any, as_of: datetime.datetime) -> float | None:
    if isinstance(newest, str):
        newest = datetime.datetime.fromisoformat(newest)
    if isinstance(newest, datetime.date) and not isinstance(newest, datetime.datetime):
        newest = datetime.datetime.combine(newest, datetime.time())
    if not isinstance(newest, datetime.datetime):
        return None
    newest = newest if newest.tzinfo else newest.replace(tzinfo=datetime.UTC)
    return float((as_of - newest).total_seconds())
