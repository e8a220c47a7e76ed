"""The database goes away, the disk is full: jobs wait and go on."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from fixtures import job_kinds, postgres

from tests.app.jobs import crew as crews


class Server:
    """A PostgreSQL that can be taken away; see `postgres.server`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._folder = url.partition("host=")[2].partition("&")[0]

    def stop(self) -> None:
        self._control("-m", "immediate", "stop")

    def start(self) -> None:
        settings = f"-c listen_addresses= -c fsync=off -c shared_buffers=16MB -k {self._folder}"
        self._control("-l", f"{self._folder}/log", "-o", settings, "start")

    def _control(self, *words: str) -> None:
        user = "postgres" if Path(self._folder).owner() == "postgres" else None
        command = [str(postgres.programs() / "pg_ctl"), "-D", f"{self._folder}/data", "-w", *words]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, user=user, cwd=self._folder)


@pytest.mark.parametrize("away_s", [3, pytest.param(30, marks=pytest.mark.long)])
def test_jobs_wait_for_a_database_that_went_away_and_go_on(tmp_path: Path, away_s: float) -> None:
    with postgres.server() as url:
        server, crew = Server(url), crews.Crew(url, tmp_path)
        try:
            crew.hire(lease_s=5)
            crew.hire(lease_s=5)
            job = crew.jobs.submit("count", {"steps": 40, "step_s": 0.1}, crews.ANN)
            behind = crew.jobs.submit("echo", {"name": "behind"}, crews.ANN, key="before")
            crew.until(lambda: _counted(crew) >= 5)
            server.stop()
            time.sleep(away_s)
            server.start()
            # What is asked for just then waits too, and is there once.
            assert crew.jobs.submit("echo", {"name": "behind"}, crews.ANN, key="before").id == behind.id
            done = crew.wait(job.id, timeout_s=120)
            assert done.state == "done", done.reason
            assert crew.wait(behind.id, timeout_s=120).state == "done"
            assert _counted(crew) == 40
            assert [w.poll() for w in crew.workers] == [None, None], "a worker gave up"
            assert [one.outcome for one in crew.jobs.history(job.id, crews.ANN).attempts] == ["done"]
        finally:
            crew.dismiss()
            crew.store.close()


def _counted(crew: crews.Crew) -> int:
    with crew.store.read() as conn:
        rows = conn.execute(sa.select(job_kinds.counts)).all()
    assert all(row.count == 1 for row in rows)
    return len(rows)


@contextlib.contextmanager
def _small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root may mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_fails_the_job_that_filled_it_and_the_others_go_on_when_there_is_room(tmp_path: Path) -> None:
    with _small_disk(tmp_path / "small", 12) as small:
        crew = crews.Crew(f"sqlite:///{small / 'store.db'}", small)
        crew.log = tmp_path / "workers.log"
        try:
            crew.hire()
            big = crew.jobs.submit("big", {"megabytes": 50}, crews.ANN)
            failed = crew.wait(big.id)
            assert failed.state == "failed"
            assert failed.reason is not None
            assert failed.reason.key.startswith("engines:disk")
            assert crew.wait(crew.jobs.submit("echo", {}, crews.ANN).id).state == "done", "its scratch was not removed"

            job = crew.jobs.submit("count", {"steps": 10, "step_s": 0.1}, crews.ANN)
            crew.until(lambda: _counted(crew) >= 2)
            with (small / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
                while True:
                    ballast.write(bytes(1 << 12))
            time.sleep(2)
            assert crew.workers[0].poll() is None
            (small / "ballast").unlink()
            done = crew.wait(job.id)
            assert done.state == "done", done.reason
            assert _counted(crew) == 10
        finally:
            crew.dismiss()
            crew.store.close()
