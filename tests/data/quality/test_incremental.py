"""Merged of parts equals the whole, whatever was added, changed or taken away; only what is new is read."""

from __future__ import annotations

import collections
import tempfile
from pathlib import Path
from typing import Any

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from taihang.core import errors
from taihang.data.quality import assessment, incremental, keeping, keys, parted, target
from tests.data.quality import books
from tests.data.quality.test_planner import RULES, TABLES, _table

MORE: list[dict[str, Any]] = [
    {"check": {"kind": "aggregate", "function": f, "column": c, "min": -5}, **more}
    for f, c, more in [("sum", "k", {}), ("mean", "f", {"filter": "k > 0"}), ("min", "f", {}), ("max", "f", {}),
                       ("count", "s", {}), ("null_rate", "s", {}), ("distinct", "s", {}),
                       ("median", "k", {})]
]  # fmt: skip
MORE += [{"check": {"kind": "row_count", "min": 3}}, {"check": {"kind": "reconcile", "keys": ["s"], "other": "w",
                                                                  "columns": ["k"]}}]  # fmt: skip
MORE += [{"check": {"kind": "anonymity", "columns": ["k"], "k": 2}}]
# A key that points into its own table may point into another file of it.
MORE += [{"check": {"kind": "foreign_key", "columns": ["k"], "other": "t", "other_columns": ["f"]}}]
BOOK = books.book(*RULES, *MORE)
CHANGES = st.lists(st.tuples(st.sampled_from("abcd"), st.none() | TABLES), max_size=3)


def _put(folder: Path, name: str, table: pa.Table) -> None:
    folder.mkdir(exist_ok=True)
    new = folder / f".{name}"
    pq.write_table(table, new)
    # A file that is replaced is another file, even within a tick of the clock.
    new.replace(folder / f"{name}.parquet")


def _targets(folder: Path) -> dict[str, target.Target]:
    return target.open_all([f"t={folder / 't'}", f"u={folder / 'u'}", f"w={folder / 'w.parquet'}"])


def _same(one: assessment.Assessment, other: assessment.Assessment) -> None:
    for a, b in zip(one.outcomes, other.outcomes, strict=True):
        assert (a.rows.tolist(), a.judged, a.unknown, a.total, a.broken) == (
            b.rows.tolist(), b.judged, b.unknown, b.total, b.broken,
        )  # fmt: skip
        assert a.measured == b.measured


@hypothesis.given(st.lists(TABLES, min_size=1, max_size=4), TABLES, st.lists(CHANGES, max_size=3), CHANGES)
@hypothesis.settings(max_examples=8, deadline=None)
def test_merged_of_parts_equals_the_whole(
    first: list[Any], other: Any, rounds: list[list[Any]], others: list[Any]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for n, rows in enumerate(first):
            _put(folder / "t", "abcd"[n], _table(rows))
        _put(folder / "u", "a", _table(other))
        pq.write_table(pa.table({"s": ["a", "é"], "k": pa.array([1, 2], pa.int64())}), folder / "w.parquet")
        for step in [[], *rounds, []]:
            for file, rows in step:
                path = folder / "t" / f"{file}.parquet"
                if rows is not None:
                    _put(folder / "t", file, _table(rows))
                elif path.exists() and len(list(path.parent.iterdir())) > 1:
                    path.unlink()
            found, _ = incremental.assess(BOOK, _targets(folder), state=folder / "state")
            _same(found, assessment.assess(BOOK, _targets(folder)))
        for file, rows in others:
            if rows is not None:
                _put(folder / "u", file, _table(rows))
        found, reused = incremental.assess(BOOK, _targets(folder), state=folder / "state")
        _same(found, assessment.assess(BOOK, _targets(folder)))
        assert reused["t"].read == ()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for n, name in enumerate("abc"):
        _put(tmp_path / "t", name, _table([(n, "a", 1.0), (7, f"s{n}", 0.5)]))
    _put(tmp_path / "u", "a", _table([(0, "a", 1.0)]))
    pq.write_table(pa.table({"s": ["a"], "k": pa.array([1], pa.int64())}), tmp_path / "w.parquet")
    return tmp_path


def test_only_a_new_file_is_read(folder: Path) -> None:
    incremental.assess(BOOK, _targets(folder), state=folder / "state")
    _put(folder / "t", "b2", _table([(7, "a", 3.0)]))
    found, reused = incremental.assess(BOOK, _targets(folder), state=folder / "state")
    assert reused["t"] == incremental.Reused(("b2.parquet",), ("a.parquet", "b.parquet", "c.parquet"))
    _same(found, assessment.assess(BOOK, _targets(folder)))


def test_a_file_between_others_is_changed_and_the_last_one_goes(folder: Path) -> None:
    for change in ("b", "c"):
        incremental.assess(BOOK, _targets(folder), state=folder / "state")
        if change == "b":
            _put(folder / "t", "b", _table([(50, "b", 9.0)]))
        else:
            (folder / "t" / "c.parquet").unlink()
    found, reused = incremental.assess(BOOK, _targets(folder), state=folder / "state")
    assert reused["t"] == incremental.Reused((), ("a.parquet", "b.parquet"))
    _same(found, assessment.assess(BOOK, _targets(folder)))


def test_another_book_starts_anew(folder: Path) -> None:
    incremental.assess(BOOK, _targets(folder), state=folder / "state")
    other = books.book(*RULES[:3])
    found, reused = incremental.assess(other, _targets(folder), state=folder / "state")
    assert len(reused["t"].read) == 3
    _same(found, assessment.assess(other, _targets(folder)))


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_run_that_was_killed_goes_on_where_it_was(folder: Path, at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    incremental.assess(BOOK, _targets(folder), state=folder / "state")
    for name in "abc":
        _put(folder / "t", name, _table([(1, "a", 1.0), (9, "b", 2.0)]))
    real, left = keeping.State.done, [at]

    def done(self: keeping.State, name: str, part: keeping.Part) -> None:
        if name == "t" and not left[0]:
            raise KeyboardInterrupt
        left[0] -= name == "t"
        real(self, name, part)

    monkeypatch.setattr(keeping.State, "done", done)
    with pytest.raises(KeyboardInterrupt):
        incremental.assess(BOOK, _targets(folder), state=folder / "state")
    monkeypatch.undo()
    found, reused = incremental.assess(BOOK, _targets(folder), state=folder / "state")
    assert len(reused["t"].read) == 3 - at
    _same(found, assessment.assess(BOOK, _targets(folder)))


@hypothesis.given(TABLES.filter(lambda rows: len(rows) > 1), st.integers(1, 4), st.integers(1, 6), st.integers(0, 3))
@hypothesis.settings(max_examples=15, deadline=None)
def test_a_large_file_goes_on_by_its_row_groups(rows: Any, size: int, span: int, at: int) -> None:
    """A run that was killed reads only the spans that are left, and finds what one pass finds."""
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patched:
        folder = Path(name)
        patched.setattr(parted, "SPAN_ROWS", span)
        patched.setattr(incremental, "_FEW_KEYS", span)  # the keys of what is new are held, or looked for
        pq.write_table(_table(rows), folder / "t.parquet", row_group_size=size)
        _put(folder / "u", "a", _table(rows[:1]))
        pq.write_table(pa.table({"s": ["a"], "k": pa.array([1], pa.int64())}), folder / "w.parquet")
        targets = target.open_all(
            [f"{n}={folder / p}" for n, p in (("t", "t.parquet"), ("u", "u"), ("w", "w.parquet"))]
        )
        spans = len(parted.parts(targets["t"]))
        real, left = keeping.State.done, [at]

        def done(self: keeping.State, name: str, part: keeping.Part) -> None:
            if name == "t" and not left[0]:
                raise KeyboardInterrupt
            left[0] -= name == "t"
            real(self, name, part)

        with patched.context() as killed:
            killed.setattr(keeping.State, "done", done)
            if at < spans:
                with pytest.raises(KeyboardInterrupt):
                    incremental.assess(BOOK, targets, state=folder / "state")
            else:
                incremental.assess(BOOK, targets, state=folder / "state")
        found, reused = incremental.assess(BOOK, targets, state=folder / "state")
        assert len(reused["t"].read) == max(spans - at, 0)
        _same(found, assessment.assess(BOOK, targets))


def test_what_spans_lose_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parted, "SPAN_ROWS", 150)
    path = tmp_path / "t.parquet"
    table = pa.table({"a": [f"text {n}" for n in range(400)]})
    pq.write_table(table, path, row_group_size=100, compression="none", use_dictionary=False, write_page_checksum=True)
    data = bytearray(path.read_bytes())
    at = data.index(b"text 150")
    data[at : at + 4] = b"XXXX"
    path.write_bytes(data)
    book = books.book({"check": {"kind": "not_null", "column": "a"}})
    found, _ = incremental.assess(book, target.open_all([str(path)]), state=tmp_path / "state")
    assert found.totals["t"] == 300
    assert found.targets["t"].source.faults.rows_lost == 100


def test_two_runs_do_not_share_a_state(folder: Path) -> None:
    with incremental._locked(folder / "state"), pytest.raises(errors.Conflict, match="state"):
        incremental.assess(BOOK, _targets(folder), state=folder / "state")


def test_many_runs_of_an_index_are_merged(tmp_path: Path) -> None:
    index = keys.Index(tmp_path, "k", [])
    for part in range(20):
        some = np.arange(part, part + 5, dtype=np.uint64)
        index.add(some, keys.places(part, np.arange(5)), range(20))
    assert len(index.names) <= 12
    found, places = index.with_keys(np.array([3], np.uint64), range(20))
    assert found.tolist() == [3] * 4
    assert sorted(keys.part_of(places).tolist()) == [0, 1, 2, 3]


@hypothesis.given(
    st.lists(st.lists(st.sampled_from([0, 1, 2, 7, 2**63, 2**64 - 1]) | st.integers(0, 40), max_size=30), max_size=16),
    st.sets(st.integers(0, 15)),
    st.sampled_from([(1, 1), (4, 2), (1 << 20, 1 << 12)]),
)
@hypothesis.settings(max_examples=60, deadline=None)
def test_all_repeats_of_an_index_are_those_that_a_table_of_its_keys_shows(
    parts: list[list[int]], gone: set[int], sizes: tuple[int, int]
) -> None:
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patched:
        patched.setattr(keys, "_AT_ONCE", sizes[0])
        patched.setattr(keys, "_STEP", sizes[1])
        index = keys.Index(Path(name), "k", [])
        for part, some in enumerate(parts):
            index.add(np.array(some, np.uint64), keys.places(part, np.arange(len(some))), range(16))
        alive = set(range(16)) - gone
        every = [(key, part, row) for part, some in enumerate(parts) if part in alive for row, key in enumerate(some)]
        counts = collections.Counter(key for key, _, _ in every)
        found, places = index.repeats(alive)
        told = zip(found.tolist(), keys.part_of(places).tolist(), keys.row_of(places).tolist(), strict=True)
        assert sorted(told) == sorted(one for one in every if counts[one[0]] > 1)


@pytest.mark.parametrize("kept", ["repeats-*.npz", "keys-*.npy", "part-*-scan.npz", "part-*-total-*.arrow"])
@pytest.mark.parametrize("cut", [True, False])
def test_a_state_of_which_something_is_gone_or_cut_is_made_anew(tmp_path: Path, kept: str, cut: bool) -> None:
    for name, first in (("a", 0), ("b", 2)):
        _put(tmp_path / "t", name, pa.table({"k": [first, first + 1, first + 2]}))
    book = books.book({"check": {"kind": "unique", "columns": ["k"]}},
                      {"check": {"kind": "range", "column": "k", "max": 3}},
                      {"check": {"kind": "aggregate", "function": "sum", "column": "k", "max": 1}})  # fmt: skip

    def run() -> tuple[assessment.Assessment, incremental.Reused]:
        found, reused = incremental.assess(book, _only(tmp_path), state=tmp_path / "state")
        return found, reused["t"]

    first, _ = run()
    assert [o.rows.tolist() for o in first.outcomes[:2]] == [[2, 3], [5]]
    _put(tmp_path / "t", "c", pa.table({"k": [0]}))
    files = list((tmp_path / "state").glob(kept))
    assert files
    for file in files:
        file.write_bytes(file.read_bytes()[:20]) if cut else file.unlink()
    found, _ = run()
    _same(found, assessment.assess(book, _only(tmp_path)))
    assert found.outcomes[0].rows.tolist() == [0, 2, 3, 6]
    again, reused = run()
    assert reused.read == ()
    _same(again, found)


def test_a_file_that_goes_away_is_named_and_not_the_state(tmp_path: Path) -> None:
    for name in "ab":
        _put(tmp_path / "t", name, pa.table({"k": [1]}))
    on, book = _only(tmp_path), books.book({"check": {"kind": "range", "column": "k", "max": 3}})
    (tmp_path / "t" / "b.parquet").unlink()
    with pytest.raises(errors.Failure, match=r"b\.parquet"):
        incremental.assess(book, on, state=tmp_path / "state")


def _only(folder: Path) -> dict[str, target.Target]:
    return target.open_all([f"t={folder / 't'}"])
