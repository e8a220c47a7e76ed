from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pytest

from taihang.core import errors
from taihang.engines import stages


def _table(value: int) -> pa.Table:
    return pa.table({"x": [value]})


def test_a_finished_stage_is_not_made_again(tmp_path: Path) -> None:
    store = stages.Stages(tmp_path)
    assert store.table("a", {"p": 1}, lambda: _table(1)).equals(_table(1))
    assert store.table("a", {"p": 1}, lambda: pytest.fail("made twice")).equals(_table(1))


def test_another_key_is_another_result(tmp_path: Path) -> None:
    store = stages.Stages(tmp_path)
    store.table("a", {"p": 1}, lambda: _table(1))
    assert store.table("a", {"p": 2}, lambda: _table(2)).equals(_table(2))


def test_a_stage_that_fails_leaves_nothing(tmp_path: Path) -> None:
    store = stages.Stages(tmp_path)

    def fail() -> pa.Table:
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError):
        store.table("a", {}, fail)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["truncate", "flip", "manifest", "remove"])
def test_a_damaged_result_is_made_again(tmp_path: Path, damage: str) -> None:
    store = stages.Stages(tmp_path)
    store.table("a", {}, lambda: _table(1))
    file = next(tmp_path.rglob("table.arrow"))
    if damage == "truncate":
        os.truncate(file, 20)
    elif damage == "flip":
        data = bytearray(file.read_bytes())
        data[-30] ^= 1
        file.write_bytes(data)
    elif damage == "manifest":
        next(tmp_path.rglob("stage.json")).write_text("[]")
    else:
        file.unlink()
    assert store.table("a", {}, lambda: _table(7)).equals(_table(7))
    assert store.table("a", {}, lambda: pytest.fail("not repaired")).equals(_table(7))


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(errors.Failure, match="disk is full"), stages.disk(tmp_path):
        raise OSError(28, "No space left on device")


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "out" / "f.bin"
    stages.write_bytes(target, b"old")
    target.parent.chmod(0o755)
    stages.write_bytes(target, b"new")
    assert target.read_bytes() == b"new"
    assert [p.name for p in target.parent.iterdir()] == ["f.bin"]


def test_code_version_follows_the_source() -> None:
    one = stages.code_version("taihang.core")
    assert one == stages.code_version("taihang.core") != stages.code_version("taihang.engines")
