"""Pushed: runs a plan in the database that holds the rows: all row conditions in one scan, then each set rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from taihang.data.quality import local, passes, planning
from taihang.data.quality.pushdown import statements, trees
from taihang.data.quality.pushdown import totals as totalling
from taihang.engines.databases import database
from taihang.rules import kinds, rulebook

# Kinds that have no plan in other engines yet.
_ONLY_HERE = (kinds.Anonymity, kinds.Similar)
_ABOUT_ROWS = (kinds.Unique, kinds.ForeignKey, kinds.Anonymity, kinds.FunctionalDependency, kinds.Reconcile)


Made = list[tuple[int, int, totalling.Finish]]


class Pushed:
    """Runs a plan on a database."""

    def __init__(
        self, book: rulebook.Rulebook, plan: planning.Plan, on: database.Database, writer: statements.Statements
    ) -> None:
        self.book, self.plan, self.on, self.writer = book, plan, on, writer

    def table(self, name: str) -> passes.Found:
        """All row conditions in one scan, then a query for each set rule."""
        steps = [s for s in self.plan.steps if s.compiled.rule.table == name]
        self.writer.learn(name, self.plan.tests.get(name, []))
        sets: dict[str, passes.Rows] = {}
        scanned = self._scanned(name, steps)
        for step in steps:
            if (ready := self._ready(step)) is not None:
                sets[step.compiled.rule.id] = ready
                continue
            check = step.check
            if isinstance(check, _ONLY_HERE):
                raise statements.refused(self.writer.dialect.name, step.compiled, check.kind)
            if isinstance(check, kinds.Reconcile) and any(self.on.rows(self.writer.repeats(step.compiled, check))):
                raise local.repeats(step, check)
            if isinstance(check, _ABOUT_ROWS):
                sets[step.compiled.rule.id] = self._positions(name, self.on.rows(self.writer.related(step.compiled)))
        return passes.Found(scanned, sets)

    def totals(self) -> list[Any]:
        """All totals, one query a table."""
        found: list[Any] = [None] * len(self.plan.totals)
        for name in dict.fromkeys(t.table for t in self.plan.totals):
            select, made = self._totals_of(name)
            row = next(iter(self.on.rows(f"SELECT {', '.join(select)} FROM {self.writer.shown[name].origin}")))  # noqa: S608
            for number, value in finished(made, row).items():
                found[number] = value
        return found

    def _ready(self, step: planning.Step) -> passes.Rows | None:
        """Bad rows of a set rule that the scan has found already."""

    def _totals_of(self, name: str) -> tuple[list[str], Made]:
        """What to select for the totals of a table, and what is made of it."""
        made: Made = []
        select: list[str] = []
        for number, one in enumerate(self.plan.totals):
            if one.table == name:
                parts, finish = self._total(one)
                made.append((number, len(parts), finish))
                select += parts
        return select, made

    def _total(self, one: planning.Total) -> tuple[list[str], totalling.Finish]:
        compiled = self.book.compiled(one.rule)
        try:
            return totalling.total(self.writer.translator(one.table), one.function, one.column, one.only)
        except trees.Refused as error:
            raise statements.refused(self.writer.dialect.name, compiled, str(error)) from None

    def _scanned(self, name: str, steps: Sequence[planning.Step]) -> passes.Scanned:
        tests = self.plan.tests.get(name, [])
        by_test = {s.test: s for s in steps}
        rows = {s.test for s in steps if s.check is None}
        ordered = sorted(rows)
        judged = [n for n in range(len(tests)) if n not in rows]
        filters = {s.test: s for s in steps if s.check is None and s.compiled.filter is not None}
        masked = [self.writer.condition(name, tests[n], by_test[n].compiled) for n in ordered]
        counted = [self.writer.condition(name, tests[n], by_test[n].compiled) for n in judged]
        counted += [self.writer.condition(name, s.compiled.filter.sql, s.compiled) for s in filters.values()
                    if s.compiled.filter is not None]  # fmt: skip
        found = passes.Scanned(0, {}, [0] * len(tests), [0] * len(tests), dict.fromkeys(filters, 0))
        parts: dict[int, list[int]] = {n: [] for n in ordered}
        one = self.writer.shown[name]
        for mask, count, *more in self.on.rows(self.writer.scan(name, masked, counted)):
            found.total += int(count)
            for n, value in zip([*judged, *filters], more, strict=False):
                if n in filters:
                    found.through[n] += int(value or 0)
                else:
                    found.true[n] += int(value or 0)
            for n, letter in zip(ordered, mask or "", strict=False):
                found.true[n] += int(count) if letter == statements.TRUE else 0
                found.unknown[n] += int(count) if letter == statements.UNKNOWN else 0
        if any(found.true[n] for n in ordered):
            for mask, *place in self.on.rows(self.writer.bad(name, masked)):
                position = one.position(place)
                for n, letter in zip(ordered, mask, strict=True):
                    if letter == statements.TRUE:
                        parts[n].append(position)
        found.rows = {n: np.unique(np.array(some, np.int64)) for n, some in parts.items()}
        return found

    def _positions(self, name: str, rows: Iterator[tuple[Any, ...]]) -> passes.Rows:
        one = self.writer.shown[name]
        return np.unique(np.fromiter((one.position(row) for row in rows), np.int64))


def finished(made: Made, row: Sequence[Any]) -> dict[int, Any]:
    """Totals by their number, of one row of what they need."""
    found, at = {}, 0
    for number, count, finish in made:
        found[number] = finish(row[at : at + count])
        at += count
    return found
