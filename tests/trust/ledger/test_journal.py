"""Whatever moment the power goes: every acknowledged entry is there, and no half one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taihang.trust.ledger import Ledger, forged, journal, settling, store, verify
from tests.trust.ledger import worlds


def _crashed(ledger: Ledger) -> None:
    """Let go of the files as a dead process does."""
    assert ledger._settler is not None
    ledger._settler.close()
    ledger._journal.close()
    os.close(ledger._lock)


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of 20 published entries and five batches of four that only the journal holds."""
    folder = worlds.filled(tmp_path_factory.mktemp("ledger") / "log", 20)
    ledger = Ledger(folder, worlds.LOG)
    for turn in range(5):
        ledger.append(worlds.batch(20 + 4 * turn, 4))
    _crashed(ledger)
    return folder


def _copy(crashed: Path, to: Path) -> tuple[Path, Path]:
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(crashed, to)
    return to, next(to.glob("journal-*"))


def test_what_was_acknowledged_is_there_after_a_crash(crashed: Path, tmp_path: Path) -> None:
    folder, _ = _copy(crashed, tmp_path / "log")
    with Ledger(folder, worlds.LOG) as ledger:
        assert list(ledger.read()) == worlds.batch(0, 40)
    assert verify.log(store.Folder(folder), worlds.POLICY).size == 40


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_a_torn_last_batch_is_cut_off_whole(
    crashed: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder, path = _copy(crashed, tmp_path_factory.getbasetemp() / "torn")
    right = path.read_bytes()
    frame = len(right) // 5
    torn = data.draw(st.integers(0, frame - 1))
    left = right[: 4 * frame + torn] + data.draw(st.sampled_from([b"", b"\0" * (frame - torn), b"\0" * 5000]))
    if left == right:
        return
    path.write_bytes(left)
    with Ledger(folder, worlds.LOG) as ledger:
        assert ledger.size == 36
        assert ledger.append(worlds.batch(36, 1))[0].index == 36
    assert verify.log(store.Folder(folder), worlds.POLICY).size == 37


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_damage_before_the_last_batch_is_not_taken_for_a_torn_one(
    crashed: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder, path = _copy(crashed, tmp_path_factory.getbasetemp() / "damaged")
    right = path.read_bytes()
    place = data.draw(st.integers(0, len(right) // 5 * 4 - 1))
    wrong = bytearray(right)
    wrong[place] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(wrong)
    with pytest.raises(forged.Forged, match="acknowledged record"):
        Ledger(folder, worlds.LOG)
    # Nothing was cut off or written by looking at it.
    assert path.read_bytes() == bytes(wrong)


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=300))
def test_any_bytes_behind_the_journal_do_no_harm(
    crashed: Path, tmp_path_factory: pytest.TempPathFactory, junk: bytes
) -> None:
    folder, path = _copy(crashed, tmp_path_factory.getbasetemp() / "junk")
    path.write_bytes(path.read_bytes() + junk)
    with Ledger(folder, worlds.LOG) as ledger:
        assert ledger.size == 40


def test_batches_that_were_taken_out_are_missed(crashed: Path, tmp_path: Path) -> None:
    folder, path = _copy(crashed, tmp_path / "log")
    right = path.read_bytes()
    frame = len(right) // 5
    for wrong in (right[frame:], right[:frame] + right[2 * frame :], right[frame : 2 * frame] + right[:frame]):
        path.write_bytes(wrong)
        with pytest.raises(forged.Forged, match="journal goes on at entry"):
            Ledger(folder, worlds.LOG)
    path.rename(path.with_name(f"journal-{24:020}"))
    with pytest.raises(forged.Forged, match="entry 24 instead of 20"):
        Ledger(folder, worlds.LOG)
    path.with_name(f"journal-{24:020}").unlink()
    with pytest.raises(forged.Forged, match="journal-00000000000000000020: the file is missing"):
        Ledger(folder, worlds.LOG)


class Dead(BaseException):
    """Stands for kill -9."""


@pytest.mark.parametrize("moment", range(40))
def test_death_between_any_two_writes_of_publishing(
    tmp_path: Path, moment: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stop at the n-th system call that changes the disk; the log opens, whole, and goes on."""
    folder = worlds.filled(tmp_path / "log", 250)
    ledger = Ledger(folder, worlds.LOG)
    ledger.append(worlds.batch(250, 20))
    left = [moment]
    with monkeypatch.context() as patched:
        for owner, name in ((os, "fsync"), (Path, "replace"), (Path, "unlink"), (os, "ftruncate"), (Path, "mkdir")):
            patched.setattr(owner, name, _dying(getattr(owner, name), left))
        died = False
        try:
            ledger.checkpoint()
            ledger.settle()
        except Dead:
            died = True
    assert died == (left[0] < 0)
    _crashed(ledger)
    with Ledger(folder, worlds.LOG) as ledger:
        assert list(ledger.read()) == worlds.batch(0, 270)
        ledger.append(worlds.batch(270, 300))
    assert verify.log(store.Folder(folder), worlds.POLICY).size == 570
    assert [p.name for p in folder.glob("journal-*")] == [f"journal-{570:020}"]


@pytest.mark.parametrize("damage", ["lost", "emptied", "garbled"])
def test_files_that_were_laid_and_not_settled_are_laid_again(
    tmp_path: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut takes what was not synced: every file since the last settled checkpoint."""
    folder = worlds.filled(tmp_path / "log", 300)
    ledger = Ledger(folder, worlds.LOG)
    there = {p for p in folder.rglob("*") if p.is_file()}
    with monkeypatch.context() as patched:
        patched.setattr(settling.Settler, "_settle", lambda _: None)
        for turn in range(3):
            ledger.append(worlds.batch(300 + 200 * turn, 200))
            seen = ledger.checkpoint()
        ledger.append(worlds.batch(900, 7))
    _crashed(ledger)
    laid = {p for p in (folder / "tile").rglob("*") if p.is_file()} - there
    assert laid
    for path in laid:
        if damage == "lost":
            path.unlink()
        else:
            path.write_bytes(b"" if damage == "emptied" else b"x" * path.stat().st_size)
    with Ledger(folder, worlds.LOG) as ledger:
        assert list(ledger.read()) == worlds.batch(0, 907)
    assert verify.log(store.Folder(folder), worlds.POLICY, since=seen).size == 907


def test_what_was_settled_and_is_changed_is_not_signed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = worlds.filled(tmp_path / "log", 300)
    ledger = Ledger(folder, worlds.LOG)
    with monkeypatch.context() as patched:
        patched.setattr(settling.Settler, "_settle", lambda _: None)
        ledger.append(worlds.batch(300, 10))
        ledger.checkpoint()
    _crashed(ledger)
    path = folder / "tile" / "0" / "001.p" / "44"
    path.write_bytes(b"\0" * 32 + path.read_bytes()[32:])
    with pytest.raises(forged.Forged, match="root of 300 entries"):
        Ledger(folder, worlds.LOG)


def test_a_journal_that_leads_elsewhere_is_not_laid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The signed checkpoint covers ten entries more than is settled, and the journal has ten others."""
    folders = []
    for name, first in (("log", 300), ("other", 500)):
        folder = worlds.filled(tmp_path / name, 300)
        ledger = Ledger(folder, worlds.LOG)
        with monkeypatch.context() as patched:
            patched.setattr(settling.Settler, "_settle", lambda _: None)
            ledger.append(worlds.batch(first, 10))
            ledger.checkpoint()
        _crashed(ledger)
        folders.append(folder / f"journal-{300:020}")
    shutil.copy(folders[1], folders[0])
    with pytest.raises(forged.Forged, match="root of 310 entries"):
        Ledger(tmp_path / "log", worlds.LOG)
    for path in (tmp_path / "log").glob("journal-*"):
        path.write_bytes(b"")
    with pytest.raises(forged.Forged):
        Ledger(tmp_path / "log", worlds.LOG)


def test_a_sync_that_fails_behind_the_writers_back_keeps_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(tmp_path / "log", worlds.LOG)
    ledger.append(worlds.batch(0, 10))

    def failing(*_: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(store.Folder, "settle", lambda *_: failing())
        ledger.checkpoint()
        with pytest.raises(OSError, match="Input/output"):
            ledger.settle()
    ledger.append(worlds.batch(10, 10))
    ledger.checkpoint()
    with pytest.raises(OSError, match="Input/output"):
        ledger.close()
    assert (tmp_path / "log" / f"journal-{0:020}").stat().st_size
    with Ledger(tmp_path / "log", worlds.LOG) as ledger:
        assert list(ledger.read()) == worlds.batch(0, 20)
    assert [p.name for p in (tmp_path / "log").glob("journal-*")] == [f"journal-{20:020}"]


def _dying(real: object, left: list[int]) -> object:
    def call(*words: object, **more: object) -> object:
        left[0] -= 1
        if left[0] < 0:
            raise Dead
        return real(*words, **more)  # type: ignore[operator]

    return call


_WRITER = """
import sys
from pathlib import Path
from taihang.trust.ledger import Ledger, keys
from tests.trust.ledger import worlds
ledger = Ledger(Path(sys.argv[1]), keys.Signer.load(Path(sys.argv[2])), publish_after=50)
place = ledger.size
while True:
    receipts = ledger.append(worlds.batch(place, 7))
    place += 7
    print(receipts[-1].index, flush=True)
"""


@pytest.mark.parametrize("kills", [6, pytest.param(60, marks=pytest.mark.long)])
def test_kill_minus_nine_at_random_moments(tmp_path: Path, kills: int) -> None:
    worlds.LOG.save(tmp_path / "key")
    acknowledged = -1
    for turn in range(kills):
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(tmp_path / "log"), str(tmp_path / "key")],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert writer.stdout is not None
        first = writer.stdout.readline()
        assert first, "the writer could not open the log after a kill"
        time.sleep(0.002 * (turn * 7 % 23))
        os.kill(writer.pid, signal.SIGKILL)
        rest = writer.stdout.read()
        writer.wait()
        lines = (first + rest).split("\n")
        # The last line may be half written; the others were acknowledged.
        acknowledged = int([line for line in lines[:-1] if line][-1])
        with Ledger(tmp_path / "log", worlds.LOG) as ledger:
            assert ledger.size > acknowledged
            assert ledger.size % 7 == 0  # a batch is there or not, never in part
    with Ledger(tmp_path / "log", worlds.LOG) as ledger:
        assert list(ledger.read()) == worlds.batch(0, ledger.size)
    assert verify.log(store.Folder(tmp_path / "log"), worlds.POLICY).size > acknowledged


def test_the_sync_is_seen_from_outside(tmp_path: Path, program: Callable[[str], str]) -> None:
    strace = program("strace")
    script = (
        "import os, sys\nfrom pathlib import Path\nfrom taihang.trust.ledger import Ledger\n"
        "from tests.trust.ledger import worlds\nledger = Ledger(Path(sys.argv[1]), worlds.LOG)\n"
        "for n in range(3):\n    ledger.append(worlds.batch(n, 1))\n    os.write(1, b'acknowledged\\n')\n"
    )
    trace = tmp_path / "trace"
    command = [strace, "-f", "-e", "trace=pwrite64,fdatasync,write", "-o", str(trace), sys.executable, "-c", script]
    ran = subprocess.run([*command, str(tmp_path / "log")], capture_output=True, text=True, check=False)
    if "ptrace" in ran.stderr:
        pytest.skip("strace may not trace here")
    assert ran.returncode == 0, ran.stderr
    calls = [
        "acknowledged" if "acknowledged" in line else line.split(None, 1)[1].split("(")[0]
        for line in trace.read_text().splitlines()
        if "THJ1" in line or "fdatasync(" in line or "acknowledged" in line
    ]
    assert calls == ["pwrite64", "fdatasync", "acknowledged"] * 3


def test_a_journal_is_only_read_by_its_own_name(tmp_path: Path) -> None:
    with pytest.raises(forged.Forged, match="missing"):
        journal.recover(tmp_path, 0)
