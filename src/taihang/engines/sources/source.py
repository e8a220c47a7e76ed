"""Source: a table somewhere, read as a stream of Arrow batches that know where their rows stand."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from taihang.core import errors
from taihang.engines.sources import faults, limits
from taihang.engines.sources import names as naming


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """A column under a name of its own; `original` is what the source calls it."""

    name: str
    original: str
    type: pa.DataType


@dataclasses.dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows that stand together, and where.

    `start` is the zero-based number of the first row in the source, unreadable rows counted where
    their number is known; `offset` its number inside `part` (a file, sheet or table), or inside its
    row group when `group` is given. `lines` are one-based lines of a text file.
    """

    data: pa.RecordBatch
    start: int
    part: str
    offset: int
    group: int | None = None
    lines: npt.NDArray[np.int64] | None = None

    def place(self, row: int) -> dict[str, str | int]:
        """Where a row of this chunk stands: part, then row group and row, or line, or row (one-based lines only)."""
        found: dict[str, str | int] = {"part": self.part}
        if self.group is not None:
            found["row_group"] = self.group
        found["row"] = self.offset + row
        if self.lines is not None:
            found["line"] = int(self.lines[row])
        return found


class Source(abc.ABC):
    """Rows that can be scanned as often as needed, each time in bounded memory.

    `faults` are those met while opening and in the last scan. `rows` is known for some sources
    before a scan. `name` holds no password.
    """

    kind: str
    name: str
    columns: tuple[Column, ...]
    rows: int | None = None

    @property
    def columnar(self) -> bool:
        """Whether to read a few columns costs little beside reading all."""
        return self.kind == "parquet"

    @property
    def uneven(self) -> bool:
        """Whether rows may be lost to a pass over some columns that another pass can read."""
        return self.kind in {"parquet", "delta", "iceberg"}

    def __init__(self) -> None:
        self._opening = faults.Faults()
        self.faults = self._opening

    @property
    def opening(self) -> faults.Faults:
        """The faults that were met while it was opened."""
        return faults.Faults(self._opening)

    @property
    def schema(self) -> pa.Schema:
        """Arrow schema under the unique names."""
        return pa.schema([pa.field(c.name, c.type) for c in self.columns])

    def chunks(self, columns: Sequence[str] | None = None, rows: int | None = None) -> Iterator[Chunk]:
        """All rows in order, in chunks of at most `rows`; only these columns, in the source's order.

        What cannot be read is noted in `faults` and the rest goes on. Raises errors.UserError for a
        column that is not there, errors.Failure for a source that vanishes midway.
        """
        wanted = self._wanted(columns)
        self.faults = faults.Faults(self._opening)
        try:
            yield from self._scan(wanted, rows or limits.batch_rows(len(wanted)))
        except OSError as error:
            reason = error.strerror or str(error).split("\n", 1)[0]
            raise errors.Failure("engines.sources:vanished", path=self.name, reason=reason) from error

    def reader(self, columns: Sequence[str] | None = None) -> pa.RecordBatchReader:
        """One scan as an Arrow reader, for the rule engine; positions count the rows that were read."""
        wanted = self._wanted(columns)
        schema = pa.schema([pa.field(c.name, c.type) for c in wanted])
        return pa.RecordBatchReader.from_batches(schema, (c.data for c in self.chunks(columns)))

    @abc.abstractmethod
    def digest(self) -> tuple[str, int]:
        """SHA-256 and size of what the rows come from; for a database of its name, schema and row count."""

    @abc.abstractmethod
    def _scan(self, wanted: tuple[Column, ...], rows: int) -> Iterator[Chunk]:
        """The chunks of these columns."""

    def _wanted(self, columns: Sequence[str] | None) -> tuple[Column, ...]:
        if columns is None:
            return self.columns
        names = set(columns)
        unknown = sorted(names - {c.name for c in self.columns})
        if unknown:
            known = ", ".join(c.name for c in self.columns[:40])
            raise errors.UserError("engines.sources:column", path=self.name, column=unknown[0], known=known)
        return tuple(c for c in self.columns if c.name in names)

    def _places(self, wanted: tuple[Column, ...]) -> list[int]:
        """Where these columns stand in the source."""
        where = {column.name: place for place, column in enumerate(self.columns)}
        return [where[column.name] for column in wanted]

    def _declare(self, names: Sequence[str], types: Sequence[pa.DataType]) -> None:
        """Set the columns, under unique names; a repeated name is a fault that loses nothing."""
        from_setting = limits.Limits.current().max_columns
        if len(names) > from_setting:
            raise errors.UserError("engines.sources:many_columns", path=self.name, count=len(names), limit=from_setting)
        chosen = naming.unique(names)
        self.columns = tuple(Column(c, n, t) for c, n, t in zip(chosen, names, types, strict=True))
        for column in self.columns:
            if column.name != column.original:
                self._opening.add("renamed", column=column.original, name=column.name, rows=0)
