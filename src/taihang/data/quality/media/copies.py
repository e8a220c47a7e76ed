"""Copies: which pictures repeat an earlier one, byte for byte or nearly, among as many as there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

# Two hashes at most four bits apart agree in at least one of five bands.
MOST_BITS = 4
_BANDS = ((0, 13), (13, 13), (26, 13), (39, 13), (52, 12))
_BUCKET = 4096

Whole = npt.NDArray[np.int64]


def exact(hashes: Sequence[str | None]) -> Whole:
    """For each content hash the place of its first occurrence; -1 for the first itself and for None."""
    first: dict[str, int] = {}
    found = np.full(len(hashes), -1, np.int64)
    for at, one in enumerate(hashes):
        if one is not None:
            earlier = first.setdefault(one, at)
            found[at] = earlier if earlier != at else -1
    return found


def near(prints: npt.NDArray[np.uint64]) -> tuple[Whole, Whole]:
    """For each 64-bit fingerprint the nearest earlier one within four bits, and how many bits it is apart.

    -1 where there is none. Fingerprints of one band's value are compared in buckets of at most 4,096; in
    larger ones (many flat pictures) only neighbours in order of the whole fingerprint are.
    """
    place = np.full(len(prints), -1, np.int64)
    apart = np.full(len(prints), MOST_BITS + 1, np.int64)
    _equal(prints, place, apart)
    # Equal ones were found; of each value only the first takes part in the search for near ones.
    firsts = np.flatnonzero(place < 0)
    for earlier, later, found in _pairs(prints[firsts]):
        a, b = firsts[earlier], firsts[later]
        low, high = np.minimum(a, b), np.maximum(a, b)
        order = np.lexsort((low, found, high))
        high, low, bits = high[order], low[order], found[order]
        best = np.concatenate([[True], high[1:] != high[:-1]]) if len(high) else np.zeros(0, bool)
        high, low, bits = high[best], low[best], bits[best]
        better = bits < apart[high]
        place[high[better]], apart[high[better]] = low[better], bits[better]
    return place, np.where(place >= 0, apart, -1)


def _equal(prints: npt.NDArray[np.uint64], place: Whole, apart: Whole) -> None:
    if not len(prints):
        return
    _, first, back = np.unique(prints, return_index=True, return_inverse=True)
    earliest = first[back]
    repeated = earliest != np.arange(len(prints))
    place[repeated], apart[repeated] = earliest[repeated], 0


def _pairs(prints: npt.NDArray[np.uint64]) -> Iterator[tuple[Whole, Whole, Whole]]:
    for start, width in _BANDS:
        band = (prints >> np.uint64(start)) & np.uint64((1 << width) - 1)
        order = np.lexsort((prints, band))
        edges = np.flatnonzero(np.diff(band[order])) + 1
        for bucket in np.split(order, edges):
            if len(bucket) < 2:
                continue
            reach = len(bucket) - 1 if len(bucket) <= _BUCKET else 64
            for step in range(1, reach + 1):
                a, b = bucket[:-step], bucket[step:]
                bits = np.bitwise_count(prints[a] ^ prints[b]).astype(np.int64)
                close = bits <= MOST_BITS
                if close.any():
                    yield a[close], b[close], bits[close]
