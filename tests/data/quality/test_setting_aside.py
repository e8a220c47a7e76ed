"""Setting aside: what was kept while it was judged is what a second reading would give, or nothing is kept."""

import contextlib
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taihang.core import errors, job
from taihang.data.quality import assessment, positions, setting_aside, target
from taihang.engines.sources import memory, opening
from taihang.rules import rulebook
from tests.data.quality import books

BOOK = """
taihang: rules/1
id: kept
version: "1"
title: {zh: 留, en: kept}
rules:
  - {id: u, table: t, check: {kind: unique, columns: [a]}}
  - {id: n, table: t, check: {kind: not_null, column: b}}
  - {id: r, table: t, check: {kind: range, column: a, max: 90}}
"""


@pytest.fixture(scope="module")
def parquet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("aside") / "t.parquet"
    rows = np.arange(1000)
    words = pa.array([f"字{n}" if n % 7 else None for n in range(1000)])
    tags = pa.array([["x"] * (n % 3) for n in range(1000)])
    pq.write_table(pa.table({"a": rows, "b": words, "c": tags}), path, row_group_size=300)
    return path


def same(one: Sequence[target.Bad], two: Sequence[target.Bad]) -> bool:
    def told(bad: Sequence[target.Bad]) -> list[object]:
        return [(b.place(n), b.rows[n], row) for b in bad for n, row in enumerate(b.data.to_pylist())]

    return told(one) == told(two)


@settings(max_examples=60, deadline=None)
@given(
    chosen=st.sets(st.integers(0, 999)), asked=st.sets(st.integers(0, 999)), cuts=st.sets(st.integers(1, 999)),
    ahead=st.integers(0, 5), early=st.sets(st.integers(0, 999)), size=st.integers(7, 400),
)  # fmt: skip
def test_kept_is_what_is_read(
    *, parquet: Path, chosen: set[int], asked: set[int], cuts: set[int], ahead: int, early: set[int], size: int
) -> None:
    on = target.Target("t", opening.open(parquet))
    aside = setting_aside.SetAside(parquet.parent)
    bad, known = np.array(sorted(chosen), np.int64), np.array(sorted(early), np.int64)
    edges = [0, *sorted(cuts), 1000]
    spans = list(itertools.pairwise(edges))
    read = 0
    for n, chunk in enumerate(on.source.chunks(rows=size)):
        stop = read + chunk.data.num_rows
        aside.see(read, chunk, [known[(known >= read) & (known < stop)]])
        read = stop
        while spans and spans[0][1] <= read and n >= ahead:
            first, last = spans.pop(0)
            aside.judged(first, last, [bad[(bad >= first) & (bad < last)]])
    for first, last in spans:
        aside.judged(first, last, [bad[(bad >= first) & (bad < last)]])
    aside.finish()
    assert aside.complete
    for some in (chosen | early, (chosen | early) & asked):
        wanted = positions.Positions([np.array(sorted(some), np.int64)])
        assert same(list(aside.bad(wanted)), list(on.bad(wanted)))
    aside.close()


def _all(aside: setting_aside.SetAside, on: target.Target, *, backwards: bool = False, judged: int = 1000) -> None:
    start = 0
    for chunk in on.source.chunks(rows=500):
        aside.see(start, chunk)
        start += chunk.data.num_rows
    spans = [(0, 500), (500, judged)]
    for first, stop in reversed(spans) if backwards else spans:
        aside.judged(first, stop, [np.arange(first, stop)])
    aside.finish()


@pytest.mark.parametrize("trouble", ["order", "size", "disk", "cut"])
def test_given_up_rather_than_wrong(parquet: Path, trouble: str) -> None:
    on = target.Target("t", opening.open(parquet))
    folder = parquet.parent / "none" if trouble == "disk" else parquet.parent
    aside = setting_aside.SetAside(folder, most=100 if trouble == "size" else 1 << 20)
    _all(aside, on, backwards=trouble == "order", judged=800 if trouble == "cut" else 1000)
    assert not aside.complete
    assert not aside.wanted


def test_kept_where_there_is_no_trouble(parquet: Path) -> None:
    aside = setting_aside.SetAside(parquet.parent, most=1 << 20)
    _all(aside, target.Target("t", opening.open(parquet)))
    assert aside.complete
    assert sum(len(bad.rows) for bad in aside.bad(positions.Positions([np.arange(1000)]))) == 1000
    aside.close()


def test_assessed_gives_the_rows_without_the_source(parquet: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    path.write_bytes(parquet.read_bytes())
    with assessment.assessed(rulebook.loads(BOOK, "b"), target.open_all([str(path)])) as found:
        path.unlink()  # what was judged is still there to be shown
        union = positions.Positions([o.rows for o in found.outcomes])
        rows = [row for bad in found.bad("t", union) for row in bad.data.to_pylist()]
    assert len(rows) == 909 + sum(1 for n in range(0, 91, 7))
    assert all(row["a"] > 90 or row["b"] is None for row in rows)


def test_a_row_group_broken_in_one_column_is_left_out_by_every_pass(tmp_path: Path) -> None:
    """Positions told by the pass over keys are those of the pass over everything."""
    path = tmp_path / "t.parquet"
    keys = [n if n not in {250, 350} else n - 1 for n in range(400)]  # two pairs, in the third group and the last
    texts = [f"text {n}" for n in range(400)]
    table = pa.table({"a": keys, "b": texts, "unused": [f"u{n}" for n in range(400)]})
    pq.write_table(table, path, row_group_size=100, compression="none", use_dictionary=False, write_page_checksum=True)
    data = bytearray(path.read_bytes())
    at = data.index(b"text 150")
    data[at : at + 4] = b"XXXX"
    path.write_bytes(data)
    with assessment.assessed(rulebook.loads(BOOK.replace("max: 90", "max: 9999"), "b"),
                             target.open_all([str(path)])) as found:  # fmt: skip
        (unique,) = (o for o in found.outcomes if o.compiled.rule.id == "u")
        rows = [row for bad in found.bad("t", positions.Positions([unique.rows])) for row in bad.data.to_pylist()]
        assert found.targets["t"].source.faults.rows_lost == 100
    assert [row["a"] for row in rows] == [249, 249, 349, 349]
    assert found.totals["t"] == 300


def test_rows_are_the_right_ones_where_a_column_that_no_rule_reads_is_broken(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    more = {f"m{n}": list(range(400)) for n in range(8)}
    table = pa.table({"a": list(range(400)), "b": ["x"] * 400, "unused": [f"text {n}" for n in range(400)], **more})
    pq.write_table(table, path, row_group_size=100, compression="none", use_dictionary=False, write_page_checksum=True)
    data = bytearray(path.read_bytes())
    at = data.index(b"text 150")
    data[at : at + 4] = b"XXXX"
    path.write_bytes(data)
    with assessment.assessed(rulebook.loads(BOOK, "b"), target.open_all([str(path)])) as found:
        wide = next(o for o in found.outcomes if o.compiled.rule.id == "r")
        assert len(wide.rows) == 309  # above 90, all of them judged
        rows = [row["a"] for bad in found.bad("t", positions.Positions([wide.rows])) for row in bad.data.to_pylist()]
    assert rows == [*range(91, 100), *range(200, 400)]  # those of the broken group cannot be shown


def _broken(path: Path, table: pa.Table, text: bytes) -> Path:
    """The table in groups of a hundred rows, of which the one with this text cannot be read in that column."""
    pq.write_table(table, path, row_group_size=100, compression="none", use_dictionary=False, write_page_checksum=True)
    data = bytearray(path.read_bytes())
    at = data.index(text)
    data[at : at + 4] = b"XXXX"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize(
    "check",
    [
        {"kind": "reconcile", "keys": ["a"], "other": "u", "columns": ["v"]},
        {"kind": "aggregate", "function": "count", "column": "v", "min": 0},
        {"kind": "functional_dependency", "columns": ["v"], "dependent": "a"},
    ],
)
def test_what_a_set_check_cannot_read_is_told(tmp_path: Path, check: dict[str, Any], kept: bool) -> None:
    """A check reads columns that no condition does: rows that are lost in them are lost, and said to be."""
    words = [f"text {n}" for n in range(400)]
    more = {f"m{n}": list(range(400)) for n in range(8)}
    path = _broken(tmp_path / "t.parquet", pa.table({"a": list(range(400)), "v": words, **more}), b"text 150")
    other = pa.table({"a": list(range(400)), "v": [w if n != 250 else "other" for n, w in enumerate(words)]})
    pq.write_table(other, tmp_path / "u.parquet")
    targets = target.open_all([f"t={path}", f"u={tmp_path / 'u.parquet'}"])
    book = books.book({"check": check}, {"check": {"kind": "not_null", "column": "a"}})
    with (
        assessment.assessed(book, targets)
        if kept
        else contextlib.nullcontext(assessment.assess(book, targets)) as found
    ):
        assert found.totals["t"] == 300
        assert found.targets["t"].source.faults.rows_lost == 100
        outcome = found.outcomes[0]
        rows = [row["a"] for bad in found.bad("t", positions.Positions([outcome.rows])) for row in bad.data.to_pylist()]
    assert rows == ([250] if check["kind"] == "reconcile" else [])
    assert outcome.measured.get("value", 300) == 300


def test_a_file_of_a_lake_that_is_broken_in_an_unused_column(tmp_path: Path) -> None:
    deltalake = pytest.importorskip("deltalake")
    plain = deltalake.WriterProperties(compression="UNCOMPRESSED")
    for n in range(3):
        rows = range(100 * n, 100 * n + 100)
        keys = [f"k{row}" if row not in {101, 201} else f"k{row - 1}" for row in rows]
        table = pa.table({"a": list(rows), "k": keys, "unused": [f"unused {row}" for row in rows]})
        deltalake.write_deltalake(str(tmp_path / "t"), table, mode="append", writer_properties=plain)
    first = min((tmp_path / "t").glob("*.parquet"))
    column = pq.ParquetFile(first).metadata.row_group(0).column(2)
    data, at = bytearray(first.read_bytes()), column.dictionary_page_offset or column.data_page_offset
    data[at : at + 40] = b"\xff" * 40
    first.write_bytes(data)
    book = books.book(
        {"check": {"kind": "unique", "columns": ["k"]}}, {"check": {"kind": "range", "column": "a", "min": 0}}
    )
    with assessment.assessed(book, target.open_all([str(tmp_path / "t")])) as found:
        unique = found.outcomes[0]
        told = [row["k"] for bad in found.bad("t", positions.Positions([unique.rows])) for row in bad.data.to_pylist()]
        assert found.targets["t"].source.faults.lost
    assert told
    assert all(told.count(key) == 2 for key in told)


class Impatient(job.Silent):
    """Counts the rows of each stage, and stops the work at the first row judged where asked to."""

    def __init__(self, *, stop: bool) -> None:
        self.stop, self.told = stop, dict[str, tuple[float, float]]()

    def update(self, stage: str, done: float, total: float) -> None:
        self.told[stage] = done, total
        if self.stop and stage.endswith("rows"):
            raise errors.Cancelled("core:cancelled")


def test_progress_counts_rows_and_stops_the_work(parquet: Path) -> None:
    book, patient = rulebook.loads(BOOK, "b"), Impatient(stop=False)
    with assessment.assessed(book, target.open_all([str(parquet)]), progress=patient):
        pass
    assert patient.told == {"data.quality:stage.keys": (1000, 1000), "data.quality:stage.rows": (1000, 1000)}
    with pytest.raises(errors.Cancelled):
        assessment.assessed(book, target.open_all([str(parquet)]), progress=Impatient(stop=True)).__enter__()


def test_text_files_are_read_once_where_nothing_repeats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "".join(f"{n},{'' if n == 3 else 'x'}\n" for n in range(50)), encoding="utf-8")
    targets = target.open_all([str(path)], memory.Memory(tmp_path / "m"))
    scans, chunks = [], type(targets["t"].source).chunks

    def counted(self: object, *given: object, **more: object) -> object:
        scans.append(given)
        return chunks(self, *given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(type(targets["t"].source), "chunks", counted)
    with assessment.assessed(rulebook.loads(BOOK, "b"), targets) as found:
        union = positions.Positions([o.rows for o in found.outcomes])
        (bad,) = found.bad("t", union)
        assert bad.lines is not None
        assert bad.lines.tolist() == [5]
    assert len(scans) == 1


def test_no_room_on_the_disk_loses_no_evidence(parquet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setting_aside, "SHARE_OF_DISK", 1 << 60)  # of which nothing is left
    with assessment.assessed(rulebook.loads(BOOK, "b"), target.open_all([str(parquet)])) as found:
        assert not found.kept["t"].complete
        union = positions.Positions([o.rows for o in found.outcomes])
        rows = [row["a"] for bad in found.bad("t", union) for row in bad.data.to_pylist()]
    assert rows == sorted({*range(91, 1000), *range(0, 1000, 7)})
