"""Distinct: how many different values there are, exactly while they are few, with a stated error beyond."""

from __future__ import annotations

import numpy as np

from taihang.data.profile import hashing

_PENDING = 1 << 16


class Distinct:
    """The `limit` smallest hashes of a column's values (k minimum values; Beyer et al., SIGMOD 2007).

    While there are no more than `limit` the count is that of the hashes: two values of one hash, some
    3 in 10^8 for a million values, would make it one too small. Beyond, it is estimated.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.saturated = False
        self._kept = np.empty(0, np.uint64)
        self._pending: list[hashing.Hashes] = []
        self._waiting = 0

    def update(self, found: hashing.Hashes) -> None:
        """Add hashes; repeats do not matter."""
        if self.saturated:
            found = found[found < self._kept[-1]]
        if not len(found):
            return
        self._pending.append(found)
        self._waiting += len(found)
        if self._waiting >= max(_PENDING, len(self._kept) // 2):
            self._settle()

    def merge(self, other: Distinct) -> None:
        """Add what another has seen: the same as if its hashes had been added here."""
        self.update(other.kept)
        self._settle()
        # Whoever has dropped hashes has kept as many as there may be: none below the last is missing.
        self.saturated = self.saturated or other.saturated

    @property
    def kept(self) -> hashing.Hashes:
        """The hashes in order: all of them while not saturated."""
        self._settle()
        return self._kept

    @property
    def count(self) -> int:
        """The count, or its estimate (k - 1) / (the k-th smallest hash as a share of all)."""
        kept = self.kept
        if not self.saturated:
            return len(kept)
        return round((self.limit - 1) / (float(kept[-1]) / 2.0**64))

    @property
    def error(self) -> float:
        """Relative standard error of the count: 0 while exact, 1/sqrt(k - 2) beyond."""
        return 0.0 if not self.saturated else 1.0 / float(np.sqrt(self.limit - 2))

    def _settle(self) -> None:
        if not self._pending:
            return
        kept = unique(np.concatenate([self._kept, *self._pending]))
        self._pending, self._waiting = [], 0
        if len(kept) > self.limit:
            kept, self.saturated = kept[: self.limit].copy(), True
        self._kept = kept


def unique(found: hashing.Hashes) -> hashing.Hashes:
    """The different hashes in order. NumPy's own goes through a table that hashes of this kind make slow."""
    found = np.sort(found)
    if len(found) < 2:
        return found
    first = np.empty(len(found), bool)
    first[0] = True
    np.not_equal(found[1:], found[:-1], out=first[1:])
    return found if first.all() else found[first]
