"""Tables as they should not be: each is judged as far as it goes, or refused in a line; none passes by being broken."""

from __future__ import annotations

import decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from taihang.app import assess
from taihang.core import errors
from taihang.data.quality import assessment, target
from tests.data.quality import books

NOT_NULL = {"kind": "not_null", "column": "a"}


def _judged(path: Path, *checks: dict[str, Any]) -> assessment.Assessment:
    return assessment.assess(books.book(*({"check": c} for c in checks)), target.open_all([f"t={path}"]))


def _damaged(path: Path, group: int) -> None:
    place = pq.ParquetFile(path).metadata.row_group(group).column(0)
    start = place.dictionary_page_offset or place.data_page_offset
    data = bytearray(path.read_bytes())
    data[start : start + place.total_compressed_size] = b"\xff" * place.total_compressed_size
    path.write_bytes(bytes(data))


def test_a_bad_row_group_is_named_and_the_others_are_judged(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": [1, None, 3, 4, None, 6]}), path, row_group_size=2)
    _damaged(path, 1)
    found = _judged(path, NOT_NULL)
    assert [f.group for f in found.targets["t"].source.faults.listed] == [1]
    assert found.totals["t"] == 4
    assert found.outcomes[0].rows.tolist() == [1, 2]


def test_a_broken_footer_is_refused_and_in_a_folder_costs_only_its_file(tmp_path: Path) -> None:
    good, bad = tmp_path / "a.parquet", tmp_path / "b.parquet"
    pq.write_table(pa.table({"a": [1, None]}), good)
    bad.write_bytes(good.read_bytes()[:-6] + b"\xff\xff" + b"PAR1")
    with pytest.raises(errors.UserError, match=r"b\.parquet"):
        _judged(bad, NOT_NULL)
    found = _judged(tmp_path, NOT_NULL)
    assert found.outcomes[0].rows.tolist() == [1]
    assert "b.parquet" in {f.part for f in found.targets["t"].source.faults.listed}


def test_ten_thousand_columns(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({f"c{n}": pa.array([n, None]) for n in range(10_000)}), path)
    found = _judged(path, {"kind": "not_null", "column": "c9999"}, {"kind": "unique", "columns": ["c0", "c5000"]})
    assert [o.rows.tolist() for o in found.outcomes] == [[1], []]


def test_column_names_that_repeat_can_each_be_named(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array([1, None]), pa.array([None, 2])], ["a", "a"]), path)
    names = target.open_all([f"t={path}"])["t"].source.schema.names
    assert len(set(names)) == 2
    found = _judged(path, *({"kind": "not_null", "column": n} for n in names))
    assert [o.rows.tolist() for o in found.outcomes] == [[1], [0]]
    from taihang.data.quality.pushdown import running

    with (
        pytest.raises(errors.UserError, match="twice"),
        running.assess(found.book, target.open_all([f"t={path}"]), engine="clickhouse"),
    ):
        pass


def test_no_rows_and_nothing_but_null(tmp_path: Path) -> None:
    checks = [
        NOT_NULL,
        {"kind": "unique", "columns": ["a"]},
        {"kind": "range", "column": "a", "min": 0},
        {"kind": "aggregate", "function": "mean", "column": "a", "min": 0},
        {"kind": "row_count", "min": 1},
    ]
    empty, nulls = tmp_path / "e.parquet", tmp_path / "n.parquet"
    pq.write_table(pa.table({"a": pa.array([], pa.float64())}), empty)
    pq.write_table(pa.table({"a": pa.nulls(3, pa.float64())}), nulls)
    found = _judged(empty, *checks)
    assert [(o.judged, o.broken) for o in found.outcomes[:3]] == [(0, False)] * 3
    assert found.outcomes[4].broken
    found = _judged(nulls, *checks)
    assert [(o.judged, len(o.rows)) for o in found.outcomes[:3]] == [(3, 3), (0, 0), (0, 0)]
    assert not found.outcomes[4].broken


def test_nested_columns_lie_beside_those_that_are_judged(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    nested = pa.array([{"x": [1, 2], "y": {"z": "a"}}, None, {"x": None, "y": None}])
    pq.write_table(pa.table({"s": nested, "a": [1, None, 3]}), path)
    (tmp_path / "r.rules.yaml").write_text(
        "taihang: rules/1\nid: n\nversion: '1'\ntitle: {zh: 题, en: t}\nrules:\n"
        "- {id: a, table: t, check: {kind: not_null, column: a}}\n"
        "- {id: s, table: t, check: {kind: not_null, column: s}}\n",
        encoding="utf-8",
    )
    assess.assess(path, rules=tmp_path / "r.rules.yaml", out=tmp_path / "out")
    bad = pq.read_table(tmp_path / "out/evidence/bad-rows-t.parquet")
    assert bad.column("_row").to_pylist() == [1]
    assert bad.column("s").to_pylist() == [None]


def test_decimals_beyond_int64_are_exact(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    big = [decimal.Decimal("12345678901234567890123456789.12"), decimal.Decimal("12345678901234567890123456789.13")]
    pq.write_table(pa.table({"a": pa.array([*big, big[0]], pa.decimal128(38, 2))}), path)
    found = _judged(
        path,
        {"kind": "unique", "columns": ["a"]},
        {"kind": "range", "column": "a", "max": "12345678901234567890123456789.12"},
    )
    assert [o.rows.tolist() for o in found.outcomes] == [[0, 2], [1]]
