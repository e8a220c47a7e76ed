"""One suite for both kinds of blob store: a folder, and S3 over real HTTP."""

from __future__ import annotations

import hashlib
import io
import os
import random
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures import buckets

from taihang.core import errors
from taihang.engines.blobs import blob, blobs


@pytest.fixture(params=buckets.KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[blobs.Blobs]:
    with buckets.opened(request.param, tmp_path) as opened:
        yield opened


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class _Pipe(io.RawIOBase):
    """A stream that cannot be read twice."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._rest = data

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        size = min(max(size, 0), 70_001)
        part, self._rest = self._rest[:size], self._rest[size:]
        return part


@pytest.mark.parametrize("size", [0, 1, 300, (8 << 20) + 17])
def test_bytes_streams_and_files_come_back(store: blobs.Blobs, tmp_path: Path, size: int) -> None:
    data = random.Random(size).randbytes(size)
    path = tmp_path / "source"
    path.write_bytes(data)
    made = blob.Blob(_sha(data), size)
    for source in (data, _Pipe(data), io.BytesIO(data), path):
        assert store.put("mine-7", source) == made  # type: ignore[arg-type]
        assert store.read("mine-7", made.sha256) == data
        assert store.size("mine-7", made.sha256) == size
        store.delete("mine-7", made.sha256)
    store.put("mine-7", path, sha256=made.sha256)
    with store.open("mine-7", made.sha256) as stream:
        assert hashlib.sha256(stream.read()).hexdigest() == made.sha256
    with store.local("mine-7", made.sha256, suffix=".mp4") as file:
        assert (file.suffix, file.read_bytes()) == (".mp4", data)
    with store.local("mine-7", made.sha256) as file:
        assert file.read_bytes() == data


def test_a_stream_is_taken_from_where_it_stands(store: blobs.Blobs) -> None:
    source = io.BytesIO(b"headbody")
    source.seek(4)
    assert store.put("a", source).sha256 == _sha(b"body")


def test_parts_are_read_without_the_rest(store: blobs.Blobs) -> None:
    data = random.Random(1).randbytes(200_000)
    sha256 = store.put("a", data).sha256
    for start, end in ((0, 10), (5, 5), (100, 70_000), (199_990, 300_000), (200_000, 200_010), (0, None), (7, None)):
        assert store.read("a", sha256, start, end) == data[start:end]
    for start, end in ((-1, 5), (10, 5)):
        with pytest.raises(errors.UserError, match="no range"):
            store.read("a", sha256, start, end)
    with store.open("a", sha256) as stream:
        stream.seek(-10, os.SEEK_END)
        assert stream.read() == data[-10:]
        stream.seek(500)
        assert stream.read(20) == data[500:520]
        assert stream.tell() == 520


def test_tenants_do_not_meet(store: blobs.Blobs) -> None:
    sha256 = store.put("a", b"secret").sha256
    store.put("ab", b"other")
    assert not store.exists("b", sha256)
    for way in (store.read, store.open):
        with pytest.raises(errors.NotFound, match="no blob"):
            way("b", sha256)
    assert list(store.list("b")) == []
    assert list(store.list("a")) == [blob.Blob(sha256, 6)]
    # The same bytes are each tenant's own: what one deletes, the other keeps.
    store.put("b", b"secret")
    assert store.delete("a", sha256).existed
    assert store.read("b", sha256) == b"secret"


def test_what_is_deleted_is_gone_and_that_is_said(store: blobs.Blobs) -> None:
    sha256 = store.put("a", b"x" * 1000).sha256
    gone = store.delete("a", sha256)
    assert (gone.sha256, gone.existed, gone.erased) == (sha256, True, True)
    assert not store.exists("a", sha256)
    assert list(store.list("a")) == []
    again = store.delete("a", sha256)
    assert (again.existed, again.erased) == (False, True)


@pytest.mark.parametrize(
    "tenant", ["", "..", ".", "../b", "a/b", "a\\b", "/etc", "a\0", "a\n", " a", "租户", "a" * 101, "%2e%2e", ".hidden"]
)
def test_no_tenant_leads_elsewhere(store: blobs.Blobs, tenant: str) -> None:
    for act in (
        lambda: store.put(tenant, b"x"),
        lambda: store.read(tenant, "0" * 64),
        lambda: store.open(tenant, "0" * 64),
        lambda: store.delete(tenant, "0" * 64),
        lambda: store.exists(tenant, "0" * 64),
        lambda: list(store.list(tenant)),
    ):
        with pytest.raises(errors.UserError, match="cannot be stored under"):
            act()


@pytest.mark.parametrize("name", ["", "..", "../x", "a/../b", "a//b", "/a", "a/", "a\0b", ".part-x", "a/.x", "a b"])
def test_no_name_leads_elsewhere(store: blobs.Blobs, name: str) -> None:
    for act in (lambda: store.write_name(name, b"x"), lambda: store.read_name(name), lambda: store.delete_name(name)):
        with pytest.raises(errors.UserError, match="cannot name an object"):
            act()


@pytest.mark.parametrize("sha256", ["", "..", "A" * 64, "0" * 63, "0" * 65, "../" + "0" * 61, "0" * 64 + "\n"])
def test_no_hash_leads_elsewhere(store: blobs.Blobs, sha256: str) -> None:
    with pytest.raises(errors.UserError, match="is no SHA-256"):
        store.read("a", sha256)


def test_wrong_hash_is_refused_and_leaves_nothing(store: blobs.Blobs) -> None:
    with pytest.raises(errors.UserError, match="damaged on the way"):
        store.put("a", b"x", sha256=_sha(b"y"))
    assert list(store.list("a")) == []


def test_a_file_that_changes_while_it_is_read_is_not_kept(store: blobs.Blobs) -> None:
    class Growing(io.BytesIO):
        def seek(self, place: int, whence: int = 0) -> int:
            if place == 0 and whence == 0:
                self.getbuffer()[3] ^= 1
            return super().seek(place, whence)

    with pytest.raises(errors.UserError, match="changed while it was read"):
        store.put("a", Growing(b"12345678" * (3 << 20)))
    assert list(store.list("a")) == []


def test_a_source_that_breaks_leaves_nothing(store: blobs.Blobs) -> None:
    class Breaking(_Pipe):
        def read(self, size: int = -1) -> bytes:
            found = super().read(size)
            if not found:
                raise OSError(5, "Input/output error")
            return found

    with pytest.raises((OSError, errors.Failure)):
        store.put("a", Breaking(b"x" * 200_000))  # type: ignore[arg-type]
    assert list(store.list("a")) == []


def test_named_objects(store: blobs.Blobs) -> None:
    assert store.read_name("ledger/checkpoint") is None
    assert store.write_name("ledger/checkpoint", b"one")
    assert store.write_name("ledger/checkpoint", b"two")
    assert not store.write_name("ledger/checkpoint", b"three", if_absent=True)
    assert store.read_name("ledger/checkpoint") == b"two"
    assert store.write_name("ledger/tile/0/000.p/7", b"", if_absent=True)
    assert store.read_name("ledger/tile/0/000.p/7") == b""
    assert sorted(store.names("ledger")) == ["ledger/checkpoint", "ledger/tile/0/000.p/7"]
    store.delete_name("ledger/checkpoint")
    assert list(store.names("ledger")) == ["ledger/tile/0/000.p/7"]
    # A tenant's blobs are no named objects, whatever the tenant is called.
    store.put("names", b"x")
    assert list(store.names("ledger")) == ["ledger/tile/0/000.p/7"]


def test_of_many_that_write_a_name_once_one_wins(store: blobs.Blobs) -> None:
    won: list[int] = []

    def work(number: int) -> None:
        if store.write_name("leader", str(number).encode(), if_absent=True):
            won.append(number)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert store.read_name("leader") == str(won[0]).encode()


def test_two_that_put_the_same_at_once_both_have_it(store: blobs.Blobs) -> None:
    data = os.urandom(300_000)
    threads = [threading.Thread(target=store.put, args=("a", data)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.read("a", _sha(data)) == data
    assert len(list(store.list("a"))) == 1


def test_what_is_there_is_not_sent_again(store: blobs.Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    first = store.put("a", b"once")
    monkeypatch.setattr(store._bucket, "put", lambda *_: pytest.fail("sent again"))
    assert store.put("a", b"once") == first


def test_errors_hold_no_secret(store: blobs.Blobs) -> None:
    assert not re.search(f"{buckets.SECRET}|{buckets.KEY}", repr(vars(store)) + store.name)
