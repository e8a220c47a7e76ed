"""The ledger as its users meet it: append, prove, close, open, share."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taihang.core import errors
from taihang.trust.ledger import (
    Entry,
    Ledger,
    checkpoint,
    entry,
    forged,
    keys,
    merkle,
    proof,
    restoring,
    store,
    tiles,
    verify,
)
from tests.trust.ledger import worlds


def test_what_was_appended_is_proved_and_read(tmp_path: Path) -> None:
    with Ledger(tmp_path / "log", worlds.LOG) as ledger:
        receipts = ledger.append(worlds.batch(0, 300))
        assert [r.index for r in receipts] == list(range(300))
        for index in (0, 255, 256, 299):
            found = verify.bundle(ledger.prove(index), worlds.POLICY)
            assert found.entry == worlds.entry(index)
            assert (found.index, found.size) == (index, 300)
            assert merkle.leaf(found.entry.encoded()) == receipts[index].leaf_hash
        assert list(ledger.read(250, 260)) == worlds.batch(250, 10)
        with pytest.raises(errors.UserError, match="no entry 300"):
            ledger.prove(300)
        with pytest.raises(errors.UserError, match="no entry -1"):
            ledger.prove(-1)
        assert len(ledger.append([])) == 0


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.integers(1, 400), st.sampled_from(["go on", "publish", "reopen"])), max_size=6))
def test_however_it_grew_the_log_is_that_of_its_entries(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, str]]
) -> None:
    folder = tmp_path_factory.mktemp("log")
    ledger, size = Ledger(folder, worlds.LOG), 0
    for count, then in steps:
        ledger.append(worlds.batch(size, count))
        size += count
        if then == "publish":
            ledger.checkpoint()
        elif then == "reopen":
            ledger.close()
            ledger = Ledger(folder, worlds.LOG)
            assert ledger.size == size
    ledger.close()
    found = verify.log(store.Folder(folder), worlds.POLICY)
    hashes = [merkle.leaf(worlds.entry(i).encoded()) for i in range(size)]
    assert (found.size, found.root) == (size, merkle.root(hashes))
    # The folder holds what c2sp.org/tlog-tiles says, and the tiles are those of this tree.
    reader = tiles.Reader(store.Folder(folder), size)
    for index in range(0, size, 97):
        path = merkle.inclusion(index, size, reader.node)
        assert merkle.includes(index, size, hashes[index], path, found.root)
    for old in range(1, size, 131):
        proof_ = merkle.consistency(old, size, reader.node)
        assert merkle.extends(old, size, merkle.root(hashes[:old]), found.root, proof_)


def test_growth_over_a_full_file(tmp_path: Path) -> None:
    with Ledger(tmp_path / "log", worlds.LOG) as ledger:
        for count in (255, 1, 1, 255, 256, 65_536 - 768, 1):
            ledger.append(worlds.batch(ledger.size, count))
            ledger.checkpoint()
    assert verify.log(store.Folder(tmp_path / "log"), worlds.POLICY).size == 65_537
    Ledger(tmp_path / "log", worlds.LOG).close()


def test_many_small_appends_leave_no_heap_of_files(tmp_path: Path) -> None:
    with Ledger(tmp_path / "log", worlds.LOG) as ledger:
        seen = []
        for _ in range(20):
            ledger.append(worlds.batch(ledger.size, 30))
            seen.append(ledger.checkpoint())
        for old in seen:  # what was proved under an older checkpoint can still be continued
            size = checkpoint.parse(old, "test").head.size
            path = ledger.consistency(size)
            checkpoint.follows(checkpoint.parse(old, "test").head, checkpoint.parse(seen[-1], "test").head, path)
    left = [p for p in (tmp_path / "log" / "tile" / "entries").rglob("*") if p.is_file()]
    assert len(left) <= 2 + 256 // 30 + 1
    for partial in ("0", "entries"):
        assert not (tmp_path / "log" / "tile" / partial / "000.p").exists()


def test_names_of_tiles() -> None:
    assert tiles.name(0, 0) == "tile/0/000"
    assert tiles.name(2, 1234067, 17) == "tile/2/x001/x234/067.p/17"
    assert tiles.name("entries", 1000) == "tile/entries/x001/000"
    # The example of the specification: 70,000 entries.
    files = [place for place in tiles.layout(70_000) if place[0] != "entries"]
    assert len(files) == 273 + 1 + 1 + 1 + 1
    assert {(0, 273, 112), (1, 0, 256), (1, 1, 17), (2, 0, 1)} < set(files)
    assert set(tiles.layout(256)) == {("entries", 0, 256), (0, 0, 256), (1, 0, 1)}


def test_two_writers_are_one_too_many(tmp_path: Path) -> None:
    with Ledger(tmp_path / "log", worlds.LOG), pytest.raises(errors.UserError, match="another process writes"):
        Ledger(tmp_path / "log", worlds.LOG)
    Ledger(tmp_path / "log", worlds.LOG).close()


def test_a_closed_ledger_takes_nothing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "log", worlds.LOG)
    ledger.close()
    ledger.close()
    with pytest.raises(errors.Failure, match="closed"):
        ledger.append(worlds.batch(0, 1))


def test_threads_share_syncs_and_each_gets_its_own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []
    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda handle: (synced.append(handle), real(handle)))
    ledger = Ledger(tmp_path / "log", worlds.LOG, publish_after=100)
    places: dict[int, list[int]] = {}

    def work(worker: int) -> None:
        for turn in range(20):
            number = worker * 1000 + turn * 10
            places[number] = [r.index for r in ledger.append(worlds.batch(number, 3))]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ledger.close()
    assert sorted(i for found in places.values() for i in found) == list(range(480))
    assert len(synced) <= 160
    with Ledger(tmp_path / "log", worlds.LOG) as ledger:
        held = list(ledger.read())
    for number, found in places.items():
        assert [held[i] for i in found] == worlds.batch(number, 3)


def test_a_sync_comes_before_the_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Ledger(tmp_path / "log", worlds.LOG) as ledger:

        def fails(_: int) -> None:
            raise OSError(errno.EIO, "Input/output error")

        with monkeypatch.context() as patched:
            patched.setattr(os, "fdatasync", fails)
            with pytest.raises(errors.Failure, match="Input/output error"):
                ledger.append(worlds.batch(0, 1))
        # After a failed sync nobody knows what the disk holds: no more promises.
        with pytest.raises(errors.Failure, match="did not confirm"):
            ledger.append(worlds.batch(0, 1))
    with Ledger(tmp_path / "log", worlds.LOG) as ledger:
        assert ledger.size == 0
        assert ledger.append(worlds.batch(0, 1))[0].index == 0


def test_a_full_disk_refuses_and_later_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pwrite

    def full(handle: int, data: bytes, place: int) -> int:
        if len(data) < 200:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(handle, bytes(data[:150]), place)

    ledger = Ledger(tmp_path / "log", worlds.LOG)
    ledger.append(worlds.batch(0, 2))
    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        with pytest.raises(errors.Failure) as caught:
            ledger.append(worlds.batch(2, 5))
        assert caught.value.message.key == "engines:disk_full"
    assert [r.index for r in ledger.append(worlds.batch(2, 5))] == list(range(2, 7))
    ledger.close()
    assert verify.log(store.Folder(tmp_path / "log"), worlds.POLICY).size == 7


def test_a_store_that_is_away_does_not_lose_what_was_acknowledged(tmp_path: Path) -> None:
    class Away(store.Folder):
        away = False

        def lay(self, files: Mapping[str, bytes]) -> None:
            if self.away:
                raise errors.Failure("engines:disk_full", path=self.path)
            super().lay(files)

    files = Away(tmp_path / "blobs")
    ledger = Ledger(tmp_path / "log", worlds.LOG, files=files, publish_after=4)
    files.away = True
    for number in range(10):
        assert ledger.append([worlds.entry(number)])[0].index == number
    with pytest.raises(errors.Failure):
        ledger.checkpoint()
    files.away = False
    ledger.close()
    assert verify.log(files, worlds.POLICY).size == 10


def test_an_export_is_the_log_again(tmp_path: Path) -> None:
    folder = worlds.filled(tmp_path / "log", 600)
    with Ledger(folder, worlds.LOG) as ledger:
        seen = ledger.export(tmp_path / "log.tar")
    restoring.restore(tmp_path / "log.tar", tmp_path / "again", worlds.POLICY)
    with Ledger(tmp_path / "again", worlds.LOG) as ledger:
        assert ledger.checkpoint() == seen
        assert list(ledger.read()) == worlds.batch(0, 600)
        ledger.append(worlds.batch(600, 10))
    found = verify.log(store.read_only(tmp_path / "again"), worlds.POLICY, since=seen)
    assert found.size == 610
    with pytest.raises(errors.UserError, match="not empty"):
        restoring.restore(tmp_path / "log.tar", tmp_path / "again", worlds.POLICY)
    with Ledger(folder, worlds.LOG) as ledger:
        ledger.export(tmp_path / "second.tar")
    assert (tmp_path / "second.tar").read_bytes() == (tmp_path / "log.tar").read_bytes()


def test_a_seal_is_about_its_report(tmp_path: Path) -> None:
    report = "ab" * 32
    with Ledger(tmp_path / "log", worlds.LOG) as ledger:
        ledger.append(worlds.batch(0, 5))
        sealed = ledger.seal(report, tenant="mine-7", findings=3)
    found = verify.bundle(sealed, worlds.POLICY, subject=report)
    assert found.entry.kind == "report"
    assert found.entry.facts == {"findings": 3}
    with pytest.raises(forged.Forged, match="do not belong together"):
        verify.bundle(sealed, worlds.POLICY, subject="cd" * 32)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_any_change_of_a_proof_is_caught(data: st.DataObject) -> None:
    sealed = _sealed()
    place = data.draw(st.integers(0, len(sealed) - 1))
    changed = sealed[:place] + bytes([data.draw(st.integers(0, 255))]) + sealed[place + 1 :]
    if changed != sealed:
        with pytest.raises(forged.Forged):
            verify.bundle(changed, worlds.POLICY)
    with pytest.raises(forged.Forged):
        verify.bundle(sealed[:place], worlds.POLICY)


_kept: list[bytes] = []


def _sealed() -> bytes:
    if not _kept:
        row = [worlds.entry(i).encoded() for i in range(21)]
        edge = tiles.Edge()
        edge.grow(map(merkle.leaf, row))
        hashes = [merkle.leaf(data) for data in row]
        path = merkle.inclusion(9, 21, lambda level, index: merkle.root(hashes[index << level : (index + 1) << level]))
        signed = checkpoint.sign(checkpoint.Checkpoint(worlds.LOG.name, 21, edge.root()), worlds.LOG)
        _kept.append(proof.Proof(row[9], 9, tuple(path), signed.encoded()).text().encode())
    return _kept[0]


@given(st.binary(max_size=400) | st.text(max_size=400))
def test_any_bytes_are_a_proof_or_refused(data: bytes | str) -> None:
    with pytest.raises(forged.Forged):
        verify.bundle(data, worlds.POLICY)


def test_personal_data_stays_out_and_can_be_forgotten(tmp_path: Path) -> None:
    commitment, salt = entry.commit("王小明")
    with Ledger(tmp_path / "log", worlds.LOG) as ledger:
        made = Entry.now("ticket-state", "ticket-1", facts={"state": "resolved"}, personal={"actor": commitment})
        ledger.append([made])
        assert list(ledger.read()) == [made]
    for path in (tmp_path / "log").rglob("*"):
        assert path.is_dir() or "王小明".encode() not in path.read_bytes()
    assert entry.opens(commitment, "王小明", salt)
    assert not entry.opens(commitment, "李小明", salt)
    assert not entry.opens(commitment, "王小明", "00" * 32)
    assert not entry.opens(commitment, "王小明", "no salt")
    assert entry.commit("王小明")[0] != commitment


@given(
    st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True),
        st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=20),
        max_size=5,
    ),
    st.text(max_size=30),
)
def test_an_entry_is_read_as_it_was_written(facts: dict[str, entry.Fact], subject: str) -> None:
    made = Entry.now("finding", subject, facts=facts)
    try:
        data = made.encoded()
    except errors.UserError:
        assert any("\ud800" <= c <= "\udfff" for c in subject + str(facts))
        return
    assert entry.read(data, "test") == made
    with pytest.raises(forged.Forged):
        entry.read(data.replace(b'"v":1', b'"v":1 '), "test")


@given(
    st.binary(max_size=200) | st.text(max_size=100).map(lambda s: f'{{"v":1,"kind":"{s}"}}'.encode(errors="replace"))
)
def test_any_bytes_are_an_entry_or_refused(data: bytes) -> None:
    with pytest.raises(forged.Forged):
        entry.read(data, "test")


def test_what_does_not_fit_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with Ledger(tmp_path / "log", worlds.LOG) as ledger:
        with pytest.raises(errors.UserError, match="at most 65535"):
            ledger.append([worlds.entry(0), worlds.entry(1, "x" * 65_500)])
        with pytest.raises(errors.UserError, match="half a character"):
            ledger.append([worlds.entry(0), worlds.entry(1, "\ud83d")])
        big = [worlds.entry(i, "x" * 65_000) for i in range(600)]
        with pytest.raises(errors.UserError, match="append it in parts"):
            ledger.append(big)
        assert ledger.size == 0


def test_a_witness_key_does_not_write(tmp_path: Path) -> None:
    with pytest.raises(errors.UserError, match="wrong kind"):
        Ledger(tmp_path / "log", keys.Signer.fresh("w.example", keys.WITNESS))
