"""Writing: a masked table as Parquet, CSV or JSON Lines, under a temporary name until it has been checked."""

from __future__ import annotations

import csv
import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from taihang.core import errors
from taihang.engines.sources import plain

SUFFIXES = {".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


class Writer:
    """Writes batches of one schema to `path`, whose suffix says how. Raises errors.UserError for another suffix."""

    def __init__(self, path: Path, kind: str, schema: pa.Schema) -> None:
        self.kind, self.schema, self._path = kind, schema, path
        self._parquet: pq.ParquetWriter | None = None
        self._text: IO[str] | None = None
        if kind == "parquet":
            self._parquet = pq.ParquetWriter(path, schema)
        else:
            self._text = path.open("w", encoding="utf-8", newline="")
            if kind == "csv":
                csv.writer(self._text).writerow(schema.names)

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        if self._parquet is not None:
            self._parquet.close()
        if self._text is not None:
            self._text.close()

    def write(self, batch: pa.RecordBatch) -> None:
        """Add a batch."""
        if self._parquet is not None:
            self._parquet.write_batch(batch)
        elif self._text is not None and self.kind == "csv":
            rows = csv.writer(self._text)
            columns = [plain.listed(column) for column in batch.columns]
            rows.writerows([_flat(value) for value in row] for row in zip(*columns, strict=True))
        elif self._text is not None:
            for row in plain.rows(batch):
                self._text.write(json.dumps(row, ensure_ascii=False, default=_plain) + "\n")


def kind(path: Path) -> str:
    """How a file of this name is written. Raises errors.UserError."""
    found = SUFFIXES.get(path.suffix.lower())
    if found is None:
        raise errors.UserError("data.masking:suffix", path=path, known=" ".join(SUFFIXES))
    return found


def rows(path: Path, how: str, schema: pa.Schema) -> Iterator[dict[str, Any]]:
    """The rows of a file as they were written, for checking; the values of a CSV are texts."""
    if how == "parquet":
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(2048):
                yield from plain.rows(batch)
        return
    with path.open(encoding="utf-8", newline="") as stream:
        if how == "csv":
            lines = csv.reader(stream)
            next(lines, None)
            for line in lines:
                yield dict(zip(schema.names, line, strict=True))
        else:
            for text in stream:
                yield json.loads(text)


def _flat(value: Any) -> Any:
    return (
        json.dumps(value, ensure_ascii=False, default=_plain)
        if isinstance(value, (list, dict, tuple))
        else _plain(value)
    )


def _plain(value: Any) -> Any:
    if isinstance(value, (datetime.date, datetime.datetime, datetime.time)):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
