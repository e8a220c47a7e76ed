"""A fresh home: `taihang up`, the one-time link, an upload, a job, its findings, its report and proof; the end."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import httpx
import pytest
from fixtures import buckets, stores, videos

from taihang.app import ledger
from taihang.app.client import client as clients
from taihang.core import errors
from taihang.trust.ledger import verify

PASSWORD = "鹅卵石与旧怀表 pebble"


class Up:
    """A running `taihang up`."""

    def __init__(self, home: Path, *words: str, **more: str) -> None:
        environment = {
            **os.environ,
            "TAIHANG_HOME": str(home),
            "TAIHANG_IDENTITY_ARGON2_MEMORY_MIB": "8",
            "TAIHANG_LANG": "en",
            **more,
        }
        self.process = subprocess.Popen(
            [str(Path(sys.executable).parent / "taihang"), "up", *words],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []

    def line(self, holds: str) -> str:
        """The next line that holds these words."""
        out: IO[str] | None = self.process.stdout
        assert out is not None
        while text := out.readline():
            self.lines.append(text)
            if holds in text:
                return text
        error = self.process.stderr.read() if self.process.stderr else ""
        raise AssertionError(f"ended without {holds!r}: {self.lines} {error}")

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


@contextlib.contextmanager
def started(home: Path, *words: str, **more: str) -> Iterator[Up]:
    one = Up(home, "--port", "0", *words, **more)
    try:
        yield one
    finally:
        if one.process.poll() is None:
            one.process.kill()
        one.process.wait(30)
        for pipe in (one.process.stdout, one.process.stderr):
            if pipe:
                pipe.close()


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()] + [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        if task.name != str(pid)
        for child in (task / "children").read_text().split()
    ]


@pytest.mark.parametrize(
    ("kind", "where"), [("sqlite", "folder"), pytest.param("postgresql", "s3", marks=pytest.mark.long)]
)
def test_from_nothing_to_a_proved_report(kind: str, where: str, tmp_path: Path) -> None:
    """Another database and another place for what is uploaded are an address each, and nothing else."""
    with contextlib.ExitStack() as held:
        held.enter_context(buckets.credentials())
        url, blobs = held.enter_context(stores.url(kind, tmp_path)), buckets.url(where, tmp_path)
        more = {"TAIHANG_STORE": url, "TAIHANG_BLOBS": blobs}
        if where == "s3":
            more["TAIHANG_LEDGER_PUBLISHED"] = "blobs"
        up = held.enter_context(started(tmp_path / "home", **more))
        base = re.search(r"http://\S+", up.line("is running"))
        link = re.search(r"http://\S+", up.line("administrator"))
        assert base is not None
        assert link is not None
        with clients.Client(base[0]) as client:
            me = client.join(link[0], PASSWORD, login="chief")
            assert "admin" in me.roles
            token = client.new_token("test")
        with clients.Client(base[0], token) as client:
            upload = client.upload(videos.get("plain"), synthetic=True)
            assert upload.state == "done"
            job = client.submit("inspect-asset", {"version": upload.version, "rules": "mine-demo", "budget": "20%"})
            stages = [event.stage for event in client.watch(job.id)]
            ended = client.job(job.id)
            assert ended.state == "done", ended.reason
            assert stages
            assert ended.result is not None
            report = client.report(ended.result["report"])
            names = {file.name for file in client.files(report.id)}
            assert {"report.html", "report.json", "SHA256SUMS"} <= names
            found = list(client.findings(report=report.id))
            assert len(found) == ended.result["findings"]
            _shows_the_page_without_scripts(base[0], token, report.id)
            _is_proved(client, report.id, tmp_path)
        if where == "s3":
            held_there = {one["Key"].split("/")[2] for one in _objects(blobs)}
            assert held_there == {"names", "tenants"}  # the ledger's tiles, and what was uploaded
            assert not list(tmp_path.rglob("blobs"))
        assert up.stop() == 0


def _objects(blobs: str) -> list[dict[str, str]]:
    bucket = urllib.parse.urlsplit(blobs).netloc
    return list(buckets.server().admin().list_objects_v2(Bucket=bucket)["Contents"])


def _is_proved(client: clients.Client, report: str, folder: Path) -> None:
    proof, page = folder / "proof", folder / "report.json"
    proof.write_text(client.proof(report))
    client.download(report, "report.json", page)
    key = client.ledger_key()
    proved = ledger.checked(proof, ledger.policy(key), report=page)
    assert isinstance(proved, verify.Proved)
    page.write_bytes(page.read_bytes().replace(b"a", b"b", 1))
    with pytest.raises(errors.TaihangError):
        ledger.checked(proof, ledger.policy(key), report=page)


def _shows_the_page_without_scripts(base: str, token: str, report: str) -> None:
    page = httpx.get(
        f"{base}/api/v1/reports/{report}/files/report.html",
        headers={"Authorization": f"Bearer {token}"},
        trust_env=False,
    )
    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "sandbox" in policy
    assert "allow-scripts" not in policy
    assert "default-src 'none'" in policy


def test_a_dead_worker_is_replaced_and_the_end_leaves_nothing_behind(tmp_path: Path) -> None:
    with started(tmp_path / "home", "--workers", "2") as up:
        up.line("is running")
        until = time.monotonic() + 30
        while len(before := _children(up.process.pid)) < 2 and time.monotonic() < until:
            time.sleep(0.1)
        os.kill(before[0], signal.SIGKILL)
        while time.monotonic() < until:
            now = _children(up.process.pid)
            if len(now) == 2 and before[0] not in now:
                break
            time.sleep(0.1)
        else:
            raise AssertionError("nobody took the dead worker's place")
        assert up.stop(signal.SIGINT) == 0
        assert not [pid for pid in (*before, *now) if Path(f"/proc/{pid}").exists()]


def test_workers_die_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    with started(tmp_path / "home") as up:
        up.line("is running")
        until = time.monotonic() + 30
        while not (workers := _children(up.process.pid)) and time.monotonic() < until:
            time.sleep(0.1)
        up.process.kill()
        up.process.wait(30)
        while any(_alive(pid) for pid in workers) and time.monotonic() < until:
            time.sleep(0.1)
        assert not any(_alive(pid) for pid in workers)


def _alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_a_taken_port_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        up = Up(tmp_path / "home", "--port", str(port))
        _, error = up.process.communicate(timeout=60)
        assert up.process.returncode == 2
        assert error.splitlines() == [
            f"port {port} at 127.0.0.1 is taken: stop what uses it, or choose another with --port"
        ]


def test_the_link_is_shown_until_somebody_used_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with started(home, "--workers", "0") as up:
        up.line("administrator")
        assert up.stop() == 0
    with started(home, "--workers", "0") as up:
        base = re.search(r"http://\S+", up.line("is running"))
        link = re.search(r"http://\S+", up.line("administrator"))
        assert base is not None
        assert link is not None
        with clients.Client(base[0]) as client:
            client.join(link[0], PASSWORD, login="chief")
        assert up.stop() == 0
    with started(home, "--workers", "0") as up:
        up.line("is running")
        assert up.stop() == 0
        assert up.process.stdout is not None
        assert "administrator" not in up.process.stdout.read()
