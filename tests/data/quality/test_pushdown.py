"""The whole path on another engine: every bad row is found where it lies, and written as from files."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fixtures import stores

from taihang.app import assess
from taihang.core import errors

RULES = """
taihang: rules/1
id: people
version: "3"
title: {zh: 人员, en: People}
rules:
- {id: named, table: people, check: {kind: not_blank, column: name}}
- {id: once, table: people, check: {kind: unique, columns: [id]}}
- {id: known, table: people, check: {kind: foreign_key, columns: [dept], other: depts}}
- {id: grown, table: people, check: {kind: range, column: age, min: 0, max: 120}}
"""
PEOPLE = [(1, "甲", "x", 30), (2, " ", "y", 40), (2, "丙", "z", 200), (4, None, "x", -1), (5, "戊", None, 50)]
WANTED = {1: {"named", "once"}, 2: {"grown", "known", "once"}, 3: {"grown", "named"}}


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "r.rules.yaml"
    path.write_text(RULES, encoding="utf-8")
    return path


def _breaks(out: Path) -> dict[tuple[object, ...], set[str]]:
    rows = pq.read_table(out / "evidence/bad-rows-people.parquet").to_pylist()
    return {(r["id"], r["name"], r["dept"], r["age"]): set(r["_rules"]) for r in rows}


def test_tables_of_postgresql_are_judged_there_and_rows_fetched_by_their_place(tmp_path: Path, rules: Path) -> None:
    with stores.url("postgresql", tmp_path) as address:
        with psycopg.connect(address) as conn:
            conn.execute("CREATE TABLE people (id int, name text, dept text, age int)")
            conn.execute("INSERT INTO people SELECT 0, 'gone', 'x', 1 FROM generate_series(1, 1000)")
            conn.cursor().executemany("INSERT INTO people VALUES (%s, %s, %s, %s)", PEOPLE)
            conn.execute("DELETE FROM people WHERE id = 0")
            conn.execute("CREATE TABLE depts AS SELECT unnest(ARRAY['x', 'y']) AS dept")
        both = (f"people={address}#people", f"depts={address}#public.depts")
        done = assess.assess(*both, rules=rules, out=tmp_path / "out")
        here = assess.assess(
            *both, rules=rules, out=tmp_path / "here", options=assess.Options(engine="duckdb", keep=False)
        )
    assert _breaks(tmp_path / "out") == {PEOPLE[n]: names for n, names in WANTED.items()}
    assert _breaks(tmp_path / "here") == _breaks(tmp_path / "out")
    places = pq.read_table(tmp_path / "out/evidence/bad-rows-people.parquet").column("_place").to_pylist()
    assert len(set(places)) == 3
    assert [s.value for s in done.report.scorecard.scores] == [s.value for s in here.report.scorecard.scores]


def test_parquet_files_of_a_folder_are_judged_by_clickhouse_with_their_positions(tmp_path: Path, rules: Path) -> None:
    people = pa.table(dict(zip(("id", "name", "dept", "age"), map(list, zip(*PEOPLE, strict=True)), strict=True)))
    (tmp_path / "people").mkdir()
    pq.write_table(people.slice(0, 2), tmp_path / "people" / "a.parquet")
    pq.write_table(people.slice(2), tmp_path / "people" / "b.parquet")
    pq.write_table(pa.table({"dept": ["x", "y"]}), tmp_path / "depts.parquet")
    both = (tmp_path / "people", tmp_path / "depts.parquet")
    assess.assess(*both, rules=rules, out=tmp_path / "out", options=assess.Options(engine="clickhouse"))
    assert _breaks(tmp_path / "out") == {PEOPLE[n]: names for n, names in WANTED.items()}
    rows = pq.read_table(tmp_path / "out/evidence/bad-rows-people.parquet")
    assert rows.column("_row").to_pylist() == [1, 2, 3]
    assert rows.column("_part").to_pylist() == ["a.parquet", "b.parquet", "b.parquet"]


def test_what_an_engine_cannot_read_is_refused(tmp_path: Path, rules: Path) -> None:
    (tmp_path / "people.csv").write_text("id,name,dept,age\n1,a,x,1\n", encoding="utf-8")
    (tmp_path / "depts.csv").write_text("dept\nx\n", encoding="utf-8")
    for engine, says in (("clickhouse", "Parquet"), ("postgresql", "PostgreSQL"), ("oracle", "oracle")):
        with pytest.raises(errors.UserError, match=says):
            assess.assess(
                tmp_path / "people.csv", tmp_path / "depts.csv", rules=rules, out=tmp_path / "out",
                options=assess.Options(engine=engine),
            )  # fmt: skip
