"""A crew for tests: a store with real worker processes on it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fixtures import job_kinds, stores

from taihang.app.jobs import service
from taihang.catalog import catalogue
from taihang.core import job as words
from taihang.core.principal import Principal
from taihang.engines.store import opening
from tests.house import source

ANN = Principal(name="ann", tenant="one")
BEN = Principal(name="ben", tenant="two")
MODULE = "fixtures.job_kinds"
_WORKER = "from taihang.app.jobs import worker; import sys; sys.exit(worker.main())"


class Crew:
    """The jobs of one store, and the processes that do them."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.home = folder / "home"
        self.store = opening.open_store(url)
        self.jobs = service.Jobs(self.store, self.home, modules=[MODULE])
        self.store.create()
        self.jobs.create()
        job_kinds.counts.create(self.store.engine)
        self.workers: list[subprocess.Popen[bytes]] = []
        self.log = folder / "workers.log"

    def hire(self, code: str = _WORKER, **settings: Any) -> subprocess.Popen[bytes]:
        """Start a worker process; `settings` are those of `[jobs]`."""
        quick = {"beat_s": 0.2, "lease_s": 2.0, "grace_s": 1.0, "pause_s": 0.1, "slots": 4} | settings
        environment = {f"TAIHANG_JOBS_{name.upper()}": str(value) for name, value in quick.items()}
        path = os.pathsep.join(str(p) for p in (source.ROOT, source.ROOT / "tests", source.ROOT / "src"))
        with self.log.open("ab") as out:
            process = subprocess.Popen(
                [sys.executable, "-c", code, "--store", self.url, "--home", str(self.home), "--module", MODULE],
                env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **environment},
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
            )
        self.workers.append(process)
        return process

    def wait(self, id: str, *states: str, who: Principal = ANN, timeout_s: float = 600) -> words.Job:
        """The job, once it is in one of the states (over, when none is given)."""
        wanted = states or ("done", "failed", "cancelled")
        self.until(lambda: self.jobs.get(id, who).state in wanted, timeout_s, lambda: str(self.jobs.get(id, who)))
        return self.jobs.get(id, who)

    def until(self, true: Callable[[], bool], timeout_s: float = 600, told: Callable[[], str] = str) -> None:
        """Wait until something holds; fail with what the workers printed."""
        end = time.monotonic() + timeout_s
        while not true():
            assert time.monotonic() < end, f"{told()}\n{self.log.read_text()[-4000:]}"
            time.sleep(0.05)

    def catalogue(self, who: Principal = ANN) -> catalogue.Catalogue:
        """What is remembered of the tenant's things."""
        return catalogue.Catalogue(self.store, who)

    def dismiss(self) -> None:
        for process in self.workers:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()


@contextlib.contextmanager
def crew(kind: str, folder: Path) -> Iterator[Crew]:
    """A crew without workers on an empty store."""
    with stores.url(kind, folder) as url:
        made = Crew(url, folder)
        try:
            yield made
        finally:
            made.dismiss()
            made.store.close()
