"""Blobs in an object store: what the network and the server do to them."""

from __future__ import annotations

import hashlib
import os
import socketserver
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from fixtures import buckets

from taihang.core import errors
from taihang.engines.blobs import blob, opening


@pytest.fixture(autouse=True)
def _credentials() -> object:
    with buckets.credentials():
        yield


def test_keys_carry_the_tenant_and_the_prefix() -> None:
    bucket = buckets.server().bucket()
    store = opening.open_blobs(buckets.server().url(bucket))
    sha256 = store.put("mine-7", b"x").sha256
    store.write_name("ledger/checkpoint", b"y")
    found = buckets.server().admin().list_objects_v2(Bucket=bucket)["Contents"]
    assert [o["Key"] for o in found] == [
        "some/place/names/ledger/checkpoint",
        f"some/place/tenants/mine-7/{sha256[:2]}/{sha256}",
    ]


def test_an_object_that_was_swapped_or_cut_is_noticed() -> None:
    bucket = buckets.server().bucket()
    store = opening.open_blobs(buckets.server().url(bucket))
    data = os.urandom(300_000)
    sha256 = store.put("a", data).sha256
    for wrong in (data[:-1], b"\0" + data[1:]):
        key = f"some/place/tenants/a/{sha256[:2]}/{sha256}"
        buckets.server().admin().put_object(Bucket=bucket, Key=key, Body=wrong)
        with pytest.raises(blob.Damaged):
            store.read("a", sha256)
        with pytest.raises(blob.Damaged), store.open("a", sha256) as stream:
            stream.read()


def test_a_bucket_that_keeps_versions_is_not_called_erased() -> None:
    bucket = buckets.server().bucket()
    buckets.server().admin().put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    store = opening.open_blobs(buckets.server().url(bucket))
    gone = store.delete("a", store.put("a", b"x").sha256)
    assert (gone.existed, gone.erased) == (True, False)


def test_an_upload_that_fails_leaves_no_parts() -> None:
    bucket = buckets.server().bucket()
    store = opening.open_blobs(buckets.server().url(bucket))

    def pieces() -> object:
        yield b"x" * (20 << 20)
        raise errors.UserError("engines:blobs.changed")

    with pytest.raises(errors.UserError, match="changed"):
        store._bucket.put("tenants/a/00/" + "0" * 64, pieces())  # type: ignore[arg-type]
    assert not buckets.server().admin().list_multipart_uploads(Bucket=bucket).get("Uploads")
    assert not buckets.server().admin().list_objects_v2(Bucket=bucket).get("Contents")


def test_no_bucket_is_said() -> None:
    store = opening.open_blobs(buckets.server().url("no-such-bucket"))
    with pytest.raises(errors.UserError, match="no such bucket"):
        store.put("a", b"x")


def _answering(answers: list[bytes]) -> socketserver.TCPServer:
    """A server that gives each connection one answer and hangs up; then refuses."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65536)
            self.request.sendall(answers[0] if len(answers) == 1 else answers.pop(0))

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def _at(server: socketserver.TCPServer) -> str:
    return f"s3://bucket?endpoint=http://127.0.0.1:{server.server_address[1]}&key=env:T_KEY&secret=env:T_SECRET"


def test_a_server_that_hangs_up_midway_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    from taihang.engines.blobs import s3

    monkeypatch.setattr(s3, "_RETRIES", 1)
    head = (
        b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nETag: "x"\r\nLast-Modified: Sat, 01 Jan 2026 00:00:00 GMT\r\n\r\n'
    )
    with _answering([head, head + b"only a part"]) as server:
        store = opening.open_blobs(_at(server))
        with pytest.raises(blob.Unreachable) as caught:
            store.read("a", hashlib.sha256(b"").hexdigest())
        server.shutdown()
    assert isinstance(caught.value, errors.Transient)
    assert len(str(caught.value).splitlines()) == 1


def test_a_refusal_is_one_line_without_the_answers_body(monkeypatch: pytest.MonkeyPatch) -> None:
    body = f"<Error><Code>AccessDenied</Code><AWSAccessKeyId>{buckets.KEY}</AWSAccessKeyId></Error>".encode()
    answer = b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    with _answering([answer]) as server:
        store = opening.open_blobs(_at(server))
        for act in (lambda: store.exists("a", "0" * 64), lambda: store.read_name("x"), lambda: store.put("a", b"x")):
            with pytest.raises(errors.UserError, match="access denied") as caught:
                act()
            assert buckets.KEY not in str(caught.value)
        server.shutdown()


def test_a_server_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    from taihang.engines.blobs import s3

    monkeypatch.setattr(s3, "_RETRIES", 0)
    store = opening.open_blobs("s3://bucket?endpoint=http://127.0.0.1:9&key=env:T_KEY&secret=env:T_SECRET")
    for act in (
        lambda: store.put("a", b"x"),
        lambda: store.read("a", "0" * 64),
        lambda: store.delete("a", "0" * 64),
        lambda: list(store.list("a")),
        lambda: store.write_name("x", b""),
    ):
        with pytest.raises(blob.Unreachable, match="does not answer") as caught:
            act()
        assert buckets.SECRET not in str(caught.value)


def test_the_server_dies_in_the_middle_of_an_upload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from taihang.engines.blobs import s3

    monkeypatch.setattr(s3, "_RETRIES", 1)
    own = buckets.Server()
    try:
        bucket = own.bucket()
        store = opening.open_blobs(own.url(bucket))

        def pieces() -> object:
            for number in range(12):
                if number == 4:
                    own.stop()
                yield b"x" * (8 << 20)

        with pytest.raises(blob.Unreachable):
            store._bucket.put("tenants/a/00/" + "0" * 64, pieces())  # type: ignore[arg-type]
    finally:
        own.stop()


@pytest.mark.long
def test_memory_stays_bounded(tmp_path: Path) -> None:
    code = """
import resource, sys
from pathlib import Path
from taihang.engines.blobs import opening
store = opening.open_blobs(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
made = store.put("a", Path(sys.argv[2]))
with store.open("a", made.sha256) as stream:
    while stream.read(1 << 20):
        pass
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    path = tmp_path / "big"
    with path.open("wb") as out:
        for _ in range(400):
            out.write(os.urandom(1 << 20))
    for url in (f"file://{tmp_path / 'blobs'}", buckets.server().url(buckets.server().bucket())):
        ran = subprocess.run([sys.executable, "-c", code, url, str(path)], capture_output=True, text=True, check=True)
        assert int(ran.stdout) < 160, url
