"""A profile says of a table what counting by hand says."""

from __future__ import annotations

import collections
import datetime
import decimal
import json
import math
import statistics
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taihang.data.profile import profile, tally
from tests.data.profile import tables

_NUMBERS = st.lists(st.one_of(st.none(), st.floats(width=64), st.integers(-5, 5).map(float)), min_size=0, max_size=200)
_TEXTS = st.lists(st.one_of(st.none(), st.text(max_size=6), st.sampled_from(["a", "b", "无"])), max_size=200)


@settings(max_examples=40, deadline=None)
@given(_NUMBERS, st.sampled_from([7, 64, 1000]))
def test_numbers_are_counted_as_by_hand(
    tmp_path_factory: pytest.TempPathFactory, values: list[float | None], group: int
) -> None:
    found = tables.profiled(tmp_path_factory.mktemp("t"), {"x": pa.array(values, pa.float64())}, group=group)
    column = found.column("x")
    finite = [v for v in values if v is not None and math.isfinite(v)]
    assert (found.rows, column.nulls) == (len(values), values.count(None))
    numbers = column.numbers
    assert numbers is not None
    assert numbers.nan == sum(v is not None and math.isnan(v) for v in values)
    assert numbers.infinite == sum(v is not None and math.isinf(v) for v in values)
    if not finite:
        assert column.min is None
        return
    assert (column.min, column.max) == (min(finite), max(finite))
    assert numbers.zeros == sum(v == 0 for v in finite)
    if max(map(abs, finite)) < 1e150:
        assert numbers.mean == pytest.approx(
            statistics.fmean(finite), rel=1e-9, abs=1e-9 * max(map(abs, finite)) + 1e-300
        )
        assert numbers.quantiles["0.5"] == pytest.approx(float(np.quantile(finite, 0.5)))
        assert sum(numbers.histogram) == len(finite)
        if len(finite) > 1:
            # The mean of large numbers is known to a few units in its last place.
            blur = 8 * np.finfo(float).eps * max(map(abs, finite))
            assert numbers.std == pytest.approx(statistics.stdev(finite), rel=1e-6, abs=1e-9 + blur)
    different = {0.0 if v == 0 else v for v in values if v is not None and not math.isnan(v)}
    assert column.distinct == profile.Distinct(count=len(different) + bool(numbers.nan))


@settings(max_examples=40, deadline=None)
@given(_TEXTS, st.sampled_from([7, 64, 1000]))
def test_texts_are_counted_as_by_hand(
    tmp_path_factory: pytest.TempPathFactory, values: list[str | None], group: int
) -> None:
    column = tables.profiled(tmp_path_factory.mktemp("t"), {"s": pa.array(values, pa.string())}, group=group).column(
        "s"
    )
    present = [v for v in values if v is not None]
    counts = collections.Counter(present)
    assert column.distinct == profile.Distinct(count=len(counts))
    assert [one.count for one in column.top] == [n for _, n in counts.most_common(20)]
    assert all(one.exact for one in column.top)
    assert column.placeholders == sum(counts[one] for one in tally.PLACEHOLDERS.to_pylist())
    if present:
        assert column.lengths is not None
        assert (column.lengths.min, column.lengths.max) == (min(map(len, present)), max(map(len, present)))
        assert column.lengths.empty == counts[""]


def test_what_is_too_much_to_keep_is_estimated_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("taihang.data.profile.passes._HASH_BYTES", 4096 * 8 * 4)
    chance = np.random.default_rng(1)
    rows = 60_000
    shuffled = chance.permutation(rows)
    common = np.where(chance.random(rows) < 0.3, -7, shuffled)
    twice = shuffled.astype("U")
    twice[-1] = twice[0]
    columns = {"key": np.arange(rows), "mixed": shuffled, "common": common, "nearly": twice}
    found = tables.profiled(tmp_path, columns, group=5000)
    key, mixed, usual, nearly = (found.column(name) for name in columns)
    assert key.distinct == profile.Distinct(count=rows)
    assert found.keys == (profile.Key(columns=("key",)), profile.Key(columns=("mixed",)))
    assert usual.distinct is not None
    assert usual.distinct.error == pytest.approx(1 / 64, rel=0.01)
    different = len(np.unique(common))
    assert abs(usual.distinct.count - different) < 5 * usual.distinct.error * different
    assert any("common" in text.en for text in found.limits)
    assert mixed.distinct == profile.Distinct(count=rows)
    assert nearly.distinct == profile.Distinct(count=rows - 1)
    assert (usual.top[0].value, usual.top[0].count) == (-7, int((common == -7).sum()))
    assert usual.top[0].exact
    assert mixed.numbers is not None
    for share, value in mixed.numbers.quantiles.items():
        assert abs(value / rows - float(share)) < 5 * mixed.numbers.error + 1e-3


def test_how_rows_are_cut_changes_nothing(tmp_path: Path) -> None:
    chance = np.random.default_rng(2)
    columns = {"x": chance.normal(size=6000).round(3), "s": chance.choice(["a", "b", "c"], 6000), "i": np.arange(6000)}
    made = []
    for group in (100, 999, 6000):
        (tmp_path / str(group)).mkdir()
        made.append(json.loads(tables.profiled(tmp_path / str(group), columns, group=group).model_dump_json()))
    for one in made:
        for column in one["columns"]:
            if column["numbers"]:
                column["numbers"] = {k: pytest.approx(v) for k, v in column["numbers"].items() if isinstance(v, float)}
    assert made[0]["columns"] == made[1]["columns"] == made[2]["columns"]


def test_odd_types_do_not_stop_it(tmp_path: Path) -> None:
    table = pa.table(
        [
            pa.array([decimal.Decimal(10**37), None, decimal.Decimal(-1)], pa.decimal128(38, 0)),
            pa.nulls(3),
            pa.array([{"a": 1, "b": {"c": "x"}}, None, {"a": 2, "b": None}]),
            pa.array([[1, 2], [], None]),
            pa.array([2**64 - 1, 0, 5], pa.uint64()),
            pa.array([b"\x00\xff", b"", None]),
            pa.array([datetime.time(1), None, datetime.time(2)]),
            pa.array(["a", "b", "a"]).dictionary_encode(),
            pa.array([True, None, True]),
            pa.array([datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC), None, None], pa.timestamp("ns", "UTC")),
            pa.array([1, 2, 3]),
        ],
        names=["big", "none", "s", "list", "u", "bin", "time", "dict", "flag", "at", "U"],
    )
    found = tables.profiled(tmp_path, table)
    names = [c.name for c in found.columns]
    assert names == ["big", "none", "s", "s.a", "s.b", "s.b.c", "list", "u", "bin", "time", "dict", "flag", "at", "U_2"]
    assert found.column("big").max == str(10**37)
    assert found.column("none").nulls == 3
    assert found.column("s.a").distinct == profile.Distinct(count=2)
    assert found.column("s.b.c").nulls == 2
    assert found.column("list").lengths == profile.Lengths(min=0, max=2, mean=1.0, empty=1)
    assert found.column("u").max == str(2**64 - 1)
    assert found.freshness[0].column == "at"
    profile.Profile.model_validate_json(found.model_dump_json())


@pytest.mark.parametrize("rows", [0, 1])
def test_empty_tables_and_single_rows(tmp_path: Path, rows: int) -> None:
    found = tables.profiled(tmp_path, {"a": pa.array([1] * rows, pa.int64()), "s": pa.array(["x"] * rows, pa.string())})
    assert found.rows == rows
    assert found.column("a").numbers is not None
    assert len(found.keys) == 2 * rows


def test_outliers_are_counted_and_their_rows_named(tmp_path: Path) -> None:
    values = [float(i % 10) for i in range(5000)]
    values[4321], values[17] = 1000.0, -500.0
    found = tables.profiled(tmp_path, {"x": values}).column("x").outliers
    assert found is not None
    assert (found.count, found.rows) == (2, (17, 4321))


def test_relations_are_found_and_hold_in_every_row(tmp_path: Path) -> None:
    rows = 30_000
    city = [f"c{i * 7919 % 50}" for i in range(rows)]
    province = [f"p{int(c[1:]) % 5}" for c in city]
    almost = list(province)
    almost[29_999] = "p-other"
    columns = {"day": [i // 100 for i in range(rows)], "place": [i % 100 for i in range(rows)]}
    found = tables.profiled(tmp_path, {**columns, "city": city, "province": province, "almost": almost})
    held = {(d.determinant, d.dependent) for d in found.dependencies}
    assert ("city", "province") in held
    assert ("city", "almost") not in held
    assert [set(k.columns) for k in found.keys] == [{"day", "place"}]


def test_correlations(tmp_path: Path) -> None:
    chance = np.random.default_rng(3)
    x = chance.normal(1e6, 1, 5000)
    y = 2 * x + chance.normal(0, 1, 5000)
    holes = pa.array(y, mask=chance.random(5000) < 0.3)
    found = tables.profiled(tmp_path, {"x": x, "y": holes, "z": chance.normal(size=5000), "same": np.ones(5000)})
    assert [(c.a, c.b) for c in found.correlations] == [("x", "y")]
    there = holes.is_valid().to_numpy(zero_copy_only=False)
    assert found.correlations[0].pearson == pytest.approx(np.corrcoef(x[there], y[there])[0, 1], abs=1e-9)
    assert found.correlations[0].rows == there.sum()


def test_ten_thousand_columns(tmp_path: Path) -> None:
    wide = {f"c{i}": [i, i + 1, i] for i in range(10_000)}
    found = tables.profiled(tmp_path, wide)
    assert len(found.columns) == 10_000
    assert found.column("c9999").distinct == profile.Distinct(count=2)
    assert len(found.limits) == 2


def test_personal_data_is_told_and_not_shown(tmp_path: Path) -> None:
    phones = [f"138{i * 7919 % 10**8:08d}" for i in range(500)]
    found = tables.profiled(
        tmp_path, {"contact": phones, "note": [f"call {p} at noon" for p in phones], "n": range(500)}
    )
    assert {(p.column, p.kind, p.whole) for p in found.personal} == {
        ("contact", "phone", True),
        ("note", "phone", False),
    }
    shown = found.model_dump_json()
    assert not [p for p in phones if p in shown]
