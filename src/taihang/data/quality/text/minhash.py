"""MinHash: signatures of sets of shingles, by which sets that overlap much are found without comparing all pairs.

Broder, On the resemblance and containment of documents, 1997; bands as in Leskovec, Rajaraman and Ullman,
Mining of Massive Datasets, 3.4.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from taihang.data.quality.text import letters

Hashes = npt.NDArray[np.uint32]
_BLOCK = 1 << 15


@dataclasses.dataclass(frozen=True, slots=True)
class Bands:
    """Two sets of Jaccard similarity s share a band with probability 1 - (1 - s**rows)**bands."""

    bands: int = 32
    rows: int = 5

    @property
    def permutations(self) -> int:
        """How many hash functions that takes."""
        return self.bands * self.rows

    def chance(self, similarity: float) -> float:
        """The probability that two sets of this similarity become candidates."""
        return float(1 - (1 - similarity**self.rows) ** self.bands)


@dataclasses.dataclass(frozen=True)
class Sets:
    """Sets of shingles, each sorted and without repeats: set i is `hashes[starts[i] : starts[i + 1]]`."""

    hashes: Hashes
    starts: letters.Places


def sets(texts: Sequence[str], size: int) -> Sets:
    """Shingles of `size` letters of texts that are not empty. A text's last ones reach beyond its end."""
    found = letters.Letters.of(texts, gap=size - 1)
    inside = found.inside()
    keys = found.hashes(size)[inside] >> np.uint64(32)
    keys |= found.owners().astype(np.uint64) << np.uint64(32)
    keys.sort()
    fresh = np.ones(len(keys), bool)
    fresh[1:] = keys[1:] != keys[:-1]
    keys = keys[fresh]
    counts = np.bincount((keys >> np.uint64(32)).astype(np.int64), minlength=len(texts))
    return Sets((keys & np.uint64(0xFFFFFFFF)).astype(np.uint32), np.concatenate([[0], np.cumsum(counts)]))


def keys(found: Sets, bands: Bands, seed: int = 1) -> npt.NDArray[np.uint64]:
    """A row a band, a column a set: equal keys mean equal least hashes in the whole band."""
    chance = np.random.default_rng(seed)
    # The shingles are hashes already: one odd multiplier each is a permutation of 32 bits.
    factors = chance.integers(1, 1 << 32, bands.permutations, dtype=np.uint64).astype(np.uint32) | np.uint32(1)
    count = len(found.starts) - 1
    made = np.zeros((bands.bands, count), np.uint64)
    first = 0
    while first < count:
        # A block that stays in the processor's cache, of whole sets.
        last = int(np.searchsorted(found.starts, found.starts[first] + _BLOCK, side="right")) - 1
        last = min(max(last, first + 1), count)
        block = found.hashes[found.starts[first] : found.starts[last]]
        offsets = found.starts[first:last] - found.starts[first]
        turned = np.empty_like(block)
        for place, factor in enumerate(factors):
            np.multiply(block, factor, out=turned)
            own = made[place // bands.rows, first:last]
            own *= np.uint64(0x100000001B3)
            own += np.minimum.reduceat(turned, offsets)
        first = last
    return letters.mixed(made)
