"""Delta Lake: one version of a table, file by file, as its log says and not as the folder lies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from taihang.core import errors, ids
from taihang.engines.sources import source

try:
    import deltalake
    import deltalake.exceptions
except ImportError:
    deltalake = None  # type: ignore[assignment]


class Delta(source.Source):
    """A folder (or s3:// address with `options`) that holds a `_delta_log`; `version` as in `folder#12`.

    Rows that a deletion vector took away are left out. Without such vectors a row's place names its
    file; with them (and for renamed columns) the library reads the table as one stream whose order it
    does not promise. A broken file is told and the rest goes on. Needs the extra `delta`.
    """

    kind = "delta"

    def __init__(
        self, path: Path | str, *, version: str | None = None, options: dict[str, str] | None = None, name: str = ""
    ) -> None:
        if deltalake is None:
            raise errors.MissingExtra("delta", "Delta Lake")
        super().__init__()
        self.name = name or str(path)
        if version is not None and not version.isdecimal():
            raise errors.UserError("engines.sources:version", path=self.name, version=version)
        try:
            self._table = deltalake.DeltaTable(
                path, version=None if version is None else int(version), storage_options=options
            )
            actions = pa.table(self._table.get_add_actions(flatten=True))
            features = set(self._table.protocol().reader_features or ())
            self._whole = bool(features & {"deletionVectors", "columnMapping"})
            self._dataset: Any = None if self._whole else self._table.to_pyarrow_dataset()
            schema = pa.schema(self._table.schema().to_arrow())
        except (deltalake.exceptions.DeltaError, OSError, ValueError) as error:
            raise errors.UserError("engines.sources:not_delta", path=self.name, reason=_first(error)) from None
        self.version = int(self._table.version())
        self._files = sorted(zip(actions["path"].to_pylist(), actions["size_bytes"].to_pylist(), strict=True))
        counts = actions["num_records"].to_pylist() if "num_records" in actions.column_names else [None]
        self.rows = None if self._whole or None in counts else sum(counts)
        self._declare(schema.names, [_plain(kind) for kind in schema.types])

    def digest(self) -> tuple[str, int]:
        """SHA-256 over the version, its files' names and sizes (such files never change), and their size."""
        size = sum(int(size or 0) for _, size in self._files)
        return ids.digest_json([self.version, self._files]), size

    def _scan(self, wanted: tuple[source.Column, ...], rows: int) -> Iterator[source.Chunk]:
        if self._whole:
            yield from self._as_one(wanted, rows)
            return
        start = 0
        names = [c.original for c in wanted]
        for fragment in sorted(self._dataset.get_fragments(), key=lambda f: str(f.path)):
            part, read = str(fragment.path), 0
            try:
                for batch in fragment.to_batches(
                    self._dataset.schema, columns=names, batch_size=rows, use_threads=False
                ):
                    yield source.Chunk(_shaped(batch, wanted), start + read, part, read)
                    read += batch.num_rows
            except (pa.ArrowException, OSError, ValueError) as error:
                self.faults.add("file", part=part, reason=_first(error))
            start += read

    def _as_one(self, wanted: tuple[source.Column, ...], rows: int) -> Iterator[source.Chunk]:
        done = 0
        try:
            reader = pa.RecordBatchReader.from_stream(self._table.scan([c.original for c in wanted] or None))
            for batch in reader:
                for start in range(0, batch.num_rows, rows):
                    piece = batch.slice(start, rows)
                    yield source.Chunk(_shaped(piece, wanted), done, self.name, done)
                    done += piece.num_rows
        except (deltalake.exceptions.DeltaError, pa.ArrowException) as error:
            raise errors.Failure("engines.sources:vanished", path=self.name, reason=_first(error)) from None


def _shaped(batch: pa.RecordBatch, wanted: tuple[source.Column, ...]) -> pa.RecordBatch:
    if not wanted:
        return batch.select([])
    arrays = [batch.column(c.original) for c in wanted]
    fitting = [a if a.type == c.type else a.cast(c.type) for a, c in zip(arrays, wanted, strict=True)]
    return pa.RecordBatch.from_arrays(fitting, names=[c.name for c in wanted])


def _plain(kind: pa.DataType) -> pa.DataType:
    """Views and long forms as the plain types that everything here speaks."""
    if pa.types.is_string_view(kind) or pa.types.is_large_string(kind):
        return pa.string()
    if pa.types.is_binary_view(kind) or pa.types.is_large_binary(kind):
        return pa.binary()
    return kind


def _first(error: BaseException) -> str:
    return str(error).split("\n", 1)[0][:300]
