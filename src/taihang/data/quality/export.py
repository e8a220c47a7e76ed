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
from taihang.data.quality import assessment, positions, target
from taihang.engines.sources import plain

SAMPLE = 5
_GROUP_ROWS = 1 << 16
_PLACE = (
    ("row", pa.int64()), ("part", pa.dictionary(pa.int32(), pa.string())), ("row_group", pa.int32()),
    ("row_in_part", pa.int64()), ("line", pa.int64()), ("place", pa.string()), ("rules", pa.list_(pa.string())),
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
    (in the row group if there is one), `_line`, `_place` (in a database) and `_rules`, the ids of the
    rules it breaks. The
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
        self.found, self.on, self.outcomes = found, on, outcomes
        self.names = [c.name for c in on.source.columns if writable(c.type)]
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
        self.union = positions.Positions([o.rows for o in outcomes])
        self.samples: dict[str, list[dict[str, Any]]] = {o.compiled.rule.id: [] for o in outcomes}

    def write(self, path: Path) -> Exported:
        held: list[pa.RecordBatch] = []
        size = total = 0
        with pq.ParquetWriter(path, self.schema, compression="zstd") as writer:
            for some in self.found.bad(self.on.name, self.union):
                held.append(self._bad(some))
                size += held[-1].num_rows
                total += held[-1].num_rows
                if size >= _GROUP_ROWS:
                    writer.write_table(pa.Table.from_batches(held, self.schema))
                    held, size = [], 0
            if held:
                writer.write_table(pa.Table.from_batches(held, self.schema))
        return Exported(total, self.samples)

    def _bad(self, some: target.Bad) -> pa.RecordBatch:
        rows = some.rows
        breaks = np.zeros((len(rows), len(self.outcomes)), bool)
        for n, outcome in enumerate(self.outcomes):
            if len(rows):
                own = outcome.rows[slice(*np.searchsorted(outcome.rows, [rows[0], rows[-1] + 1]))]
                breaks[np.searchsorted(rows, own), n] = True
            self._sample(outcome, np.flatnonzero(breaks[:, n]), some)
        offsets = np.concatenate([[0], np.cumsum(breaks.sum(axis=1))])
        reasons = pa.ListArray.from_arrays(
            pa.array(offsets, pa.int32()), self.ids.take(pa.array(np.nonzero(breaks)[1]))
        )
        known: list[pa.Array | None] = [
            pa.array(rows),
            pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(rows), np.int32)), [some.part]),
            None if some.group is None else pa.array(np.full(len(rows), some.group, np.int32)),
            None if some.offsets is None else pa.array(some.offsets),
            None if some.lines is None else pa.array(some.lines, pa.int64()),
            None if some.places is None else pa.array(some.places, pa.string()),
            reasons,
        ]
        place = [pa.nulls(len(rows), kind) if values is None else values
                 for values, (_, kind) in zip(known, _PLACE, strict=True)]  # fmt: skip
        own_columns = [some.data.column(n) for n in self.names]
        return pa.RecordBatch.from_arrays([*own_columns, *place], schema=self.schema)

    def _sample(self, outcome: assessment.Outcome, at: npt.NDArray[np.int64], some: target.Bad) -> None:
        samples = self.samples[outcome.compiled.rule.id]
        for place in at[: SAMPLE - len(samples)].tolist():
            one = plain.rows(some.data.slice(place, 1))[0]
            samples.append({"": {"row": int(some.rows[place]), **some.place(place)}, **one})


def writable(kind: pa.DataType) -> bool:
    """True for a type that Parquet has."""
    try:
        pq.write_table(pa.table({"c": pa.array([], kind)}), pa.BufferOutputStream())
    except (pa.ArrowException, OSError):
        return False
    return True
