"""Candidates: the pairs of kinds that a book lets be cause and effect."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable

from taihang.model.causes import book as books


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Candidate:
    """One kind that may bring about another, from `least_s` to `most_s` after it began."""

    cause: str
    effect: str
    least_s: float
    most_s: float
    same: books.Same


def candidates(kinds: Iterable[str], book: books.Book) -> tuple[Candidate, ...]:
    """Every ordered pair of different kinds that no constraint takes away, sorted.

    Constraints narrow: lags are cut to what all of them allow, and of `any`, `place`, `actor` the strictest holds.
    """
    names = sorted(set(kinds))
    groups = {kind: book.grouped(kind) for kind in names}
    return tuple(
        one
        for cause, effect in itertools.permutations(names, 2)
        if (one := _allowed(cause, effect, groups, book)) is not None
    )


def _allowed(cause: str, effect: str, groups: dict[str, frozenset[str]], book: books.Book) -> Candidate | None:
    # A cause may not stand in a group that comes after a group of its effect.
    if any(theirs in book.before.get(mine, frozenset()) for mine in groups[cause] for theirs in groups[effect]):
        return None
    if any(book.matches(f.cause, cause) and book.matches(f.effect, effect) for f in book.forbid):
        return None
    for need in book.needs:
        if book.matches(need.effect, effect) and not any(book.matches(p, cause) for p in need.cause):
            return None
    least, most, strict = book.lag.least_s, book.lag.most_s, {book.same}
    for one in book.within:
        if book.matches(one.cause, cause) and book.matches(one.effect, effect):
            if one.lag is not None:
                least, most = max(least, one.lag.least_s), min(most, one.lag.most_s)
            strict |= {one.same} if one.same is not None else set()
    if least >= most:
        return None
    same: books.Same = "actor" if "actor" in strict else "place" if "place" in strict else "any"
    return Candidate(cause, effect, least, most, same)
