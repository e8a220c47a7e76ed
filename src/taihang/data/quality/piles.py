"""Piles: 64-bit keys with the position of their row, split by key and spilled to disk, to find those that repeat."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from taihang.core import errors
from taihang.data.quality import positions

PARTS = 1024
IN_MEMORY = 16 << 20
_BLOCK = 1 << 17  # keys that are ordered at once: what is copied on the way to the disk stays small
_AT_ONCE = 1 << 18  # keys that are looked through at once: 16 bytes each
_ODD = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(54)
Keys = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.int64]


class Pile:
    """Keys of one check. Equal keys fall into one part; some parts at a time are looked through.

    Keys are multiplied by an odd number, which maps them one to one, so that neighbours spread over
    the parts. Beyond `in_memory` bytes they go to a file in `folder`, block by block, each in the order
    of the parts: neighbouring parts of a block are one read. Memory does not grow with the keys (up to
    `PARTS` times a million). Raises errors.Failure for a full disk.

    `ascending`: keys are signed numbers that may come in order, as numbers of rows do: equal ones are
    neighbours then, and nothing is spilled. Where that ends after more than `in_memory` bytes, what came
    before is `lost`: whoever can gives all keys again, to a pile without it.
    """

    def __init__(self, folder: Path, in_memory: int = IN_MEMORY, *, ascending: bool = False) -> None:
        self.count = 0
        self.lost = False
        self._ascending = _Ascending() if ascending else None
        self._folder, self._limit, self._held = folder, in_memory, 0
        self._memory: list[tuple[Keys, Rows]] = []
        self._blocks: list[tuple[int, npt.NDArray[np.uint32]]] = []
        self._file: BinaryIO | None = None

    def add(self, keys: Keys, rows: Rows) -> None:
        """Put keys with their rows onto the pile."""
        if self.lost:
            return
        if self._ascending is not None:
            if self._ascending.add(keys.view(np.int64), rows):
                self.count += len(keys)
                if self._held <= self._limit:
                    self._memory.append((keys * _ODD, rows))
                    self._held += 16 * len(keys)
                else:
                    self._memory.clear()
                return
            self._ascending = None
            self.lost = self._held > self._limit
            if self.lost:
                self._memory.clear()
                return
        self._memory.append((keys * _ODD, rows))
        self.count += len(keys)
        self._held += 16 * len(keys)
        if self._held > self._limit:
            self._spill()

    def repeated(self) -> Rows:
        """Positions of all rows whose key another row has too, ascending."""
        assert not self.lost
        if self._ascending is not None:
            return self._ascending.repeated()
        if self._blocks and self._memory:
            self._spill()
        found = [_repeated(self._read(first, last)) for first, last in self._spans()]
        if self._memory:
            found.append(_repeated(self._memory))
        return np.sort(np.concatenate(found)) if found else np.zeros(0, np.int64)

    def again(self) -> None:
        """Begin anew, with keys in whatever order."""
        self.lost, self.count, self._held = False, 0, 0

    def close(self) -> None:
        """Give the file back."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _spill(self) -> None:
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - closed by close
            while self._memory:
                some: list[tuple[Keys, Rows]] = []
                while self._memory and (not some or sum(len(k) for k, _ in some) < _BLOCK):
                    some.append(self._memory.pop())
                self._write(*(np.concatenate(column) for column in zip(*some, strict=True)))
            self._file.flush()
        except OSError as error:
            raise errors.Failure("data.quality:spill", path=self._folder, reason=error.strerror or error) from error
        self._held = 0

    def _write(self, keys: Keys, rows: Rows) -> None:
        assert self._file is not None
        part = (keys >> _SHIFT).astype(np.uint16)
        order = np.argsort(part, kind="stable")  # by radix for 16 bits
        edges = np.concatenate([[0], np.cumsum(np.bincount(part, minlength=PARTS))]).astype(np.uint32)
        at = self._file.seek(0, 2)
        self._file.write(np.stack([keys[order], rows[order].view(np.uint64)], axis=1).data)
        self._blocks.append((at, edges))

    def _spans(self) -> Iterator[tuple[int, int]]:
        """Parts that are looked through together: as many as fit, one at least."""
        if not self._blocks:
            return
        upto = np.zeros(PARTS + 1, np.int64)
        for _, edges in self._blocks:
            upto += edges
        first = 0
        while first < PARTS:
            last = max(first + 1, int(np.searchsorted(upto, upto[first] + _AT_ONCE, side="right")) - 1)
            yield first, last
            first = last

    def _read(self, first: int, last: int) -> Iterator[tuple[Keys, Rows]]:
        assert self._file is not None
        for at, edges in self._blocks:
            begin, end = int(edges[first]), int(edges[last])
            self._file.seek(at + 16 * begin)
            both = np.frombuffer(self._file.read(16 * (end - begin)), np.uint64).reshape(-1, 2)
            yield both[:, 0], both[:, 1].view(np.int64)


class _Ascending:
    """Keys that never get smaller: the rows of those that are equal to a neighbour."""

    def __init__(self) -> None:
        self._last: tuple[np.int64, np.int64] | None = None
        self._found: list[Rows] = []

    def add(self, keys: Rows, rows: Rows) -> bool:
        """False, and nothing taken, when a key is smaller than the one before it."""
        if not len(keys):
            return True
        steps = keys[1:] >= keys[:-1]
        if not steps.all() or (self._last is not None and keys[0] < self._last[0]):
            return False
        same = np.append(keys[1:] == keys[:-1], False)
        same[1:] |= same[:-1].copy()
        if self._last is not None and keys[0] == self._last[0]:
            same[0] = True
            self._found.append(np.array([self._last[1]]))
        if same.any():
            self._found.append(rows[same])
        self._last = keys[-1], rows[-1]
        return True

    def repeated(self) -> Rows:
        """All of them, ascending."""
        return positions.distinct(np.concatenate(self._found)) if self._found else np.zeros(0, np.int64)


def _repeated(pieces: Iterable[tuple[Keys, Rows]]) -> Rows:
    keys, rows = (np.concatenate(column) for column in zip(*pieces, strict=True))
    ordered = np.sort(keys)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    if not len(twice):
        return np.zeros(0, np.int64)
    twice = twice[np.append(True, twice[1:] != twice[:-1])]
    place = np.minimum(np.searchsorted(twice, keys), len(twice) - 1)
    found: Rows = rows[twice[place] == keys]
    return found
