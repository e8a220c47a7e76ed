"""Parquet, Arrow, Excel and SQLite files, whole and broken, one by one and in folders."""

from __future__ import annotations

import datetime
import decimal
import os
import random
import sqlite3
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from taihang.core import errors
from taihang.engines.sources import excel, opening, source
from tests.engines.sources import workbooks


def _rows(found: source.Source) -> list[dict[str, object]]:
    return [row for chunk in found.chunks() for row in chunk.data.to_pylist()]


def _parquet(path: Path, rows: int = 4000, group: int = 1000) -> Path:
    chance = random.Random(3)
    values = pa.table(
        {"id": range(rows), "x": [chance.random() for _ in range(rows)], "s": [f"v{i}" for i in range(rows)]}
    )
    pq.write_table(values, path, row_group_size=group, use_dictionary=False, compression="zstd")
    return path


def test_rows_know_their_row_group(tmp_path: Path) -> None:
    found = opening.open(_parquet(tmp_path / "t.parquet"))
    assert found.rows == 4000
    chunks = list(found.chunks(rows=300))
    for chunk in chunks:
        first = chunk.data.column("id")[0].as_py()
        assert first == chunk.start == chunk.group * 1000 + chunk.offset  # type: ignore[operator]
    assert chunks[-1].place(0) == {"part": found.name, "row_group": 3, "row": 900}


def test_one_broken_row_group_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    path = _parquet(tmp_path / "t.parquet")
    at = pq.ParquetFile(path).metadata.row_group(2).column(1).data_page_offset
    data = bytearray(path.read_bytes())
    data[at + 40 : at + 400] = os.urandom(360)
    path.write_bytes(data)
    found = opening.open(path)
    ids = [row["id"] for row in _rows(found)]
    assert set(range(2000)) | set(range(3000, 4000)) <= set(ids)
    assert [(f.code, f.group) for f in found.faults.listed] == [("row-group", 2)]
    assert found.faults.rows_lost == 4000 - len(ids)
    again = list(found.chunks(["id"]))
    assert sum(c.data.num_rows for c in again) == 4000
    assert not found.faults


@pytest.mark.parametrize("cut", [20, 2000])
def test_a_broken_footer_is_one_line(tmp_path: Path, cut: int) -> None:
    path = _parquet(tmp_path / "t.parquet")
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(errors.UserError, match="footer") as told:
        opening.open(path)
    assert "\n" not in str(told.value)


def test_damaged_parquet_never_ends_the_process(tmp_path: Path) -> None:
    whole = _parquet(tmp_path / "t.parquet", 500, 100).read_bytes()
    chance = random.Random(11)
    for number in range(60):
        data = bytearray(whole)
        for _ in range(chance.randrange(1, 8)):
            data[chance.randrange(4, len(data))] = chance.randrange(256)
        path = tmp_path / f"{number}.parquet"
        path.write_bytes(data)
        try:
            _rows(opening.open(path))
        except errors.TaihangError as error:
            assert "\n" not in str(error)


def test_odd_columns_come_through(tmp_path: Path) -> None:
    table = pa.table(
        [
            pa.array([decimal.Decimal(10**37), None], pa.decimal128(38, 0)),
            pa.nulls(2),
            pa.array([{"a": 1, "b": [1, 2]}, None]),
            pa.array([float("nan"), float("inf")]),
            pa.array([2**64 - 1, 0], pa.uint64()),
            pa.array([1, 2]),
        ],
        names=["big", "nothing", "nested", "x", "u", "x"],
    )
    pq.write_table(table, tmp_path / "t.parquet")
    found = opening.open(tmp_path / "t.parquet")
    assert [c.name for c in found.columns] == ["big", "nothing", "nested", "x", "u", "x_2"]
    rows = _rows(found)
    assert rows[0]["big"] == 10**37
    assert rows[0]["nested"] == {"a": 1, "b": [1, 2]}
    assert rows[1]["x_2"] == 2
    assert next(c.data.to_pylist() for c in found.chunks(["x_2", "nested"]))[0] == {
        "nested": rows[0]["nested"],
        "x_2": 1,
    }


def test_an_empty_table_has_columns_and_no_rows(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": pa.array([], pa.int64())}), tmp_path / "t.parquet")
    found = opening.open(tmp_path / "t.parquet")
    assert found.rows == 0
    assert _rows(found) == []


def test_partitions_are_columns(tmp_path: Path) -> None:
    for year in (2024, 2025):
        for city in ("北京", "__HIVE_DEFAULT_PARTITION__"):
            folder = tmp_path / "t" / f"year={year}" / f"city={city}"
            folder.mkdir(parents=True)
            pq.write_table(pa.table({"v": [year]}), folder / "part-0.parquet")
    (tmp_path / "t" / "_SUCCESS").touch()
    found = opening.open(tmp_path / "t")
    assert found.rows == 4
    assert {"v": 2024, "year": 2024, "city": None} in _rows(found)
    assert {row["city"] for row in _rows(found)} == {"北京", None}
    assert str(found.schema.field("year").type) == "int64"


def test_a_broken_file_of_a_folder_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "t"
    folder.mkdir()
    pq.write_table(pa.table({"a": [1]}), folder / "0.parquet")
    (folder / "1.parquet").write_bytes(b"PAR1 nothing")
    pq.write_table(pa.table({"a": [2.5], "b": ["x"]}), folder / "2.parquet")
    pq.write_table(pa.table({"a": ["text"]}), folder / "3.parquet")
    (folder / "4.parquet").symlink_to("/etc/passwd")
    (folder / "5.parquet").touch()
    (folder / "readme.md").write_text("x")
    found = opening.open(folder)
    assert _rows(found) == [{"a": 1.0, "b": None}, {"a": 2.5, "b": "x"}]
    told = {(f.code, f.part) for f in found.faults.listed}
    assert told == {
        ("file", "1.parquet"),
        ("file", "3.parquet"),
        ("column-absent", "0.parquet"),
        ("passed-link", "4.parquet"),
        ("passed-empty", "5.parquet"),
        ("passed-kind", "readme.md"),
    }
    assert all("\n" not in f.message.in_(lang) for f in found.faults.listed for lang in ("zh", "en"))  # type: ignore[arg-type]


@pytest.mark.parametrize("stream", [False, True])
def test_arrow_files_and_streams(tmp_path: Path, stream: bool) -> None:
    table = pa.table({"a": range(1000)})
    path = tmp_path / "t.arrow"
    maker = pa.ipc.new_stream if stream else pa.ipc.new_file
    with maker(str(path), table.schema) as out:
        out.write_table(table, max_chunksize=400)
    found = opening.open(path)
    assert [row["a"] for row in _rows(found)] == list(range(1000))
    path.write_bytes(path.read_bytes()[:-300])
    try:
        cut = opening.open(path)
        assert len(_rows(cut)) < 1000
        assert cut.faults
    except errors.UserError as error:
        assert "\n" not in str(error)


def test_a_sheet_is_a_table(tmp_path: Path) -> None:
    rows: list[list[str | float | None]] = [
        ["姓名", "age", "x"],
        ["张三", 30, 1.5],
        ["李四", None, 2],
        ["王五", 41, 0.25],
    ]
    found = opening.open(workbooks.write(tmp_path / "t.xlsx", rows))
    assert _rows(found)[:2] == [{"姓名": "张三", "age": 30, "x": 1.5}, {"姓名": "李四", "age": None, "x": 2.0}]
    assert next(found.chunks()).place(1) == {"part": "人员", "row": 1, "line": 3}
    with pytest.raises(errors.UserError, match="no sheet named Sheet9"):
        opening.open(f"{tmp_path}/t.xlsx#Sheet9")


def test_a_zip_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAIHANG_SOURCES_MAX_UNPACKED_BYTES", str(4 << 20))
    path = workbooks.write(tmp_path / "t.xlsx", [["a"], ["x"]], padding=8 << 20)
    assert path.stat().st_size < 20_000
    with pytest.raises(errors.UserError, match="zip bomb"):
        opening.open(path)


def test_without_the_excel_extra_the_line_that_installs_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(excel, "python_calamine", None)
    with pytest.raises(errors.MissingExtra, match=r"pip install 'taihang\[excel\]'"):
        opening.open(workbooks.write(tmp_path / "t.xlsx", [["a"], ["x"]]))


def _sqlite(path: Path, *lines: str) -> Path:
    database = sqlite3.connect(path)
    for line in lines:
        database.execute(line)
    database.commit()
    database.close()
    return path


def test_a_table_of_sqlite(tmp_path: Path) -> None:
    path = _sqlite(
        tmp_path / "t.db",
        'CREATE TABLE "odd ""name" (id INTEGER, v REAL, s TEXT)',
        """INSERT INTO "odd ""name" VALUES (1, 1.5, 'a'), (2, 2, NULL), ('x', 3.0, 'b')""",
    )
    found = opening.open(path)
    assert _rows(found) == [
        {"id": 1, "v": 1.5, "s": "a"},
        {"id": 2, "v": 2.0, "s": None},
        {"id": None, "v": 3.0, "s": "b"},
    ]
    assert found.faults.listed[0].code == "misfit-row"


def test_sqlite_asks_which_table_and_reads_no_views(tmp_path: Path) -> None:
    path = _sqlite(tmp_path / "t.db", "CREATE TABLE a (x)", "CREATE TABLE b (x)", "CREATE VIEW v AS SELECT 1")
    with pytest.raises(errors.UserError, match="tables: a, b"):
        opening.open(path)
    with pytest.raises(errors.UserError, match="no table named v"):
        opening.open(f"{path}#v")
    assert _rows(opening.open(f"{path}#a")) == []
    (tmp_path / "u.db").write_bytes(b"SQLite format 3\x00" + os.urandom(4000))
    with pytest.raises(errors.UserError, match="no readable SQLite"):
        opening.open(tmp_path / "u.db#a")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("nowhere.csv", "is not there"),
        ("/dev/zero", "no regular file"),
        ("gopher://x", "not supported"),
        ("a\0b", "cannot be read"),
        ("x" * 5000, "cannot be read"),
    ],
)
def test_what_is_no_source_is_one_line(spec: str, said: str) -> None:
    with pytest.raises(errors.UserError, match=said) as told:
        opening.open(spec)
    assert "\n" not in str(told.value)


def test_values_that_do_not_fit_the_type_of_all_files_are_null_and_told(tmp_path: Path) -> None:
    never, day = datetime.datetime(9999, 12, 31), datetime.datetime(2026, 5, 4)
    one = {"n": pa.array([0.5, 1.5]), "t": pa.array([day, day], pa.timestamp("ns")), "l": [[0.5], [1.5]]}
    other = {"n": [7, 2**53 + 1, None, 8], "t": pa.array([never, day, never, None], pa.timestamp("us")),
             "l": [[7], [2**53 + 1], None, [8]]}  # fmt: skip
    pq.write_table(pa.table(one), tmp_path / "0.parquet")
    pq.write_table(pa.table(other), tmp_path / "1.parquet")
    found = opening.open(tmp_path)
    rows = _rows(found)
    assert [row["n"] for row in rows] == [0.5, 1.5, 7.0, None, None, 8.0]
    assert [row["t"] for row in rows] == [day, day, None, day, None, None]
    assert [row["l"] for row in rows] == [[0.5], [1.5], [7.0], None, None, [8.0]]
    told = [f.message.both().en for f in found.faults.listed]
    assert [(f.code, f.part, f.rows) for f in found.faults.listed] == [("misfit-row", "1.parquet", 0)] * 3
    assert "n has 1 values that are not double" in told[0] and "9007199254740993" in told[0]
    assert "t has 2 values that are not timestamp[ns]" in told[1] and "9999-12-31" in told[1]


def test_a_name_that_is_not_utf8_is_told_and_the_other_files_are_read(tmp_path: Path) -> None:
    strange = tmp_path / os.fsdecode("安全.parquet".encode("gbk"))
    pq.write_table(pa.table({"a": [1]}), tmp_path / "0.parquet")
    (tmp_path / "0.parquet").rename(strange)
    for given in (strange, tmp_path):
        with pytest.raises(errors.UserError, match="not UTF-8") as told:
            opening.open(given)
        assert str(told.value).encode()
    pq.write_table(pa.table({"a": [2]}), tmp_path / "1.parquet")
    found = opening.open(tmp_path)
    assert _rows(found) == [{"a": 2}]
    assert [(f.code, f.part) for f in found.faults.listed] == [("passed-name", r"\xb0\xb2ȫ.parquet")]
    assert found.faults.lost


def test_empty_files_and_folders_are_told(tmp_path: Path) -> None:
    (tmp_path / "e.csv").touch()
    with pytest.raises(errors.UserError, match="empty"):
        opening.open(tmp_path / "e.csv")
    (tmp_path / "f").mkdir()
    with pytest.raises(errors.UserError, match="no data files"):
        opening.open(tmp_path / "f")


def test_a_file_that_shrinks_midway_is_a_fault_or_a_failure(tmp_path: Path) -> None:
    path = _parquet(tmp_path / "t.parquet", 200_000, 50_000)
    found = opening.open(path)
    scan = found.chunks(rows=1000)
    next(scan)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    try:
        rest = sum(c.data.num_rows for c in scan)
        assert rest < 199_000
        assert found.faults.rows_lost
    except errors.Failure as error:
        assert "broke off" in str(error)


def test_equal_content_has_an_equal_digest(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        pq.write_table(pa.table({"day": [datetime.date(2026, 1, 1)]}), tmp_path / name / "x.parquet")
    one, other = (opening.open(tmp_path / name) for name in ("a", "b"))
    assert one.digest() == other.digest()
