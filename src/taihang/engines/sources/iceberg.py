"""Apache Iceberg: the newest snapshot of a table in a folder, read without a catalogue."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from taihang.core import errors, ids
from taihang.engines.sources import lakes, source

try:
    import pyiceberg.exceptions
    import pyiceberg.table
except ImportError:
    pyiceberg = None  # type: ignore[assignment]


class Iceberg(source.Source):
    """A folder with `metadata/*.metadata.json`; another snapshot by its number, as in `folder#8391…`.

    Deleted rows (position and equality deletes) are left out. Every file that the metadata names must
    lie inside the folder: what leads out of it is refused. Needs the extra `iceberg`.
    """

    kind = "iceberg"

    def __init__(self, path: Path, *, snapshot: str | None = None) -> None:
        if pyiceberg is None:
            raise errors.MissingExtra("iceberg", "Iceberg")
        super().__init__()
        self.path = path.resolve()
        self.name = str(path)
        if snapshot is not None and not snapshot.isdecimal():
            raise errors.UserError("engines.sources:version", path=self.name, version=snapshot)
        found = lakes.iceberg_metadata(path)
        if found is None:
            raise errors.UserError("engines.sources:not_iceberg", path=self.name, reason=lakes.METADATA)
        try:
            self._table = pyiceberg.table.StaticTable.from_metadata(found.resolve().as_uri())
            self._snapshot = int(snapshot) if snapshot else None
            scan = self._scanner(("*",))
            schema = scan.projection().as_arrow()
            self._inside(self._table.metadata.location)
            current = self._table.snapshot_by_id(self._snapshot) if self._snapshot else self._table.current_snapshot()
            if current is not None:
                self._inside(current.manifest_list)
            self._files = sorted((t.file.file_path, t.file.file_size_in_bytes) for t in self._tasks(scan))
        except (ValueError, TypeError, KeyError, OSError, pyiceberg.exceptions.ValidationError) as error:
            raise errors.UserError("engines.sources:not_iceberg", path=self.name, reason=_first(error)) from None
        self.rows = None
        self._declare(schema.names, [_plain(kind) for kind in schema.types])

    def digest(self) -> tuple[str, int]:
        """SHA-256 over the snapshot's files and their sizes (files of a table never change), and their size."""
        inside = [[self._inside(name).as_posix(), size] for name, size in self._files]
        return ids.digest_json(inside), sum(size for _, size in self._files)

    def _scanner(self, columns: tuple[str, ...]) -> Any:
        return self._table.scan(selected_fields=columns, snapshot_id=self._snapshot)

    def _tasks(self, scan: Any) -> list[Any]:
        for task in (tasks := list(scan.plan_files())):
            for file in (task.file, *task.delete_files):
                self._inside(file.file_path)
        return tasks

    def _inside(self, address: str) -> Path:
        """The file's path relative to the table. Raises errors.UserError for what is elsewhere."""
        parts = urllib.parse.urlsplit(address)
        plain = Path(urllib.parse.unquote(parts.path)).resolve()
        if parts.scheme not in {"", "file"} or not plain.is_relative_to(self.path):
            raise errors.UserError("engines.sources:leads_out", path=self.name, other=address[:200])
        return plain.relative_to(self.path)

    def _scan(self, wanted: tuple[source.Column, ...], rows: int) -> Iterator[source.Chunk]:
        # A scan of no column gives no rows: the thinnest stands in.
        names = tuple(c.original for c in wanted) or (self.columns[0].original,)
        done = 0
        try:
            for batch in self._scanner(names).to_arrow_batch_reader():
                for start in range(0, batch.num_rows, rows):
                    piece = batch.slice(start, rows)
                    arrays = [_as(piece.column(c.original), c.type) for c in wanted]
                    data = pa.RecordBatch.from_arrays(arrays, names=[c.name for c in wanted]) if wanted else None
                    yield source.Chunk(piece.select([]) if data is None else data, done, self.name, done)
                    done += piece.num_rows
        except (pa.ArrowException, ValueError) as error:
            raise errors.Failure("engines.sources:vanished", path=self.name, reason=_first(error)) from None


def _as(values: pa.Array, kind: pa.DataType) -> pa.Array:
    return values if values.type == kind else values.cast(kind)


def _plain(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_large_string(kind):
        return pa.string()
    return pa.binary() if pa.types.is_large_binary(kind) else kind


def _first(error: BaseException) -> str:
    return str(error).split("\n", 1)[0][:300]
