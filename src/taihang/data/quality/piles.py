"""Piles: 64-bit keys with the position of their row, split by key and spilled to disk, to find those that repeat."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from taihang.core import errors

PARTS = 64
IN_MEMORY = 24 << 20
_ODD = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(58)
Keys = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.int64]


class Pile:
    """Keys of one check. Equal keys fall into one part; a part at a time is sorted.

    Keys are multiplied by an odd number, which maps them one to one, so that neighbours spread over
    the parts. Beyond `in_memory` bytes they go to a file in `folder`. Raises errors.Failure for a
    full disk.
    """

    def __init__(self, folder: Path, in_memory: int = IN_MEMORY) -> None:
        self.count = 0
        self._folder, self._limit, self._held = folder, in_memory, 0
        self._memory: list[tuple[Keys, Rows, npt.NDArray[np.int64]]] = []
        self._blocks: list[tuple[int, npt.NDArray[np.int64]]] = []
        self._file: BinaryIO | None = None

    def add(self, keys: Keys, rows: Rows) -> None:
        """Put keys with their rows onto the pile."""
        mixed = keys * _ODD
        part = (mixed >> _SHIFT).astype(np.uint8)
        order = np.argsort(part, kind="stable")
        edges = np.searchsorted(part[order], np.arange(PARTS + 1))
        self._memory.append((mixed[order], rows[order], edges))
        self.count += len(keys)
        self._held += 16 * len(keys)
        if self._held > self._limit:
            self._spill()

    def repeated(self) -> Rows:
        """Positions of all rows whose key another row has too, ascending."""
        found = [self._repeated(*self._part(part)) for part in range(PARTS)]
        return np.sort(np.concatenate(found)) if found else np.zeros(0, np.int64)

    def close(self) -> None:
        """Give the file back."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _spill(self) -> None:
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - closed by close
            for keys, rows, edges in self._memory:
                at = self._file.seek(0, 2)
                self._file.write(np.stack([keys, rows.view(np.uint64)], axis=1).tobytes())
                self._blocks.append((at, edges))
            self._file.flush()
        except OSError as error:
            raise errors.Failure("data.quality:spill", path=self._folder, reason=error.strerror or error) from error
        self._memory, self._held = [], 0

    def _part(self, part: int) -> tuple[Keys, Rows]:
        pieces = [
            (keys[edges[part] : edges[part + 1]], rows[edges[part] : edges[part + 1]])
            for keys, rows, edges in self._memory
        ]
        pieces += list(self._from_file(part))
        if not pieces:
            return np.zeros(0, np.uint64), np.zeros(0, np.int64)
        return np.concatenate([k for k, _ in pieces]), np.concatenate([r for _, r in pieces])

    def _from_file(self, part: int) -> Iterator[tuple[Keys, Rows]]:
        for at, edges in self._blocks:
            first, last = int(edges[part]), int(edges[part + 1])
            assert self._file is not None
            self._file.seek(at + 16 * first)
            both = np.frombuffer(self._file.read(16 * (last - first)), np.uint64).reshape(-1, 2)
            yield both[:, 0], both[:, 1].view(np.int64)

    @staticmethod
    def _repeated(keys: Keys, rows: Rows) -> Rows:
        ordered = np.sort(keys)
        twice = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
        if not len(twice):
            return np.zeros(0, np.int64)
        place = np.minimum(np.searchsorted(twice, keys), len(twice) - 1)
        found: Rows = rows[twice[place] == keys]
        return found
