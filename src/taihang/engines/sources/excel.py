"""Excel: one sheet of a workbook, read through calamine; a workbook that unpacks without end is refused."""

from __future__ import annotations

import collections
import datetime
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from taihang.core import errors
from taihang.engines.sources import limits, paths, source, texts

try:
    import python_calamine
except ImportError:
    python_calamine = None  # type: ignore[assignment]

_PIECE = 1 << 20
_SAMPLE_ROWS = 10_000
_MOSTLY = 0.95


class Excel(source.Source):
    """A sheet of an .xlsx, .xlsb, .xls or .ods file; the first one, or the one that is named.

    The first row that is not empty holds the names. Needs the extra `excel`.
    """

    kind = "excel"

    def __init__(self, path: Path, name: str | None = None, *, sheet: str | None = None) -> None:
        if python_calamine is None:
            raise errors.MissingExtra("excel", path.suffix)
        super().__init__()
        self.path = path
        self.name = name or str(path)
        _unpacks_small(path, self.name)
        try:
            book = python_calamine.CalamineWorkbook.from_path(str(path))
            names = book.sheet_names
            if sheet is not None and sheet not in names:
                raise errors.UserError("engines.sources:sheet", path=self.name, sheet=sheet, known=", ".join(names))
            if not names:
                raise errors.UserError("engines.sources:no_rows", path=self.name)
            self.sheet = sheet or names[0]
            # Calamine has read the whole sheet by now; what it holds is bounded by the check above.
            rows = book.get_sheet_by_name(self.sheet).to_python(skip_empty_area=True)
        except errors.UserError:
            raise
        except Exception as error:  # noqa: BLE001 - calamine's errors share no base but Exception
            raise errors.UserError("engines.sources:not_excel", path=self.name, reason=str(error)[:200]) from None
        self._start = next((i for i, row in enumerate(rows) if any(v != "" for v in row)), 0)
        rows = rows[self._start :]
        if not rows:
            raise errors.UserError("engines.sources:no_rows", path=self.name)
        self._values = rows[1:]
        self.rows = len(self._values)
        heads = ["" if v is None else str(v) for v in rows[0]]
        kinds = [_type([row[i] for row in self._values[:_SAMPLE_ROWS]]) for i in range(len(heads))]
        self._declare(heads, kinds)

    def digest(self) -> tuple[str, int]:
        """SHA-256 and size of the file."""
        return paths.digest(self.path)

    def _scan(self, wanted: tuple[source.Column, ...], rows: int) -> Iterator[source.Chunk]:
        places = self._places(wanted)
        for start in range(0, len(self._values), rows):
            piece = self._values[start : start + rows]
            lines = np.arange(start, start + len(piece)) + self._start + 2
            arrays = [
                self._array(column, [row[i] for row in piece], lines) for i, column in zip(places, wanted, strict=True)
            ]
            data = pa.RecordBatch.from_arrays(arrays, names=[c.name for c in wanted])
            yield source.Chunk(data, start, self.sheet, start, lines=lines)

    def _array(self, column: source.Column, values: list[Any], lines: Any) -> pa.Array:
        made, first, wrong = [], -1, 0
        for row, value in enumerate(values):
            fits, kept = _as(value, column.type)
            made.append(kept)
            if not fits:
                first, wrong = (row if first < 0 else first), wrong + 1
        if wrong:
            misfit = texts.Misfit(column.name, column.type, wrong, first, str(values[first])[:60])
            texts.tell(self.faults, misfit, self.sheet, int(lines[first]))
        return pa.array(made, column.type)


def _unpacks_small(path: Path, name: str) -> None:
    """Unpack every member once and throw it away: what the directory says about sizes may be a lie."""
    most = limits.Limits.current().max_unpacked_bytes
    if not zipfile.is_zipfile(path):
        if path.stat().st_size > most:
            raise errors.UserError("engines.sources:unpacks", path=name, limit=most)
        return
    total = 0
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > 10_000 or sum(m.file_size for m in members) > most:
                raise errors.UserError("engines.sources:unpacks", path=name, limit=most)
            for member in members:
                with archive.open(member) as stream:
                    while piece := stream.read(_PIECE):
                        total += len(piece)
                        if total > most:
                            raise errors.UserError("engines.sources:unpacks", path=name, limit=most)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise errors.UserError("engines.sources:not_excel", path=name, reason=str(error)[:200]) from None


def _type(values: list[Any]) -> pa.DataType:
    present = [v for v in values if v not in ("", None)]
    counts = collections.Counter("number" if type(v) in {int, float} else type(v).__name__ for v in present)
    if {"date", "datetime"} & counts.keys():
        counts["datetime"] += counts.pop("date", 0) if counts["datetime"] else 0
    usual, times = counts.most_common(1)[0] if counts else ("str", 0)
    if times < _MOSTLY * len(present):
        return pa.string()
    if usual == "number":
        numbers = [v for v in present if type(v) in {int, float}]
        # A workbook keeps every number as a double.
        return pa.int64() if all(float(v).is_integer() and abs(v) < 2**53 for v in numbers) else pa.float64()
    return {"bool": pa.bool_(), "date": pa.date32(), "datetime": pa.timestamp("us")}.get(usual, pa.string())


def _as(value: Any, kind: pa.DataType) -> tuple[bool, Any]:  # noqa: PLR0911 - a case a line
    if value in ("", None):
        return True, None
    if pa.types.is_string(kind):
        whole = isinstance(value, float) and value.is_integer()
        return True, value if isinstance(value, str) else str(int(value) if whole else value)
    if pa.types.is_boolean(kind):
        return isinstance(value, bool), value if isinstance(value, bool) else None
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if pa.types.is_integer(kind):
        return (True, int(value)) if number and float(value).is_integer() else (False, None)
    if pa.types.is_floating(kind):
        return (True, float(value)) if number else (False, None)
    if isinstance(value, datetime.datetime):
        return True, value if pa.types.is_timestamp(kind) else value.date()
    if isinstance(value, datetime.date):
        return True, value if pa.types.is_date(kind) else datetime.datetime.combine(value, datetime.time())
    return False, None
