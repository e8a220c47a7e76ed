"""Workers are killed at random moments of an inspection; every report comes out equal."""

from __future__ import annotations

import hashlib
import json
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fixtures import stores

from taihang.app.jobs import tables
from taihang.core.principal import Principal
from taihang.use.video.scene import film, script
from tests.app.jobs import crew as crews

VOLATILE = {"created"}  # when the report was written


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """6 s with a covered lens."""
    events = (script.Event(kind="covered", at_s=2, for_s=3),)
    plan = script.Script(name="killed", duration_s=6, width=320, height=180, fps=5, events=events)
    return film.render(tmp_path_factory.mktemp("film") / "killed.mp4", plan, seed=3).video


def _killed(kind: str, folder: Path, video: Path, kills: int, seed: int) -> int:
    """One inspection left alone, then `kills` whose worker is killed; each in a tenant of its own, so from scratch.

    Two workers are there all the time, so that another one takes over.
    """
    given = {"videos": [str(video)], "budget": "20%"}
    chance = random.Random(seed)
    with crews.crew(kind, folder) as crew:
        crew.hire()
        calm = crew.jobs.submit("inspect", given, crews.ANN)
        crew.wait(calm.id, "running", "done")
        began = time.monotonic()
        assert crew.wait(calm.id).state == "done"
        took = time.monotonic() - began
        expected = _report(crew, calm.id, crews.ANN)
        assert expected["findings"]
        crew.hire()
        survived = 0
        for number in range(kills):
            who = Principal(name="ann", tenant=f"kill-{number}")
            job = crew.jobs.submit("inspect", given, who)
            crew.wait(job.id, "running", who=who)
            after = chance.uniform(0, took)
            time.sleep(after)
            told = f"kill {number} after {after:.2f} s of {took:.2f} s, seed {seed}"
            _kill_who_has(crew, job.id, who)
            crew.hire()
            done = crew.wait(job.id, who=who)
            assert done.state == "done", f"{told}: {done.reason}"
            assert _report(crew, job.id, who) == expected, told
            assert done.inputs == crew.jobs.get(calm.id, crews.ANN).inputs, told
            _remembered_once(crew, job.id, who, told)
            survived += 1
            with (folder / "kills.txt").open("a") as out:  # a long run says how far it is
                out.write(f"{told}: {done.attempts} attempts\n")
    return survived


def _kill_who_has(crew: crews.Crew, job: str, who: Principal) -> None:
    """Kill the worker that does the job; any of them when it is done already."""
    with crew.store.read() as conn:
        one = sa.select(tables.workers.c.process).join(tables.jobs, tables.jobs.c.worker == tables.workers.c.id)
        process = conn.execute(one.where(tables.jobs.c.id == job, tables.jobs.c.tenant == who.tenant)).scalar()
    alive = [worker for worker in crew.workers if worker.poll() is None]
    chosen = next((worker for worker in alive if worker.pid == process), alive[0])
    chosen.send_signal(signal.SIGKILL)
    chosen.wait()


def _remembered_once(crew: crews.Crew, job: str, who: Principal, told: str) -> None:
    """The catalogue has one report of the job, and it is the one that lies there."""
    (report,) = crew.catalogue(who).reports().items
    folder = crew.jobs.folder(job, who)
    assert (report.job_id, report.folder) == (job, str(folder)), told
    assert report.sha256 == hashlib.sha256((folder / "report.json").read_bytes()).hexdigest(), told
    assert len(crew.catalogue(who).findings(limit=200).items) == len(_report(crew, job, who)["findings"]), told
    for line in (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines():
        sha256, _, name = line.partition("  ")
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == sha256, f"{told}: {name}"


def _report(crew: crews.Crew, job: str, who: Principal) -> dict[str, Any]:
    plain = json.loads((crew.jobs.folder(job, who) / "report.json").read_text(encoding="utf-8"))
    return {name: value for name, value in plain.items() if name not in VOLATILE}


@pytest.mark.timeout(900)
def test_two_kills_leave_equal_reports(tmp_path: Path, video: Path) -> None:
    assert _killed("sqlite", tmp_path, video, 2, 1) == 2


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", stores.KINDS)
def test_fifty_kills_leave_equal_reports(kind: str, tmp_path: Path, video: Path) -> None:
    assert _killed(kind, tmp_path, video, 50, 2) == 50
