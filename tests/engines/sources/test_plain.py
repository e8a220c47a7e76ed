"""Types and values that Arrow stores in ways of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import ipc

from taihang.app import assess, mask
from taihang.core import errors
from taihang.data.masking import policy
from taihang.engines.sources import opening, plain

BOOK = """taihang: rules/1
id: odd
version: "1"
title: {{zh: 怪, en: Odd}}
rules:
  - {{id: once, table: t, level: orange, check: {{kind: unique, columns: [{column}]}}}}
"""


def _arrow(path: Path, **columns: pa.Array) -> Path:
    table = pa.table(columns)
    with ipc.new_file(path, table.schema) as writer:
        writer.write_table(table)
    return path


def _assessed(folder: Path, table: Path, column: str = "id") -> dict[str, object]:
    book = folder / "odd.rules.yaml"
    book.write_text(BOOK.format(column=column), encoding="utf-8")
    assess.assess(f"t={table}", rules=str(book), out=folder / "out")
    return dict(json.loads((folder / "out/report.json").read_text(encoding="utf-8")))


def test_texts_stored_as_views_or_runs_are_masked(tmp_path: Path) -> None:
    numbers = ["13812345678", "13912345678"]
    table = _arrow(
        tmp_path / "t.arrow",
        phone=pa.array(numbers, pa.string_view()),
        note=pa.array([[f"call {numbers[0]}"], []], pa.list_(pa.string_view())),
        person=pa.array([{"tel": numbers[0]}, None], pa.struct([("tel", pa.string_view())])),
        run=pa.RunEndEncodedArray.from_arrays(pa.array([2], pa.int32()), [numbers[1]]),
    )
    mask.mask(table, out=tmp_path / "m.csv")
    written = (tmp_path / "m.csv").read_text(encoding="utf-8")
    assert not any(number in written for number in numbers)


@pytest.mark.parametrize(
    "odd",
    [
        pa.array(["a", "a", None], pa.string_view()),
        pa.array([b"a", b"a", None], pa.binary_view()),
        pa.array([1.5, 1.5, None], pa.float32()).cast(pa.float16()),
        pa.array([1, 1, None]).cast(pa.decimal256(20, 1)),
        pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), pa.array(["a", None])),
        pa.array([2**62, 2**62, None], pa.timestamp("us")),
        pa.array([-73_000_000, -73_000_000, None], pa.int32()).cast(pa.date32()),
    ],
    ids=lambda odd: str(odd.type),
)
def test_a_column_of_any_stored_type_is_judged_and_its_bad_rows_are_shown(tmp_path: Path, odd: pa.Array) -> None:
    table = _arrow(tmp_path / "t.arrow", id=pa.array([1, 2, 3]), odd=odd)
    report = _assessed(tmp_path, table, "odd")
    (found,) = report["findings"]  # type: ignore[misc]
    assert found["evidence"][0]["total"] == 2


def test_decimals_that_no_engine_takes_are_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": [1, 1], "d": pa.array([1, 2]).cast(pa.decimal256(70, 0))}), tmp_path / "t.parquet")
    with pytest.raises(errors.UserError, match=r"column d of table t holds decimals of 70 digits"):
        _assessed(tmp_path, tmp_path / "t.parquet", "d")
    assert len(_assessed(tmp_path, tmp_path / "t.parquet")["findings"]) == 1  # type: ignore[arg-type]


def test_an_age_of_a_time_that_no_calendar_has_is_refused_in_one_line(tmp_path: Path) -> None:
    pq.write_table(pa.table({"at": pa.array([2**62, 0], pa.timestamp("us"))}), tmp_path / "t.parquet")
    book = tmp_path / "b.rules.yaml"
    check = "check: {kind: freshness, column: at, within: 1d}"
    text = BOOK.format(column="at").split("  - ", maxsplit=1)[0]
    book.write_text(f"{text}  - {{id: fresh, table: t, level: blue, {check}}}\n", encoding="utf-8")
    with pytest.raises(errors.UserError, match="table t, of the columns at: a time outside the years"):
        assess.assess(f"t={tmp_path / 't.parquet'}", rules=str(book), out=tmp_path / "out")
    assert not (tmp_path / "out/report.json").exists()


def test_times_finer_than_a_microsecond_need_no_other_library() -> None:
    # Where pandas is installed, Arrow asks it; the base has none.
    code = (
        "import importlib.abc, sys\n"
        "class No(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'pandas':\n"
        "            raise ImportError(name)\n"
        "sys.meta_path.insert(0, No())\n"
        "import pyarrow as pa\n"
        "from taihang.engines.sources import plain\n"
        "print(plain.listed(pa.array([5, None, 7_000], pa.timestamp('ns'))))\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "1970-01-01 00:00:00.000000005" in told.stdout
    assert "None" in told.stdout


def test_a_far_time_that_cannot_be_moved_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    days = pa.array([3_000_000, 0], pa.int32()).cast(pa.date32())
    pq.write_table(pa.table({"day": days, "also": days}), tmp_path / "t.parquet")
    monkeypatch.setenv("MASK_KEY", "a secret of enough letters")
    rules = policy.Policy(columns={"day": policy.Column(method="shift")})
    mask.mask(tmp_path / "t.parquet", out=tmp_path / "m.csv", rules=rules, secret="env:MASK_KEY")
    head, first, second = (tmp_path / "m.csv").read_text(encoding="utf-8").split()
    assert head == "day,also"
    # What cannot be moved is left out; what is kept is kept whole.
    assert first.startswith(",10183-")
    assert second.endswith("1970-01-01")
    assert not second.startswith("1970-01-01")


def test_rows_show_far_times_inside_structures() -> None:
    far = pa.array([[2**62], [0]], pa.list_(pa.timestamp("us")))
    batch = pa.RecordBatch.from_arrays([far, pa.array([1, 2])], names=["far", "n"])
    one, other = plain.rows(batch)
    assert "out of range" in str(one["far"])
    assert (one["n"], other["n"]) == (1, 2)


def test_a_parquet_file_with_views_gives_plain_types(tmp_path: Path) -> None:
    pq.write_table(pa.table({"s": pa.array(["a"], pa.string_view())}), tmp_path / "t.parquet")
    source = opening.open(str(tmp_path / "t.parquet"))
    assert source.schema.types == [pa.string()]
    assert [c.data.schema.types for c in source.chunks()] == [[pa.string()]]
