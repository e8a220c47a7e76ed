"""Table: Arrow rows under a name that rules speak about, with what identifies and dates them."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from taihang.core import errors, words

TIME = ("start_s", "end_s", "observed")
_PIECE = 1 << 16


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows to judge.

    `keys` are the columns that name a group. A table with columns start_s, end_s (float64, seconds)
    and observed (bool) has time: the rows of one group do not overlap, and a span that no observed
    row covers was seen by nobody. `asset` is the SHA-256 of what the rows were made from; the rows'
    own hash when absent. `calibrated` names columns of calibrated probabilities, each with the
    method that calibrated it.
    """

    data: pa.Table
    keys: tuple[str, ...] = ()
    asset: str | None = None
    produced_by: tuple[words.Producer, ...] = ()
    calibrated: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(self.data.column_names)

    @property
    def timed(self) -> bool:
        """True when it has the three time columns."""
        return set(TIME) <= set(self.data.column_names)

    @functools.cached_property
    def sha256(self) -> str:
        """The asset's hash, or the hash of all rows."""
        return self.asset or digest(self.data)

    def digest(self, rows: npt.NDArray[np.int64]) -> str:
        """SHA-256 of some rows, by position; see `digest`."""
        return digest(self.data.take(pa.array(rows)))

    def check(self, name: str) -> None:
        """Raise errors.UserError when columns repeat or keys or time columns are not what they must be."""
        seen: dict[str, str] = {}
        for column in self.data.column_names:
            other = seen.setdefault(column.casefold(), column)
            if other is not column:
                raise errors.UserError("rules:table.repeated", table=name, column=column, other=other)
        for key in self.keys:
            if key not in self.data.column_names:
                known = ", ".join(self.columns)
                raise errors.UserError("rules:table.key", table=name, column=key, known=known)
        if self.timed:
            for column, kind in zip(TIME, (pa.float64(), pa.float64(), pa.bool_()), strict=True):
                found = self.data.schema.field(column).type
                if found != kind:
                    raise errors.UserError("rules:table.type", table=name, column=column, kind=kind, found=found)


def digest(rows: pa.Table) -> str:
    """SHA-256 of rows as an Arrow IPC stream without schema metadata, in batches of 65,536 rows.

    It does not depend on how the rows were chunked in memory.
    """
    schema = rows.schema.remove_metadata()
    state = _Sink()
    with pa.ipc.new_stream(pa.PythonFile(state, mode="w"), schema) as writer:
        for start in range(0, rows.num_rows, _PIECE):
            piece = rows.slice(start, _PIECE).replace_schema_metadata(None)
            # `take` packs the values anew: no offsets and no bits of neighbouring rows are hashed.
            packed = piece.combine_chunks().take(pa.array(np.arange(piece.num_rows)))
            writer.write_table(packed, max_chunksize=_PIECE)
    return state.hash.hexdigest()


def groups(data: pa.Table, by: tuple[str, ...]) -> tuple[npt.NDArray[np.int64], list[tuple[words.Scalar, ...]]]:
    """The group number of every row, and each group's key values; groups sorted by their keys, nulls first.

    Raises errors.UserError for a key column whose values cannot be told apart as plain values.
    """
    count = data.num_rows
    if not by:
        return np.zeros(count, np.int64), [()]
    codes = np.zeros(count, np.int64)
    values: list[tuple[words.Scalar, ...]] = [()]
    for name in by:
        ranks, distinct = _ranked(data.column(name), name)
        combined = codes * max(len(distinct), 1) + ranks
        present, codes = np.unique(combined, return_inverse=True)
        values = [(*values[code // len(distinct)], distinct[code % len(distinct)]) for code in present.tolist()]
    return codes.astype(np.int64, copy=False), values


def scalar(value: object) -> words.Scalar:
    """A plain value for keys and measures: dates and decimals as text, NaN and infinities as None."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value.hex() if isinstance(value, bytes) else str(value)


def _ranked(column: pa.ChunkedArray, name: str) -> tuple[npt.NDArray[np.int64], list[words.Scalar]]:
    if pa.types.is_nested(column.type) or (pa.types.is_null(column.type) and len(column)):
        raise errors.UserError("rules:table.group", column=name, kind=column.type)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    encoded = column.dictionary_encode(null_encoding="encode").combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0) if encoded.num_chunks else pa.array([], column.type).dictionary_encode()
    order = pc.sort_indices(encoded.dictionary).to_numpy()
    order = np.roll(order, encoded.dictionary.null_count)  # nulls come first
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    distinct = [scalar(v) for v in encoded.dictionary.take(pa.array(order)).to_pylist()]
    return rank[encoded.indices.to_numpy(zero_copy_only=False)], distinct


class _Sink:
    """A file that only hashes."""

    def __init__(self) -> None:
        self.hash = hashlib.sha256()
        self.closed = False
        self._length = 0

    def write(self, data: bytes) -> int:
        self.hash.update(data)
        self._length += len(data)
        return len(data)

    def tell(self) -> int:
        return self._length

    def flush(self) -> None:
        return None

    def close(self) -> None:
        self.closed = True
