"""Local: a plan run here, on DuckDB, over the sources' own batches."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from taihang.core import errors, job
from taihang.data.quality import passes, piles, planning, sets, setting_aside, spanned, tallies, target
from taihang.engines import tables
from taihang.engines.sources import faults
from taihang.rules import kinds, rulebook


@dataclasses.dataclass(frozen=True)
class _Stack:
    sql: str
    pile: piles.Pile
    exact: bool
    rules: list[str]
    columns: tuple[str, ...]


class Local:
    """Runs a plan; `folder` is for keys that do not fit in memory, and for bad rows that are `kept`.

    Large tables that a killed run left `unfinished` are gone on with.
    """

    def __init__(
        self,
        book: rulebook.Rulebook,
        targets: Mapping[str, target.Target],
        engine: tables.Engine,
        plan: planning.Plan,
        folder: Path,
        *,
        keep: bool = False,
        progress: job.Progress | None = None,
        unfinished: spanned.Unfinished | None = None,
    ) -> None:
        self.book, self.engine, self.plan, self.folder = book, engine, plan, folder
        self.targets = dict(targets)
        self.keep, self.progress, self.unfinished = keep, progress, unfinished
        self.kept: dict[str, setting_aside.SetAside] = {}
        self.met: dict[str, faults.Faults] = {}
        self.added: dict[int, Any] = {}

    def table(self, name: str) -> passes.Found:
        """One scan for all conditions, and what set rules need beside it.

        Where a few columns can be read alone, keys are looked at first: the scan then knows every bad
        row when it meets it, and can set it aside.
        """
        found = self._found(name)
        source = self.targets[name].source
        if source.uneven and source.faults.lost and not self.targets[name].whole:
            # A row group that is broken in one column is there for a pass that does not read it:
            # positions of one pass would be others in the next.
            self.targets[name] = target.Target(name, source, whole=True)
            found = self._found(name)
        self.met[name] = source.faults
        return found

    def _found(self, name: str) -> passes.Found:
        on = self.targets[name]
        if name in self.kept:
            self.kept[name].close()
        aside = self.kept[name] = setting_aside.SetAside(self.folder)
        if not self.keep or 2 * len(self.plan.columns[name]) < len(on.source.columns):
            aside.give_up()  # to read many columns for a few bad rows costs more than to read those rows again
        with self._stacks(name) as stacks:
            found = self._keys_first(on, stacks)
            early = bool(found)
            found |= self._related(name)
            keys = {} if early else {str(n): (stack.sql, stack.pile) for n, stack in enumerate(stacks)}
            try:
                scanned = self._scanned(on, keys, aside, list(found.values()))
            except tables.QueryError as error:
                raise self.culprit(name, error) from None
            aside.finish()
            met = on.source.faults
            if not early:
                found |= (late := self._unique(on, stacks))
                if any(map(len, late.values())):
                    aside.give_up()
            on.source.faults = met
        return passes.Found(scanned, found)

    def _scanned(
        self,
        on: target.Target,
        keys: Mapping[str, tuple[str, piles.Pile]],
        aside: setting_aside.SetAside,
        known: Sequence[passes.Rows],
    ) -> passes.Scanned:
        """The scan; of a large table in spans that are written down, which keys have no part in."""

        def scan(on: target.Target, progress: job.Progress | None = self.progress) -> passes.Scanned:
            return passes.scanned(
                self.engine, on, self.plan, keys, aside=aside, known=known, kept=kept, progress=progress
            )

        kept: tallies.Tallies | None = tallies.Tallies(self.plan.totals, on.name, on.source.schema)
        if self.unfinished is None or keys or not self.unfinished.spans[on.name]:
            found = scan(on)
            self.added |= kept.totals() if kept else {}
            return found
        kept = None  # of what was judged before there is none
        if self.unfinished.holds(on, self.plan):
            aside.give_up()  # what was judged before is not at hand
        told, rows = self.progress, on.source.rows or 0
        found, on.source.faults = self.unfinished.scanned(
            on, self.plan, lambda part: scan(part, told and spanned.Shifted(told, part.first, rows))
        )
        return found

    def totals(self) -> list[Any]:
        """All totals."""
        left = [n for n in range(len(self.plan.totals)) if n not in self.added]
        found = self.added | dict(zip(left, self.totalled([self.plan.totals[n] for n in left]), strict=True))
        return [found[n] for n in range(len(self.plan.totals))]

    def totalled(self, wanted: Sequence[planning.Total]) -> list[Any]:
        """Some totals, read here; each table's faults stay those of its scan."""
        found = passes.totals(self.engine, self.targets, wanted)
        for name, met in self.met.items():  # not those of a pass that read less
            self.targets[name].source.faults = met
        return found

    def _keys_first(self, on: target.Target, stacks: Sequence[_Stack]) -> dict[str, passes.Rows]:
        """Bad rows of the uniqueness rules from a pass over keys alone, where that is cheap; else nothing."""
        if not stacks or not on.source.columnar:
            return {}
        left = stacks
        while left:
            used = {c for stack in left for c in stack.columns}
            try:
                keys = {str(n): (stack.sql, stack.pile) for n, stack in enumerate(left)}
                passes.keyed(self.engine, on, keys, sorted(used), self.progress)
            except tables.QueryError as error:
                raise self.culprit(on.name, error) from None
            left = [stack for stack in left if stack.pile.lost]
            for stack in left:
                stack.pile.again()
        return self._unique(on, stacks)

    def _unique(self, on: target.Target, stacks: Sequence[_Stack]) -> dict[str, passes.Rows]:
        found: dict[str, passes.Rows] = {}
        for stack in stacks:
            rows = passes.unique(self.engine, on, self.book.compiled(stack.rules[0]), stack.pile, stack.exact)
            found.update(dict.fromkeys(stack.rules, rows))
        return found

    def _related(self, name: str) -> dict[str, passes.Rows]:
        return {
            step.compiled.rule.id: self.related(step, step.check)
            for step in self.plan.steps
            if step.compiled.rule.table == name
            and isinstance(step.check, (kinds.ForeignKey, kinds.Anonymity, kinds.FunctionalDependency, kinds.Reconcile))
        }

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
                        filtered = step.compiled.filter.columns if step.compiled.filter else ()
                        # Keys that come in order spill nothing, where they can be read again if they cease to.
                        ascending = exact and self.targets[name].source.columnar
                        pile = piles.Pile(self.folder, ascending=ascending, hashed=not exact)
                        found[sql] = _Stack(sql, pile, exact, [], (*check.columns, *filtered))
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
