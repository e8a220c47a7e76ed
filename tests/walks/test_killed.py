"""Killed while it writes: every change that was acknowledged is there afterwards, and none is there in part."""

from __future__ import annotations

import itertools
import os
import re
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from fixtures import stores

from taihang.app.client import client as clients
from taihang.core import errors
from tests.walks.test_up import PASSWORD, started

RATES = {"TAIHANG_API_RATE_PER_S": "100000", "TAIHANG_API_BURST": "100000", "TAIHANG_API_TRIES_PER_MINUTE": "100000"}


@pytest.mark.parametrize(
    ("kind", "count", "kills"),
    [
        pytest.param("sqlite", 150, 1, id="short"),
        pytest.param("sqlite", 10_000, 5, id="long-sqlite", marks=[pytest.mark.long, pytest.mark.timeout(1800)]),
        pytest.param(
            "postgresql", 10_000, 5, id="long-postgresql", marks=[pytest.mark.long, pytest.mark.timeout(1800)]
        ),
    ],
)
def test_nothing_acknowledged_is_lost(kind: str, count: int, kills: int, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with stores.url(kind, tmp_path) as url:
        more = {**RATES, "TAIHANG_STORE": url}
        acknowledged: set[str] = set()
        token = ""
        for turn in range(kills + 1):
            with started(home, "--workers", "0", **more) as up:
                base = re.search(r"http://\S+", up.line("is running"))
                assert base is not None
                if not token:
                    link = re.search(r"http://\S+", up.line("administrator"))
                    assert link is not None
                    with clients.Client(base[0]) as client:
                        client.join(link[0], PASSWORD, login="chief")
                        token = client.new_token("test")
                goal = (turn + 1) * count // (kills + 1)
                last = turn == kills
                _written(
                    base[0], token, turn, goal, acknowledged,
                    None if last else lambda: up.process.send_signal(signal.SIGKILL),
                )  # fmt: skip
                if last:
                    kept = _kept(base[0], token)
                    assert up.stop() == 0
        assert len(acknowledged) >= count
        assert not acknowledged - kept
        # What was not acknowledged may be there, whole; what is there is something that was asked for.
        assert all(re.fullmatch(r"n-\d-\d{5}", name) for name in kept)


def _written(  # noqa: PLR0917 - where, as whom, what, and what to do at the end
    base: str, token: str, turn: int, goal: int, acknowledged: set[str], kill: Callable[[], None] | None
) -> None:
    """Write with eight at once until so many are acknowledged; then the server is killed with the others under way."""
    headers = {"Authorization": f"Bearer {token}"}
    numbers, over, lock = itertools.count(), threading.Event(), threading.Lock()

    def write() -> None:
        while not over.is_set():
            name = f"n-{turn}-{next(numbers):05}"
            try:
                answer = http.post(
                    f"{base}/api/v1/rulebooks", json={"name": name, "text": _book(name)}, headers=headers
                )
            except httpx.HTTPError:
                assert over.is_set(), "the server went away by itself"
                return
            assert answer.status_code == 201, answer.text
            with lock:
                acknowledged.add(name)
                if len(acknowledged) >= goal and not over.is_set():
                    over.set()
                    if kill is not None:
                        kill()

    with httpx.Client(trust_env=False, timeout=60) as http, ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(write) for _ in range(8)]:
            done.result()


def _book(name: str) -> str:
    return f"""
taihang: rules/1
id: {name}
version: "1"
title: {{zh: 小, en: small}}
rules:
  - {{id: r, table: t, title: {{zh: 正, en: p}}, level: red, dimension: d, where: n <= 0, message: {{zh: 负, en: n}}}}
"""


def _kept(base: str, token: str) -> set[str]:
    with clients.Client(base, token) as client:
        found = client._pages("rulebooks/own")
        return {one["name"].removesuffix(".rules.yaml") for one in found}


def test_an_upload_goes_on_after_the_server_was_killed(tmp_path: Path) -> None:
    data = os.urandom(20_000_000)
    file = tmp_path / "film.mp4"
    file.write_bytes(data)
    home = tmp_path / "home"
    with started(home, "--workers", "0", **RATES) as up:
        base = re.search(r"http://\S+", up.line("is running"))
        link = re.search(r"http://\S+", up.line("administrator"))
        assert base is not None
        assert link is not None
        with clients.Client(base[0]) as client:
            client.join(link[0], PASSWORD, login="chief")
            token = client.new_token("test")
        headers = {"Authorization": f"Bearer {token}", "Tus-Resumable": "1.0.0"}
        with httpx.Client(trust_env=False, timeout=60, headers=headers) as http:
            made = http.post(f"{base[0]}/api/v1/uploads", headers={"Upload-Length": str(len(data))})
            place = made.headers["location"]

            def slowly() -> object:
                for start in range(0, len(data), 1_000_000):
                    if start == 12_000_000:
                        up.process.kill()
                    yield data[start : start + 1_000_000]
                    time.sleep(0.01)

            with pytest.raises(httpx.HTTPError):
                piece = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
                http.patch(f"{base[0]}{place}", content=slowly(), headers=piece)  # type: ignore[arg-type]
    with started(home, "--workers", "0", **RATES) as up:
        base = re.search(r"http://\S+", up.line("is running"))
        assert base is not None
        with clients.Client(base[0], token) as client:
            done = client.upload(file, resume=place.rpartition("/")[2])
            assert done.state == "done"
            with pytest.raises(errors.NotFound):
                client.upload(file, resume="upload-0123456789abcdef")
            content = client._line.call("GET", f"versions/{done.version}/content").content
            assert content == data
