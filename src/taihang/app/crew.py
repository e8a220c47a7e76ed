"""Crew: the job workers of `taihang up`, as child processes; one that dies is replaced, all die with their parent."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time

from taihang.app import configuration, platform
from taihang.app import places as placing

_DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG, from linux/prctl.h
_POLL_S = 0.3
_LONGEST_PAUSE_S = 30.0
_SETTLED_S = 30.0
_PATIENCE_S = 15.0


class Crew:
    """So many workers on the platform of these places. Where everything is stands in their environment only."""

    def __init__(self, count: int, where: placing.Places) -> None:
        self._count = count
        self._environment = {
            **os.environ,
            "TAIHANG_HOME": str(where.home),
            "TAIHANG_STORE": where.store,
            "TAIHANG_BLOBS": where.blobs,
        }
        self._workers: dict[int, tuple[subprocess.Popen[bytes], float]] = {}
        self._over = threading.Event()
        # A child dies with the thread that made it, so one thread makes and watches all.
        self._thread = threading.Thread(target=self._watch, name="crew", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Ask all to let go of their jobs; who does not is killed, and its jobs are taken over by the lease."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(_PATIENCE_S + 5)

    @property
    def processes(self) -> list[int]:
        """Process ids of those alive."""
        return [one.pid for one, _ in list(self._workers.values()) if one.poll() is None]

    def _watch(self) -> None:
        due = dict.fromkeys(range(self._count), 0.0)
        pauses = dict.fromkeys(range(self._count), 0.5)
        while not self._over.is_set():
            now = time.monotonic()
            for place in range(self._count):
                found = self._workers.get(place)
                if found is None:
                    if now >= due[place]:
                        self._workers[place] = (self._started(), now)
                elif found[0].poll() is not None:
                    settled = now - found[1] >= _SETTLED_S
                    pauses[place] = 0.5 if settled else min(pauses[place] * 2, _LONGEST_PAUSE_S)
                    due[place] = now + pauses[place]
                    del self._workers[place]
            self._over.wait(_POLL_S)
        self._end()

    def _started(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "taihang.app.crew", str(os.getpid())],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _end(self) -> None:
        alive = [one for one, _ in self._workers.values()]
        for one in alive:
            with contextlib.suppress(ProcessLookupError):
                one.terminate()
        until = time.monotonic() + _PATIENCE_S
        for one in alive:
            try:
                one.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                one.kill()
                one.wait()


def main() -> int:
    """One worker: `python -m taihang.app.crew PARENT`."""
    from taihang.app.jobs import worker  # noqa: PLC0415 - a worker's imports, which `up` itself has no need of

    ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, signal.SIGTERM)
    if os.getppid() != int(sys.argv[1]):
        return 0  # the parent died before that was said
    configuration.load()
    where = placing.current()
    return worker.serve(where.store, where.home, platform.JOB_MODULES)


if __name__ == "__main__":
    sys.exit(main())
