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

from taihang.core import errors, words
from taihang.data.quality import passes, piles, planning, sets, target
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
    """Outcomes in the rulebook's order; `totals` are each table's rows that could be read."""

    book: rulebook.Rulebook
    targets: Mapping[str, target.Target]
    outcomes: tuple[Outcome, ...]
    totals: Mapping[str, int]
    as_of: datetime.datetime


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
    """
    as_of = as_of or datetime.datetime.now(tz=datetime.UTC)
    with tempfile.TemporaryDirectory(prefix="taihang-") as folder:
        given = limits or tables.Settings.current()
        held = given.model_copy(update={"spill": given.spill or Path(folder)})
        with tables.Engine(held) as engine:
            plan = planning.plan(book, targets, engine)
            return _Assess(book, targets, as_of, engine, plan).run(Path(held.spill or folder))


class _Assess:
    def __init__(
        self,
        book: rulebook.Rulebook,
        targets: Mapping[str, target.Target],
        as_of: datetime.datetime,
        engine: tables.Engine,
        plan: planning.Plan,
    ) -> None:
        self.book, self.targets, self.as_of, self.engine, self.plan = book, targets, as_of, engine, plan
        self.scans: dict[str, passes.Scanned] = {}

    def run(self, folder: Path) -> Assessment:
        repeated: dict[str, passes.Rows] = {}
        for name in dict.fromkeys(s.compiled.rule.table for s in self.plan.steps):
            with self._stacks(name, folder) as stacks:
                sqls = {rule: (sql, pile) for rule, (sql, pile, _) in stacks.items()}
                try:
                    self.scans[name] = passes.scanned(self.engine, self.targets[name], self.plan, sqls)
                except tables.QueryError as error:
                    raise self._culprit(name, error) from None
                for rule, (_, pile, exact) in stacks.items():
                    compiled = self.book.compiled(rule)
                    repeated[rule] = passes.unique(self.engine, self.targets[name], compiled, pile, exact)
        totals = passes.totals(self.engine, self.targets, self.plan.totals)
        outcomes = [self._outcome(step, repeated, totals) for step in self.plan.steps]
        rows = {name: found.total for name, found in self.scans.items()}
        return Assessment(self.book, self.targets, tuple(outcomes), rows, self.as_of)

    @contextlib.contextmanager
    def _stacks(self, name: str, folder: Path) -> Iterator[dict[str, tuple[str, piles.Pile, bool]]]:
        found: dict[str, tuple[str, piles.Pile, bool]] = {}
        try:
            for step in self.plan.steps:
                rule, check = step.compiled.rule, step.check
                if rule.table == name and isinstance(check, kinds.Unique):
                    key, exact = sets.key(check.columns, self.targets[name].source.schema)
                    condition = sets.judges(step.compiled, check.columns)
                    found[rule.id] = f"CASE WHEN {condition} THEN {key} END", piles.Pile(folder), exact
            yield found
        finally:
            for _, pile, _ in found.values():
                pile.close()

    def _outcome(self, step: planning.Step, repeated: Mapping[str, passes.Rows], totals: list[Any]) -> Outcome:
        rule, check = step.compiled.rule, step.check
        found = self.scans[rule.table]
        if check is None:
            unknown = found.unknown[step.test]
            judged = found.through.get(step.test, found.total) - unknown
            return self._rows(step, found.rows[step.test], judged, unknown)
        judged = found.true[step.test]
        if isinstance(check, kinds.Unique):
            return self._rows(step, repeated[rule.id], judged, found.total - judged)
        if isinstance(check, (kinds.ForeignKey, kinds.FunctionalDependency, kinds.Reconcile)):
            if isinstance(check, kinds.Reconcile) and passes.repeats(self.engine, self.targets[check.other], check):
                where = step.compiled.place("check")
                raise errors.UserError("data.quality:rule.repeats", where=where, rule=rule.id, table=check.other)
            try:
                rows = passes.related(self.engine, self.targets, step.compiled)
            except tables.QueryError as error:
                raise _told(step, error) from None
            return self._rows(step, rows, judged, found.total - judged)
        return self._whole(step, check, judged, [totals[n] for n in step.totals])

    def _rows(self, step: planning.Step, rows: passes.Rows, judged: int, unknown: int) -> Outcome:
        rule = step.compiled.rule
        broken = bool(len(rows)) and not (rule.tolerate and rule.tolerate.allows(len(rows), judged))
        condition = self.plan.tests[rule.table][step.test]
        sql = f"SELECT count(*) FROM {tables.quoted(rule.table)} WHERE {condition}"  # noqa: S608 - told, not run
        if step.check is not None:
            sql = sets.query(step.compiled, "row") or sql
        return Outcome(step.compiled, self.scans[rule.table].total, judged, unknown, rows, broken, sql=sql)

    def _whole(self, step: planning.Step, check: kinds.Kind, judged: int, totals: list[Any]) -> Outcome:
        total = self.scans[step.compiled.rule.table].total
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
            broken = not _within(value, check)
        # A table without rows has no total; how many rows it has can be told of any.
        judged = judged if judged or not isinstance(check, kinds.RowCount) else 1
        sql = self.plan.totals[step.totals[0]].sql if step.totals else "count(*)"
        sql = f"SELECT {sql} FROM {tables.quoted(step.compiled.rule.table)}"  # noqa: S608 - told, not run
        return Outcome(step.compiled, total, judged, 0, _NO_ROWS, broken, True, measured, sql)

    def _culprit(self, name: str, error: tables.QueryError) -> errors.TaihangError:
        """The rule whose condition fails on a row."""
        on = self.targets[name]
        for step in (s for s in self.plan.steps if s.compiled.rule.table == name):
            sql = self.plan.tests[name][step.test]
            try:
                with on.shown(self.engine, "t", sorted(self.plan.columns[name])):
                    for _ in self.engine.batches(f"SELECT {sql} AS v FROM t"):  # noqa: S608 - a checked tree
                        pass
            except tables.QueryError as own:
                return _told(step, own)
        return error


def _told(step: planning.Step, error: tables.QueryError) -> errors.UserError:
    part = "check" if step.compiled.rule.check else "where"
    return errors.UserError("rules:sql.rows", where=step.compiled.place(part), reason=error.reason)


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
    if bounds.strict:
        return (low is None or shown > low) and (high is None or shown < high)
    return (low is None or shown >= low) and (high is None or shown <= high)


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
