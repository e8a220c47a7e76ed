"""Passes: every condition of a table in one scan over its source, and the passes that set checks need beside it."""

# Only SQL made from checked trees and checked names is run.
# ruff: noqa: S608
from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from taihang.core import errors, job
from taihang.data.quality import condition_trees, conditions, piles, planning, sets, setting_aside, tallies, target
from taihang.data.quality import positions as positioning
from taihang.engines import tables
from taihang.engines.sources import source as sourcing
from taihang.rules import kinds, rulebook

Rows = npt.NDArray[np.int64]
_BATCH_ROWS = 1 << 16


@dataclasses.dataclass
class Scanned:
    """What the one scan of a table found.

    `rows` are, for each condition that is asked for rows, the positions at which it is TRUE; `true`
    and `unknown` count for every condition.
    """

    total: int
    rows: dict[int, Rows]
    true: list[int]
    unknown: list[int]
    through: dict[int, int]


def merged(parts: Iterable[Scanned], tests: int, wanted: Collection[int]) -> Scanned:
    """The scan of a whole, of the scans of its parts in their order; the rows of each count from its first one."""
    found = Scanned(0, {}, [0] * tests, [0] * tests, {})
    gathered: dict[int, list[Rows]] = {n: [np.zeros(0, np.int64)] for n in wanted}
    for one in parts:
        for n in range(tests):
            found.true[n] += one.true[n]
            found.unknown[n] += one.unknown[n]
        for n, count in one.through.items():
            found.through[n] = found.through.get(n, 0) + count
        for n in gathered.keys() & one.rows.keys():
            gathered[n].append(one.rows[n] + found.total)
        found.total += one.total
    found.rows = {n: np.concatenate(gathered.pop(n)) for n in sorted(wanted)}
    return found


@dataclasses.dataclass(frozen=True)
class Found:
    """What the scan of a table found, and the bad rows of each of its set rules, by the rule's id."""

    scanned: Scanned
    sets: Mapping[str, Rows]


class Runner(Protocol):
    """Where a plan is run: here, or in the database that holds the rows."""

    def table(self, name: str) -> Found:
        """Judge one table's rows; tables come in the order of the plan."""

    def totals(self) -> list[Any]:
        """The plan's totals."""


def scanned(
    engine: tables.Engine,
    on: target.Target,
    plan: planning.Plan,
    stacks: Mapping[str, tuple[str, piles.Pile]],
    *,
    aside: setting_aside.SetAside | None = None,
    known: Sequence[Rows] = (),
    kept: tallies.Tallies | None = None,
    progress: job.Progress | None = None,
) -> Scanned:
    """One pass: conditions are evaluated for each row, keys put onto their piles, and totals `kept`.

    Bad rows are set `aside` with their values, and those `known` to be bad before. Memory follows the
    bad rows: a position each for every rule that a row breaks.
    """
    tests = plan.tests.get(on.name, [])
    steps = [s for s in plan.steps if s.compiled.rule.table == on.name]
    wanted = {s.test for s in steps if s.check is None}
    filters = {s.test: s.compiled.filter.sql for s in steps if s.check is None and s.compiled.filter is not None}
    parts = condition_trees.split(tests, on.source.schema, [*on.source.schema.names, on.row_column])
    found = Scanned(0, {}, [0] * len(tests), [0] * len(tests), dict.fromkeys(filters, 0))
    counting = _Counting(found, parts, {n: _Growing() for n in wanted}, aside, known=known, kept=kept)
    # What any pass reads is read here: rows that are lost to one of them are lost to this one, and told.
    read = on.source.schema.names if aside is not None and aside.wanted else sorted(plan.read(on.name))
    if parts.sql or filters or stacks:
        columns = [f"{sql} AS v{n}" for n, sql in parts.sql.items()]
        columns += [f"({sql}) AS f{n}" for n, sql in filters.items()]
        columns += [f"{sql} AS k{n}" for n, (sql, _) in enumerate(stacks.values())]
        # A literal may look like a column: then one more is shown.
        used = [c for c in sorted(plan.columns[on.name]) if tables.quoted(c) in " ".join(columns)]
        columns.append(f"{tables.quoted(on.row_column)} AS row")
        with on.shown(engine, "t", used, beside=target.Beside(read, counting.seen, parts.shapes)):
            for batch in engine.batches(f"SELECT {', '.join(columns)} FROM t", _BATCH_ROWS):
                counting.counted(batch, list(filters), [pile for _, pile in stacks.values()])
                _tell(progress, "data.quality:stage.rows", found.total, on)
    else:
        for start, chunk in on.chunks(read):
            counting.seen(start, chunk)
            counting.judged(start, start + chunk.data.num_rows, [])
            _tell(progress, "data.quality:stage.rows", found.total, on)
    found.rows = {n: counting.parts.pop(n).rows() for n in sorted(wanted)}
    return found


class _Counting:
    """Counts verdicts: of a chunk that is read where its bytes decide, else of a batch of the query's result."""

    def __init__(
        self,
        found: Scanned,
        split: condition_trees.Split,
        parts: dict[int, _Growing],
        aside: setting_aside.SetAside | None,
        *,
        known: Sequence[Rows],
        kept: tallies.Tallies | None,
    ) -> None:
        self.found, self.split, self.parts, self.aside, self.known, self.kept = found, split, parts, aside, known, kept

    def seen(self, start: int, chunk: sourcing.Chunk) -> None:
        """Judge what a chunk's bytes decide; called in the query's threads, one at a time."""
        bad = []
        held = conditions.Held(chunk.data)
        for n, condition in self.split.direct.items():
            where, true, unknown = conditions.judge(condition, held)
            self.found.true[n] += true
            self.found.unknown[n] += unknown
            if true and n in self.parts:
                bad.append(np.arange(start, start + true) if where is None else where + start)
                self.parts[n].add(bad[-1])
        if self.kept is not None:
            self.kept.add(chunk.data)
        if self.aside is not None:
            self.aside.see(start, chunk, bad)

    def counted(self, batch: pa.RecordBatch, filters: Sequence[int], heaps: Sequence[piles.Pile]) -> None:
        """Count a batch of the query's result: verdicts, which rows go through filters, keys, the rows' positions."""
        rows, bad = batch.column(batch.num_columns - 1).to_numpy(), []
        for place, n in enumerate(self.split.sql):
            column = batch.column(place)
            count = column.true_count
            self.found.true[n] += count
            self.found.unknown[n] += column.null_count
            if count and n in self.parts:
                bad.append(rows[pc.indices_nonzero(column).to_numpy()])
                self.parts[n].add(bad[-1])
        for place, n in enumerate(filters, start=len(self.split.sql)):
            self.found.through[n] += batch.column(place).true_count
        _stacked(heaps, batch, len(self.split.sql) + len(filters), rows)
        if len(rows):
            first, stop = int(rows[0]), int(rows[-1]) + 1
            self.judged(first, stop if stop - first == len(rows) else -1, bad, len(rows))

    def judged(self, first: int, stop: int, bad: Sequence[Rows], rows: int | None = None) -> None:
        """All that is asked of the rows from `first` to before `stop` is known."""
        self.found.total += stop - first if rows is None else rows
        if self.aside is not None:
            before = [some[slice(*np.searchsorted(some, [first, stop]))] for some in self.known]
            self.aside.judged(first, stop, [*bad, *before])


def keyed(
    engine: tables.Engine,
    on: target.Target,
    stacks: Mapping[str, tuple[str, piles.Pile]],
    columns: Sequence[str],
    progress: job.Progress | None = None,
) -> None:
    """Put keys onto their piles in a pass over these columns alone."""
    total = 0
    select = [f"{sql} AS k{n}" for n, (sql, _) in enumerate(stacks.values())]
    with on.shown(engine, "t", columns):
        query = f"SELECT {', '.join(select)}, {tables.quoted(on.row_column)} AS row FROM t"
        for batch in engine.batches(query, _BATCH_ROWS):
            rows = batch.column(batch.num_columns - 1).to_numpy()
            _stacked([pile for _, pile in stacks.values()], batch, 0, rows)
            total += len(rows)
            _tell(progress, "data.quality:stage.keys", total, on)


def _tell(progress: job.Progress | None, stage: str, rows: int, on: target.Target) -> None:
    if progress is not None:
        progress.update(stage, rows, max(on.source.rows or 0, rows))


def _stacked(heaps: Sequence[piles.Pile], batch: pa.RecordBatch, first: int, rows: Rows) -> None:
    for place, pile in enumerate(heaps, start=first):
        column = batch.column(place)
        if column.null_count:
            rows_known = rows[column.is_valid().to_numpy(zero_copy_only=False)]
            pile.add(column.drop_null().to_numpy().view(np.uint64), rows_known)
        else:
            pile.add(column.to_numpy().view(np.uint64), rows.copy())  # a view would keep the whole batch


class _Growing:
    """Positions as they come: batches together, since an array of a few positions costs more than they do."""

    def __init__(self) -> None:
        self._few: list[Rows] = []
        self._some: list[Rows] = []
        self._count = 0

    def add(self, rows: Rows) -> None:
        self._few.append(rows)
        self._count += len(rows)
        if self._count >= _BATCH_ROWS:
            self._some.append(np.concatenate(self._few))
            self._few, self._count = [], 0

    def rows(self) -> Rows:
        """All of them, ascending."""
        return _sorted([*self._some, *self._few])


def unique(
    engine: tables.Engine, on: target.Target, compiled: rulebook.Compiled, pile: piles.Pile, exact: bool
) -> Rows:
    """Rows whose key repeats. Where keys are hashes, the values of the rows with equal hashes are compared."""
    rows = pile.repeated()
    if exact or not len(rows):
        return rows
    check = compiled.rule.check
    assert isinstance(check, kinds.Unique)
    sql = sets.query(compiled, on.row_column)
    with on.shown(engine, "t", check.columns, only=rows):
        return positions(engine, str(sql))


def related(engine: tables.Engine, targets: Mapping[str, target.Target], compiled: rulebook.Compiled) -> Rows:
    """Bad rows of a foreign key, a functional dependency or a reconciliation."""
    check, on = compiled.rule.check, targets[compiled.rule.table]
    assert check is not None
    used = [*sets.own(check), *(compiled.filter.columns if compiled.filter else ())]
    other = targets[getattr(check, "other", on.name)]
    sql = sets.query(compiled, on.row_column)
    with on.shown(engine, "t", used), other.shown(engine, "u", sets.others(check) or used):
        return positions(engine, str(sql))


def repeats(engine: tables.Engine, other: target.Target, check: kinds.Reconcile) -> bool:
    """True when a key of the other table is there twice."""
    with other.shown(engine, "u", check.keys):
        return bool(engine.table(sets.repeats(check)).num_rows)


def totals(engine: tables.Engine, targets: Mapping[str, target.Target], wanted: Sequence[planning.Total]) -> list[Any]:
    """All totals, one pass a table; NULL for no rows."""
    found: list[Any] = [None] * len(wanted)
    for name in dict.fromkeys(t.table for t in wanted):
        numbers = [n for n, t in enumerate(wanted) if t.table == name]
        columns = sorted({c for n in numbers for c in wanted[n].columns})
        select = ", ".join(f"{wanted[n].sql} AS a{n}" for n in numbers)
        with targets[name].shown(engine, "t", columns):
            whole = engine.table(f"SELECT {select} FROM t")
        try:
            row = whole.to_pylist()[0]
        except (OverflowError, ValueError):  # a time that nothing can be compared with
            shown = ", ".join(columns)
            raise errors.UserError("data.quality:target.far", table=name, columns=shown) from None
        for n in numbers:
            found[n] = row[f"a{n}"]
    return found


def positions(engine: tables.Engine, sql: str) -> Rows:
    """The positions that a query gives, ascending, each once."""
    parts = [batch.column(0).to_numpy() for batch in engine.batches(sql)]
    return positioning.distinct(np.concatenate(parts)) if parts else np.zeros(0, np.int64)


def _sorted(parts: Sequence[Rows]) -> Rows:
    rows = np.concatenate(parts) if parts else np.zeros(0, np.int64)
    return rows if np.all(rows[1:] > rows[:-1]) else np.sort(rows)
