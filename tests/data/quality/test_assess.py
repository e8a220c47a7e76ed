"""The whole path: files in, report and bad rows out, and an exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from taihang.app import assess
from taihang.core import errors

RULES = """
taihang: rules/1
id: people
version: "3"
title: {zh: 人员, en: People}
rules:
- {id: named, table: people, level: red, check: {kind: not_blank, column: name}}
- {id: once, table: people, check: {kind: unique, columns: [id]}}
- {id: known, table: people, check: {kind: foreign_key, columns: [dept], other: depts}}
- {id: grown, table: people, check: {kind: range, column: age, min: 0, max: 120}}
- {id: paid, table: people, check: {kind: not_null, column: pay}, tolerate: {rate: 0.5}}
- {id: void, table: people, check: {kind: finite, column: void}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    people = pa.table({
        "id": [1, 2, 2, 4, 5],
        "name": ["甲", " ", "丙", None, "戊"],
        "dept": ["x", "y", "z", "x", None],
        "age": [30, 40, 200, -1, 50],
        "pay": [1.5, None, 2.5, 1.0, 3.0],
        "void": pa.nulls(5, pa.float64()),
        "_row": [9, 9, 9, 9, 9],
    })  # fmt: skip
    pq.write_table(people, tmp_path / "people.parquet", row_group_size=2)
    (tmp_path / "depts.csv").write_text("dept,lead\nx,1\ny,2\n", encoding="utf-8")
    (tmp_path / "r.rules.yaml").write_text(RULES, encoding="utf-8")
    return tmp_path


def test_every_bad_row_comes_out_with_its_place_and_its_reasons(folder: Path) -> None:
    done = assess.assess(
        folder / "people.parquet", folder / "depts.csv", rules=folder / "r.rules.yaml", out=folder / "out"
    )
    table = pq.read_table(folder / "out/evidence/bad-rows-people.parquet")
    rows = {r["__row"]: r for r in table.to_pylist()}
    assert sorted(rows) == [1, 2, 3]
    assert [sorted(rows[n]["_rules"]) for n in (1, 2, 3)] == [
        ["named", "once", "paid"], ["grown", "known", "once"], ["grown", "named"],
    ]  # fmt: skip
    assert [(rows[n]["_row_group"], rows[n]["_row_in_part"]) for n in (1, 2, 3)] == [(0, 1), (1, 0), (1, 1)]
    assert rows[2]["name"] == "丙"
    assert table.schema.metadata[b"taihang.version"] == b"3"
    assert {f.rule.id: f.measured["rows"] for f in done.report.findings} == {
        "named": 2, "once": 2, "known": 1, "grown": 2,
    }  # fmt: skip
    assert [n.rule for n in done.report.not_judged] == ["void"]


def test_the_scorecard_has_six_dimensions_and_says_unknown_for_those_without_rules(folder: Path) -> None:
    assess.assess(folder / "people.parquet", folder / "depts.csv", rules=folder / "r.rules.yaml", out=folder / "out")
    report = json.loads((folder / "out/report.json").read_text(encoding="utf-8"))
    scores = {s["dimension"]: s for s in report["scorecard"]["scores"] if s["metric"] == "rows.compliance"}
    assert set(scores) == {"completeness", "uniqueness", "validity", "accuracy", "consistency", "timeliness"}
    assert scores["completeness"]["value"] == pytest.approx(1 - 3 / 10)
    assert scores["timeliness"]["standing"] == "unknown"


@pytest.mark.parametrize(("floor", "code"), [(None, 0), ("red", 1), ("yellow", 1)])
def test_the_exit_code_follows_the_level(folder: Path, floor: str | None, code: int) -> None:
    both = (folder / "people.parquet", folder / "depts.csv")
    done = assess.assess(*both, rules=folder / "r.rules.yaml", fail_on=floor, out=folder / "out")
    assert done.exit_code == code


def test_without_rules_some_are_suggested_and_can_be_used_again(folder: Path) -> None:
    rows = 1000
    table = pa.table({"order_id": [*range(rows - 1), 5], "mail": ["a@b.cn"] * (rows - 1) + ["nobody"]})
    pq.write_table(table, folder / "orders.parquet")
    done = assess.assess(folder / "orders.parquet", out=folder / "out")
    assert {f.rule.id.split("-", 1)[1] for f in done.report.findings} == {"unique", "semantic"}
    again = assess.assess(
        folder / "orders.parquet", rules=folder / "out/evidence/suggested.rules.yaml", out=folder / "out2"
    )
    assert [f.message for f in again.report.findings] == [f.message for f in done.report.findings]


def test_what_cannot_be_read_is_said_and_the_rest_is_judged(folder: Path) -> None:
    path = folder / "people.parquet"
    data = bytearray(path.read_bytes())
    place = pq.ParquetFile(path).metadata.row_group(1).column(0)
    start = place.dictionary_page_offset or place.data_page_offset
    data[start : start + place.total_compressed_size] = b"\xff" * place.total_compressed_size
    path.write_bytes(bytes(data))
    done = assess.assess(path, folder / "depts.csv", rules=folder / "r.rules.yaml", out=folder / "out")
    assert done.found.totals["people"] < 5
    assert any("people" in limit.en for limit in done.report.limits)


def test_two_tables_of_one_name_are_refused(folder: Path) -> None:
    with pytest.raises(errors.UserError, match="people"):
        assess.assess(folder / "people.parquet", f"people={folder / 'depts.csv'}", out=folder / "out")
