"""Local: a plan run here, on DuckDB, over the sources' own batches."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from taihang.core import errors
from taihang.data.quality import passes, piles, planning, sets, target
from taihang.engines import tables
from taihang.rules import kinds, rulebook


@dataclasses.dataclass(frozen=True)
class _Stack:
    sql: str
    pile: piles.Pile
    exact: bool
    rules: list[str]


class Local:
    """Runs a plan; `folder` is for keys that do not fit in memory."""

    def __init__(
        self,
        book: rulebook.Rulebook,
        targets: Mapping[str, target.Target],
        engine: tables.Engine,
        plan: planning.Plan,
        folder: Path,
    ) -> None:
        self.book, self.targets, self.engine, self.plan, self.folder = book, targets, engine, plan, folder

    def table(self, name: str) -> passes.Found:
        """One scan for all conditions and keys, then what set rules need beside it."""
        found: dict[str, passes.Rows] = {}
        with self._stacks(name) as stacks:
            sqls = {str(n): (stack.sql, stack.pile) for n, stack in enumerate(stacks)}
            try:
                scanned = passes.scanned(self.engine, self.targets[name], self.plan, sqls)
            except tables.QueryError as error:
                raise self.culprit(name, error) from None
            for stack in stacks:
                first = self.book.compiled(stack.rules[0])
                rows = passes.unique(self.engine, self.targets[name], first, stack.pile, stack.exact)
                found.update(dict.fromkeys(stack.rules, rows))
        for step in (s for s in self.plan.steps if s.compiled.rule.table == name):
            if isinstance(step.check, (kinds.ForeignKey, kinds.Anonymity, kinds.FunctionalDependency, kinds.Reconcile)):
                found[step.compiled.rule.id] = self.related(step, step.check)
        return passes.Found(scanned, found)

    def totals(self) -> list[Any]:
        """All totals."""
        return passes.totals(self.engine, self.targets, self.plan.totals)

    def related(self, step: planning.Step, check: kinds.Kind) -> passes.Rows:
        """Bad rows of a rule that needs a join."""
        if isinstance(check, kinds.Reconcile) and passes.repeats(self.engine, self.targets[check.other], check):
            raise repeats(step, check)
        try:
            return passes.related(self.engine, self.targets, step.compiled)
        except tables.QueryError as error:
            raise _told(step, error) from None

    @contextlib.contextmanager
    def _stacks(self, name: str) -> Iterator[list[_Stack]]:
        """One pile of keys for all rules that want the same columns of the same rows to be unique."""
        found: dict[str, _Stack] = {}
        try:
            for step in self.plan.steps:
                rule, check = step.compiled.rule, step.check
                if rule.table == name and isinstance(check, kinds.Unique):
                    key, exact = sets.key(check.columns, self.targets[name].source.schema)
                    sql = f"CASE WHEN {sets.judges(step.compiled, check.columns)} THEN {key} END"
                    if sql not in found:
                        found[sql] = _Stack(sql, piles.Pile(self.folder), exact, [])
                    found[sql].rules.append(rule.id)
            yield list(found.values())
        finally:
            for stack in found.values():
                stack.pile.close()

    def culprit(self, name: str, error: tables.QueryError) -> errors.TaihangError:
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


def repeats(step: planning.Step, check: kinds.Reconcile) -> errors.UserError:
    """The error for a table that rows cannot be compared with one by one."""
    where, rule = step.compiled.place("check"), step.compiled.rule.id
    return errors.UserError("data.quality:rule.repeats", where=where, rule=rule, table=check.other)


def _told(step: planning.Step, error: tables.QueryError) -> errors.UserError:
    part = "check" if step.compiled.rule.check else "where"
    return errors.UserError("rules:sql.rows", where=step.compiled.place(part), reason=error.reason)
