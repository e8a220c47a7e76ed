"""Versions: what is in use changes whole or not at all, and one step leads back."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taihang.core import errors, ids
from taihang.engines import stages
from taihang.model.distil import gate, versions


def _told(data: bytes, against: bytes | None, *, passed: bool = True) -> versions.Told:
    state: gate.State = "kept" if passed else "worse"
    one = gate.Class(
        name="worker", protected=True, state=state, held=90, before=0.5, after=0.6, bound=0.01, lost=1, won=9, p=0.99
    )
    verdict = gate.Verdict(
        passed=passed, student=ids.digest(data), against=None if against is None else ids.digest(against),
        held="0" * 64, pictures=90, plan=gate.Plan(), classes=(one,),
    )  # fmt: skip
    return versions.Told(
        sha256=ids.digest(data), previous=None, classes=("worker",), size=(32, 32), synthetic=True, verdict=verdict
    )


def _rolled_out(folder: Path, *contents: bytes) -> versions.Versions:
    shelf = versions.Versions(folder)
    for data in contents:
        now = None if shelf.in_use is None else shelf.in_use.read_bytes()
        shelf.propose(data, _told(data, now))
        shelf.roll_out()
    return shelf


def test_one_step_leads_back_and_the_other_way_is_a_rollout_again(tmp_path: Path) -> None:
    shelf = _rolled_out(tmp_path / "m", b"one", b"two")
    assert shelf.current == ids.digest(b"two")
    back = shelf.roll_back()
    assert (back.sha256, shelf.current) == (ids.digest(b"one"),) * 2
    assert [row["what"] for row in shelf.history()] == ["rollout", "rollout", "rollback"]
    with pytest.raises(errors.Conflict, match="no version before"):
        shelf.roll_back()
    with pytest.raises(errors.Conflict, match="gate again"):
        _again(shelf, b"three", against=b"two")
    _again(shelf, b"two", against=b"one")
    assert shelf.current == ids.digest(b"two")


def _again(shelf: versions.Versions, data: bytes, against: bytes) -> None:
    shelf.propose(data, _told(data, against))
    shelf.roll_out()


def test_what_was_put_there_by_hand_is_kept_to_go_back_to(tmp_path: Path) -> None:
    (tmp_path / versions.IN_USE).write_bytes(b"by hand")
    shelf = _rolled_out(tmp_path, b"student")
    assert shelf.roll_back().verdict is None
    assert shelf.in_use is not None and shelf.in_use.read_bytes() == b"by hand"


def test_what_the_gate_refused_or_nobody_judged_is_not_rolled_out(tmp_path: Path) -> None:
    shelf = _rolled_out(tmp_path, b"one")
    shelf.propose(b"bad", _told(b"bad", b"one", passed=False))
    with pytest.raises(errors.Conflict, match="worker"):
        shelf.roll_out()
    (tmp_path / versions.CANDIDATE).write_bytes(b"other bytes than those that were judged")
    with pytest.raises(errors.UserError, match="gate"):
        shelf.roll_out()
    (tmp_path / versions.CANDIDATE).unlink()
    with pytest.raises(errors.UserError, match="no student waits"):
        shelf.roll_out()
    assert shelf.current == ids.digest(b"one")


@pytest.mark.parametrize("writes", range(4))
def test_a_full_disk_leaves_in_use_what_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: int) -> None:
    shelf = _rolled_out(tmp_path, b"one")
    shelf.propose(b"two", _told(b"two", b"one"))
    real, count = os.fsync, [0]

    def full(handle: int) -> None:
        count[0] += 1
        if count[0] > writes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    try:
        shelf.roll_out()
    except errors.Failure:
        assert shelf.current == ids.digest(b"one")
        monkeypatch.setattr(os, "fsync", real)
        shelf.roll_out()
    monkeypatch.setattr(os, "fsync", real)
    assert shelf.current == ids.digest(b"two")
    assert shelf.roll_back().sha256 == ids.digest(b"one")
    assert not list(tmp_path.rglob(".part-*"))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(["out", "back", "killed"]), max_size=12))
def test_whatever_happens_the_detector_in_use_is_a_whole_version_with_a_way_back(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("m")
    shelf = _rolled_out(folder, b"0")
    trail = [b"0"]
    for number, step in enumerate(steps, 1):
        data = str(number).encode()
        if step == "back":
            if len(trail) > 1:
                shelf.roll_back()
                trail.pop()
            continue
        shelf.propose(data, _told(data, trail[-1]))
        if step == "out":
            shelf.roll_out()
            trail.append(data)
        else:
            _killed_before_the_last_write(shelf)
        assert shelf.in_use is not None and shelf.in_use.read_bytes() == trail[-1]
    assert shelf.current == ids.digest(trail[-1])


def _killed_before_the_last_write(shelf: versions.Versions) -> None:
    class Killed(BaseException):
        pass

    real = stages.write_bytes

    def write(path: Path, data: bytes) -> None:
        if path.name == versions.IN_USE:
            raise Killed
        real(path, data)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        patch.setattr(stages, "write_bytes", write)
        shelf.roll_out()


def test_a_damaged_version_before_is_not_put_into_use(tmp_path: Path) -> None:
    shelf = _rolled_out(tmp_path, b"one", b"two")
    (tmp_path / "versions" / f"{ids.digest(b'one')[:16]}.onnx").write_bytes(b"on")
    with pytest.raises(errors.Failure, match="damaged"):
        shelf.roll_back()
    assert shelf.current == ids.digest(b"two")


def test_two_do_not_work_in_one_folder(tmp_path: Path) -> None:
    shelf = versions.Versions(tmp_path)
    with shelf.alone(), pytest.raises(errors.Conflict, match="another process"), versions.Versions(tmp_path).alone():
        pass
    with shelf.alone():
        pass


@pytest.mark.parametrize("text", ["", "{", "[]", json.dumps({"sha256": "x"})])
def test_a_card_that_is_none_is_no_judgement(tmp_path: Path, text: str) -> None:
    shelf = _rolled_out(tmp_path, b"one")
    shelf.propose(b"two", _told(b"two", b"one"))
    (tmp_path / "candidate.json").write_text(text)
    with pytest.raises(errors.UserError, match="judged"):
        shelf.roll_out()


def test_a_file_in_the_way_is_said(tmp_path: Path) -> None:
    (tmp_path / "m").write_text("x")
    with pytest.raises(errors.UserError, match="in the way"):
        versions.Versions(tmp_path / "m")
