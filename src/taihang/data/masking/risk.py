"""Risk: how easily a row could be told to be somebody's, by what many people share and few do.

k-anonymity: Sweeney, 2002; l-diversity: Machanavajjhala et al., 2007; prosecutor and marketer risk: El Emam,
Guide to the De-Identification of Personal Health Information, 2013.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from taihang.engines import tables


@dataclasses.dataclass(frozen=True, slots=True)
class Risk:
    """Of the combinations of some columns: rows, how many differ (`groups`), rows of the smallest (`k`).

    `alone` are rows whose combination nobody shares, `below` those in groups smaller than asked for. `prosecutor` is
    the highest chance that a row of a known person is found (1/k), `marketer` the expected share of rows that are.
    `l` is the least number of different sensitive values in a group, `entropy_l` the exponential of the least
    entropy. NULLs are values. None without rows, or without a sensitive column.
    """

    rows: int
    groups: int
    k: int | None
    alone: int
    below: int
    prosecutor: float | None
    marketer: float | None
    l: int | None = None  # noqa: E741 - l-diversity is called so
    entropy_l: float | None = None


def measure(
    rows: Iterator[Mapping[str, Any]], quasi: Sequence[str], sensitive: str | None = None, asked: int | None = None
) -> Risk:
    """The risk of rows; every combination is counted exactly, by DuckDB, on disk when memory runs out."""
    names = [*quasi, *([sensitive] if sensitive else [])]

    def batches() -> Iterator[pa.RecordBatch]:
        held: list[list[str | None]] = []
        for row in rows:
            held.append([None if row.get(name) is None else str(row[name]) for name in names])
            if len(held) >= 65_536:
                yield _batch(held, names)
                held = []
        yield _batch(held, names)

    schema = pa.schema([pa.field(f"c{n}", pa.string()) for n in range(len(names))])
    keys = ", ".join(f"c{n}" for n in range(len(quasi)))
    if sensitive:
        last = f"c{len(names) - 1}"
        sql = (
            f"SELECT sum(n) AS n, count(*) AS l, -sum(n * ln(n)) AS s "  # noqa: S608 - names of ours
            f"FROM (SELECT {keys}, {last}, count(*) AS n FROM t GROUP BY ALL) GROUP BY {keys}"
        )
    else:
        sql = f"SELECT count(*) AS n, 1 AS l, 0.0 AS s FROM t GROUP BY {keys}"  # noqa: S608 - names of ours
    with tables.Engine() as engine, engine.seeing(t=pa.RecordBatchReader.from_batches(schema, batches())):
        found = engine.table(sql)
    return _told(found, asked, bool(sensitive))


def _told(found: pa.Table, asked: int | None, sensitive: bool) -> Risk:
    sizes = found.column("n").cast(pa.float64()).to_numpy()
    if not len(sizes):
        return Risk(0, 0, None, 0, 0, None, None)
    total, least = float(sizes.sum()), float(sizes.min())
    kinds = found.column("l").cast(pa.float64()).to_numpy()
    # Entropy of a group of n rows with nᵢ of each value: ln n - Σ nᵢ ln nᵢ / n.
    entropy = np.log(sizes) + found.column("s").cast(pa.float64()).to_numpy() / sizes
    return Risk(
        rows=int(total),
        groups=len(sizes),
        k=int(least),
        alone=int((sizes == 1).sum()),
        below=int(sizes[sizes < asked].sum()) if asked else 0,
        prosecutor=1 / least,
        marketer=len(sizes) / total,
        l=int(kinds.min()) if sensitive else None,
        entropy_l=float(np.exp(entropy.min())) if sensitive else None,
    )


def _batch(held: list[list[str | None]], names: Sequence[str]) -> pa.RecordBatch:
    columns = list(zip(*held, strict=True)) if held else [() for _ in names]
    return pa.RecordBatch.from_arrays(
        [pa.array(column, pa.string()) for column in columns], names=[f"c{n}" for n in range(len(names))]
    )
