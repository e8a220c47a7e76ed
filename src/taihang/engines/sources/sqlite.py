"""SQLite: one table of a database file, read only, and trusting nothing that the file says."""

from __future__ import annotations

import contextlib
import sqlite3
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from taihang.core import errors
from taihang.engines.sources import paths, source

_SAMPLE_ROWS = 10_000
_ALLOWED = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_PRAGMA, sqlite3.SQLITE_FUNCTION}


class Sqlite(source.Source):
    """A table of a SQLite file. Values have types there, not columns: what differs from most is null, and told.

    Only real tables are read: a view of a hostile file may do anything. Rows come by rowid where
    there is one.
    """

    kind = "sqlite"

    def __init__(self, path: Path, name: str | None = None, *, table: str | None = None) -> None:
        super().__init__()
        self.path = path
        self.name = name or str(path)
        with self._connected() as database:
            tables = [row[0] for row in database.execute(_TABLES)]
            if table is None and len(tables) != 1:
                raise errors.UserError("engines.sources:which_table", path=self.name, known=", ".join(tables[:40]))
            self.table = table or tables[0]
            if self.table not in tables:
                known = ", ".join(tables[:40])
                raise errors.UserError("engines.sources:table", path=self.name, table=self.table, known=known)
            cursor = database.execute(f"SELECT * FROM {_quoted(self.table)} LIMIT {_SAMPLE_ROWS}")  # noqa: S608 a name of the file's own, quoted
            names = [d[0] for d in cursor.description]
            sample = cursor.fetchall()
            self.rows = database.execute(f"SELECT count(*) FROM {_quoted(self.table)}").fetchone()[0]  # noqa: S608
        self._declare(names, [_type([row[i] for row in sample]) for i in range(len(names))])

    def digest(self) -> tuple[str, int]:
        """SHA-256 and size of the file."""
        return paths.digest(self.path)

    def _scan(self, wanted: tuple[source.Column, ...], rows: int) -> Iterator[source.Chunk]:
        listed = ", ".join(_quoted(column.original) for column in wanted) or "1"
        done = 0
        with self._connected() as database:
            cursor = database.execute(f"SELECT {listed} FROM {_quoted(self.table)}")  # noqa: S608
            while piece := cursor.fetchmany(rows):
                arrays = [self._array(c, [row[i] for row in piece], done) for i, c in enumerate(wanted)]
                data = pa.RecordBatch.from_arrays(arrays, names=[c.name for c in wanted])
                yield source.Chunk(data, done, self.table, done)
                done += len(piece)

    def _array(self, column: source.Column, values: list[Any], done: int) -> pa.Array:
        kind = column.type
        try:
            if not (pa.types.is_string(kind) and any(isinstance(v, bytes) for v in values)):
                return pa.array(values, kind)
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            pass
        made, wrong, first = [], 0, -1
        for row, value in enumerate(values):
            fits = value is None or isinstance(value, _python(kind))
            made.append((float(value) if pa.types.is_floating(kind) and value is not None else value) if fits else None)
            if not fits:
                wrong, first = wrong + 1, row if first < 0 else first
        self.faults.add(
            "misfit_row",
            part=self.table,
            rows=0,
            column=column.name,
            kind=str(kind),
            count=wrong,
            row=done + first,
            value=str(values[first])[:60],
        )
        return pa.array(made, kind)

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        try:
            uri = f"file:{urllib.parse.quote(str(self.path.resolve()))}?mode=ro"
            with contextlib.closing(sqlite3.connect(uri, uri=True)) as database:
                database.text_factory = lambda raw: raw.decode("utf-8", "replace")
                for line in ("query_only = ON", "trusted_schema = OFF", "cell_size_check = ON", "mmap_size = 0"):
                    database.execute(f"PRAGMA {line}")
                database.set_authorizer(lambda action, *_: int(action not in _ALLOWED))
                yield database
        except sqlite3.Error as error:
            raise errors.UserError("engines.sources:not_sqlite", path=self.name, reason=error) from None


_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _python(kind: pa.DataType) -> tuple[type, ...]:
    if pa.types.is_integer(kind):
        return (int,)
    if pa.types.is_floating(kind):
        return (int, float)
    return (bytes,) if pa.types.is_binary(kind) else (str,)


def _type(values: list[Any]) -> pa.DataType:
    present = [v for v in values if v is not None]
    if not present:
        return pa.string()
    kinds = {type(v) for v in present}
    if kinds == {int, float}:
        return pa.float64()
    usual = max(kinds, key=lambda k: sum(type(v) is k for v in present))
    return {int: pa.int64(), float: pa.float64(), bytes: pa.binary()}.get(usual, pa.string())
