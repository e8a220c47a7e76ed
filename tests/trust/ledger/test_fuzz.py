"""Whoever changes the files of a log, in whatever way and however often: the reader tells, or nothing was changed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taihang.app import ledger as reading
from taihang.core import errors
from taihang.trust.ledger import Ledger, checkpoint, forged, restoring, store, tiles, verify, view, witness
from tests.trust.ledger import worlds

KEY = worlds.WITNESSES[0].verifier
POLICIES = (worlds.POLICY, checkpoint.Policy(worlds.LOG.verifier, (KEY,), 1))


@pytest.fixture(scope="module")
def true(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of 600 entries of which a witness saw 520."""
    folder = tmp_path_factory.mktemp("true") / "log"
    one = witness.Witness(folder.parent / "w", worlds.WITNESSES[0], [worlds.LOG.verifier])
    with Ledger(folder, worlds.LOG) as ledger:
        ledger.append(worlds.batch(0, 520))
        head = ledger.checkpoint()
        ledger.cosigned(head, one.cosign(head), KEY)
        ledger.append(worlds.batch(520, 80))
        ledger.export(folder.parent / "log.tar")
    return folder


_AMOUNT = st.floats(0, 1, exclude_max=True)
_CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["flip", "cut", "grow", "drop", "swap", "zero", "other", "repeat"]), _AMOUNT, _AMOUNT, _AMOUNT
    ),
    min_size=1,
    max_size=4,
)


def _changed(folder: Path, changes: list[tuple[str, float, float, float]]) -> None:
    for what, which, where, how in changes:
        files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name not in ("lock", "settled"))
        if not files:
            return
        path = files[int(which * len(files))]
        other = files[int(how * len(files))]
        data = path.read_bytes()
        place = int(where * len(data))
        if what == "flip" and data:
            data = data[:place] + bytes([data[place] ^ 1 << int(how * 8)]) + data[place + 1 :]
        elif what == "cut":
            data = data[:place]
        elif what == "grow":
            data += bytes(int(how * 300))
        elif what == "zero":
            data = bytes(len(data))
        elif what == "repeat":
            data += data[place:]
        elif what == "other":
            data = other.read_bytes()
        elif what == "swap":
            theirs = other.read_bytes()
            other.write_bytes(data)
            data = theirs
        if what == "drop":
            path.unlink()
        else:
            path.write_bytes(data)


@settings(deadline=None, max_examples=120)
@given(changes=_CHANGES)
def test_what_still_holds_is_what_was_written(
    true: Path, tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[str, float, float, float]]
) -> None:
    folder = tmp_path_factory.getbasetemp() / "changed"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(true, folder)
    _changed(folder, changes)
    files = store.Folder(folder)
    for policy in POLICIES:
        try:
            found = verify.log(files, policy)
        except forged.Forged as error:
            assert len(str(error).splitlines()) == 1
            continue
        reader = tiles.Reader(files, found.size)
        rows = [row for n in range(-(-found.size // tiles.WIDTH)) for row in reader.bundle(n)]
        assert rows == [worlds.entry(i).encoded() for i in range(found.size)]
        assert found.size in (520, 600)
    for index in (0, 255, 256, 519, 599):
        try:
            proved = verify.bundle(view.View(files, worlds.LOG.verifier).prove(index), worlds.POLICY)
        except (forged.Forged, errors.NotFound):
            continue
        assert proved.entry == worlds.entry(index)


@settings(deadline=None, max_examples=60)
@given(changes=_CHANGES)
def test_a_writer_goes_on_from_true_files_only(
    true: Path, tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[str, float, float, float]]
) -> None:
    """Whatever the writer signs next must continue what it signed before, or it signs nothing."""
    folder = tmp_path_factory.getbasetemp() / "written"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(true, folder)
    _changed(folder, changes)
    before = checkpoint.parse((true / "checkpoint").read_bytes(), "before").head
    try:
        with Ledger(folder, worlds.LOG) as ledger:
            ledger.append(worlds.batch(ledger.size, 1))
            after = checkpoint.parse(ledger.checkpoint(), "after").head
            assert after.size == 601
            checkpoint.follows(before, after, ledger.consistency(before.size))
    except errors.TaihangError:
        pass


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_a_changed_export_is_refused_or_the_same(
    true: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    whole = (true.parent / "log.tar").read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    path = tmp_path_factory.getbasetemp() / "changed.tar"
    path.write_bytes(whole[:place] + bytes([whole[place] ^ data.draw(st.integers(1, 255))]) + whole[place + 1 :])
    target = tmp_path_factory.getbasetemp() / "restored"
    shutil.rmtree(target, ignore_errors=True)
    try:
        restoring.restore(path, target, worlds.POLICY)
    except (forged.Forged, errors.UserError):
        assert not (target / "checkpoint").exists()
        return
    assert verify.log(store.Folder(target), worlds.POLICY).size == 600


@settings(deadline=None, max_examples=80)
@given(st.binary(max_size=400))
def test_any_file_is_read_or_refused_in_one_line(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "anything"
    path.write_bytes(data)
    folder = tmp_path_factory.getbasetemp() / "folder"
    folder.mkdir(exist_ok=True)
    (folder / "checkpoint").write_bytes(data)
    for place in (path, folder):
        with pytest.raises(errors.TaihangError) as caught:
            reading.checked(place, worlds.POLICY)
        assert len(str(caught.value).splitlines()) == 1
        with pytest.raises(errors.TaihangError):
            list(reading.lines(place))
