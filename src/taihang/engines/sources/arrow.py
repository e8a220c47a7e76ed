"""Arrow: IPC files (Feather) and streams."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from taihang.core import errors
from taihang.engines.sources import paths, plain, source

_FILE_MAGIC = b"ARROW1"


class Arrow(source.Source):
    """An Arrow IPC file or stream; its record batches count as row groups."""

    kind = "arrow"

    def __init__(self, path: Path, name: str | None = None) -> None:
        super().__init__()
        self.path = path
        self.name = name or str(path)
        with path.open("rb") as raw:
            self._is_file = raw.read(len(_FILE_MAGIC)) == _FILE_MAGIC
        with self._open() as reader:
            schema = reader.schema
        self._declare(schema.names, [plain.kind(kind) for kind in schema.types])

    def digest(self) -> tuple[str, int]:
        """SHA-256 and size of the file."""
        return paths.digest(self.path)

    def _scan(self, wanted: tuple[source.Column, ...], rows: int) -> Iterator[source.Chunk]:
        places = self._places(wanted)
        schema = pa.schema([pa.field(c.name, c.type) for c in wanted])
        done = 0
        with self._open() as reader:
            for group in range(reader.num_record_batches) if self._is_file else range(1 << 40):
                try:
                    batch = reader.get_batch(group) if self._is_file else reader.read_next_batch()
                    batch.validate(full=True)
                except StopIteration:
                    return
                except (pa.ArrowException, OSError, ValueError) as error:
                    reason = str(error).split("\n", 1)[0][:300]
                    self.faults.add("batch", part=self.name, group=group, reason=reason)
                    if self._is_file:
                        continue
                    return
                arrays = [plain.array(batch.column(i), c.type) for i, c in zip(places, wanted, strict=True)]
                whole = pa.RecordBatch.from_arrays(arrays, schema=schema)
                for start in range(0, batch.num_rows, rows):
                    piece = whole.slice(start, rows) if wanted else batch.slice(start, rows).select([])
                    yield source.Chunk(piece, done + start, self.name, start, group)
                done += batch.num_rows

    @contextlib.contextmanager
    def _open(self) -> Iterator[Any]:
        try:
            with pa.memory_map(str(self.path)) as raw:
                opened = pa.ipc.open_file(raw) if self._is_file else pa.ipc.open_stream(raw)
                with opened as reader:
                    yield reader
        except pa.ArrowException as error:
            reason = str(error).split("\n", 1)[0][:300]
            raise errors.UserError("engines.sources:not_arrow", path=self.name, reason=reason) from None
