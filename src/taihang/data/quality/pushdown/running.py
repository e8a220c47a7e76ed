"""Running: a plan run by the engine that holds the rows, with the counts and the rows that a run here would give."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from taihang.core import errors
from taihang.data.quality import assessment, target
from taihang.data.quality.pushdown import dialects, pushed, seen, statements
from taihang.engines import tables
from taihang.engines.databases import database
from taihang.rules import rulebook

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
        found, shown, there, kind = _opened(engine, targets, stack, session)
        dialect = dialects.ALL[found.dialect]
        binder, plan, _ = stack.enter_context(assessment.planned(book, there, limits))
        writer = statements.Statements(dialect, binder, shown)
        made = assessment.judged(book, there, plan, kind(book, plan, found, writer), as_of)
        if engine == "postgresql":  # whose tables do not say how many rows they have until they are counted
            for name, total in made.totals.items():
                targets[name].source.rows = total
        yield made


def _opened(
    engine: Name, targets: Mapping[str, target.Target], stack: contextlib.ExitStack, session: Any
) -> tuple[database.Database, dict[str, seen.Seen], dict[str, target.Target], type[pushed.Pushed]]:
    # Each of these is large, and only one is wanted.
    if engine == "postgresql":
        from taihang.data.quality.pushdown import inside, sweep  # noqa: PLC0415

        opened = stack.enter_context(inside.opened(targets))
        there: dict[str, target.Target] = {name: inside.Inside(name, on.source, opened) for name, on in targets.items()}
        return opened, {name: inside.shown(name, on) for name, on in targets.items()}, there, sweep.Sweep
    if engine == "spark":
        from taihang.engines.databases import spark  # noqa: PLC0415

        shown = {name: seen.on_spark(name, on) for name, on in targets.items()}
        views = {seen.view(name): seen.root(on) for name, on in targets.items()}
        return stack.enter_context(spark.Spark(views, session)), shown, dict(targets), pushed.Pushed
    from taihang.engines.databases import clickhouse  # noqa: PLC0415

    shown = {name: seen.on_clickhouse(name, on) for name, on in targets.items()}
    return stack.enter_context(clickhouse.Embedded()), shown, dict(targets), pushed.Pushed


def usable(name: str) -> Name:
    """An engine's name. Raises errors.UserError for one that there is not."""
    for known in NAMES:
        if known == name:
            return known
    raise errors.UserError("data.quality:pushdown.engine", name=name, known=", ".join(NAMES))
