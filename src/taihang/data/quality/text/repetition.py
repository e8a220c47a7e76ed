"""Repetition: how much of a text it has said before, word for word."""

from __future__ import annotations

import re

import numpy as np

# Scripts without spaces are counted by the letter: ten letters say about what five words do.
_TOKEN = re.compile(r"[\u3005-\u30ff\u3400-\u9fff\uf900-\ufaff\u0e00-\u0eff\U00020000-\U000323af]|\w+")
_WORDS, _LETTERS = 5, 10
_FEWEST = 2


def tokens(text: str) -> list[str]:
    """Words in lower case; of scripts without spaces, single letters."""
    return _TOKEN.findall(text.casefold())


def repetition(words: list[str]) -> float | None:
    """The share of a text's tokens inside a run that stood earlier in it; None when it is too short to tell.

    Runs have five words, or ten letters where most tokens are single letters (in the manner of the duplicate n-gram
    fractions of Rae et al., Scaling Language Models, 2021).
    """
    size = _LETTERS if sum(len(w) == 1 and ord(w) > 0xFF for w in words) * 2 > len(words) else _WORDS
    if len(words) < _FEWEST * size:
        return None
    codes = np.fromiter((hash(w) for w in words), np.int64, len(words)).view(np.uint64)
    runs = np.zeros(len(codes) - size + 1, np.uint64)
    for place in range(size):
        runs *= np.uint64(0x9E3779B97F4A7C15)
        runs += codes[place : place + len(runs)]
    _, first = np.unique(runs, return_index=True)
    again = np.ones(len(runs), bool)
    again[first] = False
    # Each run covers `size` tokens from its place on.
    covered = np.zeros(len(codes) + 1, np.int64)
    places = np.flatnonzero(again)
    np.add.at(covered, places, 1)
    np.add.at(covered, places + size, -1)
    return float((np.cumsum(covered[:-1]) > 0).mean())
