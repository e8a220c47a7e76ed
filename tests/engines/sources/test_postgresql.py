# ruff: noqa: E501 - a row a line
"""Tables of a real PostgreSQL server."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Iterator

import pytest
from fixtures import postgres

from taihang.core import errors
from taihang.data.profile import profile, profiling
from taihang.engines.sources import opening, postgresql, source

psycopg = pytest.importorskip("psycopg")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with postgres.server() as found:
        yield found


def _run(address: str, *lines: str) -> None:
    with psycopg.connect(address, autocommit=True) as database:
        for line in lines:
            database.execute(line)


def _rows(found: source.Source) -> list[dict[str, object]]:
    return [row for chunk in found.chunks(rows=1000) for row in chunk.data.to_pylist()]


def test_every_type_comes_as_it_is_or_as_text(address: str) -> None:
    _run(
        address,
        'CREATE TABLE "odd ""one" (id int8, n numeric(30,2), any_n numeric, d date, at timestamptz, j jsonb, a int[], f float8, s text)',
        """INSERT INTO "odd ""one" VALUES
           (1, 12345678901234567890123456.25, 1e40, '2026-01-02', '2026-01-02 08:00+08', '{"a": 1}', '{1,2}', 'NaN', '好'),
           (NULL, NULL, NULL, 'infinity', '-infinity', NULL, NULL, 'Infinity', NULL)""",
    )
    found = opening.open(f'{address}#odd "one')
    rows = _rows(found)
    assert rows[0] == {
        "id": 1,
        "n": decimal.Decimal("12345678901234567890123456.25"),
        "any_n": "1" + "0" * 40,
        "d": datetime.date(2026, 1, 2),
        "at": datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
        "j": '{"a": 1}',
        "a": "{1,2}",
        "f": pytest.approx(float("nan"), nan_ok=True),
        "s": "好",
    }
    assert rows[1]["d"] is None
    assert rows[1]["at"] is None


def test_a_profile_of_a_table_is_that_of_its_rows(address: str) -> None:
    _run(address, "CREATE SCHEMA s", "CREATE TABLE s.t AS SELECT g AS id, g % 7 AS k FROM generate_series(1, 5000) g")
    found = profiling.profile_of(opening.open(f"{address}#s.t"))
    assert found.rows == 5000
    assert found.keys == (profile.Key(columns=("id",)),)
    assert found.column("k").distinct == profile.Distinct(count=7)


def test_nothing_can_be_written_or_smuggled_in(address: str) -> None:
    _run(address, "CREATE TABLE victim (x int)")
    for table in ("victim; DROP TABLE victim", 'victim" --', "pg_sleep(10)", "x'y"):
        with pytest.raises(errors.UserError, match="no table named"):
            opening.open(f"{address}#{table}")
    assert _rows(opening.open(f"{address}#victim")) == []


def test_what_is_wrong_is_one_line_without_the_password(address: str) -> None:
    with pytest.raises(errors.UserError, match=r"say which table.*victim"):
        opening.open(address)
    with pytest.raises(errors.Failure, match="cannot be reached") as told:
        opening.open("postgresql://me:s3cret@127.0.0.1:1/db#t")
    assert "s3cret" not in str(told.value)
    assert "\n" not in str(told.value)


def test_without_the_extra_the_line_that_installs_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgresql, "psycopg", None)
    with pytest.raises(errors.MissingExtra, match=r"pip install 'taihang\[postgresql\]'"):
        opening.open("postgresql://localhost/db#t")


def test_a_server_that_goes_away_midway_is_a_failure(address: str) -> None:
    _run(address, "CREATE TABLE big AS SELECT g AS id, repeat('x', 200) AS s FROM generate_series(1, 50000) g")
    scan = opening.open(f"{address}#big").chunks(rows=1000)
    next(scan)
    _run(address, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    with pytest.raises(errors.Failure, match="broke off"):
        list(scan)
