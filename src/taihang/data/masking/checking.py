"""Checking: the file that was written is read again, and whatever of a person still stands in it is told."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from taihang.core import job
from taihang.data.masking import masking, methods, planning
from taihang.engines.sources import source as sourcing

_MOST = 20
_SHORTEST_NUMBER = 7


@dataclasses.dataclass(frozen=True, slots=True)
class Leak:
    """Personal data that is still there, in a row (from 0) and column of the masked file; its value is not told."""

    row: int
    column: str
    kind: str
    original: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Checked:
    """How many values were found in the source, how many of them are in the file still, and the first of those."""

    found: int
    rows: int
    leaks: tuple[Leak, ...]
    leaked: int

    @property
    def coverage(self) -> float:
        """The share of what was found that is masked."""
        return 1.0 if not self.found else 1 - min(self.found, self.leaked) / self.found


def check(
    source: sourcing.Source, rows: Iterator[dict[str, Any]], masker: masking.Masker, progress: job.Progress
) -> Checked:
    """Hold the written rows against the source's, row by row.

    A leak is a value of the source's row that stands in the masked row, or personal data in the masked row that is
    not what the masks made. Columns that the policy keeps are not looked at. Rows that are missing or too many leak.
    """
    watched = [t.column for t in masker.plan.treatments if t.method != "keep"]
    leaks: list[Leak] = []
    found = leaked = row = 0
    for chunk in source.chunks(rows=2048):
        _, seen = masker.rows(chunk.data, noting=True)
        for one in seen:
            shown = next(rows, None)
            found += len(one.found)
            if shown is None:
                leaks.append(Leak(row, "", "rows", original=False))
                return Checked(found, row, tuple(leaks), leaked + 1)
            held = _Row(one, masker)
            for column in watched:
                for text in _texts(shown.get(column)):
                    for kind, original in held.leaks(column, text):
                        leaked += 1
                        leaks += [Leak(row, column, kind, original)] if len(leaks) < _MOST else []
            row += 1
        progress.update("data.masking:stage.check", row, max(row, source.rows or 0))
    if next(rows, None) is not None:
        leaks.append(Leak(row, "", "rows", original=False))
        leaked += 1
    return Checked(found, row, tuple(leaks), leaked)


class _Row:
    """What may not stand in a masked row, and what may."""

    def __init__(self, seen: masking.Seen, masker: masking.Masker) -> None:
        # What a permutation maps to itself is masked all the same; nobody can tell.
        gone = {(kind, value) for kind, value in seen.found if value not in seen.made}
        self._made = {methods.plain(one) for one in seen.made} - {""}
        self._texts = [(k, v) for k, v in gone if len(v) > 1 and not any(v in one for one in seen.made)]
        digits = {(kind, methods.plain(value)) for kind, value in gone}
        self._digits = [(k, v) for k, v in digits if v.isdigit() and len(v) >= _SHORTEST_NUMBER and not self._ours(v)]
        self._masker = masker

    def _ours(self, letters: str) -> bool:
        return any(letters in one or one in letters for one in self._made)

    def leaks(self, column: str, text: str) -> Iterator[tuple[str, bool]]:
        """Kinds that still stand in a value, and whether it is one of the source's row."""
        letters = methods.plain(text)
        yield from ((kind, True) for kind, value in self._texts if value in text)
        yield from ((kind, True) for kind, value in self._digits if value in letters)
        plan = self._masker.plan
        if plan.by_column[column].method != "text":
            return
        for span in planning.mentions(text):
            kept = plan.policy.of_kind(span.kind, secret=self._masker.secret is not None) == "keep"
            if not kept and not self._ours(methods.plain(text[span.start : span.end])):
                yield span.kind, False


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield str(value)
