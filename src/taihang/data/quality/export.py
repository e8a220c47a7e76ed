"""Export: every bad row with its values, where it stands, and the rules that it breaks, as Parquet."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from taihang.core import errors
from taihang.data.quality import assessment, target
from taihang.engines.sources import source as sourcing

SAMPLE = 5
_GROUP_ROWS = 1 << 16
_PLACE = (
    ("row", pa.int64()), ("part", pa.dictionary(pa.int32(), pa.string())), ("row_group", pa.int32()),
    ("row_in_part", pa.int64()), ("line", pa.int64()), ("rules", pa.list_(pa.string())),
)  # fmt: skip
Rows = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class Exported:
    """A table's bad rows: how many there are, and the first of each broken rule as plain values."""

    rows: int
    samples: Mapping[str, list[dict[str, Any]]]


def export(found: assessment.Assessment, name: str, path: Path) -> Exported | None:
    """Write a table's bad rows to `path`; None, and no file, when it has none.

    The columns are the table's own and, each with as many leading `_` as make it new, `_row` (the
    zero-based position among the rows that could be read), `_part`, `_row_group`, `_row_in_part`
    (in the row group if there is one), `_line` and `_rules`, the ids of the rules it breaks. The
    rulebook's id, version and hash stand in the schema's metadata. Columns of a type that Parquet
    lacks are left out. Memory holds one row group. Raises errors.Failure when it cannot be written.
    """
    outcomes = [o for o in found.outcomes if o.compiled.rule.table == name and len(o.rows)]
    if not outcomes:
        return None
    try:
        return _Writer(found, found.targets[name], outcomes).write(path)
    except OSError as error:
        raise errors.Failure("data.quality:export", path=path, reason=error.strerror or error) from error


class _Writer:
    def __init__(self, found: assessment.Assessment, on: target.Target, outcomes: Sequence[assessment.Outcome]) -> None:
        self.on, self.outcomes = on, outcomes
        self.names = [c.name for c in on.source.columns if _writable(c.type)]
        taken = {n.casefold() for n in self.names}
        fields = [on.source.schema.field(n) for n in self.names]
        for name, kind in _PLACE:
            own = f"_{name}"
            while own in taken:
                own = f"_{own}"
            fields.append(pa.field(own, kind))
        book = found.book
        says = {"taihang.rulebook": book.id, "taihang.version": book.version, "taihang.sha256": book.sha256}
        self.schema = pa.schema(fields, metadata=says)
        self.ids = pa.array([o.compiled.rule.id for o in outcomes])
        self.union = np.unique(np.concatenate([o.rows for o in outcomes]))
        self.samples: dict[str, list[dict[str, Any]]] = {o.compiled.rule.id: [] for o in outcomes}

    def write(self, path: Path) -> Exported:
        held: list[pa.RecordBatch] = []
        size = 0
        with pq.ParquetWriter(path, self.schema, compression="zstd") as writer:
            for start, chunk in self.on.chunks(self.on.source.schema.names, only=self.union):
                held.append(self._bad(start, chunk))
                size += held[-1].num_rows
                if size >= _GROUP_ROWS:
                    writer.write_table(pa.Table.from_batches(held, self.schema))
                    held, size = [], 0
            if held:
                writer.write_table(pa.Table.from_batches(held, self.schema))
        return Exported(len(self.union), self.samples)

    def _bad(self, start: int, chunk: sourcing.Chunk) -> pa.RecordBatch:
        end = start + chunk.data.num_rows
        rows = self.union[slice(*np.searchsorted(self.union, [start, end]))]
        breaks = np.zeros((len(rows), len(self.outcomes)), bool)
        for n, outcome in enumerate(self.outcomes):
            own = outcome.rows[slice(*np.searchsorted(outcome.rows, [start, end]))]
            breaks[np.searchsorted(rows, own), n] = True
            self._sample(outcome, own[: SAMPLE - len(self.samples[outcome.compiled.rule.id])], start, chunk)
        offsets = np.concatenate([[0], np.cumsum(breaks.sum(axis=1))])
        reasons = pa.ListArray.from_arrays(
            pa.array(offsets, pa.int32()), self.ids.take(pa.array(np.nonzero(breaks)[1]))
        )
        at = rows - start
        lines = None if chunk.lines is None else pa.array(chunk.lines[at], pa.int64())
        place = [
            pa.array(rows),
            pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(rows), np.int32)), [chunk.part]),
            pa.nulls(len(rows), pa.int32())
            if chunk.group is None
            else pa.array(np.full(len(rows), chunk.group, np.int32)),
            pa.array(at + chunk.offset),
            pa.nulls(len(rows), pa.int64()) if lines is None else lines,
            reasons,
        ]
        own_columns = [chunk.data.column(n).take(pa.array(at)) for n in self.names]
        return pa.RecordBatch.from_arrays([*own_columns, *place], schema=self.schema)

    def _sample(self, outcome: assessment.Outcome, rows: Rows, start: int, chunk: sourcing.Chunk) -> None:
        for row in rows.tolist():
            one = chunk.data.slice(row - start, 1).to_pylist()[0]
            self.samples[outcome.compiled.rule.id].append({"": {"row": row, **chunk.place(row - start)}, **one})


def _writable(kind: pa.DataType) -> bool:
    try:
        pq.write_table(pa.table({"c": pa.array([], kind)}), pa.BufferOutputStream())
    except (pa.ArrowException, OSError):
        return False
    return True
