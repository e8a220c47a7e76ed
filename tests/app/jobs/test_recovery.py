"""Workers die, are stopped, race and are replaced; what was asked for is done once, by somebody."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from fixtures import job_kinds, stores

import taihang
from tests.app.jobs import crew as crews

Crew = crews.Crew
_NEXT_RELEASE = "import taihang; taihang.__version__ = '99.0'\n" + crews._WORKER


@pytest.fixture(params=stores.KINDS)
def crew(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Crew]:
    with crews.crew(request.param, tmp_path) as made:
        yield made


def _counted(crew: Crew) -> dict[str, int]:
    with crew.store.read() as conn:
        return {row.name: row.count for row in conn.execute(sa.select(job_kinds.counts))}


def _put_to_sleep(crew: Crew, worker: subprocess.Popen[bytes]) -> None:
    """Stop a worker between two transactions: one that is stopped within one keeps the lock of a SQLite file, and
    then nobody writes until it wakes."""
    while True:
        worker.send_signal(signal.SIGSTOP)
        if crew.store.kind != "sqlite" or _writable(str(crew.store.engine.url.database)):
            return
        worker.send_signal(signal.SIGCONT)
        time.sleep(0.05)


def _writable(file: str) -> bool:
    with contextlib.closing(sqlite3.connect(file, timeout=3, isolation_level=None)) as raw:
        try:
            raw.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        raw.execute("ROLLBACK")
        return True


def test_a_job_outlives_whatever_happens_to_its_workers(crew: Crew, tmp_path: Path) -> None:
    """Killed, told to stop, put to sleep, replaced by another release: each step still counts once."""
    job = crew.jobs.submit("count", {"steps": 40, "step_s": 0.15, "marks": str(tmp_path)}, crews.ANN)

    def attempt(number: int) -> None:
        """Wait until that attempt has done something new."""
        done = len(_counted(crew))
        crew.until(lambda: len(_counted(crew)) > done and crew.jobs.get(job.id, crews.ANN).attempts == number)

    killed = crew.hire()
    attempt(1)
    stopped = crew.hire(lease_s=2)
    killed.kill()
    killed.wait()
    attempt(2)

    stopped.send_signal(signal.SIGTERM)
    assert stopped.wait(30) == 0
    assert crew.jobs.get(job.id, crews.ANN).state == "queued"  # given back at once, not found by its lease
    asleep = crew.hire()
    attempt(3)

    _put_to_sleep(crew, asleep)
    crew.hire(_NEXT_RELEASE)
    done = crew.wait(job.id)
    assert done.state == "done"
    asleep.send_signal(signal.SIGCONT)
    assert asleep.wait(30) == 75, "it went on although others had taken it for dead"

    assert _counted(crew) == {f"step-{n}": 1 for n in range(40)}
    history = crew.jobs.history(job.id, crews.ANN)
    assert [one.outcome for one in history.attempts] == ["lost", "released", "lost", "done"]
    assert [one.taihang for one in history.attempts][2:] == [taihang.__version__, "99.0"]
    assert (crew.jobs.folder(job.id, crews.ANN) / "steps.txt").read_text() == "40"
    log = [line.split() for line in (tmp_path / "log").read_text().splitlines()]
    for number in ("2", "4"):  # a killed worker's child dies with it; a sleeping one's is told when it wakes
        first = log.index([number, "0"])
        assert "1" not in {other for other, _ in log[first:]}


def test_a_dead_worker_frees_the_only_slot(crew: Crew, tmp_path: Path) -> None:
    held = crew.jobs.submit("alone", {"steps": 400, "step_s": 1, "marks": str(tmp_path)}, crews.ANN)
    first = crew.hire()
    crew.wait(held.id, "running")
    crew.until((tmp_path / "here").exists)
    waiting = crew.jobs.submit("alone", {"steps": 1, "step_s": 0.01, "marks": str(tmp_path)}, crews.BEN)
    crew.hire()
    crew.jobs.cancel(held.id, crews.ANN)  # so that nobody starts it again
    first.kill()
    (tmp_path / "here").unlink()
    assert crew.wait(waiting.id, who=crews.BEN).state == "done"
    assert crew.wait(held.id).state == "cancelled"


def test_two_submits_with_one_key_at_once_make_one_job(crew: Crew) -> None:
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(crew.jobs.submit("echo", {}, crews.ANN, key="k").id))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert len(crew.jobs.list(crews.ANN)) == 1
