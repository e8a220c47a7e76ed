"""Sampling: a dry run reads only the first rows of a table, and says so wherever a verdict stands."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

from taihang.data.quality import assessment, sets, target
from taihang.engines.sources import source as sourcing
from taihang.rules import rulebook


class Head(sourcing.Source):
    """The first rows of another source."""

    def __init__(self, inner: sourcing.Source, rows: int) -> None:
        super().__init__()
        self.inner, self.limit = inner, rows
        self.kind, self.name, self.columns = inner.kind, inner.name, inner.columns
        self.faults = inner.faults

    def digest(self) -> tuple[str, int]:
        """That of the whole source."""
        return self.inner.digest()

    def _scan(self, wanted: tuple[sourcing.Column, ...], rows: int) -> Iterator[sourcing.Chunk]:
        left = self.limit
        for chunk in self.inner.chunks([c.name for c in wanted], rows=min(rows, self.limit)):
            self.faults = self.inner.faults
            taken = chunk.data.slice(0, left)
            left -= taken.num_rows
            lines = None if chunk.lines is None else chunk.lines[: taken.num_rows]
            yield dataclasses.replace(chunk, data=taken, lines=lines)
            if left <= 0:
                return


def sampled(
    book: rulebook.Rulebook, targets: Mapping[str, target.Target], rows: int
) -> tuple[dict[str, target.Target], frozenset[str]]:
    """Targets cut to their first rows, and which were cut: a table that another is compared with stays whole."""
    beside = {name for c in book.rules for name in sets.tables_beside(c.rule.check)}
    cut = frozenset(name for name in targets if name not in beside)
    made = {n: target.Target(n, Head(on.source, rows)) if n in cut else on for n, on in targets.items()}
    return made, cut


def opened(found: assessment.Assessment, cut: frozenset[str]) -> assessment.Assessment:
    """The assessment with verdicts about whole tables taken back where only a part was read."""
    outcomes = tuple(
        dataclasses.replace(o, judged=0, broken=False, measured={}) if o.whole and o.compiled.rule.table in cut else o
        for o in found.outcomes
    )
    return dataclasses.replace(found, outcomes=outcomes)
