"""Running: a plan run by the engine that holds the rows, with the counts and the rows that a run here would give."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from taihang.core import errors
from taihang.data.quality import assessment, local, passes, planning, target
from taihang.data.quality.pushdown import dialects, seen, statements, trees
from taihang.data.quality.pushdown import totals as totalling
from taihang.engines import tables
from taihang.engines.databases import database
from taihang.rules import kinds, rulebook

# Kinds that have no plan in other engines yet.
_ONLY_HERE = (kinds.Anonymity, kinds.Similar)
Name = Literal["auto", "duckdb", "postgresql", "spark", "clickhouse"]
NAMES: tuple[Name, ...] = ("auto", "duckdb", "postgresql", "spark", "clickhouse")


@contextlib.contextmanager
def assess(
    book: rulebook.Rulebook,
    targets: Mapping[str, target.Target],
    *,
    engine: Name = "auto",
    as_of: datetime.datetime | None = None,
    limits: tables.Settings | None = None,
    session: Any = None,
) -> Iterator[assessment.Assessment]:
    """Judge a book where the rows lie; inside the block its bad rows can still be read there.

    `auto`: tables of one PostgreSQL database are judged there, all others here on DuckDB. Spark and
    ClickHouse (inside this process) read Parquet files by themselves. `session` is a Spark session
    to use. Raises as `assessment.assess` does, and errors.UserError for a rule that an engine has no
    equal for.
    """
    if engine == "auto":
        engine = "postgresql" if seen.in_one_database(targets) else "duckdb"
    if engine == "duckdb":
        yield assessment.assess(book, targets, as_of=as_of, limits=limits)
        return
    with contextlib.ExitStack() as stack:
        found, shown, there = _opened(engine, targets, stack, session)
        dialect = dialects.ALL[found.dialect]
        binder, plan, _ = stack.enter_context(assessment.planned(book, there, limits))
        writer = statements.Statements(dialect, binder, shown)
        yield assessment.judged(book, there, plan, Pushed(book, plan, found, writer), as_of)


def _opened(
    engine: Name, targets: Mapping[str, target.Target], stack: contextlib.ExitStack, session: Any
) -> tuple[database.Database, dict[str, seen.Seen], dict[str, target.Target]]:
    # Each of these is large, and only one is wanted.
    if engine == "postgresql":
        from taihang.data.quality.pushdown import inside  # noqa: PLC0415

        opened = stack.enter_context(inside.opened(targets))
        there: dict[str, target.Target] = {name: inside.Inside(name, on.source, opened) for name, on in targets.items()}
        return opened, {name: inside.shown(name, on, opened) for name, on in targets.items()}, there
    if engine == "spark":
        from taihang.engines.databases import spark  # noqa: PLC0415

        shown = {name: seen.on_spark(name, on) for name, on in targets.items()}
        views = {seen.view(name): seen.root(on) for name, on in targets.items()}
        return stack.enter_context(spark.Spark(views, session)), shown, dict(targets)
    from taihang.engines.databases import clickhouse  # noqa: PLC0415

    shown = {name: seen.on_clickhouse(name, on) for name, on in targets.items()}
    return stack.enter_context(clickhouse.Embedded()), shown, dict(targets)


_ABOUT_ROWS = (kinds.Unique, kinds.ForeignKey, kinds.Anonymity, kinds.FunctionalDependency, kinds.Reconcile)


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
            made: list[tuple[int, int, totalling.Finish]] = []
            select: list[str] = []
            for number, one in enumerate(self.plan.totals):
                if one.table == name:
                    parts, finish = self._total(one)
                    made.append((number, len(parts), finish))
                    select += parts
            row = next(iter(self.on.rows(f"SELECT {', '.join(select)} FROM {self.writer.shown[name].origin}")))  # noqa: S608
            at = 0
            for number, count, finish in made:
                found[number] = finish(row[at : at + count])
                at += count
        return found

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
            places = more[len(counted)] if one.arrays and mask else None
            here = [one.position((p,)) for p in places or ()]
            for n, letter in zip(ordered, mask or "", strict=False):
                found.true[n] += int(count) if letter == statements.TRUE else 0
                found.unknown[n] += int(count) if letter == statements.UNKNOWN else 0
                if letter == statements.TRUE:
                    parts[n] += here
        if not one.arrays and any(found.true[n] for n in ordered):
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


def usable(name: str) -> Name:
    """An engine's name. Raises errors.UserError for one that there is not."""
    for known in NAMES:
        if known == name:
            return known
    raise errors.UserError("data.quality:pushdown.engine", name=name, known=", ".join(NAMES))
