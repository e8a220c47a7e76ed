"""Text files in all the forms in which people hand them in."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taihang.core import errors
from taihang.engines.sources import opening, source


def _open(tmp_path: Path, data: bytes | str, name: str = "t.csv", **options: object) -> source.Source:
    path = tmp_path / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return opening.open(path, **options)  # type: ignore[arg-type]


def _rows(found: source.Source) -> list[dict[str, object]]:
    return [row for chunk in found.chunks() for row in chunk.data.to_pylist()]


def _lines(found: source.Source) -> list[int]:
    return [int(line) for chunk in found.chunks() for line in (chunk.lines if chunk.lines is not None else ())]


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    found = _open(tmp_path, f"id{delimiter}name\n1{delimiter}a, b\n2{delimiter}c\n".replace("a, b", '"a, b"'))
    assert _rows(found) == [{"id": 1, "name": "a, b"}, {"id": 2, "name": "c"}]


@pytest.mark.parametrize(
    ("codec", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", b"\xef\xbb\xbf"),
        ("gb18030", b""),
        ("utf-16-le", b"\xff\xfe"),
        ("utf-16-be", b"\xfe\xff"),
        ("utf-32-le", b"\xff\xfe\0\0"),
        ("utf-16-le", b""),
    ],
)
def test_the_encoding_is_found(tmp_path: Path, codec: str, mark: bytes) -> None:
    lines = ["编号,姓名,level"] + [f"{i},张三㐀,level {i}" for i in range(3000)]
    found = _open(tmp_path, mark + "\r\n".join(lines).encode(codec))
    assert [c.name for c in found.columns] == ["编号", "姓名", "level"]
    rows = _rows(found)
    assert len(rows) == 3000
    assert rows[2999] == {"编号": 2999, "姓名": "张三㐀", "level": "level 2999"}


@pytest.mark.parametrize(("often", "rare"), [("gb18030", "utf-8"), ("utf-8", "gb18030")])
def test_lines_of_another_encoding_are_told_though_one_encoding_could_read_all(
    tmp_path: Path, often: str, rare: str
) -> None:
    names = ["李四", "王明", "中国矿业", "赵钱，孙", "滢水", "溴化", "安全"]
    data = b"a,b\n" + b"".join(f"{n},{names[n % 7]}\n".encode(often) for n in range(70)) + "70,张三\n".encode(rare)
    data.decode("gb18030")  # all of it has a meaning there, though not the right one
    found = _open(tmp_path, data)
    assert [row["b"] for row in _rows(found)] == [*(names * 10), "张三"]
    assert {(f.code, f.line) for f in found.faults.listed if f.line} == {("mixed", 72)}


def test_lines_of_another_encoding_are_read_and_told(tmp_path: Path) -> None:
    data = "a,b\n1,好\n".encode() + "2,坏\n".encode("gb18030") + b"3,\xff\xff\n" + "4,好\n".encode() * 20
    found = _open(tmp_path, data)
    assert [row["b"] for row in _rows(found)][:4] == ["好", "坏", "��", "好"]
    assert [(f.code, f.line) for f in found.faults.listed if f.line] == [("mixed", 3), ("replaced", 4)]
    assert "第 3 行" in found.faults.listed[1].message.in_("zh")


def test_ragged_rows_are_told_by_line_and_the_rest_is_read(tmp_path: Path) -> None:
    data = 'a,b\n1,x\n\n2\n3,"two\nlines"\n4,y,z\n5,"q""q"\n'
    found = _open(tmp_path, data)
    assert [row["a"] for row in _rows(found)] == [1, 3, 5]
    ragged = [f for f in found.faults.listed if f.code == "ragged"]
    assert [f.line for f in ragged] == [4, 7]
    assert found.faults.rows_lost == 2
    assert _lines(found) == [2, 5, 8]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 2), st.sampled_from(["ok", "short", "long"])), max_size=60))
def test_every_row_knows_its_line(tmp_path_factory: pytest.TempPathFactory, plan: list[tuple[bool, int, str]]) -> None:
    text, line, good, bad = "id,note,x\n", 2, [], []
    for number, (blank, breaks, kind) in enumerate(plan):
        if blank:
            text, line = text + "\n", line + 1
        note = '"' + "\n" * breaks + 'n"' if breaks else "n"
        tail = {"ok": ",1", "short": "", "long": ",1,2"}[kind]
        text += f"k{number},{note}{tail}\n"
        (good if kind == "ok" else bad).append(line)
        line += 1 + breaks
    if len(good) * 2 <= len(plan):
        return
    found = _open(tmp_path_factory.mktemp("t"), text, header=True)
    assert len(found.columns) == 3
    assert _lines(found) == good
    assert [f.line for f in found.faults.listed if f.code == "ragged"] == bad


def test_a_line_without_end_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    with (tmp_path / "t.csv").open("wb") as out:
        out.write(b"a,b\n1,2\n")
        out.truncate(1 << 30)  # a gigabyte of zeros, which takes no disk
    with pytest.raises(errors.UserError, match="line 3") as told:
        _rows(opening.open(tmp_path / "t.csv"))
    assert "\n" not in str(told.value)


def test_a_quote_that_is_never_closed_is_told(tmp_path: Path) -> None:
    text = "a,b\n" + "1,2\n" * 10 + '3,"open\n' + "4,5\n" * 3_000_000
    with pytest.raises(errors.UserError, match="never closed"):
        _rows(_open(tmp_path, text))


def test_types_are_those_of_nearly_all_values(tmp_path: Path) -> None:
    lines = ["n,x,day,moment,zip,phone,big,flag,none"]
    for i in range(400):
        n = "oops" if i == 300 else str(i)
        lines.append(
            f"{n},{i}.5,2026-01-{i % 28 + 1:02d},2026-01-01 10:00:{i % 60:02d},0{i:05d},138{i:08d},{10**25 + i},true,"
        )
    found = _open(tmp_path, "\n".join(lines))
    kinds = {c.name: str(c.type) for c in found.columns}
    assert kinds == {
        "n": "int64",
        "x": "double",
        "day": "date32[day]",
        "moment": "timestamp[us]",
        "zip": "string",
        "phone": "string",
        "big": "decimal128(38, 0)",
        "flag": "bool",
        "none": "string",
    }
    rows = _rows(found)
    assert rows[300]["n"] is None
    fault = next(f for f in found.faults.listed if f.code == "misfit")
    assert fault.line == 302
    assert "oops" in fault.message.in_("en")


def test_days_that_do_not_exist_are_no_days(tmp_path: Path) -> None:
    text = "id,d\n" + "".join(f"{i},2026-01-0{i % 9 + 1}\n" for i in range(99)) + "99,2026-02-31\n"
    found = _open(tmp_path, text)
    assert _rows(found)[99]["d"] is None
    assert found.faults.counts["misfit"] == 1


def test_repeated_and_empty_names_become_different(tmp_path: Path) -> None:
    found = _open(tmp_path, "id,ID,,id_2\nx,y,z,w\n")
    assert [c.name for c in found.columns] == ["id", "ID_3", "column_3", "id_2"]
    assert found.faults.counts["renamed"] == 2
    assert _rows(found) == [{"id": "x", "ID_3": "y", "column_3": "z", "id_2": "w"}]


def test_empty_and_absent_values_differ(tmp_path: Path) -> None:
    assert _rows(_open(tmp_path, 'a,b\nx,\ny,""\n')) == [{"a": "x", "b": None}, {"a": "y", "b": ""}]


def test_a_file_without_names_gets_numbered_columns(tmp_path: Path) -> None:
    assert [c.name for c in _open(tmp_path, "1,a\n2,b\n").columns] == ["column_1", "column_2"]


def test_only_a_header_is_an_empty_table(tmp_path: Path) -> None:
    found = _open(tmp_path, "id,name\n")
    assert [c.name for c in found.columns] == ["id", "name"]
    assert _rows(found) == []


def test_ten_thousand_columns_are_read(tmp_path: Path) -> None:
    wide = ",".join(f"c{i}" for i in range(10_000)) + "\n" + (",".join(["1"] * 10_000) + "\n") * 3
    found = _open(tmp_path, wide)
    assert len(found.columns) == 10_000
    assert sum(chunk.data.num_rows for chunk in found.chunks()) == 3


def test_json_lines_tell_what_is_broken(tmp_path: Path) -> None:
    text = '{"a": 1, "b": {"c": [1, 2]}}\nnonsense\n{"a": "x", "b": null}\n[1]\n{"a": 3, "late": 1}\n'
    found = _open(tmp_path, text, "t.jsonl")
    assert [row["a"] for row in _rows(found)] == ["1", "x", "3"]
    assert [(f.code, f.line) for f in found.faults.listed] == [("not-json", 2), ("not-object", 4)]


def test_a_json_document_is_a_table(tmp_path: Path) -> None:
    found = _open(tmp_path, '[{"a": 1}, {"a": 2, "b": "x"}]', "t.json")
    assert _rows(found) == [{"a": 1, "b": None}, {"a": 2, "b": "x"}]


def test_half_a_character_costs_no_row_and_is_told(tmp_path: Path) -> None:
    rows = r'{"a": "whole \ud83d\ude00"}', r'{"a": "cut \ud83d", "l": ["\udc00"]}', r'{"a": "said \\ud83d"}'
    (tmp_path / "t.jsonl").write_text("\n".join(rows))
    (tmp_path / "t.json").write_text(f"[{','.join(rows)}]")
    wanted = [("whole 😀", None), ("cut �", ["�"]), (r"said \ud83d", None)]
    for name, told in (("t.jsonl", [("halved", 2)]), ("t.json", [("halved-document", None)])):
        found = opening.open(tmp_path / name)
        assert [(row["a"], row["l"]) for row in _rows(found)] == wanted
        assert [(fault.code, fault.line) for fault in found.faults.listed] == told


def test_deep_json_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(errors.UserError):
        _open(tmp_path, "[" * 200_000, "t.json")


def test_noise_gives_rows_or_one_line(tmp_path: Path) -> None:
    chance = random.Random(5)
    for number in range(30):
        data = chance.randbytes(chance.randrange(1, 4000))
        for suffix in ("csv", "jsonl", "json"):
            try:
                _rows(_open(tmp_path, data, f"n{number}.{suffix}"))
            except errors.UserError as error:
                assert "\n" not in str(error)


def test_columns_can_be_chosen(tmp_path: Path) -> None:
    found = _open(tmp_path, "a,b,c\n1,2,3\n")
    assert [chunk.data.to_pylist() for chunk in found.chunks(["c", "a"])] == [[{"a": 1, "c": 3}]]
    assert found.reader(["b"]).read_all() == pa.table({"b": [2]})
    with pytest.raises(errors.UserError, match="no column named z"):
        list(found.chunks(["z"]))
