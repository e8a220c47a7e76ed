"""Frequent: the values that occur most, with counts that are exact or have a stated bound."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from taihang.data.profile import hashing

MOST = 4096
_PLACE_BITS = 16
_PLACE_SHIFT = np.uint64(64 - _PLACE_BITS)
Counts = npt.NDArray[np.int64]


class Frequent:
    """Counters of values (Misra, Gries, 1982, batch-wise): exact for up to `most` different ones.

    Beyond, the rarest are dropped; `error` is by how much a count may be too small.
    """

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self.error = 0
        self._values: pa.Array | None = None
        self._counts: Counts = np.empty(0, np.int64)
        self._places: npt.NDArray[np.bool_] | None = None  # where hashes of values that have a counter begin

    @property
    def exact(self) -> bool:
        """True while no counter was dropped."""
        return self.error == 0

    def update(self, values: pa.Array, counts: Counts, marks: hashing.Hashes | None = None) -> None:
        """Add different values with how often each occurs; `marks`, their hashes, let it pass over most at once."""
        if self._values is None:
            self._values = values.slice(0, 0)
        if self.error:
            chosen = self._known(values, marks) | (counts > 1)
            if not chosen.all():
                self.error += 1
                values, counts = values.filter(pa.array(chosen)), counts[chosen]
                marks = None if marks is None else marks[chosen]
            if not len(counts):
                return
        if self._places is not None and marks is not None:
            self._places[marks >> _PLACE_SHIFT] = True
        else:
            self._places = None
        if len(self._counts):
            joined = pa.concat_arrays([self._values, values]).dictionary_encode()
            codes = joined.indices.to_numpy(zero_copy_only=False)
            every = np.concatenate([self._counts, counts])
            self._values = joined.dictionary
            self._counts = np.bincount(codes, every, len(joined.dictionary)).astype(np.int64)
        else:
            self._values, self._counts = values, counts
        if len(self._counts) > self.most:
            order = np.argsort(-self._counts, kind="stable")
            self.error += int(self._counts[order[self.most // 4]])
            # In the order in which they were met, so that ties fall alike in every run.
            kept = np.sort(order[: self.most // 4])
            self._values, self._counts = self._values.take(pa.array(kept)), self._counts[kept]
            self._places = None

    def _known(self, values: pa.Array, marks: hashing.Hashes | None) -> npt.NDArray[np.bool_]:
        """Which values have a counter."""
        assert self._values is not None
        if marks is None:
            return np.asarray(pc.is_valid(pc.index_in(values, self._values)).to_numpy(zero_copy_only=False))
        if self._places is None:
            self._places = np.zeros(1 << _PLACE_BITS, bool)
            held = hashing.hashes(self._values)
            if held is not None:
                self._places[held >> _PLACE_SHIFT] = True
        maybe = np.flatnonzero(self._places[marks >> _PLACE_SHIFT])
        known = np.zeros(len(values), bool)
        found = pc.index_in(values.take(pa.array(maybe)), self._values)
        known[maybe] = pc.is_valid(found).to_numpy(zero_copy_only=False)
        return known

    def merge(self, other: Frequent) -> None:
        """Add another's counters."""
        if other._values is not None:
            self.update(other._values, other._counts)
            self.error += other.error

    def top(self, most: int) -> tuple[pa.Array | None, Counts]:
        """The most frequent values and their counts, ties in the order in which they were met."""
        if self._values is None:
            return None, self._counts
        order = np.argsort(-self._counts, kind="stable")[:most]
        return self._values.take(pa.array(order)), self._counts[order]
