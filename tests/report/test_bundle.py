"""The folder of a report is replaced as a whole, or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from report import sample
from taihang.core import errors
from taihang.report import bundle
from taihang.report import json as form


def state(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def made() -> tuple[Any, dict[str, bytes]]:
    return sample.make()


def test_everything_is_there_and_the_sums_are_right(tmp_path: Path, made: Any) -> None:
    report, files = made
    paths = bundle.write(report, tmp_path / "new" / "out", "en", files)
    kept = state(paths.folder)
    assert set(kept) == {"report.html", "report.json", "report.docx", "SHA256SUMS", *files}
    sums = dict(reversed(line.split("  ")) for line in paths.sums.read_text().splitlines())
    assert sums == {name: hashlib.sha256(data).hexdigest() for name, data in kept.items() if name != "SHA256SUMS"}
    checked = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=paths.folder, capture_output=True, check=False)
    assert checked.returncode == 0
    assert paths.json is not None
    assert form.load(paths.json.read_bytes()) == report


def test_a_second_report_replaces_the_first_and_leaves_other_files_alone(tmp_path: Path, made: Any) -> None:
    report, files = made
    bundle.write(report, tmp_path, "en", files)
    (tmp_path / "notes.txt").write_text("mine")
    paths = bundle.write(report.model_copy(update={"findings": ()}), tmp_path, "en", {}, formats=["json"])
    assert set(state(tmp_path)) == {"report.json", "SHA256SUMS", "notes.txt"}
    assert (paths.html, paths.docx, paths.evidence) == (None, None, None)


@pytest.mark.parametrize("name", ["report.html", "report.docx", "evidence/mine.jpg", "evidence", "SHA256SUMS"])
def test_a_file_that_no_report_wrote_is_never_replaced(name: str, tmp_path: Path, made: Any) -> None:
    report, files = made
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    before = state(tmp_path)
    if name == "SHA256SUMS":
        # Somebody's own sums do not make somebody's own report.html ours.
        (tmp_path / "report.html").write_text("mine")
        before = state(tmp_path)
    with pytest.raises(errors.UserError, match="not part of an earlier report"):
        bundle.write(report, tmp_path, "en", files)
    with pytest.raises(errors.UserError, match="not part of an earlier report"):
        bundle.usable(tmp_path)
    assert state(tmp_path) == before


def test_a_file_added_to_the_evidence_of_a_report_is_not_deleted(tmp_path: Path, made: Any) -> None:
    report, files = made
    bundle.write(report, tmp_path, "en", files, formats=["json"])
    (tmp_path / "evidence" / "annotated.jpg").write_text("mine")
    with pytest.raises(errors.UserError, match=r"annotated\.jpg"):
        bundle.write(report, tmp_path, "en", files, formats=["json"])


def test_a_link_in_place_of_the_evidence_folder_is_not_followed(tmp_path: Path, made: Any) -> None:
    report, files = made
    target = tmp_path / "elsewhere"
    target.mkdir()
    out = tmp_path / "out"
    out.mkdir()
    (out / "evidence").symlink_to(target)
    with pytest.raises(errors.UserError, match="not part of an earlier report"):
        bundle.write(report, out, "en", files, formats=["json"])
    assert list(target.iterdir()) == []


@pytest.mark.parametrize("place", ["save", "json", "html", "docx", "sums", "swap"])
def test_a_full_disk_leaves_the_earlier_report_whole(
    place: str, tmp_path: Path, made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    report, files = made
    bundle.write(report, tmp_path, "en", files)
    before = state(tmp_path)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if place == "save":
        monkeypatch.setattr(bundle.attachments.Attachments, "save", full)
    elif place == "sums":
        monkeypatch.setattr(bundle.os, "fsync", full)
    elif place == "swap":
        _fail_late(monkeypatch)
    else:
        monkeypatch.setattr(getattr(bundle, place), "write", full)
    with pytest.raises(errors.Failure, match="untouched") as caught:
        bundle.write(report.model_copy(update={"findings": ()}), tmp_path, "en", files)
    assert caught.value.exit_code == 3
    assert "\n" not in str(caught.value)
    monkeypatch.undo()
    assert state(tmp_path) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted({name.split("/")[0] for name in before})


def _fail_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first move of the new report's last file fails, when everything else is already swapped."""
    real = Path.replace

    def replace(self: Path, target: Path) -> Path:
        if self.name == "SHA256SUMS" and self.parent.name == "new":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(self, target)

    monkeypatch.setattr(Path, "replace", replace)


def test_stopping_leaves_no_trace(tmp_path: Path, made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bundle.html, "write", stop)
    with pytest.raises(KeyboardInterrupt):
        bundle.write(made[0], tmp_path / "out", "en", made[1])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("earlier", [True, False])
@pytest.mark.parametrize("steps", range(9))
def test_a_writer_killed_while_swapping_is_undone_by_the_next(
    steps: int, earlier: bool, tmp_path: Path, made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    report, files = made
    if earlier:
        bundle.write(report, tmp_path, "en", files, formats=["html", "json"])
    before = state(tmp_path)
    real, done = Path.replace, []

    def killed(self: Path, target: Path) -> Path:
        if len(done) == steps:
            raise KeyboardInterrupt
        done.append(self)
        return real(self, target)

    # Nothing of a killed process runs after the kill: neither the undoing nor the cleaning.
    monkeypatch.setattr(Path, "replace", killed)
    monkeypatch.setattr(bundle, "_undo", lambda *_: None)
    monkeypatch.setattr(bundle.shutil, "rmtree", lambda *_, **__: None)
    with contextlib.suppress(KeyboardInterrupt):
        bundle.write(report.model_copy(update={"findings": ()}), tmp_path, "zh", {}, formats=["json", "docx"])
    monkeypatch.undo()
    complete = (tmp_path / "SHA256SUMS").exists() and not (tmp_path / ".report-writing/new/SHA256SUMS").exists()
    bundle.usable(tmp_path)
    after = state(tmp_path)
    assert set(after) == {"report.json", "report.docx", "SHA256SUMS"} if complete else after == before
    assert not (tmp_path / ".report-writing").exists()


def test_two_writers_do_not_meet_in_one_folder(tmp_path: Path, made: Any) -> None:
    with bundle._writing(tmp_path), pytest.raises(errors.Failure, match="another process is writing"):
        bundle.write(made[0], tmp_path, "en", made[1])


def test_a_folder_that_cannot_be_one_is_the_callers_mistake(tmp_path: Path, made: Any) -> None:
    report, files = made
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / ("x" * 300)):
        with pytest.raises(errors.UserError) as caught:
            bundle.usable(out)
        assert caught.value.exit_code == 2
        with pytest.raises(errors.UserError):
            bundle.write(report, out, "en", files)
    with pytest.raises(errors.UserError, match="known formats are html, json, docx"):
        bundle.write(report, tmp_path, "en", files, formats=["rtf"])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file"]


def test_a_folder_that_may_not_be_written_is_told_before_the_long_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Root may write anywhere, so the refusal itself is planted.
    monkeypatch.setattr(bundle.os, "access", lambda *_: False)
    with pytest.raises(errors.UserError, match="may not write to"):
        bundle.usable(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []


def test_files_are_copied_from_where_they_lie(tmp_path: Path, made: Any) -> None:
    report, files = made
    (tmp_path / "src").mkdir()
    by_path: dict[str, bytes | Path] = {}
    for number, (name, data) in enumerate(files.items()):
        by_path[name] = tmp_path / "src" / str(number)
        (tmp_path / "src" / str(number)).write_bytes(data)
    a = bundle.write(report, tmp_path / "a", "en", by_path)
    b = bundle.write(report, tmp_path / "b", "en", files)
    assert state(a.folder) == state(b.folder)


def test_a_file_that_was_changed_after_it_was_made_stops_the_report(tmp_path: Path, made: Any) -> None:
    report, files = made
    name = next(iter(files))
    with pytest.raises(errors.Failure, match="SHA-256"):
        bundle.write(report, tmp_path / "out", "en", {**files, name: io.BytesIO(b"other").getvalue()})
    assert not (tmp_path / "out").exists()
