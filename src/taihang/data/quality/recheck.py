"""Recheck: a few rows of a new version, found by their keys, judged first: a fix that failed shows at once."""

# Only names of columns, quoted, are put into SQL.
# ruff: noqa: S608
from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from taihang.core import errors
from taihang.data.quality import assessment, target
from taihang.engines import tables
from taihang.engines.sources import parquet, plain
from taihang.engines.sources import source as sourcing
from taihang.rules import rulebook
from taihang.rules import table as tabling

ROW = "row"
_ENOUGH = 1000
_BATCH = 1 << 16


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
        """SHA-256 of the rows as an Arrow stream, and their size in memory."""
        return tabling.digest(self.data), self.data.nbytes

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

    `keys` also holds, under `row`, where each row stood before. Only the key columns and those that the
    rules speak of are read; of a Parquet file, first the row groups where the rows stood, and none whose
    statistics rule the keys out. It stops when it has enough.
    """
    names, own = [n for n in keys.schema.names if n != ROW], on.source.schema
    used = {column for c in book.rules for part in (c.where, c.filter) if part is not None for column in part.columns}
    if not names or not keys.num_rows or not book.rules or not {*names, *used} <= set(own.names):
        return None
    if any(keys.schema.field(n).type != own.field(n).type for n in names):
        return None  # keys of another type than they were
    columns = sorted({*names, *used})
    pieces = _groups(on.source, columns, keys) if isinstance(on.source, parquet.Parquet) else _chunks(on, columns)
    try:
        positions, rows = _found(pieces, pa.schema([(n, own.field(n).type) for n in columns]), keys.select(names))
    except (pa.ArrowException, OSError, TypeError):
        return None  # a part that cannot be read, or values that do not compare: left to the whole run
    held = {on.name: target.Target(on.name, Held(on.source.name, rows))}
    found = assessment.assess(book, held)
    outcomes = tuple(dataclasses.replace(o, rows=positions[o.rows]) for o in found.outcomes)
    whole = dataclasses.replace(found, outcomes=outcomes, targets={on.name: on})
    return First(keys.num_rows, len(positions), whole)


def _found(
    pieces: Iterator[tuple[int, pa.RecordBatch]], schema: pa.Schema, keys: pa.Table
) -> tuple[target.Rows, pa.Table]:
    """Rows with these keys, and their positions, ascending: all of them, or as many as are enough."""
    names = keys.schema.names
    values = keys.column(names[0]).combine_chunks()
    # A scan for one column is a hash look-up; of the few rows that pass, the other columns are compared.
    whole = set(zip(*(plain.listed(keys.column(n)) for n in names), strict=True)) if len(names) > 1 else None
    enough = min(keys.num_rows, _ENOUGH)
    found: list[tuple[target.Rows, pa.RecordBatch]] = []
    count = 0
    for start, data in pieces:
        at = np.flatnonzero(pc.is_in(data.column(names[0]), value_set=values).to_numpy(zero_copy_only=False))
        if whole is not None and len(at):
            some = data.select(names).take(pa.array(at))
            tuples = zip(*(plain.listed(c) for c in some.columns), strict=True)
            at = at[np.fromiter((one in whole for one in tuples), bool)]
        if len(at):
            taken = [data.column(n).take(pa.array(at)) for n in schema.names]
            found.append((at + start, pa.RecordBatch.from_arrays(taken, schema=schema)))
            count += len(at)
            if count >= enough:
                break
    found.sort(key=lambda one: int(one[0][0]))
    positions = np.concatenate([at for at, _ in found] or [np.zeros(0, np.int64)])
    return positions, pa.Table.from_batches([data for _, data in found], schema)


def _chunks(on: target.Target, columns: Sequence[str]) -> Iterator[tuple[int, pa.RecordBatch]]:
    for start, chunk in on.chunks(columns):
        yield start, chunk.data


def _groups(source: parquet.Parquet, columns: Sequence[str], keys: pa.Table) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Row groups that may hold the keys, those first in which the rows stood."""
    with pa.OSFile(str(source.path)) as raw:
        file = pq.ParquetFile(raw, page_checksum_verification=True)
        stored = (file.schema_arrow.names, file.schema_arrow.types)
        if stored != (source.schema.names, source.schema.types):  # renamed, or of another type, when it was opened
            raise pa.ArrowInvalid("names")
        counts = [file.metadata.row_group(g).num_rows for g in range(file.num_row_groups)]
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        stood = keys.column(ROW).to_numpy()
        hinted = set((np.searchsorted(starts, stood, side="right") - 1).tolist())
        order = sorted(range(file.num_row_groups), key=lambda g: (g not in hinted, g))
        name = next(n for n in keys.schema.names if n != ROW)
        low, high = (pc.min_max(keys.column(name))[part].as_py() for part in ("min", "max"))
        leaf = next((i for i, c in enumerate(file.schema) if c.path == name), None)
        for group in order:
            known = file.metadata.row_group(group).column(leaf).statistics if leaf is not None else None
            if known is not None and known.has_min_max and (known.max < low or known.min > high):
                continue
            at = int(starts[group])
            for batch in file.iter_batches(_BATCH, row_groups=[group], columns=list(columns), use_threads=False):
                yield at, batch
                at += batch.num_rows


def keyed(on: target.Target, rows: target.Rows, columns: Sequence[str]) -> pa.Table:
    """Positions under `row`, with the values of key columns where the table has them all."""
    position = pa.array(rows, pa.int64())
    if not columns or not len(rows) or any(c not in on.source.schema.names for c in columns):
        return pa.table({ROW: position})
    names = ", ".join(f"{tables.quoted(c)}" for c in columns)
    with tables.Engine() as engine, on.shown(engine, "t", columns, only=rows):
        values = engine.table(f"SELECT {names} FROM t ORDER BY {tables.quoted(on.row_column)}")
    if values.num_rows != len(rows):
        raise errors.Failure("data.quality:moved", table=on.name)
    return pa.table({ROW: position, **{c: values.column(c) for c in columns if c != ROW}})


def wanted(marked: Sequence[pa.Table]) -> pa.Table | None:
    """Keys of several rules' rows, each once, and under `row` where each stood; None when some have none."""
    columns = [tuple(n for n in one.schema.names if n != ROW) for one in marked]
    if not columns or not all(columns) or len(set(columns)) != 1:
        return None
    names = list(columns[0])
    whole = pa.concat_tables([one.select([ROW, *names]) for one in marked], promote_options="default")
    once = whole.group_by(names).aggregate([(ROW, "min")]).select([*names, f"{ROW}_min"]).rename_columns([*names, ROW])
    return once.drop_null().sort_by(ROW)
