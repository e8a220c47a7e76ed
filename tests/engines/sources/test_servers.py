# ruff: noqa: E501 - a row a line
"""Tables behind addresses: real servers where the machine can have one."""

from __future__ import annotations

import datetime
import decimal
import json
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fixtures import servers

from taihang.core import errors
from taihang.data.profile import profiling
from taihang.engines.sources import opening, source


def _rows(found: source.Source, columns: list[str] | None = None) -> list[dict[str, Any]]:
    return [row for chunk in found.chunks(columns, rows=2) for row in chunk.data.to_pylist()]


@pytest.fixture(scope="module")
def maria() -> Iterator[str]:
    with servers.mariadb() as address:
        yield address


def _sql(address: str, *lines: str) -> None:
    import pymysql

    at = urllib.parse.urlsplit(address)
    with pymysql.connect(
        host=at.hostname, port=at.port or 0, user=at.username, password=urllib.parse.unquote(at.password or ""), database="mine",
        charset="utf8mb4", autocommit=True,
    ) as database, database.cursor() as cursor:  # fmt: skip
        for line in lines:
            cursor.execute(line)


def test_mysql_values_come_as_they_are_or_as_text(maria: str) -> None:
    _sql(
        maria,
        "SET sql_mode = ''",
        """CREATE TABLE `odd ``one%` (id bigint unsigned, n decimal(30,2), d date, at timestamp NULL, local datetime(6),
           kind enum('主井','副井'), j json, raw blob, f double, t time, 名 text)""",
        """INSERT INTO `odd ``one%%` VALUES (18446744073709551615, 12345678901234567890123456.25, '2026-01-02',
           '2026-01-02 08:00:00', '2026-01-02 08:00:00.5', '主井', '{"a": 1}', x'00ff', 1.5, '10:11:12', '好')""".replace(
            "%%", "%"
        ),
        "INSERT INTO `odd ``one%` (id, d) VALUES (1, '0000-00-00'), (2, NULL)",
    )
    found = opening.open(f"{maria}#odd `one%")
    rows = _rows(found)
    assert found.rows == 3
    assert rows[0]["id"] == 18446744073709551615
    assert rows[0]["n"] == decimal.Decimal("12345678901234567890123456.25")
    assert rows[0]["d"] == datetime.date(2026, 1, 2)
    assert rows[0]["at"].tzinfo is not None
    assert rows[0]["local"] == datetime.datetime(2026, 1, 2, 8, 0, 0, 500000)
    assert [rows[0][k] for k in ("kind", "j", "raw", "f", "t", "名")] == [
        "主井",
        '{"a": 1}',
        b"\x00\xff",
        1.5,
        "10:11:12",
        "好",
    ]
    assert rows[1]["d"] is None
    assert "word" not in found.name
    assert _rows(found, ["id"]) == [{"id": r["id"]} for r in rows]


def test_mysql_says_which_tables_there_are(maria: str) -> None:
    _sql(maria, "CREATE TABLE IF NOT EXISTS workers (id int)")
    with pytest.raises(errors.UserError, match="workers"):
        opening.open(maria)
    with pytest.raises(errors.UserError, match="workers"):
        opening.open(f"{maria}#nobody'; DROP TABLE workers; --")
    with pytest.raises(errors.Failure, match="cannot be reached") as caught:
        opening.open(maria.replace("safety", "someone") + "#workers")
    assert "p@ss" not in str(caught.value)


def test_mysql_is_profiled(maria: str) -> None:
    _sql(maria, "CREATE TABLE gas (ch4 double)", "INSERT INTO gas VALUES (0.1), (0.2), (NULL)")
    measured = profiling.profile_of(opening.open(f"{maria}#gas"))
    assert measured.rows == 3
    assert measured.columns[0].nulls == 1


def test_redis_hashes_texts_and_sets_are_rows() -> None:
    import redis

    with servers.redis() as address:
        at = urllib.parse.urlsplit(address)
        database = redis.Redis(port=at.port or 0, password=at.password)
        for number in range(5):
            database.hset(f"worker:{number}", mapping={"name": f"工{number}", "age": 30 + number, "in": "2026-01-02"})
        database.hset("worker:9", mapping={"name": "x", "age": "unknown"})
        database.set("state:a", json.dumps({"ch4": 0.5, "ok": True}), ex=1000)
        database.set("state:b", "plain")
        database.zadd("rank", {"b": 2, "a": 1})
        found = opening.open(f"{address}#worker:*")
        rows = _rows(found)
        assert found.rows == 6
        assert rows[0] == {
            "key": "worker:0",
            "name": "工0",
            "age": "30",
            "in": datetime.date(2026, 1, 2),
            "ttl_s": None,
        }
        states = {row["key"]: row for row in _rows(opening.open(f"{address}#state:*"))}
        assert states["state:a"]["ch4"] == pytest.approx(0.5)
        assert 0 < states["state:a"]["ttl_s"] <= 1000
        assert states["state:b"]["value"] == "plain"
        assert _rows(opening.open(f"{address}#rank"))[0]["value"] == '[["a", 1.0], ["b", 2.0]]'
        gone = opening.open(f"{address}#worker:*")
        database.delete("worker:3")
        assert len(_rows(gone)) == 5
        assert gone.faults.counts["key-gone"] == 1
        with pytest.raises(errors.UserError, match="matches no key"):
            opening.open(f"{address}#nothing:*")
        with pytest.raises(errors.TaihangError) as caught:
            opening.open(address.replace("secret-word", "wrong-word"))
        assert "wrong-word" not in str(caught.value)


def test_clickhouse_over_its_http_interface() -> None:
    pytest.importorskip("chdb")
    with servers.clickhouse(
        """CREATE TABLE `odd ``one` (id UInt64, big Int256, n Decimal(38, 2), d Date, at DateTime64(3, 'UTC'), kind Enum8('主井' = 1),
           s LowCardinality(Nullable(String)), u UUID, list Array(Int32)) ENGINE = MergeTree ORDER BY id""",
        """INSERT INTO `odd ``one` VALUES (18446744073709551615, 170141183460469231731687303715884105728, 12.25, '2026-01-02',
           '2026-01-02 08:00:00.5', '主井', '好', '61f0c404-5cb3-11e7-907b-a6006ad3dba0', [1, 2])""",
        "INSERT INTO `odd ``one` (id, kind) VALUES (1, '主井'), (2, '主井')",
    ) as address:
        found = opening.open(f"{address}#odd `one")
        rows = sorted(_rows(found), key=lambda row: int(row["id"]))
        assert found.rows == 3
        assert rows[2]["big"] == "170141183460469231731687303715884105728"
        assert rows[2]["n"] == decimal.Decimal("12.25")
        assert rows[2]["d"] == datetime.date(2026, 1, 2)
        assert rows[2]["at"] == datetime.datetime(2026, 1, 2, 8, 0, 0, 500000, tzinfo=datetime.UTC)
        assert [rows[2][k] for k in ("kind", "s", "list")] == ["主井", "好", [1, 2]]
        assert rows[0]["s"] is None
        with pytest.raises(errors.UserError, match="odd `one"):
            opening.open(f"{address}#other")
        with pytest.raises(errors.UserError, match="Authentication failed") as caught:
            opening.open(address.replace("secret-word", "wrong-word") + "#odd `one")
        assert "wrong-word" not in str(caught.value)


def test_trino_over_its_protocol() -> None:
    columns = [
        ["id", "bigint"],
        ["n", "decimal(20,2)"],
        ["at", "timestamp(3) with time zone"],
        ["tags", "array(varchar)"],
    ]
    text = ("varchar", "varchar")
    answers = {
        "information_schema.tables": ([("table_name", "varchar")], [["gas"], ["workers"]]),
        "information_schema.columns": ([("column_name", text[0]), ("data_type", text[1])], columns),
        "count(*)": ([("n", "bigint")], [[3]]),
        'json_format(CAST("tags" AS JSON)) FROM "gas"': (
            [("id", "bigint"), ("n", "decimal(20,2)"), ("at", "timestamp(3) with time zone"), ("tags", "varchar")],
            [[1, "1.50", "2026-01-02 08:00:00.500 UTC", '["a"]'], [2, None, None, None], [3, "-0.25", None, "[]"]],
        ),
    }
    with servers.trino(answers) as address:
        found = opening.open(f"{address}#gas")
        rows = _rows(found)
        assert found.rows == 3
        assert rows[0]["n"] == decimal.Decimal("1.50")
        assert rows[0]["at"] == datetime.datetime(2026, 1, 2, 8, 0, 0, 500000, tzinfo=datetime.UTC)
        assert [row["tags"] for row in rows] == ['["a"]', None, "[]"]
        with pytest.raises(errors.UserError, match="gas, workers"):
            opening.open(f"{address}#nobody")


@pytest.mark.parametrize("scheme", ["mysql", "clickhouse", "trino", "mongodb", "redis"])
def test_a_server_that_is_not_there(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAIHANG_SOURCES_TIMEOUT_S", "1")
    path = "/a/b" if scheme == "trino" else "/0"
    with pytest.raises(errors.Failure, match="cannot be reached"):
        opening.open(f"{scheme}://127.0.0.1:{servers.free_port()}{path}#t")


@pytest.mark.parametrize(
    "given", ["mysql:///x#t", "clickhouse://h:99999/d#t", "mysql://h/d?evil=1#t", "trino://h/only#t", "redis://h/x#t"]
)
def test_an_address_that_is_none(given: str) -> None:
    with pytest.raises(errors.UserError, match="cannot be used"):
        opening.open(given)


def test_a_dump_of_documents(tmp_path: Path) -> None:
    bson = pytest.importorskip("bson")
    path = tmp_path / "events.bson"
    zone = datetime.UTC
    documents: list[dict[str, Any]] = [
        {
            "_id": bson.ObjectId("65a000000000000000000001"),
            "at": datetime.datetime(2026, 1, 2, tzinfo=zone),
            "ch4": 0.5,
            "who": {"id": 1},
        },
        {
            "_id": bson.ObjectId("65a000000000000000000002"),
            "at": None,
            "ch4": bson.Decimal128("0.25"),
            "who": {"id": 2},
        },
        {"_id": 3, "ch4": "high", "late": True},
    ]
    path.write_bytes(b"".join(bson.encode(one) for one in documents))
    rows = _rows(opening.open(path))
    assert [row["_id"] for row in rows] == ["65a000000000000000000001", "65a000000000000000000002", "3"]
    assert rows[0]["who"] == {"id": 1}
    assert rows[0]["at"] == datetime.datetime(2026, 1, 2, tzinfo=zone)
    path.write_bytes(path.read_bytes()[:-7])
    broken = opening.open(path)
    assert len(_rows(broken)) == 2
    assert broken.faults.counts["not-bson"] == 1
    path.write_bytes(b"\xff\xff\xff\x7f" + b"x" * 100)
    with pytest.raises(errors.UserError):
        opening.open(path)


@pytest.mark.long
def test_a_table_of_a_spark_cluster() -> None:
    pytest.importorskip("grpc")
    from pyspark.sql.connect.session import SparkSession

    with servers.spark() as address:
        session = SparkSession.builder.remote(f"{address}/").create()
        session.sql(
            "CREATE TABLE gas AS SELECT id, CAST(id / 10 AS decimal(20,2)) n, timestamp'2026-01-02 08:00:00Z' at,"
            " array('a') tags, interval 1 day each FROM range(5)"
        )
        found = opening.open(f"{address}#gas")
        rows = sorted(_rows(found), key=lambda row: row["id"])
        assert found.rows == 5
        assert rows[3]["n"] == decimal.Decimal("0.30")
        assert rows[3]["at"] == datetime.datetime(2026, 1, 2, 8, tzinfo=datetime.UTC)
        assert rows[3]["tags"] == ["a"]
        assert _rows(found, ["id"]) == [{"id": row["id"]} for row in rows]
        with pytest.raises(errors.UserError, match="gas"):
            opening.open(f"{address}#nobody")
        session.stop()
