"""What waits for one sink of alerts: refused, taken off the disk, or kept from leaving by something else."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from use.video.cascade import nodes

from taihang.core import words
from taihang.engines.notify import webhook
from taihang.use.video.cascade import alerts, sending, spool


@pytest.fixture
def waiting(tmp_path: Path) -> spool.Spool:
    made = spool.Spool(tmp_path / "spool", 1 << 20)
    for number, name in enumerate(("alert-1", "alert-2")):
        made.put(name, (float(number),), {"id": name, "level": "red"}, b"film", keep=True, level="red")
    return made


def _handed(waiting: spool.Spool, send: Callable[[], Any]) -> tuple[Any, list[bool]]:
    told: list[bool] = []
    entry = waiting.next()
    assert entry is not None
    return sending.handed(waiting, entry, send, lambda _error, first: told.append(first)), told


def test_a_file_that_the_sending_lacks_gives_no_alert_up(waiting: spool.Spool) -> None:
    """A certificate that is gone is no reason to lose a warning."""

    def send() -> None:
        raise FileNotFoundError("ca.pem")

    with pytest.raises(FileNotFoundError, match=r"ca\.pem"):
        _handed(waiting, send)
    assert len(waiting) == 2
    assert _handed(waiting, lambda: "taken") == ("taken", [])


def test_one_that_was_taken_off_the_disk_is_counted_and_the_next_goes_on(waiting: spool.Spool) -> None:
    entry = waiting.next()
    assert entry is not None
    shutil.rmtree(entry.folder)
    waiting.back(entry)
    assert _handed(waiting, entry.facts) == (None, [])
    assert waiting.dropped == {"damaged": 1}
    assert len(waiting) == 1


def test_a_sink_that_refuses_one_gets_the_others_and_the_refusal_is_told(tmp_path: Path) -> None:
    said: list[str] = []
    got: list[str] = []

    def send(entry: spool.Entry) -> None:
        if entry.id == "alert-1":
            raise webhook.Undelivered("engines.notify:status", host="sink", status=413)
        got.append(entry.id)

    desk = alerts.Desk("hook", send, tmp_path / "desk", said.append)
    for name in ("alert-1", "alert-2"):
        desk.put({"id": name, "level": "red"}, b"film", words.Level.red)
    nodes.until(lambda: got and desk.refused, "the other alert")
    desk.close(0)
    assert got == ["alert-2"]
    assert [line for line in said if "alert-1" in line]
    assert len(desk.spool) == 1
