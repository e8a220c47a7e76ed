"""Tallies: totals that are kept while a table is scanned, so that no pass of their own reads its columns again.

Only what comes out the same as in the database is kept: how many values there are, sums and means of numbers, least
and greatest whole numbers, without a filter. Where it might not (a sum that is not finite or does not fit), nothing is
told, and the database is asked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from taihang.data.quality import planning

_FITS = 1 << 62


class _Chunk(NamedTuple):
    """What one chunk gave of one column."""

    known: int
    sum: int | float
    least: int | None
    most: int | None


class Tallies:
    """The totals of one table, by their numbers in the plan, that can be kept while it is scanned."""

    def __init__(self, totals: Sequence[planning.Total], name: str, schema: pa.Schema) -> None:
        self._wanted = {
            n: one
            for n, one in enumerate(totals)
            if one.table == name and one.only is None and _kept(one.function, schema.field(one.column).type)
        }
        self._rows = 0
        self._lost = set[str]()
        self._found: dict[str, list[_Chunk]] = {one.column: [] for one in self._wanted.values()}
        self._added = {one.column for one in self._wanted.values() if one.function not in {"count", "null_rate"}}

    def add(self, data: pa.RecordBatch) -> None:
        """Take a chunk's values."""
        self._rows += data.num_rows
        for name, found in self._found.items():
            column = data.column(name)
            count = len(column) - column.null_count
            if not count or name not in self._added:
                found.append(_Chunk(count, 0, None, None))
                continue
            least = most = None
            if pa.types.is_integer(column.type):
                both = pc.min_max(column)
                least, most = both["min"].as_py(), both["max"].as_py()
                if max(-least, most) * count >= _FITS:
                    self._lost.add(name)
            found.append(_Chunk(count, pc.sum(column).as_py(), least, most))

    def totals(self) -> dict[int, Any]:
        """What was found, by the totals' numbers; without those that only the database can tell."""
        told = {n: self._total(one.function, one.column) for n, one in self._wanted.items() if self._rows}
        return {n: value for n, value in told.items() if value is not None}

    def _total(self, function: str, name: str) -> Any:
        found = self._found[name]
        count = sum(one.known for one in found)
        if function == "count":
            return count
        if function == "null_rate":
            return (self._rows - count) / self._rows
        if name in self._lost or not count:
            return None
        if function in {"min", "max"}:
            least, most = ([v for v in some if v is not None] for some in zip(*(one[2:] for one in found), strict=True))
            return min(least) if function == "min" else max(most)
        parts = [one.sum for one in found]
        total = (
            sum(parts) if isinstance(parts[0], int) and not any(isinstance(p, float) for p in parts) else _sum(parts)
        )
        if total is None:
            return None
        return total if function == "sum" else total / count


def _sum(parts: Sequence[float]) -> float | None:
    """The sum of finite parts, rounded once; None where it is not finite."""
    try:
        total = math.fsum(parts) if all(map(math.isfinite, parts)) else math.nan
    except OverflowError:
        return None
    return total if math.isfinite(total) else None


def _kept(function: str, kind: pa.DataType) -> bool:
    whole = pa.types.is_integer(kind) and kind != pa.uint64()
    if function in {"count", "null_rate"}:
        return bool(pa.types.is_primitive(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind))
    return bool(
        whole if function in {"min", "max"} else function in {"sum", "mean"} and (whole or kind == pa.float64())
    )
