"""Sampling: a random sample of texts in two halves, by their rows' hashes, so that every run draws the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from taihang.data.quality.text import letters, ngram


def side(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The half, 0 or 1, that rows of these numbers belong to."""
    return (letters.mixed(rows.astype(np.uint64) + np.uint64(1)) & np.uint64(1)).astype(np.int64)


class Halves:
    """Texts with the smallest hashes of their rows, as many as two models learn from."""

    def __init__(self, most: int = 2 * ngram.MOST_LETTERS) -> None:
        self._most = most
        self._limit = (1 << 64) - 1
        self._kept: list[tuple[int, int, str]] = []
        self._letters = 0

    def add(self, rows: Sequence[int], texts: Sequence[str | None]) -> None:
        """Offer texts of these rows."""
        numbers = np.array(rows, np.int64)
        hashes = letters.mixed(numbers.astype(np.uint64) + np.uint64(1)).tolist()
        for key, half, text in zip(hashes, side(numbers).tolist(), texts, strict=True):
            if key <= self._limit and text:
                self._kept.append((key, half, text))
                self._letters += len(text)
        while self._letters > self._most and self._limit > 1:
            self._limit //= 2
            self._kept = [one for one in self._kept if one[0] <= self._limit] or self._kept[:1]
            self._letters = sum(len(text) for _, _, text in self._kept)
            if len(self._kept) == 1:
                break

    def halves(self) -> tuple[list[str], list[str]]:
        """The texts of each half."""
        return [t for _, h, t in self._kept if h == 0], [t for _, h, t in self._kept if h == 1]
