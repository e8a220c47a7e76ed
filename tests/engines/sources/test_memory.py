"""Files of a folder that did not change are not opened again, and those that did are."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from taihang.engines.sources import memory, opening, parquet


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "t"
    made.mkdir()
    for name in "ab":
        pq.write_table(pa.table({"x": [1, 2]}), made / f"{name}.parquet")
        os.utime(made / f"{name}.parquet", (1, 1))
    return made


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []
    init = parquet.Parquet.__init__

    def counting(self: parquet.Parquet, path: Path, name: str | None = None) -> None:
        names.append(path.name)
        init(self, path, name)

    monkeypatch.setattr(parquet.Parquet, "__init__", counting)
    return names


def test_what_is_as_it_was_is_not_opened(tmp_path: Path, folder: Path, opened: list[str]) -> None:
    seen = memory.Memory(tmp_path / "seen")
    first = opening.open(folder, remembered=seen)
    assert opened == ["a.parquet", "b.parquet"]
    pq.write_table(pa.table({"x": [1, 2, 3], "y": ["p", "q", "r"]}), folder / "b.parquet")
    opened.clear()
    second = opening.open(folder, remembered=seen)
    assert opened == ["b.parquet"]
    assert (first.rows, second.rows, second.schema.names) == (4, 5, ["x", "y"])


def test_a_file_of_this_moment_is_opened_again(tmp_path: Path, folder: Path, opened: list[str]) -> None:
    seen = memory.Memory(tmp_path / "seen")
    os.utime(folder / "a.parquet")
    opening.open(folder, remembered=seen)
    opened.clear()
    opening.open(folder, remembered=seen)
    assert opened == ["a.parquet"]


def test_notes_that_are_broken_are_as_good_as_none(tmp_path: Path, folder: Path) -> None:
    seen = memory.Memory(tmp_path / "seen")
    wanted = opening.open(folder, remembered=seen)
    for note in (tmp_path / "seen").iterdir():
        note.write_text('{"form": 1', encoding="utf-8")
    assert opening.open(folder, remembered=seen).schema == wanted.schema
