"""Table metrics: of one Arrow table as a whole. Rules (`taihang assess`) say which rows; these say how much."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from taihang.data.quality.metrics.registry import Keep, metric


def drawn(count: int = 200, seed: int = 1) -> pa.Table:
    """Readings of instruments: id, place, kind, value."""
    chance = np.random.default_rng(seed)
    return pa.table({
        "id": [f"S{n:04d}" for n in range(count)],
        "place": [("north", "south", "shaft")[n] for n in chance.integers(0, 3, count)],
        "value": chance.normal(20, 3, count),
        "code": [str(n) for n in chance.integers(100, 999, count)],
    })  # fmt: skip


def emptied(one: pa.Table, share: float, seed: int = 2) -> pa.Table:
    """This share of the cells without a value."""
    chance = np.random.default_rng(seed)
    columns = {}
    for name in one.column_names:
        keep = chance.permutation(one.num_rows) >= round(share * one.num_rows)
        columns[name] = pc.if_else(pa.array(keep), one.column(name), pa.scalar(None, one.schema.field(name).type))
    return pa.table(columns)


def copied(one: pa.Table, share: float) -> pa.Table:
    """The first rows once more in the place of the last, this share of all."""
    count = round(share * one.num_rows / 2)
    return pa.concat_tables([one.slice(0, one.num_rows - count), one.slice(0, count)])


def put(one: pa.Table, column: str, share: float, value: Any) -> pa.Table:
    """The first values of a column replaced, this share of them."""
    count = round(share * one.num_rows)
    values = [value if n < count else v for n, v in enumerate(one.column(column).to_pylist())]
    return one.set_column(one.column_names.index(column), column, pa.array(values))


def levelled(one: pa.Table, count: int) -> pa.Table:
    """The first columns made constant."""
    for name in one.column_names[:count]:
        one = put(one, name, 1.0, one.column(name)[0].as_py())
    return one


def _registered(id: str, dimension: str, source: str, bound: float, failing: Any, **more: Any) -> Keep:
    given = {"direction": "lower", "cost": "scan", "passing": drawn, **more}
    return metric(f"table.{id}", dimension=dimension, source=source, bound=bound, failing=failing, **given)


@_registered(
    "completeness", "completeness", "ISO/IEC 25024 (idea)", 0.95, lambda: emptied(drawn(), 0.2), direction="higher"
)
def completeness(one: pa.Table) -> float | None:
    """Share of the cells that have a value."""
    cells = one.num_rows * one.num_columns
    return 1 - sum(c.null_count for c in one.columns) / cells if cells else None


@_registered("repeated", "uniqueness", "—", 0.01, lambda: copied(drawn(), 0.2))
def repeated(one: pa.Table) -> float | None:
    """Share of the rows that equal an earlier one in every column."""
    if not one.num_rows:
        return None
    return float(1 - one.group_by(one.column_names).aggregate([]).num_rows / one.num_rows)


@_registered("constant", "validity", "—", 0.2, lambda: levelled(drawn(), 2))
def constant(one: pa.Table) -> float | None:
    """Share of the columns with at most one value."""
    if not one.num_columns:
        return None
    return float(sum(pc.count_distinct(c).as_py() <= 1 for c in one.columns) / one.num_columns)


@_registered("outliers", "accuracy", "Tukey 1977 (outer fences)", 0.01, lambda: put(drawn(), "value", 0.1, 500.0))
def outliers(one: pa.Table) -> float | None:
    """Share of the numbers beyond three interquartile ranges from the quartiles of their column."""
    found = total = 0
    for values in _numbers(one):
        low, high = np.quantile(values, [0.25, 0.75])
        reach = 3 * (high - low)
        found += int(((values < low - reach) | (values > high + reach)).sum())
        total += values.size
    return found / total if total else None


@_registered("finite", "validity", "—", 1.0, lambda: put(drawn(), "value", 0.1, float("nan")), direction="higher")
def finite(one: pa.Table) -> float | None:
    """Share of the floating numbers that are neither NaN nor infinite."""
    columns = [c.drop_null() for c in one.columns if pa.types.is_floating(c.type)]
    total = sum(len(c) for c in columns)
    return sum(pc.sum(pc.is_finite(c)).as_py() or 0 for c in columns) / total if total else None


@_registered("types", "consistency", "—", 0.01, lambda: put(drawn(), "code", 0.2, "unknown"))
def types(one: pa.Table) -> float | None:
    """The most mixed text column: min(p, 1 - p) with p the share of its values that read as numbers."""
    shares = []
    for column in one.columns:
        if pa.types.is_string(column.type) and len(known := column.drop_null()):
            share = pc.mean(pc.match_substring_regex(known, r"^\s*[+-]?\d+(\.\d+)?\s*$")).as_py()
            shares.append(min(share, 1 - share))
    return float(max(shares)) if shares else None


def _numbers(one: pa.Table) -> list[Any]:
    found = []
    for column in one.columns:
        if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
            values = column.drop_null().to_numpy().astype(np.float64)
            if (values := values[np.isfinite(values)]).size >= 4:
                found.append(values)
    return found
