"""Change metrics: of two versions of a table, older first. Monitors learn bands of such measures; these are fixed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from taihang.data.quality.metrics import table
from taihang.data.quality.metrics.registry import Keep, metric
from taihang.data.quality.monitors import drift

Pair = tuple[pa.Table, pa.Table]


def alike() -> Pair:
    """Two tables drawn from one distribution."""
    return table.drawn(2000, 1), table.drawn(2000, 2)


def moved(by: float, seed: int = 2) -> Pair:
    """The second one's numbers moved by so many standard deviations."""
    old, new = table.drawn(2000, 1), table.drawn(2000, seed)
    values = pc.add(new.column("value"), 3 * by)
    return old, new.set_column(new.column_names.index("value"), "value", values)


def skewed(share: float, seed: int = 2) -> Pair:
    """This share of the second one's places replaced by one of them."""
    old, new = table.drawn(2000, 1), table.drawn(2000, seed)
    return old, table.put(new, "place", share, "shaft")


def shortened(share: float, seed: int = 2) -> Pair:
    """This share of the second one's rows missing."""
    old, new = table.drawn(2000, 1), table.drawn(2000, seed)
    return old, new.slice(0, round(2000 * (1 - share)))


def _registered(id: str, dimension: str, source: str, bound: float, failing: Any, **more: Any) -> Keep:
    given = {"direction": "lower", "cost": "scan", "passing": alike, "of": "set", **more}
    return metric(f"table.{id}", dimension=dimension, source=source, bound=bound, failing=failing, **given)


@_registered("psi", "consistency", "Siddiqi 2006 (0.1 and 0.25)", 0.1, lambda: moved(1))
def psi(both: Pair) -> float | None:
    """Population stability index over ten bins of equal count of the older, of the number column that moved most."""
    return _most(_numbers, both, lambda one: one.psi)


@_registered("ks", "consistency", "Kolmogorov-Smirnov statistic", 0.1, lambda: moved(1))
def ks(both: Pair) -> float | None:
    """Greatest distance of the two distribution functions, of the number column that moved most."""
    return _most(_numbers, both, lambda one: one.ks)


@_registered("js", "consistency", "Jensen-Shannon distance, Endres and Schindelin 2003", 0.1, lambda: skewed(0.5))
def js(both: Pair) -> float | None:
    """Jensen-Shannon distance of the shares of values, of the text column of few values that moved most."""
    return _most(_categories, both, lambda one: one.js)


@_registered("tvd", "consistency", "total variation distance", 0.1, lambda: skewed(0.5))
def tvd(both: Pair) -> float | None:
    """Half the sum of the differences of shares of values, of the text column of few values that moved most."""
    return _most(_categories, both, lambda one: one.tvd)


@_registered("volume", "completeness", "—", 0.2, lambda: shortened(0.5))
def volume(both: Pair) -> float | None:
    """Absolute logarithm of the ratio of the numbers of rows; None when either has none."""
    old, new = (one.num_rows for one in both)
    return abs(float(np.log(new / old))) if old and new else None


def _most(
    of: Callable[[str, Any, Any], drift.Drift | None], both: Pair, measure: Callable[[drift.Drift], float | None]
) -> float | None:
    old, new = both
    shared = [name for name in old.column_names if name in new.column_names]
    found = [one for name in shared if (one := of(name, old.column(name), new.column(name))) is not None]
    return max((value for one in found if (value := measure(one)) is not None), default=None)


def _numbers(name: str, old: Any, new: Any) -> drift.Drift | None:
    if not all(pa.types.is_integer(c.type) or pa.types.is_floating(c.type) for c in (old, new)):
        return None
    return drift.numbers(name, *(c.drop_null().to_numpy().astype(np.float64) for c in (old, new)))


_FEW = 100  # a column of more different values is no category


def _categories(name: str, old: Any, new: Any) -> drift.Drift | None:
    if not all(pa.types.is_string(c.type) for c in (old, new)):
        return None
    counts = [{one["values"]: one["counts"] for one in c.drop_null().value_counts().to_pylist()} for c in (old, new)]
    return None if max(map(len, counts)) > _FEW else drift.categories(name, *counts)
