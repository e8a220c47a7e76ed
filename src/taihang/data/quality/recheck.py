"""Recheck: a few rows of a new version, found by their keys, judged first: a fix that failed shows at once."""

# Only names of columns, quoted, are put into SQL.
# ruff: noqa: S608
from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from taihang.core import errors
from taihang.data.quality import assessment, target
from taihang.engines import tables
from taihang.engines.sources import source as sourcing
from taihang.rules import rulebook

_ENOUGH = 1000


@dataclasses.dataclass(frozen=True)
class First:
    """What the first look says: rows asked for, those found again, and an assessment of these rows alone.

    Positions in the assessment are those of the whole table. Once a thousand rows are found, no more are
    looked for: the whole table is judged after this anyway. A row that is not found again was taken out, or
    its key was changed.
    """

    asked: int
    found: int
    assessment: assessment.Assessment

    @property
    def broken(self) -> bool:
        """True when one of the rows still breaks a rule."""
        return any(len(o.rows) for o in self.assessment.outcomes)


class Held(sourcing.Source):
    """Rows in memory as a source."""

    kind = "memory"

    def __init__(self, name: str, data: pa.Table) -> None:
        super().__init__()
        self.name, self.data, self.rows = name, data, data.num_rows
        self._declare(data.schema.names, data.schema.types)

    def digest(self) -> tuple[str, int]:
        """Rows in memory are part of something: they have no identity of their own."""
        raise NotImplementedError

    def _scan(self, wanted: tuple[sourcing.Column, ...], rows: int) -> Iterator[sourcing.Chunk]:
        start = 0
        for batch in self.data.select([c.name for c in wanted]).to_batches(max_chunksize=rows):
            yield sourcing.Chunk(batch, start, self.name, start)
            start += batch.num_rows


def only(book: rulebook.Rulebook, names: Sequence[str]) -> rulebook.Rulebook:
    """The book with these rules alone, and those that they refer to; its hash stays that of the whole."""
    known = {c.rule.id: c for c in book.rules}
    wanted: set[str] = set()
    left = [name for name in names if name in known]
    while left:
        name = left.pop()
        if name not in wanted:
            wanted.add(name)
            follow = known[name].rule.follow
            if follow is not None and follow.rule is not None:
                left.append(follow.rule)
    return dataclasses.replace(book, rules=tuple(c for c in book.rules if c.rule.id in wanted))


def row_rules(book: rulebook.Rulebook, table: str) -> rulebook.Rulebook:
    """The rules for which one bad row is enough: about single rows of this table, with nothing tolerated."""
    rules = [c for c in book.rules if c.rule.table == table and not c.rule.about_sets and c.rule.tolerate is None]
    return dataclasses.replace(book, rules=tuple(rules))


def first(book: rulebook.Rulebook, on: target.Target, keys: pa.Table) -> First | None:
    """Judge the rows that have these keys by a book of row rules; None where keys do not fit the table.

    One scan reads the key columns and those that the rules speak of, and stops when it has enough.
    """
    names, own = keys.schema.names, on.source.schema
    used = {column for c in book.rules for part in (c.where, c.filter) if part is not None for column in part.columns}
    if not names or not keys.num_rows or not book.rules or not {*names, *used} <= set(own.names):
        return None
    if any(keys.schema.field(n).type != own.field(n).type for n in names):
        return None  # keys of another type than they were
    positions, rows = _found(on, sorted({*names, *used}), keys)
    held = {on.name: target.Target(on.name, Held(on.source.name, rows))}
    found = assessment.assess(book, held)
    outcomes = tuple(dataclasses.replace(o, rows=positions[o.rows]) for o in found.outcomes)
    whole = dataclasses.replace(found, outcomes=outcomes, targets={on.name: on})
    return First(keys.num_rows, len(positions), whole)


def _found(on: target.Target, columns: Sequence[str], keys: pa.Table) -> tuple[target.Rows, pa.Table]:
    """Rows with these keys, and their positions: all of them, or as many as are enough."""
    names = keys.schema.names
    values = keys.column(names[0]).combine_chunks()
    # A scan for one column is a hash look-up; of the few rows that pass, the other columns are compared.
    whole = set(zip(*(keys.column(n).to_pylist() for n in names), strict=True)) if len(names) > 1 else None
    enough = min(keys.num_rows, _ENOUGH)
    parts, places, count = [], [], 0
    for start, chunk in on.chunks(columns):
        at = np.flatnonzero(pc.is_in(chunk.data.column(names[0]), value_set=values).to_numpy(zero_copy_only=False))
        if whole is not None and len(at):
            some = chunk.data.select(names).take(pa.array(at))
            tuples = zip(*(c.to_pylist() for c in some.columns), strict=True)
            at = at[[one in whole for one in tuples]]
        if len(at):
            parts.append(chunk.data.select(columns).take(pa.array(at)))
            places.append(at + start)
            count += len(at)
            if count >= enough:
                break
    schema = pa.schema([on.source.schema.field(n) for n in columns])
    return np.concatenate(places or [np.zeros(0, np.int64)]), pa.Table.from_batches(parts, schema)


def keyed(on: target.Target, rows: target.Rows, columns: Sequence[str]) -> pa.Table:
    """Positions under `row`, with the values of key columns where the table has them all."""
    position = pa.array(rows, pa.int64())
    if not columns or not len(rows) or any(c not in on.source.schema.names for c in columns):
        return pa.table({"row": position})
    names = ", ".join(f"{tables.quoted(c)}" for c in columns)
    with tables.Engine() as engine, on.shown(engine, "t", columns, only=rows):
        values = engine.table(f"SELECT {names} FROM t ORDER BY {tables.quoted(on.row_column)}")
    if values.num_rows != len(rows):
        raise errors.Failure("data.quality:moved", table=on.name)
    return pa.table({"row": position, **{c: values.column(c) for c in columns if c != "row"}})


def wanted(marked: Sequence[pa.Table]) -> pa.Table | None:
    """Keys of several rules' rows, each once; None when some have none."""
    columns = [tuple(n for n in one.schema.names if n != "row") for one in marked]
    if not columns or not all(columns) or len(set(columns)) != 1:
        return None
    whole = pa.concat_tables([one.select(list(columns[0])) for one in marked], promote_options="default")
    return whole.group_by(list(columns[0])).aggregate([]).drop_null()
