"""Cursors: a table behind a database driver that gives rows as Python tuples (DB-API 2.0)."""

from __future__ import annotations

import abc
import contextlib
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from taihang.core import errors, ids
from taihang.engines.sources import source, texts


class Cursors(source.Source):
    """One scan is one query over a cursor of the server's side; the snapshot is the driver's to give.

    What the column's type cannot hold (a zero date, a number that is none) is null, and told.
    """

    table: str

    def digest(self) -> tuple[str, int]:
        """SHA-256 of the name, schema and row count: rows of a database have no hash until they are read."""
        schema = [[c.original, str(c.type)] for c in self.columns]
        return ids.digest_json([self.name, schema, self.rows]), self.rows or 0

    @abc.abstractmethod
    def _reading(self, wanted: tuple[source.Column, ...]) -> contextlib.AbstractContextManager[Any]:
        """An open cursor that has run the query for these columns. Errors come as the tree's."""

    def _scan(self, wanted: tuple[source.Column, ...], rows: int) -> Iterator[source.Chunk]:
        done = 0
        with self._reading(wanted) as cursor:
            while piece := cursor.fetchmany(rows):
                arrays = [self._array(c, [row[i] for row in piece], done) for i, c in enumerate(wanted)]
                data = pa.RecordBatch.from_arrays(arrays, names=[c.name for c in wanted]) if wanted else _empty(piece)
                yield source.Chunk(data, done, self.table, done)
                done += len(piece)

    def _array(self, column: source.Column, values: list[Any], done: int) -> pa.Array:
        try:
            return pa.array(values, column.type)
        except (pa.ArrowException, ValueError, OverflowError, TypeError):
            pass
        made, first, wrong = [], -1, 0
        for row, value in enumerate(values):
            try:
                made.append(pa.scalar(value, column.type))
            except (pa.ArrowException, ValueError, OverflowError, TypeError):
                made.append(pa.scalar(None, column.type))
                first, wrong = (row if first < 0 else first), wrong + 1
        misfit = texts.Misfit(column.name, column.type, wrong, first, str(values[first])[:60])
        texts.tell(self.faults, misfit, self.table, done + first + 1)
        return pa.array([one.as_py() for one in made], column.type)


def _empty(piece: list[Any]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.nulls(len(piece))], names=["none"]).select([])


def which(name: str, table: str | None, known: list[str]) -> str:
    """The table that is meant. Raises errors.UserError, naming those that there are."""
    listed = ", ".join(known[:40])
    if table is None:
        raise errors.UserError("engines.sources:which_table", path=name, known=listed)
    if table not in known:
        raise errors.UserError("engines.sources:table", path=name, table=table, known=listed)
    return table
