"""Workers die, are stopped, race and are replaced; what was asked for is done once, by somebody."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from fixtures import job_kinds, stores

from taihang.app.jobs import tables
from taihang.core.principal import Principal
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


def _outcomes(crew: Crew, job: str) -> list[str | None]:
    with crew.store.read() as conn:
        found = sa.select(tables.attempts).where(tables.attempts.c.job == job).order_by(tables.attempts.c.number)
        return [row.outcome for row in conn.execute(found)]


def test_another_worker_takes_over_from_a_killed_one_and_no_step_counts_twice(crew: Crew, tmp_path: Path) -> None:
    job = crew.jobs.submit("count", {"steps": 12, "step_s": 0.15, "marks": str(tmp_path)}, crews.ANN)
    first = crew.hire()
    crew.until(lambda: len(_counted(crew)) >= 4)
    second = crew.hire()
    first.kill()
    first.wait()
    done = crew.wait(job.id)
    assert done.state == "done"
    assert _counted(crew) == {f"step-{n}": 1 for n in range(12)}
    assert _outcomes(crew, job.id) == ["lost", "done"]
    assert second.poll() is None
    assert (crew.jobs.folder(job.id, crews.ANN) / "steps.txt").read_text() == "12"
    log = [line.split() for line in (tmp_path / "log").read_text().splitlines()]
    switch = log.index(["2", "0"])
    assert all(attempt == "2" for attempt, _ in log[switch:]), "the killed worker's child went on"


def test_the_next_release_goes_on_with_the_job(crew: Crew) -> None:
    job = crew.jobs.submit("count", {"steps": 10, "step_s": 0.15}, crews.ANN)
    old = crew.hire()
    crew.until(lambda: len(_counted(crew)) >= 3)
    old.kill()
    old.wait()
    crew.hire(_NEXT_RELEASE)
    assert crew.wait(job.id).state == "done"
    assert set(_counted(crew).values()) == {1}
    with crew.store.read() as conn:
        releases = conn.execute(sa.select(tables.attempts.c.taihang).order_by(tables.attempts.c.number)).scalars()
        assert list(releases)[-1] == "99.0"


def test_a_worker_that_is_told_to_stop_gives_its_job_back_at_once(crew: Crew) -> None:
    job = crew.jobs.submit("count", {"steps": 10, "step_s": 0.15}, crews.ANN)
    # A lease so long that only what the worker gives back itself can be taken in time.
    first = crew.hire(lease_s=3600)
    crew.until(lambda: len(_counted(crew)) >= 3)
    first.send_signal(signal.SIGTERM)
    assert first.wait(20) == 0
    assert crew.jobs.get(job.id, crews.ANN).state == "queued"
    crew.hire(lease_s=3600)
    assert crew.wait(job.id).state == "done"
    assert _outcomes(crew, job.id) == ["released", "done"]
    assert set(_counted(crew).values()) == {1}


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


def test_a_stopped_worker_is_replaced_and_says_nothing_more_when_it_wakes(crew: Crew, tmp_path: Path) -> None:
    job = crew.jobs.submit("count", {"steps": 12, "step_s": 0.1, "marks": str(tmp_path)}, crews.ANN)
    asleep = crew.hire()
    crew.until(lambda: len(_counted(crew)) >= 2)
    asleep.send_signal(signal.SIGSTOP)
    crew.hire()
    assert crew.wait(job.id).state == "done"
    asleep.send_signal(signal.SIGCONT)
    assert asleep.wait(20) == 75
    assert set(_counted(crew).values()) == {1}
    assert crew.jobs.get(job.id, crews.ANN).state == "done"
    assert _outcomes(crew, job.id) == ["lost", "done"]


def test_workers_race_for_jobs_and_each_is_done_once(crew: Crew) -> None:
    for _ in range(3):
        crew.hire()
    jobs = [crew.jobs.submit("echo", {"name": str(n)}, crews.ANN) for n in range(9)]
    for job in jobs:
        assert crew.wait(job.id).state == "done"
        assert _outcomes(crew, job.id) == ["done"]


def test_limits_of_kind_and_tenant_hold_over_all_workers(crew: Crew, tmp_path: Path) -> None:
    """A job that starts while it must not finds another's mark and fails."""
    for _ in range(2):
        crew.hire()
    people = [crews.ANN, crews.BEN, Principal(name="cat", tenant="one")]
    given = {"steps": 1, "step_s": 0.3, "marks": str(tmp_path)}
    jobs = [(crew.jobs.submit(kind, given, who), who) for kind in ("alone", "shared") for who in people]
    for job, who in jobs:
        done = crew.wait(job.id, who=who)
        assert done.state == "done", done.reason


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
