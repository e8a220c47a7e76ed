from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from taihang.core import errors
from taihang.engines import tables

DATA = pa.table({"a": [3, 1, None], "s": ["x", "5", None]})


def test_rows_come_back_in_order_and_in_batches() -> None:
    data = pa.table({"a": pa.array(range(300_000))})
    with tables.Engine() as engine, engine.seeing(t=data):
        batches = list(engine.batches("SELECT a * 2 AS b FROM t", rows=50_000))
        assert len(batches) > 1
        assert pa.Table.from_batches(batches).column("b").to_pylist()[::50_000] == [
            0,
            100_000,
            200_000,
            300_000,
            400_000,
            500_000,
        ]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_text('/etc/passwd')",
        "COPY t TO '{out}'",
        "ATTACH '{out}'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET memory_limit = '1TB'",
        "SELECT * FROM DATA",
        "SELECT nope FROM t",
        "SELECT a FROM",
        "SELECT s > 3 FROM t",
        "SELECT cast(s AS int) FROM t",
    ],
)
def test_what_may_not_or_cannot_run_is_the_callers_mistake(sql: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with tables.Engine() as engine, engine.seeing(t=DATA):
        for run in (engine.table, lambda q: list(engine.batches(q))):
            with pytest.raises(tables.QueryError) as caught:
                run(sql.format(out=out))
            assert "\n" not in str(caught.value)
            assert caught.value.reason
            assert caught.value.exit_code == 2
    assert not out.exists()


def test_a_query_over_the_memory_limit_is_a_failure_with_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAIHANG_TABLES_MEMORY_LIMIT", "20MB")
    with tables.Engine() as engine, pytest.raises(errors.Failure, match=r"tables\.spill") as caught:
        engine.table("SELECT count(DISTINCT md5(range::varchar)) FROM range(1000000)")
    assert caught.value.exit_code == 3


def test_spilling_to_a_named_folder_lets_it_finish(tmp_path: Path) -> None:
    limits = tables.Settings(memory_limit="40MB", threads=1, spill=tmp_path / "spill")
    with tables.Engine(limits) as engine:
        sorted_rows = engine.table(
            "SELECT md5(range::varchar) AS m FROM range(1000000) ORDER BY m LIMIT 1 OFFSET 900000"
        )
    assert sorted_rows.num_rows == 1


def test_tables_are_seen_inside_the_block_only() -> None:
    with tables.Engine() as engine:
        with engine.seeing(t=DATA):
            assert engine.types("SELECT a, s FROM t") == ("BIGINT", "VARCHAR")
        with pytest.raises(tables.QueryError):
            engine.table("SELECT a FROM t")


def test_settings_that_are_wrong_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAIHANG_TABLES_MEMORY_LIMIT", "much")
    with pytest.raises(errors.UserError, match="TAIHANG_TABLES_MEMORY_LIMIT"):
        tables.Engine()


def test_names_are_quoted() -> None:
    name = 'a "b"; drop table t'
    with tables.Engine() as engine, engine.seeing(t=pa.table({name: [1]})):
        assert engine.table(f"SELECT {tables.quoted(name)} FROM t").column_names == [name]
