"""Duplicates: which texts repeat an earlier one, wholly or nearly, among millions and in bounded memory.

Equal texts are found by their hash. For the others, MinHash bands name candidates and each candidate's Jaccard
similarity is counted exactly, so what is told to be near is near; only a pair that shares no band is missed.
What grows with the texts lies in files; some 100 bytes a text are held.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from taihang.data.quality.text import letters, minhash

SHINGLE = 4
THRESHOLD = 0.7
_ALL_PAIRS = 50
_FIRST = 10
_PAIRS = 4_000  # compared at once: some 2 kB each
Rows = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class Found:
    """For each text: the first text of its group, the earlier text it is near to, and how near (1 for equal, 0: none).

    A text is a duplicate when it is not the first of its group. Groups join what is near to a common text, so two
    of one group may be less alike than the threshold.
    """

    first: Rows
    near: Rows
    similarity: npt.NDArray[np.float32]

    @property
    def duplicate(self) -> npt.NDArray[np.bool_]:
        """Which texts repeat an earlier one."""
        found: npt.NDArray[np.bool_] = self.first != np.arange(len(self.first))
        return found


def find(
    batches: Iterable[Sequence[str | None]],
    folder: Path,
    *,
    threshold: float = THRESHOLD,
    shingle: int = SHINGLE,
    bands: minhash.Bands | None = None,
) -> Found:
    """The duplicates among texts, which come in batches; `folder` takes the files, which may be removed afterwards.

    `threshold` is a Jaccard similarity of sets of `shingle` letters, case, width, punctuation and spaces apart.
    Texts without a letter or digit are no duplicates of anything.
    """
    shape = bands or minhash.Bands()
    kept = _Kept(folder, shape)
    try:
        for batch in batches:
            kept.add(batch, shingle)
    finally:
        kept.close()
    return _Grouping(kept, threshold).run()


class _Kept:
    """What is kept of each text that may be near another one: its keys and its set of shingles, in files."""

    def __init__(self, folder: Path, bands: minhash.Bands) -> None:
        self.bands, self.folder = bands, folder
        self.count = 0
        self._rows: list[Rows] = []
        self._hashes: list[npt.NDArray[np.uint64]] = []
        self._sizes: list[npt.NDArray[np.int32]] = []
        self._keys: list[IO[bytes]] = [(folder / f"band-{n}").open("wb") for n in range(bands.bands)]
        self._shingles: IO[bytes] = (folder / "shingles").open("wb")

    def add(self, batch: Sequence[str | None], shingle: int) -> None:
        texts = [letters.plain(text) if text else "" for text in batch]
        present = [place for place, text in enumerate(texts) if text]
        found = minhash.sets([texts[place] for place in present], shingle)
        if present:
            for file, own in zip(self._keys, minhash.keys(found, self.bands), strict=True):
                file.write(own.tobytes())
            self._shingles.write(found.hashes.tobytes())
        self._rows.append(np.array(present, np.int64) + self.count)
        self._sizes.append(np.diff(found.starts).astype(np.int32))
        self._hashes.append(np.array([hash(texts[place]) for place in present], np.int64).view(np.uint64))
        self.count += len(batch)

    def close(self) -> None:
        for file in (*self._keys, self._shingles):
            file.close()

    def rows(self) -> Rows:
        return np.concatenate(self._rows) if self._rows else np.zeros(0, np.int64)

    def hashes(self) -> npt.NDArray[np.uint64]:
        return np.concatenate(self._hashes) if self._hashes else np.zeros(0, np.uint64)

    def starts(self) -> letters.Places:
        sizes = np.concatenate(self._sizes) if self._sizes else np.zeros(0, np.int32)
        return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])

    def band(self, number: int) -> npt.NDArray[np.uint64]:
        return np.fromfile(self.folder / f"band-{number}", np.uint64)

    def sets(self) -> _Sets:
        return _Sets(self.folder / "shingles", self.starts())


class _Sets:
    """The sets of shingles in their file, read as they are asked for: mapped pages would count as memory."""

    def __init__(self, path: Path, starts: letters.Places) -> None:
        self.starts = starts
        self._file = path.open("rb", buffering=0)

    def of(self, which: Rows) -> tuple[npt.NDArray[np.uint32], letters.Places]:
        """The sets of some texts one after another, and where each begins; the last place is their end."""
        begins, ends = 4 * self.starts[which], 4 * self.starts[which + 1]
        file = self._file.fileno()
        spans = zip(begins.tolist(), (ends - begins).tolist(), strict=True)
        data = b"".join([os.pread(file, size, at) for at, size in spans])
        return np.frombuffer(data, np.uint32), np.concatenate([[0], np.cumsum((ends - begins) // 4)])

    def close(self) -> None:
        self._file.close()


class _Grouping:
    def __init__(self, kept: _Kept, threshold: float) -> None:
        self.kept, self.threshold = kept, threshold
        self.rows, self.starts = kept.rows(), kept.starts()
        self.parent = np.arange(len(self.rows))
        self.near = np.full(len(self.rows), -1, np.int64)
        self.similarity = np.zeros(len(self.rows), np.float32)

    def run(self) -> Found:
        first = np.arange(self.kept.count)
        near = np.full(self.kept.count, -1, np.int64)
        similarity = np.zeros(self.kept.count, np.float32)
        if len(self.rows):
            self._equal()
            # An equal text is near to what its first one is near to.
            single = self.parent == np.arange(len(self.parent))
            with contextlib.closing(self.kept.sets()) as sets:
                for number in range(self.kept.bands.bands):
                    for left, right in _pairs(self.kept.band(number), single):
                        self._join(left, right, sets)
            roots = self._roots()
            first[self.rows] = self.rows[roots]
            known = self.near >= 0
            near[self.rows[known]] = self.rows[self.near[known]]
            similarity[self.rows] = self.similarity
        return Found(first, near, similarity)

    def _equal(self) -> None:
        hashes = self.kept.hashes()
        order = np.argsort(hashes, kind="stable")
        ordered = hashes[order]
        fresh = np.ones(len(order), bool)
        fresh[1:] = ordered[1:] != ordered[:-1]
        heads = order[np.flatnonzero(fresh)[np.cumsum(fresh) - 1]]
        self.parent[order] = heads
        again = order != heads
        self.near[order[again]], self.similarity[order[again]] = heads[again], 1.0

    def _join(self, left: Rows, right: Rows, sets: _Sets) -> None:
        roots = self._roots()
        apart = roots[left] != roots[right]
        left, right = left[apart], right[apart]
        for at in range(0, len(left), _PAIRS):
            one, other = left[at : at + _PAIRS], right[at : at + _PAIRS]
            every = np.unique(np.concatenate([one, other]))
            found, starts = sets.of(every)
            alike = jaccard(found, starts, np.searchsorted(every, one), np.searchsorted(every, other))
            close = alike >= self.threshold
            for a, b, s in zip(one[close].tolist(), other[close].tolist(), alike[close].tolist(), strict=True):
                self._union(a, b, s)

    def _union(self, one: int, other: int, similarity: float) -> None:
        early, late = min(one, other), max(one, other)
        if self.near[late] < 0 or self.similarity[late] < similarity:
            self.near[late], self.similarity[late] = early, similarity
        a, b = self._root(early), self._root(late)
        if a != b:
            self.parent[max(a, b)] = min(a, b)

    def _root(self, place: int) -> int:
        while self.parent[place] != place:
            self.parent[place] = self.parent[self.parent[place]]
            place = int(self.parent[place])
        return place

    def _roots(self) -> Rows:
        while True:
            up = self.parent[self.parent]
            if np.array_equal(up, self.parent):
                return up
            self.parent = up


def _pairs(keys: npt.NDArray[np.uint64], chosen: npt.NDArray[np.bool_]) -> Iterator[tuple[Rows, Rows]]:
    """Pairs of chosen places with equal keys: all of a small group, and of a large one each with its first ones."""
    places = np.flatnonzero(chosen)
    order = places[np.argsort(keys[places], kind="stable")]
    ordered = keys[order]
    ends = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]) + 1, len(ordered))
    starts = np.append(0, ends[:-1])
    sizes = ends - starts
    for size in np.unique(sizes[sizes > 1]).tolist():
        groups = order[starts[sizes == size][:, None] + np.arange(size)]
        if size <= _ALL_PAIRS:
            one, other = np.triu_indices(size, 1)
        else:
            one, other = (np.concatenate(side) for side in zip(*_few(size), strict=True))
        step = max(1, (1 << 20) // len(one))
        for at in range(0, len(groups), step):
            some = groups[at : at + step]
            yield some[:, one].ravel(), some[:, other].ravel()


def _few(size: int) -> Iterator[tuple[Rows, Rows]]:
    every = np.arange(size)
    yield every[:-1], every[1:]
    for head in range(_FIRST):
        yield np.full(size - head - 1, head), every[head + 1 :]


def jaccard(
    shingles: npt.NDArray[np.uint32], starts: letters.Places, one: Rows, other: Rows
) -> npt.NDArray[np.float64]:
    """The exact similarity of pairs of sets that lie in one array."""
    marks = np.concatenate([_members(shingles, starts, one), _members(shingles, starts, other)])
    marks.sort()
    twice = marks[1:][marks[1:] == marks[:-1]]
    shared = np.bincount((twice >> np.uint64(32)).astype(np.int64), minlength=len(one))
    sizes = np.diff(starts)
    found: npt.NDArray[np.float64] = shared / (sizes[one] + sizes[other] - shared)
    return found


def _members(shingles: npt.NDArray[np.uint32], starts: letters.Places, which: Rows) -> npt.NDArray[np.uint64]:
    sizes = starts[which + 1] - starts[which]
    first = np.cumsum(sizes) - sizes
    places = np.arange(int(sizes.sum())) + np.repeat(starts[which] - first, sizes)
    owner = np.repeat(np.arange(len(which), dtype=np.uint64), sizes) << np.uint64(32)
    found: npt.NDArray[np.uint64] = owner | shingles[places].astype(np.uint64)
    return found
