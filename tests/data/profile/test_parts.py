"""A folder's files are profiled one by one: what is merged of them is what one file with all rows gives."""

from __future__ import annotations

import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taihang.data.profile import correlation, distinct, frequent, profile, profiling, quantiles, spill
from taihang.engines.sources import opening
from tests.data.profile import tables

_ROW = st.tuples(
    st.one_of(st.none(), st.integers(-3, 3), st.integers()),
    st.one_of(st.none(), st.floats(-1e6, 1e6), st.just(math.nan)),
    st.one_of(st.none(), st.sampled_from(["a", "b", "无", "13800138000", "x@y.cn"])),
)


def folder(at: Path, table: pa.Table, cuts: list[int]) -> Path:
    """The table as a folder of files, cut after these rows."""
    at.mkdir()
    ends = [*sorted(min(c, table.num_rows) for c in cuts), table.num_rows]
    for n, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
        pq.write_table(table.slice(start, end - start), at / f"part-{n:03}.parquet", row_group_size=7)
    return at


def plain(found: profile.Profile) -> dict[str, Any]:
    """All that was measured, without what tells where and when; the sample's order settles ties alone."""
    made = found.model_dump(exclude={"asset", "source", "created", "faults"})
    for column in made["columns"]:
        column["patterns"] = sorted(column["patterns"], key=lambda one: one["shape"])
    made["correlations"] = sorted(made["correlations"], key=lambda one: (one["a"], one["b"]))
    made["personal"] = sorted(made["personal"], key=lambda one: (one["column"], one["kind"]))
    return made


def close(one: Any, other: Any) -> bool:
    """Equal, sums of doubles to nine digits."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(close(one[k], other[k]) for k in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(close, one, other))
    if isinstance(one, float) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-6)
    return bool(one == other)


@settings(max_examples=30, deadline=None)
@given(st.lists(_ROW, min_size=1, max_size=60), st.lists(st.integers(0, 60), min_size=1, max_size=4))
def test_parts_give_what_the_whole_gives(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[Any, ...]], cuts: list[int]
) -> None:
    whole = [
        (n, a if a is None or abs(a) < 2**63 else a % 2**62, b, c, None if c is None else len(c))
        for n, (a, b, c) in enumerate(rows)
    ]
    table = pa.table(dict(zip("kabcd", map(list, zip(*whole, strict=True)), strict=True)), pa.schema([
        ("k", pa.int64()), ("a", pa.int64()), ("b", pa.float64()), ("c", pa.string()), ("d", pa.int32())
    ]))  # fmt: skip
    at = tmp_path_factory.mktemp("t")
    one = tables.profiled(at, table)
    many = profiling.profile_of(opening.open(folder(at / "many", table, cuts)), threads=2)
    assert close(plain(many), plain(one)), (plain(many), plain(one))


def test_what_a_folder_lacks_is_told_once_and_rows_keep_their_numbers(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=3000)
    values[[5, 1700, 2999]] = 1e9
    at = folder(tmp_path / "many", pa.table({"x": values}), [1000, 2000])
    (at / "broken.parquet").write_bytes(b"PAR1 nothing PAR1")
    found = profiling.profile_of(opening.open(at))
    assert found.rows == 3000
    assert [f.code for f in found.faults] == ["file"]
    outliers = found.column("x").outliers
    assert outliers is not None
    assert (outliers.count, outliers.rows) == (3, (5, 1700, 2999))


@pytest.mark.parametrize("limit", [4, 50])
def test_distinct_counts_merge_exactly(limit: int) -> None:
    rng = np.random.default_rng(2)
    pieces = [rng.integers(0, 2**63, 30, dtype=np.uint64) for _ in range(6)]
    pieces += [pieces[0], pieces[1][:3]]
    whole, merged = distinct.Distinct(limit), distinct.Distinct(limit)
    for piece in pieces:
        whole.update(piece)
        part = distinct.Distinct(limit)
        part.update(piece)
        merged.merge(part)
    assert (merged.count, merged.error) == (whole.count, whole.error)
    assert (merged.kept == whole.kept).all()


def test_sketches_keep_their_stated_error_when_merged() -> None:
    rng = np.random.default_rng(3)
    values = rng.permutation(300_000).astype(np.float64)
    merged = quantiles.Quantiles(256)
    for piece in np.array_split(values, 40):
        part = quantiles.Quantiles(256)
        part.update(piece)
        merged.merge(part)
    assert merged.count == 300_000
    found = merged.at([0.01, 0.25, 0.5, 0.75, 0.99])
    assert found / 300_000 == pytest.approx([0.01, 0.25, 0.5, 0.75, 0.99], abs=3 * merged.error)

    counters = frequent.Frequent(64)
    for piece in range(10):
        part = frequent.Frequent(64)
        names = [f"rare-{piece}-{n}" for n in range(300)] + ["often"]
        part.update(pa.array(names), np.array([1] * 300 + [100]))
        counters.merge(part)
    top, counts = counters.top(1)
    assert top is not None
    assert top.to_pylist() == ["often"]
    assert 1000 - counters.error <= counts[0] <= 1000


def test_correlations_merge_about_other_means() -> None:
    rng = np.random.default_rng(4)
    data = rng.normal(size=(900, 3)) + np.array([1e6, 0, -5])
    data[:, 1] += data[:, 0] - 1e6
    data[rng.random(data.shape) < 0.1] = np.nan
    merged = correlation.Correlation(3)
    for piece in np.array_split(data[data[:, 2].argsort()], 7):  # parts whose means differ
        part = correlation.Correlation(3)
        part.update(piece)
        merged.merge(part)
    found, counts = merged.pearson()
    for i in range(3):
        for j in range(i):
            both = data[np.isfinite(data[:, i]) & np.isfinite(data[:, j])]
            assert counts[i, j] == len(both)
            assert found[i, j] == pytest.approx(np.corrcoef(both[:, i], both[:, j])[0, 1], abs=1e-9)


def test_a_spill_travels_with_its_hashes() -> None:
    rng = np.random.default_rng(5)
    one, other, whole = (spill.Spill(600_000) for _ in range(3))
    a, b = rng.integers(0, 1000, 300_000, dtype=np.uint64), rng.integers(500, 2000, 300_000, dtype=np.uint64)
    one.update(a)
    other.update(b)
    one.merge(pickle.loads(pickle.dumps(other)))
    whole.update(np.concatenate([a, b]))
    assert one.count() == whole.count() == 2000
