"""N-gram: a model of letters by their predecessors, and the perplexity of a text under it.

Interpolated as by Witten and Bell, The zero-frequency problem, 1991. Perplexity is per letter: the exponential of the
mean negative logarithm of each letter's probability after the three before it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from taihang.data.quality.text import letters

ORDER = 4
FEWEST_LETTERS = 2_000
MOST_LETTERS = 1_000_000
SHORTEST = 20
_U64 = npt.NDArray[np.uint64]


@dataclasses.dataclass(frozen=True)
class Model:
    """Counts of all runs of up to `ORDER` letters; `letters` says how many it has seen."""

    runs: tuple[_U64, ...]
    counts: tuple[npt.NDArray[np.int64], ...]
    contexts: tuple[_U64, ...]
    totals: tuple[npt.NDArray[np.int64], ...]
    kinds: tuple[npt.NDArray[np.int64], ...]
    letters: int
    alphabet: int

    def perplexities(self, texts: Sequence[str]) -> list[float | None]:
        """A perplexity for each text; None for one of fewer than 20 letters."""
        found = _read(texts)
        chances = np.full(len(found.codes), 1.0 / (self.alphabet + 1))
        for size in range(1, ORDER + 1):
            runs, before = _runs(found, size)
            count = _looked_up(self.runs[size - 1], self.counts[size - 1], runs)
            total = _looked_up(self.contexts[size - 1], self.totals[size - 1], before)
            kinds = _looked_up(self.contexts[size - 1], self.kinds[size - 1], before)
            seen = total > 0
            better = (count + kinds * chances) / np.maximum(total + kinds, 1)
            chances = np.where(seen, better, chances)
        surprise = -np.log(chances)[found.inside()]
        sums = np.bincount(found.owners(), surprise, minlength=len(texts))
        return [float(np.exp(total / size)) if size >= SHORTEST else None
                for total, size in zip(sums.tolist(), found.lengths.tolist(), strict=True)]  # fmt: skip


def train(texts: Sequence[str]) -> Model | None:
    """A model of the first million letters of texts; None for fewer than two thousand, which would tell nothing."""
    kept, total = [], 0
    for text in texts:
        kept.append(text[: MOST_LETTERS - total])
        total += len(kept[-1])
        if total >= MOST_LETTERS:
            break
    if total < FEWEST_LETTERS:
        return None
    found = _read(kept)
    inside = found.inside()
    columns: list[tuple[_U64, npt.NDArray[np.int64], _U64, npt.NDArray[np.int64], npt.NDArray[np.int64]]] = []
    for size in range(1, ORDER + 1):
        every, every_before = _runs(found, size)
        runs, first, counts = np.unique(every[inside], return_index=True, return_counts=True)
        contexts, owner = np.unique(every_before[inside][first], return_inverse=True)
        totals = np.bincount(owner, counts, minlength=len(contexts)).astype(np.int64)
        kinds = np.bincount(owner, minlength=len(contexts))
        columns.append((runs, counts, contexts, totals, kinds))
    runs_, counts_, contexts_, totals_, kinds_ = zip(*columns, strict=True)
    return Model(runs_, counts_, contexts_, totals_, kinds_, total, len(runs_[0]))


def _read(texts: Sequence[str]) -> letters.Letters:
    # Three zeros before each text: its first letters have a beginning to follow.
    return letters.Letters.of([" ".join(text.casefold().split()) for text in texts], gap=ORDER - 1)


def _runs(found: letters.Letters, size: int) -> tuple[_U64, _U64]:
    """For each place the hash of the `size` letters that end there, and of those but the last."""
    padded = np.concatenate([np.zeros(size - 1, np.uint32), found.codes]).astype(np.uint64)
    before = np.full(len(found.codes), size, np.uint64)
    for place in range(size - 1):
        before *= np.uint64(0x9E3779B97F4A7C15)
        before += padded[place : place + len(found.codes)]
    run = before * np.uint64(0x9E3779B97F4A7C15) + found.codes
    return letters.mixed(run), letters.mixed(before)


def _looked_up(keys: _U64, values: npt.NDArray[np.int64], wanted: _U64) -> npt.NDArray[np.int64]:
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], 0)
