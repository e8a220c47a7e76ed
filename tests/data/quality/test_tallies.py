"""Tallies: totals kept while a table is scanned are those that the database gives, or none."""

import math
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taihang.data.quality import planning, sets, tallies
from taihang.engines import tables

FUNCTIONS = ["count", "null_rate", "sum", "mean", "min", "max", "median", "distinct"]
VALUES = {
    pa.int32(): st.none() | st.integers(-(2**31), 2**31 - 1),
    pa.int64(): st.none() | st.integers(-5, 5) | st.integers(-(2**63), 2**63 - 1),
    pa.float64(): st.none() | st.floats(-1e6, 1e6) | st.sampled_from([math.nan, math.inf, -math.inf, 1.7e308]),
    pa.string(): st.none() | st.text(max_size=3),
}


CHUNKS = st.one_of(
    st.tuples(st.just(kind), st.lists(st.lists(some, max_size=8), min_size=1, max_size=4))
    for kind, some in VALUES.items()
)


@settings(deadline=None)
@given(CHUNKS)
def test_the_same_as_the_database(given: tuple[pa.DataType, list[list[Any]]]) -> None:
    kind, chunks = given
    batches = [pa.record_batch({"a": pa.array(some, kind)}) for some in chunks]
    functions = [f for f in FUNCTIONS if kind != pa.string() or f in {"count", "null_rate", "min"}]
    totals = [planning.Total("t", sets.total(f, "a", None), ("a",), f, "a", None, "r") for f in functions]
    kept = tallies.Tallies(
        [planning.Total("u", "count(a)", ("a",), "count", "a", None, "r"), *totals], "t", batches[0].schema
    )
    for batch in batches:
        kept.add(batch)
    found: dict[int, Any] = kept.totals()
    assert 0 not in found
    if any(batch.num_rows for batch in batches):
        assert {1, 2} <= found.keys()
    with tables.Engine() as engine:
        for n, total in enumerate(totals, start=1):
            if n in found:
                with engine.seeing(t=pa.Table.from_batches(batches)):
                    wanted = engine.table(f"SELECT {total.sql} AS v FROM t").column("v").to_pylist()[0]
                assert math.isclose(found[n], wanted, rel_tol=1e-9, abs_tol=1e-3 if kind == pa.float64() else 0)
                assert kind == pa.float64() or total.function in {"mean", "null_rate"} or found[n] == wanted


@pytest.mark.parametrize("values", [[2**62, 2**62], [-(2**63)]])
def test_a_sum_that_may_not_fit_is_left_to_the_database(values: list[int]) -> None:
    data = pa.record_batch({"a": pa.array(values, pa.int64())})
    kept = tallies.Tallies([planning.Total("t", "sum(a)", ("a",), "sum", "a", None, "r")], "t", data.schema)
    kept.add(data)
    assert kept.totals() == {}
