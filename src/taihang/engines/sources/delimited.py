"""Delimited: CSV and TSV in any common dialect and encoding; ragged rows and broken lines are told by line."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

from taihang.core import errors
from taihang.engines.sources import dialect as dialects
from taihang.engines.sources import encoding, faults, limits, paths, source, texts

_HEAD = 1 << 20
_SAMPLE_ROWS = 10_000


class Delimited(source.Source):
    """A CSV or TSV file.

    Types come from the first 10,000 rows: a later value that does not fit is null, and told with its
    line. An unquoted empty value is null, a quoted one an empty text. With `text` all columns stay text.
    """

    kind = "csv"

    def __init__(
        self,
        path: Path,
        name: str | None = None,
        *,
        delimiter: str | None = None,
        header: bool | None = None,
        codec: str | None = None,
        text: bool = False,
    ) -> None:
        super().__init__()
        self.path = path
        self.name = name or str(path)
        with path.open("rb") as raw:
            head = raw.read(_HEAD)
        self.encoding = _named(codec, head) if codec else encoding.detect(head)
        if self.encoding.guessed:
            self._opening.add("guessed", part=self.name, codec=self.encoding.codec, rows=0)
        sample = self._sample()
        self.dialect, first = dialects.sniff(sample, delimiter, header)
        named = (first if self.dialect.header else [])[: self.dialect.width]
        raw_names = named + [""] * (self.dialect.width - len(named))
        if self.dialect.header and len(first) != self.dialect.width:
            self._opening.add("header_width", part=self.name, names=len(first), values=self.dialect.width, rows=0)
        self._how: list[texts.Reading | None] = [None] * len(raw_names)
        self._declare(raw_names, [pa.string()] * len(raw_names))
        if not text:
            self._infer()
            self._opening.listed = [f for f in self._opening.listed if f.code != "renamed"]
            self._opening.counts.pop("renamed", None)
            self._declare(raw_names, [how.type if how else pa.string() for how in self._how])

    def digest(self) -> tuple[str, int]:
        """SHA-256 and size of the file."""
        return paths.digest(self.path)

    def _sample(self) -> str:
        with self.path.open("rb") as raw:
            stream = encoding.Stream(raw, self.encoding, faults.Faults(), self.name)
            return io.BufferedReader(stream, 1 << 16).read(1 << 18).decode("utf-8", "ignore")

    def _infer(self) -> None:
        for columns, _ in self._texts(faults.Faults(), _SAMPLE_ROWS):
            self._how = [texts.reading(values) for values in columns[0]]
            return

    def _scan(self, wanted: tuple[source.Column, ...], rows: int) -> Iterator[source.Chunk]:
        places = self._places(wanted)
        done = 0
        for columns, lines in self._texts(self.faults, rows):
            for piece, at in zip(columns, lines, strict=True):
                data, misfits = texts.batch(
                    [piece[i] for i in places], [c.name for c in wanted], [self._how[i] for i in places]
                )
                for misfit in misfits:
                    texts.tell(self.faults, misfit, self.name, int(at[misfit.first]))
                yield source.Chunk(data if wanted else _empty(len(at)), done, self.name, done, lines=at)
                done += len(at)

    def _texts(self, noted: faults.Faults, rows: int) -> Iterator[tuple[list[list[pa.Array]], list[Any]]]:
        """Pieces of at most `rows` rows: each column's texts, and the rows' lines."""
        bad: list[int] = []
        names = [f"c{i}" for i in range(len(self.columns))]
        with self.path.open("rb") as raw:
            stream = encoding.Stream(raw, self.encoding, noted, self.name)

            def ragged(row: Any) -> str:
                record = row.number - 1
                bad.append(record)
                line = int(stream.line_of(np.array([record]))[0])
                noted.add(
                    "ragged",
                    part=self.name,
                    line=line,
                    rows=1,
                    expected=row.expected_columns,
                    actual=row.actual_columns,
                )
                return "skip"

            try:
                reader = pyarrow.csv.open_csv(
                    pa.PythonFile(io.BufferedReader(stream, 1 << 20), mode="r"),
                    read_options=pyarrow.csv.ReadOptions(
                        use_threads=False, column_names=names, block_size=_block_size()
                    ),
                    parse_options=pyarrow.csv.ParseOptions(
                        delimiter=self.dialect.delimiter, newlines_in_values=True, invalid_row_handler=ragged
                    ),
                    convert_options=pyarrow.csv.ConvertOptions(
                        column_types={name: pa.string() for name in names},
                        strings_can_be_null=True,
                        null_values=[""],
                        quoted_strings_can_be_null=False,
                        check_utf8=False,
                    ),
                )
                yield from self._pieces(reader, stream, bad, rows)
            except pa.ArrowInvalid as error:
                if "straddling" in str(error) or "block boundaries" in str(error):
                    raise errors.UserError(
                        "engines.sources:long_record", path=self.name, limit=limits.Limits.current().max_line_bytes
                    ) from None
                if "Empty CSV" in str(error):
                    return
                raise errors.UserError(
                    "engines.sources:not_csv", path=self.name, reason=str(error).split("\n", 1)[0]
                ) from None

    def _pieces(
        self, reader: Any, stream: encoding.Stream, bad: list[int], rows: int
    ) -> Iterator[tuple[list[list[pa.Array]], list[Any]]]:
        record = 0  # of the file, the header and ragged ones counted
        skip = 1 if self.dialect.header else 0
        used = 0
        for batch in reader:
            numbers, record, used = _numbers(batch.num_rows, record, bad, used)
            if skip and len(numbers):
                # A header of another width than the rows is ragged, and so gone already.
                drop = 1 if numbers[0] == 0 else 0
                batch, numbers, skip = batch.slice(drop), numbers[drop:], 0  # noqa: PLW2901
            for start in range(0, batch.num_rows, rows):
                piece = batch.slice(start, rows)
                yield [piece.columns], [stream.line_of(numbers[start : start + rows])]


def _numbers(count: int, record: int, bad: list[int], used: int) -> tuple[Any, int, int]:
    """The record numbers of the next `count` good rows, given the bad ones in order."""
    if used == len(bad) or bad[used] >= record + count:
        return np.arange(record, record + count), record + count, used
    numbers = np.empty(count, np.int64)
    filled = 0
    while filled < count:
        stop = bad[used] if used < len(bad) else record + count
        take = min(stop - record, count - filled)
        numbers[filled : filled + take] = np.arange(record, record + take)
        filled, record = filled + take, record + take
        while used < len(bad) and bad[used] == record:
            record, used = record + 1, used + 1
    return numbers, record, used


def _named(codec: str, head: bytes) -> encoding.Encoding:
    found = encoding.detect(head)
    name = codec.lower().replace("_", "-")
    name = {"gbk": "gb18030", "gb2312": "gb18030", "utf8": "utf-8", "utf-16": "utf-16-le"}.get(name, name)
    known = ("utf-8", "gb18030", "cp1252", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
    if name not in known:
        raise errors.UserError("engines.sources:codec", codec=codec, known=", ".join(known))
    return encoding.Encoding(name, found.mark if found.codec == name else 0)


def _block_size() -> int:
    return max(limits.Limits.current().max_line_bytes, 1 << 20)


def _empty(count: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_struct_array(pa.array([{}] * count, pa.struct([])))
