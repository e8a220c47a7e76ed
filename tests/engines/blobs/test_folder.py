"""Blobs in a folder: durable, whole, and damage is noticed."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from taihang.core import errors
from taihang.engines.blobs import blob, bucket, opening


def _file(root: Path) -> Path:
    return next(p for p in (root / "tenants").rglob("*") if p.is_file())


@pytest.mark.parametrize("damage", [lambda d: d[:-1], lambda d: b"y" + d[1:], lambda d: d + b"x", lambda _: b""])
def test_damage_is_noticed_by_whoever_reads_it_all(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    store = opening.open_blobs(f"file://{tmp_path}")
    sha256 = store.put("a", b"x" * 10_000_000).sha256
    file = _file(tmp_path)
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(blob.Damaged, match="do not have that hash"):
        store.read("a", sha256)
    with pytest.raises(blob.Damaged), store.open("a", sha256) as stream:
        while stream.read(bucket.PIECE):
            pass
    with pytest.raises(blob.Damaged), store.local("a", sha256):
        pass


def test_a_file_that_is_cut_while_it_is_read_is_noticed(tmp_path: Path) -> None:
    store = opening.open_blobs(f"file://{tmp_path}")
    sha256 = store.put("a", b"x" * 10_000_000).sha256
    with store.open("a", sha256) as stream:
        stream.read(10)
        os.truncate(_file(tmp_path), 5_000_000)
        with pytest.raises(blob.Damaged):
            stream.read()


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opening.open_blobs(f"file://{tmp_path}")

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(errors.Failure) as caught:
            store.put("a", b"x" * 100_000)
        assert caught.value.message.key == "engines:disk_full"
    assert list(store.list("a")) == []
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]
    store.put("a", b"x" * 100_000)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    store = opening.open_blobs(f"file://{tmp_path / 'blobs'}")
    sha256 = store.put("a", b"x").sha256
    (tmp_path / "secret").write_bytes(b"x")
    file = _file(tmp_path / "blobs")
    file.unlink()
    file.symlink_to(tmp_path / "secret")
    with pytest.raises(errors.NotFound):
        store.read("a", sha256)


def test_the_sync_comes_before_the_answer(tmp_path: Path, program: Callable[[str], str]) -> None:
    script = (
        "import os, sys\nfrom taihang.engines.blobs import opening\n"
        "store = opening.open_blobs('file://' + sys.argv[1])\nos.write(1, b'begin')\n"
        "store.put('a', b'THEBLOB')\nos.write(1, b'acknowledged')\n"
    )
    trace = tmp_path / "trace"
    command = [program("strace"), "-f", "-e", "trace=write,fsync,rename,renameat,renameat2", "-o", str(trace)]
    ran = subprocess.run(
        [*command, sys.executable, "-c", script, str(tmp_path / "blobs")], capture_output=True, text=True, check=False
    )
    if "ptrace" in ran.stderr:
        pytest.skip("strace may not trace here")
    assert ran.returncode == 0, ran.stderr
    calls = [line.split(None, 1)[1] for line in trace.read_text().splitlines()]
    calls = calls[next(i for i, call in enumerate(calls) if "THEBLOB" in call) :]
    assert [call.split("(")[0] for call in calls][:5] == ["write", "fsync", "rename", "fsync", "write"]
    assert "acknowledged" in calls[4]


@pytest.mark.parametrize(
    "url",
    ["", "blobs", "http://x/y", "file://host/x", "file:relative", "file:///x?y=1", "s3://", "s3://UPPER/x",
     "s3://b/../x", "s3://b/x?unknown=1", "s3://b/x?endpoint=ftp://h", "s3://b?endpoint=nohost", "s3://[::1"],
)  # fmt: skip
def test_an_address_of_nothing_is_refused(url: str) -> None:
    with pytest.raises(errors.UserError, match="cannot be used"):
        opening.open_blobs(url)


@pytest.mark.parametrize(
    "url",
    [
        "s3://AKIA:SECRET@bucket/x",
        "s3://bucket/x?key=AKIASECRET",
        "s3://bucket/x?endpoint=http://user:SECRET@host",
        "s3://bucket/x?key=env:A_KEY&secret=SECRET",
    ],
)
def test_a_secret_in_the_address_is_refused_and_not_repeated(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", "k")
    with pytest.raises(errors.UserError, match="must not hold a secret") as caught:
        opening.open_blobs(url)
    assert "SECRET" not in str(caught.value) + repr(caught.value)


def test_a_missing_credential_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    with pytest.raises(errors.UserError, match="env:AWS_ACCESS_KEY_ID holds nothing"):
        opening.open_blobs("s3://bucket")
    with pytest.raises(errors.UserError, match="holds nothing"):
        opening.open_blobs(f"s3://bucket?key=file:{tmp_path / 'none'}")
