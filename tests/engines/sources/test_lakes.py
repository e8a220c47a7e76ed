# ruff: noqa: RUF015 - a row a line
"""Tables of a lake: Delta, Iceberg, and files in an S3 bucket of a real server."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fixtures import buckets

from taihang.core import errors
from taihang.engines.sources import opening, source

TABLE = pa.table(
    {"id": pa.array(range(10), pa.int64()), "gas": [i / 10 for i in range(10)], "名": [f"工{i}" for i in range(10)]}
)


def _rows(found: source.Source, columns: list[str] | None = None) -> list[dict[str, Any]]:
    return [row for chunk in found.chunks(columns, rows=3) for row in chunk.data.to_pylist()]


def test_a_delta_table_is_what_its_log_says(tmp_path: Path) -> None:
    deltalake = pytest.importorskip("deltalake")
    folder = tmp_path / "t"
    deltalake.write_deltalake(folder, TABLE)
    deltalake.write_deltalake(folder, TABLE, mode="append")
    pq.write_table(TABLE, folder / "stray.parquet")
    found = opening.open(folder)
    assert (found.kind, found.rows) == ("delta", 20)
    assert sorted(r["id"] for r in _rows(found)) == sorted([*range(10), *range(10)])
    assert sorted(_rows(opening.open(f"{folder}#0")), key=lambda r: r["id"]) == TABLE.to_pylist()
    with pytest.raises(errors.UserError, match=r"no readable Delta|no version"):
        opening.open(f"{folder}#99")
    deltalake.DeltaTable(folder).delete("id = 3")
    assert opening.open(folder).digest() != found.digest()
    assert {r["id"] for r in _rows(opening.open(folder))} == set(range(10)) - {3}


def test_partitions_and_a_broken_file_of_a_delta_table(tmp_path: Path) -> None:
    deltalake = pytest.importorskip("deltalake")
    folder = tmp_path / "t"
    deltalake.write_deltalake(folder, TABLE.append_column("mine", pa.array(["甲", "乙"] * 5)), partition_by=["mine"])
    assert {r["mine"] for r in _rows(opening.open(folder))} == {"甲", "乙"}
    broken = sorted(folder.rglob("*.parquet"))[0]
    broken.write_bytes(b"PAR1 nonsense")
    found = opening.open(folder)
    assert len(_rows(found)) == 5
    assert found.faults.counts["file"] == 1


def test_a_delta_log_that_is_none(tmp_path: Path) -> None:
    pytest.importorskip("deltalake")
    (tmp_path / "t" / "_delta_log").mkdir(parents=True)
    (tmp_path / "t" / "_delta_log" / f"{0:020}.json").write_text("{nonsense")
    with pytest.raises(errors.UserError, match="no readable Delta"):
        opening.open(tmp_path / "t")


@pytest.fixture
def iceberg(tmp_path: Path) -> Any:
    pytest.importorskip("pyiceberg")
    from pyiceberg.catalog.sql import SqlCatalog

    catalog = SqlCatalog("c", uri=f"sqlite:///{tmp_path}/c.db", warehouse=f"file://{tmp_path}/lake")
    catalog.create_namespace("mine")
    made = catalog.create_table("mine.gas", schema=TABLE.schema)
    made.append(TABLE)
    return made


def _folder(table: Any) -> Path:
    return Path(urllib.parse.urlsplit(table.location()).path)


def test_an_iceberg_table_is_its_newest_snapshot(iceberg: Any) -> None:
    first = iceberg.current_snapshot().snapshot_id
    before = opening.open(_folder(iceberg)).digest()
    iceberg.delete("id = 3")
    iceberg.append(TABLE.slice(0, 1))
    found = opening.open(_folder(iceberg))
    assert found.kind == "iceberg"
    assert sorted(r["id"] for r in _rows(found)) == [0, 0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert found.digest() != before
    assert len(_rows(opening.open(f"{_folder(iceberg)}#{first}"))) == 10
    assert [r["名"] for r in _rows(found, ["名"])][0].startswith("工")


def test_an_iceberg_table_that_leads_elsewhere_is_refused(iceberg: Any, tmp_path: Path) -> None:
    newest = max((_folder(iceberg) / "metadata").glob("*.metadata.json"))
    metadata = json.loads(newest.read_text())
    metadata["location"] = f"file://{tmp_path}/elsewhere"
    newest.write_text(json.dumps(metadata))
    with pytest.raises(errors.UserError, match="outside the table"):
        opening.open(_folder(iceberg))
    newest.write_text("{nonsense")
    with pytest.raises(errors.UserError, match="no readable Iceberg"):
        opening.open(_folder(iceberg))


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, str, str]]:
    server = buckets.server()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", buckets.KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", buckets.SECRET)
    name = server.bucket()
    yield server.admin(), name, f"?endpoint={urllib.parse.quote(server.endpoint, safe='')}"


def test_files_of_a_bucket(bucket: tuple[Any, str, str], tmp_path: Path) -> None:
    admin, name, options = bucket
    pq.write_table(TABLE, tmp_path / "a.parquet", row_group_size=4)
    (tmp_path / "b.csv").write_text("id,名\n1,好\n2,坏\n", encoding="utf-8")
    admin.upload_file(str(tmp_path / "a.parquet"), name, "in/a.parquet")
    admin.upload_file(str(tmp_path / "b.csv"), name, "b.csv")
    found = opening.open(f"s3://{name}/in/a.parquet{options}")
    assert _rows(found) == TABLE.to_pylist()
    assert found.name == f"s3://{name}/in/a.parquet"
    assert [r["名"] for r in _rows(opening.open(f"s3://{name}/b.csv{options}"))] == ["好", "坏"]
    before = found.digest()
    pq.write_table(TABLE.slice(1), tmp_path / "a.parquet")
    admin.upload_file(str(tmp_path / "a.parquet"), name, "in/a.parquet")
    assert opening.open(f"s3://{name}/in/a.parquet{options}").digest() != before
    with pytest.raises(errors.UserError, match="is not there"):
        opening.open(f"s3://{name}/none.parquet{options}")


def test_partitions_of_a_bucket(bucket: tuple[Any, str, str], tmp_path: Path) -> None:
    admin, name, options = bucket
    for day in ("2026-01-01", "2026-01-02"):
        pq.write_table(TABLE, tmp_path / "a.parquet")
        admin.upload_file(str(tmp_path / "a.parquet"), name, f"gas/day={day}/a.parquet")
    admin.put_object(Bucket=name, Key="gas/_SUCCESS", Body=b"")
    admin.put_object(Bucket=name, Key="gas/notes.csv", Body=b"a\n1\n")
    admin.put_object(Bucket=name, Key="gas/day=2026-01-03/broken.parquet", Body=b"PAR1 nonsense")
    found = opening.open(f"s3://{name}/gas/{options}")
    rows = _rows(found)
    assert len(rows) == 20
    assert {r["day"] for r in rows} == {"2026-01-01", "2026-01-02"}
    assert found.faults.counts["file"] == 1
    assert found.faults.counts["passed-kind"] == 1
    with pytest.raises(errors.UserError, match="no data files"):
        opening.open(f"s3://{name}/empty/{options}")


def test_a_delta_table_in_a_bucket(bucket: tuple[Any, str, str]) -> None:
    deltalake = pytest.importorskip("deltalake")
    _, name, options = bucket
    settings = {"aws_endpoint": buckets.server().endpoint, "aws_allow_http": "true", "aws_region": "us-east-1"}
    deltalake.write_deltalake(f"s3://{name}/lake/gas", TABLE, storage_options=settings)
    found = opening.open(f"s3://{name}/lake/gas{options}")
    assert found.kind == "delta"
    assert sorted(_rows(found), key=lambda r: r["id"]) == TABLE.to_pylist()


def test_keys_do_not_belong_in_an_address(bucket: tuple[Any, str, str]) -> None:
    _, name, options = bucket
    with pytest.raises(errors.UserError, match="environment") as caught:
        opening.open(f"s3://key:secret@{name}/a.parquet{options}")
    assert "secret" not in str(caught.value).replace("secrets", "")
