"""Keys: an exact index of a table's keys on disk, in sorted runs, by which an addition is checked without the rest.

A run is a file of (key, place) pairs sorted by key; a place is a part's number and a row in it. Runs of
like size are merged, so a lookup touches few. Parts that are gone are passed over, and left out of merges.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]
ROW_BITS = 40
_MOST_RUNS, _MERGED = 12, 8
_AT_ONCE = 1 << 20  # keys that are looked through together
_STEP = 1 << 12


def places(part: int, rows: npt.NDArray[np.int64]) -> Places:
    """Places of rows of a part."""
    return (np.int64(part) << ROW_BITS) | rows


def part_of(found: Places) -> npt.NDArray[np.int64]:
    """The parts of some places."""
    return found >> ROW_BITS


def within(found: Places, parts: Collection[int]) -> npt.NDArray[np.bool_]:
    """Which of some places lie in one of these parts."""
    known = np.zeros(max(parts, default=0) + 2, np.bool_)
    known[list(parts)] = True
    return np.asarray(known[np.minimum(part_of(found), len(known) - 1)])


def row_of(found: Places) -> npt.NDArray[np.int64]:
    """The rows in their parts of some places."""
    return found & ((1 << ROW_BITS) - 1)


class Damaged(Exception):
    """Something that was kept is gone or cannot be read: what it said can only be had by reading anew."""


class Index:
    """Runs in a folder. `names` are the runs in force; whoever keeps the index writes them down.

    Nothing that is in force is ever changed: a merge makes a new run, and `unused` says what may go.
    """

    def __init__(self, folder: Path, stem: str, names: Sequence[str]) -> None:
        self.folder, self.stem, self.names = folder, stem, list(names)

    def add(self, keys: Keys, found: Places, alive: Collection[int]) -> None:
        """Add keys with their places, and merge runs when there are many."""
        if len(keys):
            self._write(keys, found)
        if len(self.names) > _MOST_RUNS:
            runs = [self._read(name) for name in self.names]
            # The smallest together: a key is rewritten as often as the runs grow eightfold.
            order = sorted(range(len(runs)), key=lambda n: runs[n].shape[1])
            small, rest = order[:_MERGED], order[_MERGED:]
            merged = np.concatenate([runs[n] for n in small], axis=1)
            kept = within(merged[1].view(np.int64), alive)
            self.names = [self.names[n] for n in rest]
            self._write(merged[0][kept], merged[1][kept].view(np.int64))

    def with_keys(self, keys: Keys, alive: Collection[int]) -> tuple[Keys, Places]:
        """All entries of parts that are alive with one of these keys, which are sorted and differ."""
        found_keys, found_places = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)]
        for name in self.names:
            run = self._read(name)
            first = np.searchsorted(run[0], keys, side="left")
            there = first < run.shape[1]
            there[there] = run[0][first[there]] == keys[there]
            # Few of the keys are there: the ends of the others need not be looked for.
            hit = np.flatnonzero(there)
            first = first[hit]
            counts = np.searchsorted(run[0], keys[hit], side="right") - first
            at = np.repeat(first - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts) + np.arange(counts.sum())
            found_keys.append(np.asarray(run[0][at]))
            found_places.append(np.asarray(run[1][at]).view(np.int64))
        every, where = np.concatenate(found_keys), np.concatenate(found_places)
        kept = within(where, alive)
        return every[kept], where[kept]

    def repeats(self, alive: Collection[int]) -> tuple[Keys, Places]:
        """All entries of parts that are alive whose key is there more than once, a range of keys at a time."""
        runs = [self._read(name) for name in self.names]
        if not runs:
            return np.zeros(0, np.uint64), np.zeros(0, np.int64)
        some = np.sort(np.concatenate([run[0][::_STEP] for run in runs]))[:: _AT_ONCE // _STEP][1:]
        edges = different(some)  # equal keys stay together
        cuts = [np.concatenate([[0], np.searchsorted(run[0], edges), [run.shape[1]]]) for run in runs]
        found = []
        for n in range(len(edges) + 1):
            both = np.concatenate([run[:, cut[n] : cut[n + 1]] for run, cut in zip(runs, cuts, strict=True)], axis=1)
            where = both[1].view(np.int64)
            kept = within(where, alive)
            found.append(repeated(both[0][kept], where[kept]))
        keys, where = (np.concatenate(column) for column in zip(*found, strict=True))
        return keys, where

    def of_parts(self, parts: Collection[int]) -> Keys:
        """The keys of some parts."""
        found = [np.zeros(0, np.uint64)]
        for name in self.names if parts else ():
            run = self._read(name)
            found.append(np.asarray(run[0][within(run[1].view(np.int64), parts)]))
        return different(np.concatenate(found))

    def _write(self, keys: Keys, found: Places) -> None:
        order = np.argsort(keys, kind="stable")
        name = f"{self.stem}-{os.urandom(6).hex()}.npy"
        path = self.folder / name
        with path.open("wb") as stream:
            np.save(stream, np.stack([keys[order], found[order].view(np.uint64)], axis=0))
            stream.flush()
            os.fsync(stream.fileno())
        self.names.append(name)

    def _read(self, name: str) -> npt.NDArray[np.uint64]:
        try:
            found: npt.NDArray[np.uint64] = np.load(self.folder / name, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise Damaged(name) from error
        return found


def different(keys: Keys) -> Keys:
    """The keys without repeats, in order. NumPy's own goes through a hash table, many times as slow for millions."""
    ordered = np.sort(keys)
    return ordered[np.append(True, ordered[1:] != ordered[:-1])] if len(ordered) else ordered


def repeated(keys: Keys, found: Places) -> tuple[Keys, Places]:
    """The entries whose key is there more than once, by key."""
    ordered = np.sort(keys)
    twice = different(ordered[1:][ordered[1:] == ordered[:-1]])
    if not len(twice):
        return keys[:0], found[:0]
    same = twice[np.minimum(np.searchsorted(twice, keys), len(twice) - 1)] == keys
    keys, found = keys[same], found[same]
    order = np.argsort(keys, kind="stable")
    return keys[order], found[order]
