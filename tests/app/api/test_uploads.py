"""Uploads with a real tus client: broken off, killed, racing, too large, wrong; and downloads in ranges."""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import os
import random
import re
import socket
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from fixtures import platforms
from starlette.testclient import TestClient
from tusclient import client as tus

from taihang.app import profile
from taihang.app.api import settings
from taihang.app.api import uploads as service
from taihang.core import errors

TUS = {"Tus-Resumable": "1.0.0"}
PIECE = {**TUS, "Content-Type": "application/offset+octet-stream"}


def _data(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def _created(client: TestClient | httpx.Client, length: int, **more: str) -> httpx.Response:
    return client.post("/api/v1/uploads", headers={**TUS, "Upload-Length": str(length), **more})


def _sent(client: TestClient | httpx.Client, place: str, offset: int, data: bytes, **more: str) -> httpx.Response:
    return client.patch(place, content=data, headers={**PIECE, "Upload-Offset": str(offset), **more})


def test_a_real_client_uploads_in_pieces_and_goes_on_after_a_break(running: platforms.Running, tmp_path: Path) -> None:
    data = _data(3_000_017)
    file = tmp_path / "巡检 one.mp4"
    file.write_bytes(data)
    with platforms.served(running.app) as base:
        headers = {"Authorization": f"Bearer {running.token(running.admin)}"}
        client = tus.TusClient(f"{base}/api/v1/uploads", headers=headers)
        metadata = {"filename": file.name, "filetype": "video/mp4"}
        first = client.uploader(str(file), chunk_size=500_000, metadata=metadata, upload_checksum=True)
        first.upload(stop_at=1_100_000)
        # Another process, that knows nothing but the address.
        second = client.uploader(str(file), chunk_size=500_000, metadata=metadata, url=first.url)
        second.upload()
        done = httpx.get(first.url, headers=headers).json()
    assert done["state"] == "done"
    assert done["sha256"] == hashlib.sha256(data).hexdigest()
    version = running.whole.catalogue(running.admin).version(done["version"])
    assert (version.asset.kind, version.asset.name, version.asset.size) == ("video", file.name, len(data))
    assert running.whole.blobs.read("default", done["sha256"]) == data
    assert not list((running.whole.home / "uploads").rglob("*.part"))


def test_what_a_broken_connection_brought_is_kept(local: platforms.Running) -> None:
    data = _data(2_000_000)

    def half() -> Any:
        yield data[:1_500_000]
        raise ConnectionError

    with platforms.served(local.app) as base:
        headers = {"Authorization": f"Bearer {local.token(local.admin)}"}
        with httpx.Client(base_url=base, headers=headers) as client:
            place = _created(client, len(data)).headers["location"]
            with pytest.raises(ConnectionError):
                client.patch(place, content=half(), headers={**PIECE, "Upload-Offset": "0"})
            offset = 0
            for _ in range(100):
                offset = int(client.head(place, headers=TUS).headers["upload-offset"])
                if offset:
                    break
            assert 0 < offset <= 1_500_000
            while True:  # the broken one may still hold the file
                answer = _sent(client, place, offset, data[offset:])
                if answer.status_code != 423:
                    break
                offset = int(client.head(place, headers=TUS).headers["upload-offset"])
            if answer.status_code == 409:
                offset = int(client.head(place, headers=TUS).headers["upload-offset"])
                answer = _sent(client, place, offset, data[offset:])
            assert answer.status_code == 204
            assert client.get(place).json()["sha256"] == hashlib.sha256(data).hexdigest()


def test_bytes_that_were_not_acknowledged_do_not_count_after_a_crash(local: platforms.Running) -> None:
    client = local.client(local.admin)
    place = _created(client, 10).headers["location"]
    assert _sent(client, place, 0, b"01234").headers["upload-offset"] == "5"
    [part] = (local.whole.home / "uploads").rglob("*.part")
    with part.open("ab") as torn:
        torn.write(b"\0\0\0")  # what a machine that lost its power may find behind the last sync
    assert client.head(place, headers=TUS).headers["upload-offset"] == "5"
    assert _sent(client, place, 5, b"56789").status_code == 204
    assert local.whole.blobs.read("default", client.get(place).json()["sha256"]) == b"0123456789"


def test_two_writers_of_one_upload_never_mix(local: platforms.Running) -> None:
    data = _data(6_000_000)
    with platforms.served(local.app) as base:
        headers = {"Authorization": f"Bearer {local.token(local.admin)}"}
        with httpx.Client(base_url=base, headers=headers, timeout=60) as client:
            place = _created(client, len(data)).headers["location"]
            barrier = threading.Barrier(4)

            def race(_: int) -> int:
                barrier.wait()
                return _sent(client, place, 0, data).status_code

            with ThreadPoolExecutor(4) as pool:
                answers = sorted(pool.map(race, range(4)))
            assert answers[0] == 204
            assert set(answers[1:]) <= {409, 423, 408}
            assert client.get(place).json()["sha256"] == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5"])
def test_a_piece_with_a_wrong_checksum_is_not_kept(local: platforms.Running, algorithm: str) -> None:
    client = local.client(local.admin)
    place = _created(client, 10).headers["location"]
    digest = hashlib.new(algorithm, b"01234", usedforsecurity=False).digest()
    good = {"Upload-Checksum": f"{algorithm} {base64.b64encode(digest).decode()}"}
    wrong = _sent(client, place, 0, b"01235", **good)
    assert wrong.status_code == 460
    assert wrong.json()["code"] == "app.api:checksum"
    assert client.head(place, headers=TUS).headers["upload-offset"] == "0"
    assert _sent(client, place, 0, b"01234", **good).headers["upload-offset"] == "5"


def test_more_than_was_announced_is_refused_and_nothing_of_it_kept(local: platforms.Running) -> None:
    client = local.client(local.admin)
    place = _created(client, 1000).headers["location"]
    assert _sent(client, place, 0, b"x" * 100_000).status_code == 413

    def endless() -> Any:
        for _ in range(100):
            yield b"x" * 1000

    answer = client.patch(place, content=endless(), headers={**PIECE, "Upload-Offset": "0"})
    assert answer.status_code == 413
    assert client.head(place, headers=TUS).headers["upload-offset"] == "0"
    assert sum(p.stat().st_size for p in (local.whole.home / "uploads").rglob("*.part")) == 0


def test_limits_of_size_quota_and_number(tmp_path: Path) -> None:
    limits = settings.Api(upload_bytes=1000, tenant_bytes=1500, uploads_open=2, rate_per_s=1e6, burst=10**6)
    with platforms.running("sqlite", tmp_path, limits) as one:
        client = one.client(one.admin)
        assert _created(client, 1001).status_code == 413
        first = _created(client, 1000).headers["location"]
        assert _sent(client, first, 0, b"a" * 1000).status_code == 204
        assert _created(client, 600).json()["code"] == "app.api:quota"
        assert _created(client, 200).status_code == 201
        assert _created(client, 200).status_code == 201
        assert _created(client, 1).status_code == 429
        # Another tenant has a quota of its own.
        other = one.client(one.principal("elsewhere", "inspector"))
        assert _created(other, 900).status_code == 201


def test_termination_and_expiry(local: platforms.Running, monkeypatch: pytest.MonkeyPatch) -> None:
    client = local.client(local.admin)
    gone = _created(client, 10).headers["location"]
    assert client.delete(gone, headers=TUS).status_code == 204
    assert client.head(gone, headers=TUS).status_code == 404
    old = _created(client, 10)
    assert "upload-expires" in old.headers
    later = service._now() + service.datetime.timedelta(days=30)
    monkeypatch.setattr(service, "_now", lambda: later)
    assert client.head(old.headers["location"], headers=TUS).status_code == 404
    assert local.app.state.service.uploads.sweep(lambda: iter(["default"])) == 1
    assert not list((local.whole.home / "uploads").rglob("*.part"))


def test_the_protocol_is_asked_for_and_told(local: platforms.Running) -> None:
    client = local.client(local.admin)
    told = client.options("/api/v1/uploads").headers
    assert told["tus-version"] == "1.0.0"
    assert {"creation", "termination", "checksum", "expiration"} <= set(told["tus-extension"].split(","))
    assert client.post("/api/v1/uploads", headers={"Upload-Length": "1"}).status_code == 400
    place = _created(client, 5, **{"Upload-Metadata": "filename " + base64.b64encode("甲.csv".encode()).decode()})
    head = client.head(place.headers["location"], headers=TUS).headers
    assert head["tus-resumable"] == "1.0.0"
    assert head["upload-metadata"].startswith("filename ")
    wrong = client.patch(place.headers["location"], content=b"x", headers={**TUS, "Upload-Offset": "0"})
    assert wrong.status_code == 415
    assert _sent(client, place.headers["location"], 3, b"x").status_code == 409


def test_a_zip_is_kept_as_it_is_and_never_unpacked(local: platforms.Running, tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", b"\0" * 200_000_000)
    data = bomb.read_bytes()
    client = local.client(local.admin)
    place = _created(client, len(data)).headers["location"]
    assert _sent(client, place, 0, data).status_code == 204
    kept = sum(p.stat().st_size for p in tmp_path.rglob("*") if p.is_file() and p != bomb and "blobs" in str(p))
    assert kept < 3 * len(data)


def test_a_full_disk_is_told_and_what_was_durable_stays(
    local: platforms.Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = local.client(local.admin)
    place = _created(client, 10).headers["location"]
    assert _sent(client, place, 0, b"01234").status_code == 204
    real = os.pwrite

    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    answer = _sent(client, place, 5, b"56789")
    assert (answer.status_code, answer.json()["code"]) == (507, "app.api:disk_full")
    monkeypatch.setattr(os, "pwrite", real)
    assert client.head(place, headers=TUS).headers["upload-offset"] == "5"
    assert _sent(client, place, 5, b"56789").status_code == 204


@pytest.fixture
def stored(local: platforms.Running) -> tuple[TestClient, str, bytes]:
    """A client, the address of a stored version's content, and that content."""
    client = local.client(local.admin)
    data = _data(100_000)
    name = base64.b64encode('../../etc/pass"wd\\甲.html'.encode()).decode()
    kind = base64.b64encode(b"text/html").decode()
    place = _created(client, len(data), **{"Upload-Metadata": f"filename {name},filetype {kind}"}).headers["location"]
    assert _sent(client, place, 0, data).status_code == 204
    return client, f"/api/v1/versions/{client.get(place).json()['version']}/content", data


def test_a_download_is_saved_and_never_shown(stored: tuple[TestClient, str, bytes]) -> None:
    client, place, data = stored
    answer = client.get(place)
    assert answer.content == data
    assert answer.headers["content-type"] == "application/octet-stream"
    shown = answer.headers["content-disposition"]
    assert shown.startswith('attachment; filename="_.html"')
    assert "/" not in shown.replace("UTF-8''", "")
    assert "sandbox" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=99990-", 99_990, 100_000),
        ("bytes=-5", 99_995, 100_000),
        ("bytes=5-999999", 5, 100_000),
    ],
)
def test_a_range_is_just_that(stored: tuple[TestClient, str, bytes], asked: str, start: int, end: int) -> None:
    client, place, data = stored
    answer = client.get(place, headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.content == data[start:end]
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/100000"


@pytest.mark.parametrize(
    ("asked", "status"),
    [("bytes=100000-", 416), ("bytes=-0", 416), ("bytes=9-5", 200), ("lines=1-2", 200), ("bytes=-", 200)],
)
def test_a_range_that_is_none_is_said_or_passed_over(
    stored: tuple[TestClient, str, bytes], asked: str, status: int
) -> None:
    client, place, _ = stored
    assert client.get(place, headers={"Range": asked}).status_code == status


def test_a_range_of_another_content_gets_the_whole(stored: tuple[TestClient, str, bytes]) -> None:
    client, place, data = stored
    tag = client.get(place).headers["etag"]
    assert client.get(place, headers={"Range": "bytes=0-1", "If-Range": '"x"'}).content == data
    assert client.get(place, headers={"Range": "bytes=0-1", "If-Range": tag}).content == data[:2]
    assert client.get(place, headers={"If-None-Match": tag}).status_code == 304


@pytest.mark.parametrize("way", ["chunked", "longer than it says", "with the creation"])
def test_a_hundred_fold_upload_is_refused_over_the_wire(local: platforms.Running, way: str) -> None:
    """It says 10,000 bytes and sends a million; nothing of it stays, and the next caller is served."""
    said, sent = 10_000, 1_000_000
    with platforms.served(local.app) as base:
        headers = {"Authorization": f"Bearer {local.token(local.admin)}"}
        with httpx.Client(base_url=base, headers=headers, timeout=60) as client:
            place = _created(client, said).headers["location"]
            if way == "longer than it says":
                answer = _raw(base, place, headers, said, sent)
                # HTTP's own length ends the body: what follows is no part of it, and no request either.
                status = answer.split(b" ", 2)[1]
                assert status in {b"204", b"400"}
                assert set(re.findall(rb"HTTP/1.1 (\d+)", answer)) <= {b"204", b"400"}
            elif way == "chunked":
                refused = client.patch(place, content=_pieces(sent), headers={**PIECE, "Upload-Offset": "0"})
                assert refused.status_code == 413
                assert client.head(place, headers=TUS).headers["upload-offset"] == "0"
            else:
                made = client.post(
                    "/api/v1/uploads",
                    content=_pieces(sent),
                    headers={**PIECE, "Upload-Length": str(said)},
                )
                assert made.status_code == 413
            assert client.get("/api/v1/health").status_code == 200
    kept = sum(p.stat().st_size for p in local.whole.home.joinpath("uploads").rglob("*.part"))
    assert kept <= said


@pytest.mark.parametrize("path", ["jobs", "rulebooks", "lineage/events"])
def test_a_hundred_fold_body_is_refused_before_it_is_read(local: platforms.Running, path: str) -> None:
    """No length is said, and the body goes on: it is cut off at the limit, not gathered in memory."""
    with platforms.served(local.app) as base:
        headers = {"Authorization": f"Bearer {local.token(local.admin)}", "Content-Type": "application/json"}
        most = settings.Api().body_bytes
        taken = 0

        def endless() -> Any:
            nonlocal taken
            yield b'{"kind": "'
            for _ in range(100):
                taken += most
                yield b"x" * most

        with httpx.Client(base_url=base, headers=headers, timeout=60) as client:
            with contextlib.suppress(httpx.WriteError):  # the server closed while the body still came
                assert client.post(f"/api/v1/{path}", content=endless()).status_code == 413
            assert taken < 100 * most
            assert client.get("/api/v1/health").status_code == 200


def test_a_zip_bomb_is_refused_by_the_job_that_reads_it(
    local: platforms.Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", b"<a/>" + b" " * 100_000_000)
        archive.writestr("xl/worksheets/sheet1.xml", b"<row>" * 100_000_000)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(errors.UserError) as told:
        profile.profile(str(bomb), out=tmp_path / "out", lang="en")
    assert len(str(told.value).splitlines()) == 1
    assert not (tmp_path / "out").exists() or not any((tmp_path / "out").iterdir())


def _pieces(size: int) -> Any:
    for _ in range(size // 1000):
        yield b"x" * 1000


def _raw(base: str, place: str, headers: dict[str, str], said: int, sent: int) -> bytes:
    """What a server says to a body that is longer than its Content-Length."""
    host, _, port = base.removeprefix("http://").partition(":")
    lines = {**headers, **PIECE, "Upload-Offset": "0", "Host": host, "Content-Length": str(said)}
    head = f"PATCH {place} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n"
    with socket.create_connection((host, int(port)), timeout=30) as line:
        found = b""
        with contextlib.suppress(OSError):
            line.sendall(head.encode() + b"x" * sent)
        with contextlib.suppress(OSError):
            while part := line.recv(65536):
                found += part
        return found
