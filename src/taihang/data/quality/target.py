"""Target: a named source of rows, streamed with the position of each."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from taihang.core import errors
from taihang.data.quality import positions, shapes
from taihang.engines import tables
from taihang.engines.sources import memory, opening
from taihang.engines.sources import source as sourcing

Rows = npt.NDArray[np.int64]
_NO_ROWS = np.zeros(0, np.int64)


@dataclasses.dataclass(frozen=True)
class Beside:
    """What is done beside showing a pass.

    `columns` are read; `seen` is called with each chunk of them, and the position of its first row,
    before its rows are shown; `shapes` are shown too, as columns under these names.
    """

    columns: Sequence[str]
    seen: Callable[[int, sourcing.Chunk], None]
    shapes: Mapping[str, shapes.Shape]


@dataclasses.dataclass(frozen=True)
class Bad:
    """Some bad rows with all their columns: `rows` are their positions, `offsets` their places in part or row group.

    `places` say where they stand in a database.
    """

    rows: Rows
    data: pa.RecordBatch
    part: str
    group: int | None = None
    offsets: Rows | None = None
    lines: Rows | None = None
    places: Sequence[str] | None = None

    def place(self, at: int) -> dict[str, str | int]:
        """Where one of these rows stands."""
        found: dict[str, str | int] = {"row": int(self.rows[at]), "part": self.part}
        if self.group is not None:
            found["row_group"] = self.group
        if self.places is not None:
            found["row"] = self.places[at]
        if self.offsets is not None:
            found["row"] = int(self.offsets[at])
        if self.lines is not None:
            found["line"] = int(self.lines[at])
        return found


@dataclasses.dataclass(frozen=True)
class Target:
    """A table that rules speak about. A row's position counts the rows that could be read.

    `whole`: every pass reads all columns, so that a row group broken in one of them is left out by all. `first`: the
    position of the first row, of a table that is a part of another.
    """

    name: str
    source: sourcing.Source
    whole: bool = dataclasses.field(default=False, kw_only=True)
    first: int = dataclasses.field(default=0, kw_only=True)

    @property
    def counted(self) -> bool:
        """True when positions count rows; in a database they are places of their own kind."""
        return True

    @property
    def row_column(self) -> str:
        """A name for the position that no column has."""
        name, taken = "row", {c.name.casefold() for c in self.source.columns}
        while name in taken:
            name = f"_{name}"
        return name

    def check(self, columns: Iterable[str]) -> None:
        """Raises errors.UserError for a column that is there and that no engine takes."""
        kinds = {field.name: field.type for field in self.source.schema}
        for name in columns:
            if name in kinds and pa.types.is_decimal256(kinds[name]):
                told = {"column": name, "table": self.name, "digits": kinds[name].precision}
                raise errors.UserError("data.quality:target.wide", **told)

    def chunks(
        self, columns: Sequence[str], only: positions.Positions | None = None
    ) -> Iterator[tuple[int, sourcing.Chunk]]:
        """The source's chunks with the position of their first row; with `only`, just those that hold such rows."""
        position = self.first
        for chunk in self.source.chunks(self.source.schema.names if self.whole else columns or self._thinnest()):
            here = position
            position += chunk.data.num_rows
            if only is None or len(only.within(here, position)):
                yield here, chunk

    def bad(self, rows: positions.Positions, *, absolute: bool = False) -> Iterator[Bad]:
        """The rows at these positions, ascending, with all columns.

        `absolute`: the positions are of a pass that lost no row, whatever this one loses in other columns.
        """
        for position, chunk in self.chunks(self.source.schema.names):
            start = chunk.start if absolute else position
            some = rows.within(start, start + chunk.data.num_rows)
            if not len(some):
                continue
            at = some - start
            lines = None if chunk.lines is None else chunk.lines[at]
            yield Bad(some, chunk.data.take(pa.array(at)), chunk.part, chunk.group, at + chunk.offset, lines)

    @contextlib.contextmanager
    def shown(
        self,
        engine: tables.Engine,
        name: str,
        columns: Sequence[str],
        only: Rows | None = None,
        beside: Beside | None = None,
    ) -> Iterator[None]:
        """Show one pass over these columns, and the position under `row_column`, for one query inside the block."""
        failed: list[BaseException] = []
        wanted = None if only is None else positions.Positions([only])
        fields = [self.source.schema.field(c) for c in self.source.schema.names if c in set(columns)]
        made = beside.shapes if beside else {}
        schema = pa.schema([*fields, *(pa.field(n, pa.bool_()) for n in made), pa.field(self.row_column, pa.int64())])

        def batches() -> Iterator[pa.RecordBatch]:
            try:
                for start, chunk in self.chunks(beside.columns if beside else columns, wanted):
                    if beside is not None:
                        beside.seen(start, chunk)
                    rows = np.arange(start, start + chunk.data.num_rows)
                    arrays = [chunk.data.column(f.name) for f in fields]
                    texts = {s.column: shapes.Texts(chunk.data.column(s.column)) for s in made.values()}
                    arrays += [texts[shape.column].match(shape) for shape in made.values()]
                    batch = pa.RecordBatch.from_arrays([*arrays, pa.array(rows)], schema=schema)
                    if wanted is not None:
                        batch = batch.take(pa.array(wanted.within(start, start + chunk.data.num_rows) - start))
                    yield batch
            except BaseException as error:
                failed.append(error)
                raise

        try:
            with engine.seeing(**{name: pa.RecordBatchReader.from_batches(schema, batches())}):
                yield
        except Exception:
            # What broke the stream says more than the database that was reading it.
            if failed and isinstance(failed[0], Exception):
                raise failed[0] from None
            raise

    def _thinnest(self) -> list[str]:
        # Rows are counted even where no column is needed; a column of fixed width is the cheapest to read.
        widths = {c.name: getattr(c.type, "bit_width", 1 << 20) if not pa.types.is_nested(c.type) else 1 << 21
                  for c in self.source.columns if _fixed(c.type)}  # fmt: skip
        return [min(widths, key=widths.__getitem__)] if widths else [c.name for c in self.source.columns[:1]]


def _fixed(kind: pa.DataType) -> bool:
    try:
        return bool(kind.bit_width)
    except ValueError:
        return False


def open_all(given: Sequence[str], remembered: memory.Memory | None = None) -> dict[str, Target]:
    """Targets from `PATH` or `NAME=PATH`; without a name, the file's own up to its first dot.

    With `remembered`, unchanged files of a folder are not opened again.

    Raises errors.UserError for a name that comes twice and for what cannot be read as a table.
    """
    found: dict[str, Target] = {}
    for one in given:
        name, equals, path = one.partition("=")
        if not equals or not name.replace("_", "a").replace("-", "a").isalnum():
            path = one
            bare = one.partition("?")[0].rstrip("/").replace("\\", "/").rpartition("/")[2]
            name = bare.rpartition("#")[2].partition(".")[0] or "table"
        if name in found:
            raise errors.UserError("data.quality:target.twice", name=name)
        found[name] = Target(name, opening.open(path, remembered=remembered))
    return found
