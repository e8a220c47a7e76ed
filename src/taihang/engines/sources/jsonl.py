"""JSON: one object a line, or one array of objects; a broken line is told by its number."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from taihang.core import errors
from taihang.engines.sources import encoding, faults, limits, paths, source

_SAMPLE_ROWS = 10_000


class Json(source.Source):
    """A JSON Lines file, or a JSON document that is an array of objects or one object.

    Types come from the first 10,000 objects; a later value that does not fit is null, and told.
    Names that only later objects have are told and left out. Whole documents may have
    sources.max_document_bytes.
    """

    kind = "json"

    def __init__(self, path: Path, name: str | None = None) -> None:
        super().__init__()
        self.path = path
        self.name = name or str(path)
        with path.open("rb") as raw:
            head = raw.read(1 << 16)
        self.encoding = encoding.detect(head)
        text = head[self.encoding.mark :].decode(self.encoding.codec, "ignore").lstrip()
        self._document = text.startswith("[")
        if self._document and path.stat().st_size > limits.Limits.current().max_document_bytes:
            raise errors.UserError(
                "engines.sources:large_document", path=self.name, limit=limits.Limits.current().max_document_bytes
            )
        sample = [found for found, _ in _first(self._objects(faults.Faults()), _SAMPLE_ROWS)]
        names = list(dict.fromkeys(key for one in sample for key in one))
        if not names:
            raise errors.UserError("engines.sources:no_objects", path=self.name)
        self._keys = names
        self._declare(names, [_type([one.get(key) for one in sample]) for key in names])

    def digest(self) -> tuple[str, int]:
        """SHA-256 and size of the file."""
        return paths.digest(self.path)

    def _scan(self, wanted: tuple[source.Column, ...], rows: int) -> Iterator[source.Chunk]:
        known, strange = set(self._keys), set[str]()
        done = 0
        objects = self._objects(self.faults)
        while piece := _first(objects, rows):
            lines = np.array([line for _, line in piece], np.int64)
            for found, line in piece:
                for key in found.keys() - known - strange:
                    strange.add(key)
                    self.faults.add("late_name", part=self.name, line=line, column=key, rows=0)
            arrays = [self._array(column, [one.get(column.original) for one, _ in piece], lines) for column in wanted]
            data = pa.RecordBatch.from_arrays(arrays, names=[c.name for c in wanted])
            yield source.Chunk(data, done, self.name, done, lines=None if self._document else lines)
            done += len(piece)

    def _array(self, column: source.Column, values: list[Any], lines: Any) -> pa.Array:
        try:
            return pa.array(_plain(values, column.type), column.type)
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            pass
        made = []
        first, wrong = -1, 0
        for row, value in enumerate(values):
            try:
                made.append(pa.scalar(_plain([value], column.type)[0], column.type).as_py())
            except (pa.ArrowException, TypeError, ValueError, OverflowError):
                made.append(None)
                first, wrong = (row if first < 0 else first), wrong + 1
        self.faults.add(
            "misfit",
            part=self.name,
            line=int(lines[first]),
            rows=0,
            column=column.name,
            kind=str(column.type),
            count=wrong,
            value=str(values[first])[:60],
        )
        return pa.array(made, column.type)

    def _objects(self, noted: faults.Faults) -> Iterator[tuple[dict[str, Any], int]]:
        with self.path.open("rb") as raw:
            stream = encoding.Stream(raw, self.encoding, noted, self.name, quotes=False)
            if self._document:
                yield from self._of_document(raw, noted)
                return
            for number, line in enumerate(io.BufferedReader(stream, 1 << 20), 1):
                if not line.strip():
                    continue
                try:
                    found = json.loads(line)
                except (ValueError, RecursionError) as error:
                    noted.add("not_json", part=self.name, line=number, rows=1, reason=str(error)[:200])
                    continue
                if not isinstance(found, dict):
                    noted.add("not_object", part=self.name, line=number, rows=1)
                    continue
                yield found, number

    def _of_document(self, raw: Any, noted: faults.Faults) -> Iterator[tuple[dict[str, Any], int]]:
        raw.seek(self.encoding.mark)
        try:
            items = json.loads(raw.read().decode(self.encoding.codec, "replace"))
        except (ValueError, RecursionError) as error:
            raise errors.UserError("engines.sources:not_json", path=self.name, reason=str(error)[:200]) from None
        for number, found in enumerate(items, 1):
            if isinstance(found, dict):
                yield found, number
            else:
                noted.add("not_object", part=self.name, line=number, rows=1)


def _first(objects: Iterator[tuple[dict[str, Any], int]], count: int) -> list[tuple[dict[str, Any], int]]:
    return [one for _, one in zip(range(count), objects, strict=False)]


def _type(values: list[Any]) -> pa.DataType:
    kinds = {type(v) for v in values if v is not None}
    if not kinds:
        return pa.string()
    if kinds <= {int, float} and float in kinds:
        return pa.float64()
    try:
        found = pa.array(values).type
    except (pa.ArrowException, OverflowError):
        if kinds == {int}:
            return pa.decimal128(38, 0) if all(v is None or abs(v) < 10**38 for v in values) else pa.string()
        return pa.string()
    return found if not _has_null(found) else pa.string()


def _has_null(kind: pa.DataType) -> bool:
    if pa.types.is_nested(kind):
        return not kind.num_fields or any(_has_null(kind.field(i).type) for i in range(kind.num_fields))
    return bool(pa.types.is_null(kind))


def _plain(values: list[Any], kind: pa.DataType) -> list[Any]:
    """Texts where a text is wanted; a number never passes as a text, nor True as 1, without being told."""
    if pa.types.is_string(kind):
        return [
            v if v is None or isinstance(v, str) else json.dumps(v, ensure_ascii=False, sort_keys=True) for v in values
        ]
    if not pa.types.is_boolean(kind) and any(isinstance(v, bool) for v in values):
        raise TypeError
    return values
