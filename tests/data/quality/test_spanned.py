"""A run over a large table that was killed goes on where it was, and finds what one pass finds."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from taihang.core import errors, job
from taihang.data.quality import assessment, parted, positions, spanned, target
from taihang.engines import stages
from tests.data.quality import books
from tests.data.quality.test_incremental import BOOK, _same
from tests.data.quality.test_planner import TABLES, _table


class Stopped(job.Silent):
    """Ends the run when so many rows were judged, as a kill would; `seen` says how many were."""

    def __init__(self, after: float = float("inf")) -> None:
        self.after, self.seen = after, 0.0

    def update(self, stage: str, done: float, total: float) -> None:
        if stage == "data.quality:stage.rows":
            self.seen = done
            assert done <= total
            if done >= self.after:
                raise errors.Cancelled("core:cancelled")


def _old(path: Path) -> Path:
    """As written long ago: what was changed just now is not trusted to stay."""
    os.utime(path, (time.time() - 60, time.time() - 60))
    return path


def _shown(found: assessment.Assessment) -> list[Any]:
    return [
        [(row, str(bad.data.slice(at, 1).to_pylist()), bad.place(at)) for at, row in enumerate(bad.rows.tolist())]
        for outcome in found.outcomes
        for bad in found.bad("t", positions.Positions([outcome.rows]))
    ]


@contextlib.contextmanager
def _spans(folder: Path, rows: Any, size: int, span: int, files: int) -> Iterator[dict[str, target.Target]]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(parted, "SPAN_ROWS", span)
        table = _table(rows)
        place = folder / "t"
        if files > 1:
            place.mkdir()
            for n in range(files):
                some = table.slice(n * len(table) // files, (n + 1) * len(table) // files - n * len(table) // files)
                pq.write_table(some, place / f"f{n}.parquet", row_group_size=size)
                _old(place / f"f{n}.parquet")
        else:
            place = folder / "t.parquet"
            pq.write_table(table, place, row_group_size=size)
            _old(place)
        pq.write_table(_table(rows[:1]), folder / "u.parquet")
        pq.write_table(pa.table({"s": ["a"], "k": pa.array([1], pa.int64())}), folder / "w.parquet")
        yield target.open_all([f"t={place}", f"u={folder / 'u.parquet'}", f"w={folder / 'w.parquet'}"])


@hypothesis.given(
    TABLES.filter(lambda rows: len(rows) > 4),
    st.integers(1, 4),
    st.integers(1, 2),
    st.integers(1, 3),
    st.integers(0, 9),
)
@hypothesis.settings(max_examples=25, deadline=None)
def test_who_is_stopped_goes_on_to_the_same(rows: Any, size: int, span: int, files: int, after: int) -> None:
    with tempfile.TemporaryDirectory() as name, _spans(Path(name), rows, size, span, files) as targets:
        place = Path(name) / "unfinished"
        with assessment.assessed(BOOK, targets) as found:
            expected = _shown(found)
        stopped = Stopped(after)
        with (
            contextlib.suppress(errors.Cancelled),
            assessment.assessed(BOOK, targets, progress=stopped, unfinished=place) as found,
        ):
            assert _shown(found) == expected
        with assessment.assessed(BOOK, targets, unfinished=place, progress=Stopped()) as found:
            _same(found, assessment.assess(BOOK, targets))
            assert _shown(found) == expected
        assert not list(place.iterdir())


def _numbers(path: Path, rows: int = 1000) -> Path:
    table = pa.table({"a": list(range(rows)), "b": [n % 7 for n in range(rows)]})
    pq.write_table(table, path, row_group_size=100)
    return _old(path)


SMALL = books.book(
    {"check": {"kind": "range", "column": "b", "max": 5}}, {"check": {"kind": "unique", "columns": ["a"]}}
)


def _judged(path: Path, place: Path, monkeypatch: pytest.MonkeyPatch, progress: job.Progress) -> list[str]:
    """The spans that were read."""
    made: list[str] = []
    real = stages.Stages.tables

    def tables(self: stages.Stages, name: str, key: Any, make: Any) -> stages.Tables:
        def told() -> stages.Tables:
            made.append(key["span"])
            return make()  # type: ignore[no-any-return]

        return real(self, name, key, told)

    monkeypatch.setattr(stages.Stages, "tables", tables)
    with assessment.assessed(SMALL, target.open_all([str(path)]), unfinished=place, progress=progress) as found:
        assert books.rows(found) == [[n for n in range(1000) if n % 7 > 5], []]
    return made


def test_what_was_judged_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parted, "SPAN_ROWS", 200)
    path = _numbers(tmp_path / "t.parquet")
    with pytest.raises(errors.Cancelled):
        _judged(path, tmp_path / "unfinished", monkeypatch, Stopped(700))
    monkeypatch.undo()
    monkeypatch.setattr(parted, "SPAN_ROWS", 200)
    told = Stopped()
    assert _judged(path, tmp_path / "unfinished", monkeypatch, told) == ["#6-7", "#8-9"]
    assert told.seen == 1000
    assert not list((tmp_path / "unfinished").iterdir())


def test_another_file_in_its_place_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parted, "SPAN_ROWS", 200)
    path = _numbers(tmp_path / "t.parquet")
    with pytest.raises(errors.Cancelled):
        _judged(path, tmp_path / "unfinished", monkeypatch, Stopped(700))
    other = _numbers(tmp_path / "other.parquet")
    os.utime(other, (1e9, 1e9))
    other.replace(path)
    assert len(_judged(path, tmp_path / "unfinished", monkeypatch, Stopped())) >= 5


def test_what_nobody_took_up_again_is_removed_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parted, "SPAN_ROWS", 200)
    place = tmp_path / "unfinished"
    for name, days in (("long", 15), ("lately", 13)):
        (place / name).mkdir(parents=True)
        os.utime(place / name, (time.time() - days * 86400,) * 2)
    _judged(_numbers(tmp_path / "t.parquet"), place, monkeypatch, Stopped())
    assert [one.name for one in place.iterdir()] == ["lately"]


def test_where_nothing_can_be_written_down_it_is_judged_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parted, "SPAN_ROWS", 200)
    (tmp_path / "unfinished").write_text("a file")
    _judged(_numbers(tmp_path / "t.parquet"), tmp_path / "unfinished", monkeypatch, Stopped())


def test_what_was_changed_just_now_is_not_trusted_to_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parted, "SPAN_ROWS", 200)
    path = _numbers(tmp_path / "t.parquet")
    os.utime(path)
    assert spanned.Unfinished(tmp_path / "u", SMALL, target.open_all([str(path)])).spans == {"t": []}
