"""Sampling: some rows of a table, each as likely as any other, the same in every run."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from taihang.data.profile import hashing

_MOST_BYTES = 32 << 20


class Sample:
    """The rows whose numbers have the smallest hashes; fewer when rows are large.

    `salt` is a number of the part that the rows stand in, so that parts are sampled alike in any order.
    """

    def __init__(self, rows: int, salt: int = 0) -> None:
        self.limit = rows
        self._salt = np.uint64((0x5EED + salt) % 2**64)
        self._pieces: list[pa.RecordBatch] = []
        self._marks: list[npt.NDArray[np.uint64]] = []
        self._below = np.uint64(2**64 - 1)
        self._bytes = 0

    def update(self, batch: pa.RecordBatch, start: int) -> None:
        """Look at rows, the first of which has the number `start`."""
        numbers = np.arange(start, start + batch.num_rows, dtype=np.int64)
        marks = hashing.mixed(numbers.view(np.uint64) + self._salt)
        chosen = np.flatnonzero(marks <= self._below)
        if not len(chosen):
            return
        piece = batch.take(pa.array(chosen))
        self._pieces.append(piece)
        self._marks.append(marks[chosen])
        self._bytes += piece.nbytes
        if sum(map(len, self._marks)) > 2 * self.limit or self._bytes > 2 * _MOST_BYTES:
            self._settle()

    def _settle(self) -> None:
        if not self._pieces:
            return
        table = pa.Table.from_batches(self._pieces)
        marks = np.concatenate(self._marks)
        while self.limit > 100 and table.nbytes * min(1.0, self.limit / max(len(marks), 1)) > _MOST_BYTES:
            self.limit //= 2
        order = np.argsort(marks)[: self.limit]
        if len(marks) > self.limit:
            self._below = marks[order[-1]]
        taken = table.take(pa.array(order)).combine_chunks()
        self._pieces = taken.to_batches() or [pa.RecordBatch.from_pylist([], schema=table.schema)]
        self._marks = [marks[order]]
        self._bytes = taken.nbytes

    def merge(self, other: Sample) -> None:
        """Add another part's rows."""
        self.limit = min(self.limit, other.limit)
        self._pieces += other._pieces
        self._marks += other._marks
        self._settle()

    def rows(self) -> pa.Table | None:
        """The sampled rows in a random order; None when there was no row."""
        self._settle()
        return pa.Table.from_batches(self._pieces) if self._pieces else None
