"""Faults: what of a source could not be read, where, and that the rest was."""

from __future__ import annotations

import collections
from collections.abc import Mapping
from typing import Any

from taihang.core import i18n, words

_MOST_OF_A_KIND = 100


class Fault(words.Word):
    """One thing that is wrong with a source.

    `part` is a file, sheet or table; `group` a zero-based row group; `line` a one-based line of a
    text file; `rows` how many rows were lost by it, 0 when they were kept, None when nobody knows.
    """

    code: words.Slug
    message: i18n.Message
    part: str | None = None
    group: int | None = None
    line: int | None = None
    rows: int | None = None


class Faults:
    """Faults in the order in which they were met: the first hundred of a kind, and how many there were."""

    def __init__(self, kept: Faults | None = None) -> None:
        self.listed: list[Fault] = list(kept.listed) if kept else []
        self.counts: collections.Counter[str] = collections.Counter(kept.counts if kept else ())
        self.rows_lost: int = kept.rows_lost if kept else 0

    def add(
        self,
        key: str,
        /,
        *,
        part: str | None = None,
        group: int | None = None,
        line: int | None = None,
        rows: int | None = None,
        **values: Any,
    ) -> None:
        """Note one fault; `key` names its text in this package's catalogue, below `fault.`."""
        code = key.replace("_", "-")
        self.counts[code] += 1
        self.rows_lost += rows or 0
        if self.counts[code] > _MOST_OF_A_KIND:
            return
        places = {"part": part, "group": group, "line": line}
        given = {**{name: place for name, place in places.items() if place is not None}, **values}
        told = i18n.Message(key=f"engines.sources:fault.{key}", values={**given, "lost": rows or 0})
        self.listed.append(Fault(code=code, message=told, part=part, group=group, line=line, rows=rows))

    @property
    def lost(self) -> bool:
        """True when rows were lost, or may have been."""
        return bool(self.rows_lost) or any(fault.rows is None for fault in self.listed)

    def merge(self, other: Faults) -> None:
        """Note what was met elsewhere, after these."""
        kept = collections.Counter(fault.code for fault in self.listed)
        for fault in other.listed:
            if kept[fault.code] < _MOST_OF_A_KIND:
                self.listed.append(fault)
                kept[fault.code] += 1
        self.counts += other.counts
        self.rows_lost += other.rows_lost

    def told(self) -> dict[str, Any]:
        """As plain values, for `of`."""
        listed = [fault.model_dump(mode="json") for fault in self.listed]
        return {"listed": listed, "counts": dict(self.counts), "rows_lost": self.rows_lost} if self.counts else {}

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Faults:
        """Those that were `told`."""
        made = cls()
        made.listed = [Fault.model_validate(fault) for fault in told.get("listed", ())]
        made.counts.update(told.get("counts", {}))
        made.rows_lost = told.get("rows_lost", 0)
        return made

    def __bool__(self) -> bool:
        return bool(self.listed)
