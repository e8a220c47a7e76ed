"""Spill: an exact count of different hashes when there are too many for memory, by way of a file without a name."""

from __future__ import annotations

import tempfile

import numpy as np

from taihang.data.profile import distinct, hashing

_PART_BYTES = 4 << 20
_MOST_PARTS = 256
_PENDING = 1 << 18


class Spill:
    """Hashes sorted into parts on disk, 8 bytes each; a part at a time is then counted in memory.

    When the disk gives no more room the count is None, and the estimate stands.
    """

    def __init__(self, rows: int) -> None:
        wanted = max(1, 8 * rows // _PART_BYTES)
        self._bits = min(wanted.bit_length(), _MOST_PARTS.bit_length() - 1)
        self._segments: list[list[tuple[int, int]]] = [[] for _ in range(1 << self._bits)]
        self._pending: list[hashing.Hashes] = []
        self._waiting = 0
        self._end = 0
        self._full = False
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - it lives as long as this

    def update(self, found: hashing.Hashes) -> None:
        """Add hashes."""
        if self._full or not len(found):
            return
        self._pending.append(found)
        self._waiting += len(found)
        if self._waiting >= _PENDING:
            self._flush()

    def count(self) -> int | None:
        """How many different hashes were added; the file goes with it."""
        self._flush()
        total: int | None = 0
        with self._file:
            for segments in self._segments:
                if self._full or total is None:
                    return None
                pieces = [self._read(at, size) for at, size in segments]
                total += len(distinct.unique(np.concatenate(pieces))) if pieces else 0
        return total

    def merge(self, other: Spill) -> None:
        """Add another's hashes, a part at a time."""
        other._flush()
        with other._file:
            for at, size in (segment for segments in other._segments for segment in segments):
                self.update(other._read(at, size))
        self._full = self._full or other._full

    def __getstate__(self) -> dict[str, object]:
        """To another process it goes with its hashes."""
        self._flush()
        self._file.seek(0)
        held = {name: value for name, value in self.__dict__.items() if name != "_file"}
        return {**held, "data": self._file.read()}

    def __setstate__(self, held: dict[str, object]) -> None:
        data = held.pop("data")
        self.__dict__.update(held)
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - it lives as long as this
        self._file.write(data)  # type: ignore[arg-type]

    def _flush(self) -> None:
        if not self._pending or self._full:
            return
        whole = np.sort(np.concatenate(self._pending))
        self._pending, self._waiting = [], 0
        last = np.arange(1, len(self._segments), dtype=np.uint64) << np.uint64(64 - self._bits)
        ends = np.append(np.searchsorted(whole, last), len(whole))
        try:
            data = memoryview(whole.tobytes())
            while data:
                data = data[self._file.write(data) or 0 :]
        except OSError:
            self._full = True
            return
        start = 0
        for segments, end in zip(self._segments, ends.tolist(), strict=True):
            if end > start:
                segments.append((self._end + 8 * start, end - start))
            start = end
        self._end += 8 * len(whole)

    def _read(self, at: int, size: int) -> hashing.Hashes:
        self._file.seek(at)
        data = bytearray()
        while len(data) < 8 * size and (piece := self._file.read(8 * size - len(data))):
            data += piece
        return np.frombuffer(bytes(data), np.uint64)
