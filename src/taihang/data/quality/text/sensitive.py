"""Sensitive: words of a list inside texts, whatever stands between their letters."""

from __future__ import annotations

import dataclasses
import functools
import importlib.resources
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from taihang.core import errors
from taihang.data.quality.text import letters, scripts

_LARGEST = 16 << 20
_LONGEST = 64
_LATIN = re.compile(r"[^\W_]+(?: [^\W_]+)*", re.ASCII)


@dataclasses.dataclass(frozen=True)
class Words:
    """A list of words, folded as texts are; `name` says where it comes from.

    Words of Latin letters stand alone in a text; others are found inside longer ones, and with marks or spaces
    between their letters.
    """

    name: str
    whole: re.Pattern[str] | None
    inside: dict[int, frozenset[str]]
    scripts: frozenset[str]
    count: int

    @classmethod
    def of(cls, given: Iterable[str], name: str) -> Words:
        """The list of these words."""
        plain = {word for one in given if (word := _folded(one))}
        latin = {word for word in plain if _LATIN.fullmatch(word)}
        sizes: dict[int, set[str]] = {}
        for word in plain - latin:
            sizes.setdefault(len(letters.plain(word)), set()).add(letters.plain(word))
        sizes.pop(0, None)
        ordered = sorted(latin, key=len, reverse=True)
        whole = re.compile(rf"\b(?:{'|'.join(map(re.escape, ordered))})\b") if ordered else None
        found = scripts.counts(letters.Letters.of(sorted(plain))) if plain else np.zeros((0, 1), np.int64)
        present = frozenset(scripts.NAMES[n] for n in np.flatnonzero(found.sum(axis=0)).tolist() if n)
        return cls(name, whole, {size: frozenset(words) for size, words in sizes.items()}, present, len(plain))


@functools.cache
def shipped() -> Words:
    """A short neutral list: offers of forged papers, gambling, drugs and fraud, in Chinese and English."""
    text = (importlib.resources.files(__package__) / "sensitive.txt").read_text(encoding="utf-8")
    return Words.of(_lines(text), "taihang")


def load(path: Path) -> Words:
    """A list of one's own: one word a line, UTF-8, `#` before a remark. Raises errors.UserError."""
    try:
        if path.stat().st_size > _LARGEST:
            raise errors.UserError("data.quality.text:words_large", path=path, limit=_LARGEST)
        found = Words.of(_lines(path.read_text(encoding="utf-8-sig")), path.name)
    except OSError as error:
        raise errors.UserError("data.quality.text:words", path=path, reason=error.strerror or str(error)) from None
    except UnicodeDecodeError:
        raise errors.UserError("data.quality.text:words_utf8", path=path) from None
    if not found.count:
        raise errors.UserError("data.quality.text:words_none", path=path)
    return found


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def _folded(word: str) -> str:
    return " ".join(letters.visible(word).casefold().split())[:_LONGEST]


def found(text: str, words: Words, script: Sequence[str]) -> tuple[list[str], float] | None:
    """The words of the list that stand in a text, and the share of its letters that they take.

    None when the text has no letter of a script that the list has: then nothing can be told. `script` are those of
    the text's letters.
    """
    if not words.scripts & set(script):
        return None
    shown = letters.visible(text)
    hits = words.whole.findall(" ".join(shown.casefold().split())) if words.whole is not None else []
    taken = sum(len(hit) - hit.count(" ") for hit in hits)
    plain = letters.plain(shown)
    for size, known in words.inside.items():
        own = [plain[at : at + size] for at in range(len(plain) - size + 1)] if len(known) > 0 else []
        within = [piece for piece in own if piece in known]
        hits += within
        taken += size * len(within)
    return sorted(set(hits)), min(1.0, taken / max(1, len(plain)))
