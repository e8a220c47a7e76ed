"""Piles: 64-bit keys with the position of their row, split by key and spilled to disk, to find those that repeat."""

from __future__ import annotations

import contextlib
import dataclasses
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
_AT_ONCE = 1 << 16  # keys that are looked through at once, in memory that is used again and again
_ODD = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(54)
_LOW = np.uint64(_BLOCK - 1)
_BOUNDS = np.arange(PARTS + 1, dtype=np.uint64)[:-1] << _SHIFT
_MIDDLE = np.uint64(38)
_DENSE = 4  # a block of packed keys may have so many rows for each key
Keys = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.int64]


class Pile:
    """Keys of one check. Equal keys fall into one part; some parts at a time are looked through.

    Keys are multiplied by an odd number, which maps them one to one, so that neighbours spread over
    the parts. Beyond `in_memory` bytes they go to a file in `folder`, block by block, each in the order
    of the parts: neighbouring parts of a block are one read. Memory does not grow with the keys (up to
    `PARTS` times a million). Raises errors.Failure for a full disk.

    `hashed`: keys are hashes, so that others may be equal by chance and are compared by value anyway: where rows are
    close to one another, the lowest bits of a key give way to the row in its block, which halves what is written, and
    one sort puts a block in order. A trillion pairs of keys have seven such chances.

    `ascending`: keys are signed numbers that may come in order, as numbers of rows do: equal ones are
    neighbours then, and nothing is spilled. Where that ends after more than `in_memory` bytes, what came
    before is `lost`: whoever can gives all keys again, to a pile without it.
    """

    def __init__(
        self, folder: Path, in_memory: int = IN_MEMORY, *, ascending: bool = False, hashed: bool = False
    ) -> None:
        self.count = 0
        self.lost = False
        self._packed = _Packed() if hashed else None
        self._ascending = _Ascending() if ascending else None
        self._folder, self._limit, self._held, self._packed_held = folder, in_memory, 0, 0
        self._memory: list[tuple[Keys, Rows]] = []
        self._blocks: list[_Block] = []
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
        self.count += len(keys)
        if self._packed is not None and _close(rows):
            for packed, first in self._packed.full(keys, rows):
                self._keep(packed, first)
            return
        self._memory.append((keys * _ODD, rows))
        self._held += 16 * len(keys)
        if self._held > self._limit:
            self._spill()

    def repeated(self) -> Rows:
        """Positions of all rows whose key another row has too, ascending."""
        assert not self.lost
        if self._ascending is not None:
            return self._ascending.repeated()
        for packed, first in self._packed.rest() if self._packed is not None else ():
            self._keep(packed, first)
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

    def _keep(self, packed: Keys, first: int) -> None:
        """Hold a block in memory; beyond the limit all go to the file, and those that follow as they come."""
        edges = np.append(np.searchsorted(packed, _BOUNDS), len(packed)).astype(np.uint32)
        self._packed_held += packed.nbytes
        if self._packed_held <= self._limit:
            self._blocks.append(_Block(edges, None, first, packed.copy()))
            return
        self._blocks.append(_Block(edges, None, first, packed))
        with self._writing() as file:
            for block in self._blocks:
                if block.held is not None:
                    block.at = file.seek(0, 2)
                    file.write(block.held.data)
                    block.held = None

    def _spill(self) -> None:
        with self._writing() as file:
            while self._memory:
                some: list[tuple[Keys, Rows]] = []
                while self._memory and (not some or sum(len(k) for k, _ in some) < _BLOCK):
                    some.append(self._memory.pop())
                self._write(file, *(np.concatenate(column) for column in zip(*some, strict=True)))
        self._held = 0

    @contextlib.contextmanager
    def _writing(self) -> Iterator[BinaryIO]:
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - closed by close
            yield self._file
            self._file.flush()
        except OSError as error:
            raise errors.Failure("data.quality:spill", path=self._folder, reason=error.strerror or error) from error

    def _write(self, file: BinaryIO, keys: Keys, rows: Rows) -> None:
        part = (keys >> _SHIFT).astype(np.uint16)
        order = np.argsort(part, kind="stable")  # by radix for 16 bits
        edges = np.concatenate([[0], np.cumsum(np.bincount(part, minlength=PARTS))]).astype(np.uint32)
        at = file.seek(0, 2)
        file.write(np.stack([keys[order], rows[order].view(np.uint64)], axis=1).data)
        self._blocks.append(_Block(edges, at))

    def _spans(self) -> Iterator[tuple[int, int]]:
        """Parts that are looked through together: as many as fit, one at least."""
        if not self._blocks:
            return
        upto = np.zeros(PARTS + 1, np.int64)
        for block in self._blocks:
            upto += block.edges
        first = 0
        while first < PARTS:
            last = max(first + 1, int(np.searchsorted(upto, upto[first] + _AT_ONCE, side="right")) - 1)
            yield first, last
            first = last

    def _read(self, first: int, last: int) -> Iterator[tuple[Keys, Rows]]:
        for block in self._blocks:
            begin, end = int(block.edges[first]), int(block.edges[last])
            if block.first is None:
                both = self._at(block, 16 * begin, 16 * end).reshape(-1, 2)
                keys, rows = both[:, 0], both[:, 1].view(np.int64)
                yield keys if self._packed is None else keys & ~_LOW, rows
            else:
                packed = self._at(block, 8 * begin, 8 * end) if block.held is None else block.held[begin:end]
                yield packed & ~_LOW, (packed & _LOW).view(np.int64) + block.first

    def _at(self, block: _Block, begin: int, end: int) -> Keys:
        assert self._file is not None
        assert block.at is not None
        self._file.seek(block.at + begin)
        return np.frombuffer(self._file.read(end - begin), np.uint64)


@dataclasses.dataclass
class _Block:
    """Keys in the order of their parts, in memory or at a place of the file; of packed ones the `first` row."""

    edges: npt.NDArray[np.uint32]
    at: int | None
    first: int | None = None
    held: Keys | None = None


class _Packed:
    """Gathers hashes whose rows follow one another closely into blocks, each hash with its row in its lowest bits."""

    def __init__(self) -> None:
        self._block = np.zeros(_BLOCK, np.uint64)
        self._count, self._first, self._last = 0, 0, -1

    def full(self, keys: Keys, rows: Rows) -> Iterator[tuple[Keys, int]]:
        """Take some; gives each block that is full, in order, with its first row. It is good until the next call."""
        while len(keys):
            if rows[0] <= self._last or rows[0] - self._first >= _BLOCK:
                yield from self.rest()
            if not self._count:
                self._first = int(rows[0])
            some = int(np.searchsorted(rows, self._first + _BLOCK))
            here = self._block[self._count : self._count + some]
            np.multiply(keys[:some], _ODD, out=here)
            here &= ~_LOW
            here |= (rows[:some] - self._first).view(np.uint64)
            self._count, self._last = self._count + some, int(rows[some - 1])
            keys, rows = keys[some:], rows[some:]

    def rest(self) -> Iterator[tuple[Keys, int]]:
        """What is not full."""
        if self._count:
            block = self._block[: self._count]
            block.sort()
            yield block, self._first
            self._count, self._last = 0, -1


def _close(rows: Rows) -> bool:
    """Whether rows are in order, and near enough to one another that blocks of them hold many."""
    return bool(len(rows) and rows[-1] - rows[0] < _DENSE * len(rows) and np.all(rows[1:] > rows[:-1]))


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
    # Few are there twice: most are told not to be by sixteen of their bits.
    marked = np.zeros(1 << 16, bool)
    marked[_bits(twice)] = True
    some = np.flatnonzero(marked[_bits(keys)])
    place = np.minimum(np.searchsorted(twice, keys[some]), len(twice) - 1)
    found: Rows = rows[some[twice[place] == keys[some]]]
    return found


def _bits(keys: Keys) -> npt.NDArray[np.uint16]:
    return (keys >> _MIDDLE).astype(np.uint16)
