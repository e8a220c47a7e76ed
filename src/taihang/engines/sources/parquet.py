"""Parquet: one file, row group by row group, so that a broken one costs itself and no other."""

from __future__ import annotations

import contextlib
import copy
import itertools
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from taihang.core import errors
from taihang.engines.sources import faults, paths, plain, source

_BUFFER = 1 << 20


class Parquet(source.Source):
    """A Parquet file; column names may repeat in it."""

    kind = "parquet"

    def __init__(self, path: Path, name: str | None = None) -> None:
        super().__init__()
        self.path = path
        self.name = name or str(path)
        with self._file() as file:
            schema = file.schema_arrow
            self.rows = file.metadata.num_rows
            self._sizes = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
        self._groups: frozenset[int] | None = None
        self._declare(schema.names, [plain.kind(kind) for kind in schema.types])

    def digest(self) -> tuple[str, int]:
        """SHA-256 and size of the file."""
        return paths.digest(self.path)

    def spans(self, rows: int) -> list[tuple[str, range]]:
        """Row groups that follow one another, at least `rows` rows together but for the last, with a name."""
        found, first, held = [], 0, 0
        for group, size in enumerate(self._sizes):
            held += size
            if held >= rows or group == len(self._sizes) - 1:
                found.append((f"#{first}-{group}", range(first, group + 1)))
                first, held = group + 1, 0
        return found

    def only(self, groups: Collection[int]) -> Self:
        """The same table, of some of its row groups alone."""
        made = copy.copy(self)
        # What was met while opening is the whole table's, which tells it once.
        made.faults = made._opening = faults.Faults()
        made._groups = frozenset(groups)
        made.rows = sum(self._sizes[group] for group in made._groups)
        return made

    def _scan(self, wanted: tuple[source.Column, ...], rows: int) -> Iterator[source.Chunk]:
        places = self._places(wanted)
        schema = pa.schema([pa.field(c.name, c.type) for c in wanted])
        with self._file() as file:
            leaves = _leaves(file, places)
            start = 0
            for group in range(file.num_row_groups):
                meta = file.metadata.row_group(group)
                if self._groups is not None and group not in self._groups:
                    start += meta.num_rows
                    continue
                read = 0
                try:
                    for batch in _batches(file, group, leaves, rows):
                        arrays = (
                            [plain.array(a, f.type) for a, f in zip(batch.columns, schema, strict=True)]
                            if wanted
                            else []
                        )
                        data = pa.RecordBatch.from_arrays(arrays, schema=schema) if wanted else batch
                        yield source.Chunk(data, start + read, self.name, read, group)
                        read += batch.num_rows
                except (pa.ArrowException, OSError, ValueError) as error:
                    lost = max(meta.num_rows - read, 0)
                    self.faults.add("row_group", part=self.name, group=group, rows=lost, reason=_first(error))
                start += meta.num_rows

    def _raw(self) -> contextlib.AbstractContextManager[Any]:
        """The file's bytes, at random."""
        return pa.OSFile(str(self.path))  # type: ignore[no-any-return]

    @contextlib.contextmanager
    def _file(self) -> Iterator[pq.ParquetFile]:
        try:
            with self._raw() as raw:
                file = pq.ParquetFile(
                    raw,
                    pre_buffer=False,
                    page_checksum_verification=True,
                    buffer_size=_BUFFER,
                    thrift_string_size_limit=64 << 20,
                    thrift_container_size_limit=4 << 20,
                )
                try:
                    yield file
                finally:
                    file.close()
        except pa.ArrowException as error:
            raise errors.UserError("engines.sources:footer", path=self.name, reason=_first(error)) from None
        except OSError as error:
            if error.errno is None:  # Arrow says what it cannot parse as an OSError too
                raise errors.UserError("engines.sources:footer", path=self.name, reason=_first(error)) from None
            raise


def _leaves(file: pq.ParquetFile, places: list[int]) -> list[int]:
    """The places of the leaf columns of these top columns: names would not do, for they may repeat."""
    roots = file.schema_arrow
    ends = list(itertools.accumulate(_width(roots.field(i).type) for i in range(len(roots))))
    return [leaf for place in places for leaf in range(ends[place - 1] if place else 0, ends[place])]


def _width(kind: pa.DataType) -> int:
    """How many leaf columns a type is stored as."""
    if isinstance(kind, pa.BaseExtensionType):
        return _width(kind.storage_type)
    if pa.types.is_nested(kind):
        return sum(_width(kind.field(i).type) for i in range(kind.num_fields))
    return 1


def _batches(file: pq.ParquetFile, group: int, leaves: list[int], rows: int) -> Iterator[pa.RecordBatch]:
    # The public method takes names only, and names repeat in some files.
    yield from file.reader.iter_batches(rows, row_groups=[group], column_indices=leaves, use_threads=False)


def _first(error: BaseException) -> str:
    return str(error).split("\n", 1)[0][:300]
