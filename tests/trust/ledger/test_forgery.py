"""What a forger, a careless copy or a bad disk does to the files is found, and the file is named."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taihang.core import errors
from taihang.trust.ledger import Ledger, checkpoint, forged, keys, merkle, restoring, store, tiles, verify
from tests.trust.ledger import worlds

SIZE = 70_000 // 137  # 510: a full and a partial file in each row


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return worlds.filled(tmp_path_factory.mktemp("ledger") / "log", SIZE)


class Changed:
    """A store with one file changed; None when it is missing."""

    def __init__(self, files: store.Store, name: str, data: bytes | None) -> None:
        self._files, self._name, self._data = files, name, data

    def read(self, name: str) -> bytes | None:
        return self._data if name == self._name else self._files.read(name)

    def write(self, files: object) -> None:
        raise AssertionError

    def where(self, name: str) -> str:
        return self._files.where(name)


NAMES = ["checkpoint", *(tiles.name(*place) for place in tiles.layout(SIZE))]


def test_the_whole_log_holds(whole: Path) -> None:
    found = verify.log(store.Folder(whole), worlds.POLICY)
    assert (found.origin, found.size) == (worlds.LOG.name, SIZE)
    assert {str(p.relative_to(whole)) for p in whole.rglob("*") if p.is_file()} == {
        *NAMES, "lock", "settled", f"journal-{SIZE:020}",
    }  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_file_is_named(whole: Path, name: str) -> None:
    with pytest.raises(forged.Forged, match=name):
        verify.log(Changed(store.Folder(whole), name, None), worlds.POLICY)


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_any_flipped_bit_is_caught_and_its_file_named(whole: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(NAMES))
    right = store.Folder(whole).read(name)
    assert right is not None
    wrong = bytearray(right)
    wrong[data.draw(st.integers(0, len(wrong) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(forged.Forged, match=name):
        verify.log(Changed(store.Folder(whole), name, bytes(wrong)), worlds.POLICY)


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_any_truncation_is_caught_and_its_file_named(whole: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(NAMES))
    right = store.Folder(whole).read(name)
    assert right is not None
    cut = right[: data.draw(st.integers(0, len(right) - 1))]
    with pytest.raises(forged.Forged, match=name):
        verify.log(Changed(store.Folder(whole), name, cut), worlds.POLICY)
    with pytest.raises(forged.Forged):
        verify.log(Changed(store.Folder(whole), name, right + b"\0"), worlds.POLICY)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_any_reordering_is_caught(whole: Path, data: st.DataObject) -> None:
    files = store.Folder(whole)
    name = tiles.name("entries", 0)
    right = tiles.entries(files.read(name) or b"", name)
    one, other = data.draw(st.lists(st.integers(0, 255), min_size=2, max_size=2, unique=True))
    right[one], right[other] = right[other], right[one]
    with pytest.raises(forged.Forged, match="entries/000"):
        verify.log(Changed(files, name, tiles.bundle(right)), worlds.POLICY)


def test_a_length_beyond_the_end_is_refused_though_the_bytes_are_right(whole: Path) -> None:
    name = tiles.name("entries", 1, SIZE - 256)
    right = store.Folder(whole).read(name) or b""
    last = len(worlds.entry(SIZE - 1).encoded())
    wrong = right[: -last - 2] + (last + 1).to_bytes(2, "big") + right[-last:]
    assert len(wrong) == len(right)
    with pytest.raises(forged.Forged, match="length does not fit"):
        verify.log(Changed(store.Folder(whole), name, wrong), worlds.POLICY)


@settings(deadline=None, max_examples=40)
@given(st.binary(max_size=600))
def test_any_bytes_for_a_bundle_are_refused(whole: Path, junk: bytes) -> None:
    with pytest.raises(forged.Forged, match="entries/000"):
        verify.log(Changed(store.Folder(whole), tiles.name("entries", 0), junk), worlds.POLICY)


def test_a_forger_without_the_key_cannot_make_the_rest_fit(tmp_path: Path) -> None:
    """Entries, tiles and journal made anew, so that only the signature is the forger's own."""
    own = keys.Signer.fresh(worlds.LOG.name)
    with Ledger(tmp_path / "log", own) as ledger:
        ledger.append(worlds.batch(0, 10))
    with pytest.raises(forged.Forged, match="no signature of taihang"):
        verify.log(store.Folder(tmp_path / "log"), worlds.POLICY)
    with pytest.raises(forged.Forged, match="no signature of taihang"):
        Ledger(tmp_path / "log", worlds.LOG)


def test_the_keeper_who_rewrites_history_is_caught_by_an_old_checkpoint(whole: Path, tmp_path: Path) -> None:
    seen = store.Folder(whole).read("checkpoint")
    with Ledger(tmp_path / "other", worlds.LOG) as ledger:
        ledger.append([*worlds.batch(0, 9), worlds.entry(9, "never happened"), *worlds.batch(10, SIZE)])
    assert verify.log(store.Folder(tmp_path / "other"), worlds.POLICY).size == SIZE + 10
    with pytest.raises(forged.Forked, match="two different roots"):
        verify.log(store.Folder(tmp_path / "other"), worlds.POLICY, since=seen)
    short = worlds.filled(tmp_path / "short", SIZE - 1)
    with pytest.raises(forged.Forked, match="shrank"):
        verify.log(store.Folder(short), worlds.POLICY, since=seen)


def test_the_writer_refuses_to_go_on_from_changed_files(whole: Path, tmp_path: Path) -> None:
    for name in ("checkpoint", tiles.name(0, 1, SIZE - 256), tiles.name("entries", 1, SIZE - 256), tiles.name(1, 0, 1)):
        folder = tmp_path / name.replace("/", "-")
        shutil.copytree(whole, folder)
        data = bytearray((folder / name).read_bytes())
        data[-9] ^= 1
        (folder / name).write_bytes(data)
        with pytest.raises(forged.Forged):
            Ledger(folder, worlds.LOG)
        (folder / name).unlink()
        with pytest.raises(forged.Forged, match=name):
            Ledger(folder, worlds.LOG)


def test_a_log_whose_head_was_taken_away_is_not_begun_anew(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "log")
    (tmp_path / "log" / "checkpoint").unlink()
    for journal in (tmp_path / "log").glob("journal-*"):
        journal.unlink()
    with pytest.raises(forged.Forged, match="checkpoint: the file is missing"):
        Ledger(tmp_path / "log", worlds.LOG)


def test_a_lie_about_the_size_costs_nothing(whole: Path) -> None:
    """A signed checkpoint over 2**60 entries that are not there fails at the first file that is missing."""
    head = checkpoint.Checkpoint(worlds.LOG.name, 2**60, merkle.leaf(b""))
    data = checkpoint.sign(head, worlds.LOG).encoded()
    with pytest.raises(forged.Forged, match="entries/001"):
        verify.log(Changed(store.Folder(whole), "checkpoint", data), worlds.POLICY)


@pytest.mark.parametrize("name", NAMES[:3])
def test_what_is_no_plain_file_is_not_waited_for(whole: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(whole, tmp_path / "log")
    path = tmp_path / "log" / name
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(forged.Forged, match=f"{name}: not a plain file"):
        verify.log(store.Folder(tmp_path / "log"), worlds.POLICY)
    path.unlink()
    path.mkdir()
    with pytest.raises((forged.Forged, errors.Failure), match=name):
        verify.log(store.Folder(tmp_path / "log"), worlds.POLICY)


def _tar(path: Path, members: list[tarfile.TarInfo]) -> Path:
    with tarfile.open(path, "w") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(b"\0" * member.size))
    return path


def _member(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.size, made.linkname = kind, size, link
    return made


@pytest.mark.parametrize(
    "members",
    [
        [_member("../checkpoint")],
        [_member("/etc/passwd")],
        [_member("checkpoint", tarfile.SYMTYPE, link="/etc/passwd")],
        [_member("checkpoint", tarfile.LNKTYPE, link="/etc/passwd")],
        [_member("tile/0/../../x")],
        [_member("checkpoint"), _member("checkpoint")],
        [_member("tile/0/000", tarfile.FIFOTYPE)],
        [_member("tile/0/000", tarfile.DIRTYPE)],
        [_member("x" * 300)],
    ],
    ids=["climbs", "absolute", "symlink", "hardlink", "climbs-inside", "twice", "fifo", "folder", "long-name"],
)
def test_an_export_with_anything_else_in_it_is_refused(tmp_path: Path, members: list[tarfile.TarInfo]) -> None:
    with pytest.raises(forged.Forged, match="what is no part of a ledger"):
        store.read_only(_tar(tmp_path / "log.tar", members))


def test_a_file_larger_than_any_is_refused(tmp_path: Path) -> None:
    path = _tar(tmp_path / "log.tar", [_member("checkpoint", size=store.LARGEST_FILE + 1)])
    with pytest.raises(forged.Forged, match="bytes instead of"):
        store.read_only(path)
    (tmp_path / "log").mkdir()
    with (tmp_path / "log" / "checkpoint").open("wb") as out:
        out.truncate(1 << 40)
    with pytest.raises(forged.Forged, match="bytes instead of"):
        verify.log(store.Folder(tmp_path / "log"), worlds.POLICY)


@settings(deadline=None, max_examples=120)
@given(st.data())
def test_a_damaged_export_is_refused(whole_tar: Path, data: st.DataObject) -> None:
    right = whole_tar.read_bytes()
    cut = data.draw(st.integers(0, len(right) - 1))
    path = whole_tar.with_name("damaged.tar")
    if data.draw(st.booleans()):
        path.write_bytes(right[:cut])
    else:
        path.write_bytes(right[:cut] + data.draw(st.binary(min_size=1, max_size=40)) + right[cut + 1 :])
    try:
        found = verify.log(store.read_only(path), worlds.POLICY)
    except forged.Forged:
        return
    # Padding, file times and the like say nothing; what is read must be the log.
    assert (found.size, found.checkpoint) == (SIZE, store.read_only(whole_tar).read("checkpoint"))


@pytest.fixture(scope="module")
def whole_tar(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "log.tar"
    store.archive(store.Folder(whole), NAMES, path)
    return path


@settings(deadline=None)
@given(st.binary(max_size=2000))
def test_any_bytes_are_no_export(junk_file: Path, junk: bytes) -> None:
    junk_file.write_bytes(junk)
    with pytest.raises(forged.Forged):
        verify.log(store.read_only(junk_file), worlds.POLICY)


@pytest.fixture(scope="module")
def junk_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("junk") / "junk.tar"


def test_an_export_with_wider_files_than_it_needs_is_restored(tmp_path: Path) -> None:
    """Logs may drop a partial file once the full one is there."""
    with Ledger(tmp_path / "log", worlds.LOG) as ledger:
        ledger.append(worlds.batch(0, 300))
        (tmp_path / "kept").write_bytes(ledger.checkpoint())
        ledger.append(worlds.batch(300, 300))
    (tmp_path / "log" / "checkpoint").write_bytes((tmp_path / "kept").read_bytes())
    for partial in (tmp_path / "log").rglob("*.p"):
        if partial.parent.name != "1":
            shutil.rmtree(partial)
    names = [str(p.relative_to(tmp_path / "log")) for p in (tmp_path / "log").rglob("*") if p.is_file()]
    names = [name for name in names if name == "checkpoint" or name.startswith("tile/")]
    store.archive(store.Folder(tmp_path / "log"), names, tmp_path / "log.tar")
    restoring.restore(tmp_path / "log.tar", tmp_path / "again", worlds.POLICY)
    with Ledger(tmp_path / "again", worlds.LOG) as ledger:
        assert list(ledger.read()) == worlds.batch(0, 300)


def test_no_log_is_the_callers_mistake(tmp_path: Path) -> None:
    with pytest.raises(errors.UserError, match="no ledger folder or export"):
        store.read_only(tmp_path / "nothing")
