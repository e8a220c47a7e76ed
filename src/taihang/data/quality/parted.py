"""Parted: a table as files that are judged one by one, and totals that are merged of theirs."""

# ruff: noqa: S608 - only names that were checked are put into SQL
from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from taihang.core import errors
from taihang.data.quality import planning, sets, target
from taihang.engines import tables
from taihang.engines.sources import folder, memory, parquet, paths
from taihang.rules import kinds

SPAN_ROWS = 8 << 20
MERGED = {"sum": ("sum",), "mean": ("sum", "count"), "min": ("min",), "max": ("max",), "count": ("count",),
          "null_rate": ("rows", "count")}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class File:
    """A file of a table, and what shows that it is the same as before."""

    name: str
    size: int
    changed_ns: int
    inode: int
    path: Path | None = None

    @property
    def mark(self) -> list[int]:
        """Size, time of change and inode."""
        return [self.size, self.changed_ns, self.inode]

    def digest(self) -> str:
        """SHA-256 of a file that was changed so lately that its mark could stay; else empty."""
        if self.path is None or memory.sure(self.mark):
            return ""
        return self.hashed()

    def hashed(self) -> str:
        """SHA-256 of the file, whatever its age. Raises errors.Failure for one that is gone."""
        if self.path is None:
            return ""
        try:
            return paths.digest(self.path)[0]
        except OSError as error:
            reason = error.strerror or error
            raise errors.Failure("engines.sources:vanished", path=self.path, reason=reason) from error


def parts(on: target.Target) -> list[File]:
    """The files of a table, in its order, a large Parquet file as spans; what is no file is one part, always new."""
    source = on.source
    listed: list[tuple[str, Any]] = [("", getattr(source, "path", None))]
    if isinstance(source, folder.Folder):
        listed = [(name, path) for name, path, _ in source.parts()]
    elif type(source) is parquet.Parquet and (source.rows or 0) > SPAN_ROWS:
        # What was judged of a large file is kept as it goes, so that whoever is killed need not begin anew.
        listed = [(name, source.path) for name, _ in source.spans(SPAN_ROWS)]
    found = []
    for name, path in listed:
        if isinstance(path, Path):
            size, changed, inode = memory.marked(path)
            found.append(File(name, size, changed, inode, path))
        else:
            found.append(File(name, -1, time.time_ns(), -1))
    return found


def only(on: target.Target, *names: str) -> target.Target:
    """The table, of some of its files alone."""
    if isinstance(on.source, folder.Folder):
        return dataclasses.replace(on, source=on.source.only(frozenset(names)))
    if isinstance(on.source, parquet.Parquet) and names != ("",):
        groups = {group for name, span in on.source.spans(SPAN_ROWS) if name in names for group in span}
        return dataclasses.replace(on, source=on.source.only(groups))
    return on


def whole(check: kinds.Kind, name: str) -> bool:
    """Whether bad rows of a rule of this table can only be told of all its rows at once."""
    if isinstance(check, (kinds.ForeignKey, kinds.Reconcile)):
        return check.other == name  # a key may point into another file
    return isinstance(check, (kinds.Anonymity, kinds.FunctionalDependency))


class Heap:
    """Keys with their rows, as the scan gives them."""

    def __init__(self) -> None:
        self._keys: list[npt.NDArray[np.uint64]] = []
        self._rows: list[npt.NDArray[np.int64]] = []

    def add(self, keys: npt.NDArray[np.uint64], rows: npt.NDArray[np.int64]) -> None:
        """Take some."""
        self._keys.append(keys.copy())
        self._rows.append(rows.copy())

    def keys(self) -> npt.NDArray[np.uint64]:
        """All keys."""
        return np.concatenate([np.zeros(0, np.uint64), *self._keys])

    def rows(self) -> npt.NDArray[np.int64]:
        """Their rows."""
        return np.concatenate([np.zeros(0, np.int64), *self._rows])


def values(engine: tables.Engine, on: target.Target, wanted: Sequence[planning.Total]) -> list[pa.Table]:
    """Of each total its parts over these rows, one row a total, in the database's own types."""
    if not wanted:
        return []
    select, columns = [], set[str]()
    for n, one in enumerate(wanted):
        only_sql = one.only.sql if one.only else None
        for name in MERGED[one.function]:
            sql = f"count(*){f' FILTER (WHERE {only_sql})' if only_sql else ''}" if name == "rows" else sets.total(
                name, one.column, only_sql)  # fmt: skip
            select.append(f"{sql} AS t{n}_{name}")
        columns.update(one.columns)
    with on.shown(engine, "t", sorted(columns)):
        row = engine.table(f"SELECT {', '.join(select)} FROM t")
    return [
        row.select([f"t{n}_{name}" for name in MERGED[one.function]]).rename_columns(list(MERGED[one.function]))
        for n, one in enumerate(wanted)
    ]


def merged(function: str, found: Sequence[pa.Table]) -> Any:
    """The total over all parts, as DuckDB gives it over all rows."""
    columns = {name: [v for one in found for v in one.column(name).to_pylist()] for name in MERGED[function]}
    known = {name: [v for v in some if v is not None] for name, some in columns.items()}
    if function == "count":
        return sum(known["count"])
    if function == "null_rate":
        rows = sum(known["rows"])
        return (rows - sum(known["count"])) / rows if rows else math.nan
    if function in {"min", "max"}:
        return _extreme(function, known[function])
    total = _sum(known["sum"])
    if function == "sum" or total is None:
        return total
    return float(total) / sum(known["count"])


def _sum(some: list[Any]) -> Any:
    if not some:
        return None
    return math.fsum(some) if isinstance(some[0], float) and all(map(math.isfinite, some)) else sum(some[1:], some[0])


def _extreme(function: str, some: list[Any]) -> Any:
    numbers = [v for v in some if not (isinstance(v, float) and math.isnan(v))]
    if len(numbers) < len(some) and (function == "max" or not numbers):
        return math.nan  # it is above all numbers
    if not some:
        return None
    return (max if function == "max" else min)(numbers)
