"""A job's events as a stream: taken up where it was, kept alive, and gone with its reader."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import httpx
import pytest
from fixtures import holdings, platforms

from taihang.app.api import settings
from taihang.app.client import client as clients
from taihang.core import errors


def _quick(**more: float) -> settings.Api:
    return settings.Api(rate_per_s=1e6, burst=10**6, tries_per_minute=10**6, **more)


def test_a_stream_tells_what_happens_and_ends_with_the_job(running: platforms.Running) -> None:
    job = holdings.everything(running, running.principal("default", "steward", "engineer", "admin"), "own")["job"]
    token = running.token(running.admin)
    with platforms.served(running.app) as base, clients.Client(base, token) as client:
        seen: list[str] = []
        reader = threading.Thread(target=lambda: seen.extend(event.stage for event in client.watch(job)))
        reader.start()
        time.sleep(0.7)
        with clients.Client(base, token) as other:
            assert other.cancel(job).state == "cancelled"
        reader.join(20)
        assert seen == ["app.jobs:state.queued", "app.jobs:state.cancelled"]
        numbers = [event.number for event in client.watch(job)]
        assert [event.number for event in client.watch(job, after=numbers[0])] == numbers[1:]
        assert not list(client.watch(job, after=numbers[-1]))
        with pytest.raises(errors.NotFound):
            list(client.watch("job-0123456789abcdef"))


def test_a_reader_that_goes_away_leaves_nothing_and_silence_is_kept_alive(tmp_path: Path) -> None:
    with platforms.running("sqlite", tmp_path, _quick(heartbeat_s=0.2, streams=2)) as one:
        job = holdings.everything(one, one.principal("default", "steward", "engineer", "admin"), "own")["job"]
        headers = {"Authorization": f"Bearer {one.token(one.admin)}"}
        kept = one.app.state.service.streams
        with platforms.served(one.app) as base:
            address = f"{base}/api/v1/jobs/{job}/events"
            with httpx.stream("GET", address, headers=headers, timeout=20) as answer:
                assert answer.headers["content-type"].startswith("text/event-stream")
                lines = answer.iter_lines()
                assert any(line == ": still here" for line in lines)
                with httpx.stream("GET", address, headers=headers, timeout=20) as second:
                    more = second.iter_lines()
                    next(more)
                    assert kept.open == 2
                    assert httpx.get(address, headers=headers).status_code == 429
                    del more
            until = time.monotonic() + 20
            while kept.open and time.monotonic() < until:
                time.sleep(0.05)
            assert kept.open == 0


def test_streams_end_when_the_server_stops(tmp_path: Path) -> None:
    with platforms.running("sqlite", tmp_path) as one:
        job = holdings.everything(one, one.principal("default", "steward", "engineer", "admin"), "own")["job"]
        headers = {"Authorization": f"Bearer {one.token(one.admin)}"}
        with (
            platforms.served(one.app) as base,
            httpx.stream("GET", f"{base}/api/v1/jobs/{job}/events", headers=headers, timeout=20) as answer,
        ):
            lines = answer.iter_lines()
            next(lines)
            one.app.state.service.streams.stopping = True
            # The stream ends by itself, and does not end in an error.
            assert not [line for line in lines if line.startswith("event: error")]
