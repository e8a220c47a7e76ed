"""Positions: where the bad rows of several rules stand, put together only as far as they are asked for."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]
_PIECE = 1 << 17


class Positions:
    """Ascending lists of positions as one, each position once.

    The lists stay where they are: one copy of all of them would double what many bad rows take.
    """

    def __init__(self, lists: Sequence[Rows]) -> None:
        self._lists = [rows for rows in lists if len(rows)]

    def __len__(self) -> int:
        """How many different positions there are."""
        return len(self._lists[0]) if len(self._lists) == 1 else sum(len(piece) for piece in self.pieces())

    def within(self, start: int, stop: int) -> Rows:
        """Those from `start` to before `stop`, ascending."""
        found = [rows[slice(*np.searchsorted(rows, [start, stop]))] for rows in self._lists]
        if len(found) == 1:
            return found[0]
        return distinct(np.concatenate(found)) if found else np.zeros(0, np.int64)

    def count(self, start: int, stop: int) -> int:
        """How many there are from `start` to before `stop`."""
        if len(self._lists) == 1:
            first, last = np.searchsorted(self._lists[0], [start, stop])
            return int(last - first)
        return sum(len(self.within(*span)) for span in self._spans(start, stop))

    def pieces(self) -> Iterator[Rows]:
        """All of them, in pieces that hold about a hundred thousand each."""
        if self._lists:
            first, last = min(int(r[0]) for r in self._lists), max(int(r[-1]) for r in self._lists)
            for start, stop in self._spans(first, last + 1):
                piece = self.within(start, stop)
                if len(piece):
                    yield piece

    def _spans(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """The span in such parts that none has many of the longest list's positions, one beside the other."""
        if not self._lists or stop <= start:
            return
        longest = max(self._lists, key=len)
        first, last = (int(n) for n in np.searchsorted(longest, [start, stop]))
        edges = [start, *(int(longest[n]) for n in range(first + _PIECE, last, _PIECE)), stop]
        yield from itertools.pairwise(edges)


def distinct(rows: Rows) -> Rows:
    """The positions without repeats, ascending; numpy's own goes through a hash table, slower and larger."""
    ordered = np.sort(rows)
    return ordered[np.append(True, ordered[1:] != ordered[:-1])] if len(ordered) else ordered
