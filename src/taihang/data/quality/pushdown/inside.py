"""Inside: tables of a PostgreSQL database judged there; a row stands at its block and its place in the block."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
from sqlglot import exp

from taihang.core import errors
from taihang.data.quality import positions, target
from taihang.data.quality.pushdown import dialects, seen, trees
from taihang.engines.databases import postgresql as databases
from taihang.engines.sources import postgresql
from taihang.engines.sources import source as sourcing

_PIECE = 5000
_BITS = 16


def opened(targets: Mapping[str, target.Target]) -> databases.Postgresql:
    """A connection to the database of all these tables. Raises errors.UserError when there is no such one."""
    for on in targets.values():
        if not isinstance(on.source, postgresql.Postgresql) or not on.source.located:
            raise errors.UserError("data.quality:pushdown.postgresql", path=on.source.name)
    if not seen.in_one_database(targets):
        raise errors.UserError("data.quality:pushdown.several")
    first = next(iter(targets.values())).source
    assert isinstance(first, postgresql.Postgresql)
    return databases.Postgresql(first.address, first.name)


def shown(name: str, on: target.Target) -> seen.Seen:
    """The table under its full name; columns read as the source reads them."""
    source = on.source
    assert isinstance(source, postgresql.Postgresql)
    raw = {c.name: _plain(source, c) for c in source.columns}
    odd = {c.name: made for c in source.columns if (made := _odd(c)) is not None}
    columns = {column: _filled("CASE WHEN _b_ THEN NULL ELSE _a_ END", tree, odd[column]) if column in odd else tree
               for column, tree in raw.items()}  # fmt: skip
    place = ("ctid",)
    return seen.Seen(name, source.full_name, columns, place, lambda at: position(str(at[0])), source.schema, raw, odd)


def position(ctid: str) -> int:
    """A row's block and place in it as one number, in the order in which rows lie."""
    block, _, place = ctid.strip("()").partition(",")
    return int(block) << _BITS | int(place)


def ctid(at: int) -> str:
    """The other way round."""
    return f"({at >> _BITS},{at & (1 << _BITS) - 1})"


@dataclasses.dataclass(frozen=True)
class Inside(target.Target):
    """A table whose bad rows are fetched by where they lie, in the snapshot in which they were found."""

    database: databases.Postgresql

    @property
    def counted(self) -> bool:
        """False: a position is a block and a place in it."""
        return False

    def bad(self, rows: positions.Positions, *, absolute: bool = False) -> Iterator[target.Bad]:
        """The rows at these positions."""
        source = self.source
        assert isinstance(source, postgresql.Postgresql)
        start = 0
        for piece in (p[n : n + _PIECE] for p in rows.pieces() for n in range(0, len(p), _PIECE)):
            some = [ctid(at) for at in piece.tolist()]
            found = self.database.fetch(source.located_query(), (some,))
            found.sort(key=lambda row: position(row[0]))
            arrays = [source.array(c, [r[n] for r in found], start) for n, c in enumerate(source.columns, start=1)]
            data = pa.RecordBatch.from_arrays(arrays, schema=source.schema)
            at = np.array([position(row[0]) for row in found], np.int64)
            yield target.Bad(at, data, source.table, places=[row[0] for row in found])
            start += len(piece)


def numbered(blocks: target.Rows, places: target.Rows) -> target.Rows:
    """Positions of many."""
    return blocks << _BITS | places


def _plain(source: postgresql.Postgresql, column: sourcing.Column) -> trees.Tree:
    plain = exp.column(column.original, quoted=True)
    if pa.types.is_string(column.type) and not source.plain_text(column):
        return exp.Cast(this=plain, to=exp.DataType.build("TEXT"))
    return plain


def _odd(column: sourcing.Column) -> trees.Tree | None:
    """When a row holds what cannot be read: a NaN is no decimal here, nor a day before year 1 or after 9999 a date."""
    plain = exp.column(column.original, quoted=True)
    if pa.types.is_decimal(column.type):
        return _filled("_a_ = CAST('NaN' AS NUMERIC)", plain)
    if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
        return _filled("_a_ < '0001-01-01' OR _a_ >= '10000-01-01'", plain)
    return None


def _filled(template: str, *operands: trees.Tree) -> trees.Tree:
    return dialects.fill(template, "postgres", operands)
