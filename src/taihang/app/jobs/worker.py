"""Worker: a process that does jobs, and watches over the others that do.

Several share one store. Each has an id of its own and a lease; each gives back what a dead one held.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

from taihang.app.jobs import (
    attempts,
    dispatch,
    folders,
    kinds,
    leases,
    patience,
    records,
    service,
    settings,
    strays,
    tables,
)
from taihang.core import errors, i18n
from taihang.engines.store import opening

T = TypeVar("T")
_TAKEN = 75  # the exit code of a worker that was taken for dead: start another one (EX_TEMPFAIL)


class Worker:
    """One process's work. `left` is set once it must let go of everything."""

    def __init__(self, url: str, home: Path, chosen: settings.Jobs, modules: Sequence[str] = ()) -> None:
        self.left = threading.Event()
        self._over = threading.Event()
        self._taken = False
        self._chosen = chosen
        kinds.load(modules)
        store = opening.open_store(url)
        self._place = attempts.Place(store, url, home.absolute(), tuple(modules), chosen.grace_s)
        self._store = store
        self.name = patience.patient(store, leases.join, self.left)
        self._first = threading.Event()
        self._jobs = service.Jobs(store, home.absolute(), modules=modules)
        self._queue = dispatch.Worker(url, self.name, self._run, chosen.slots)
        self._strays = strays.Strays(self._jobs, self._queue, self.name, chosen.lease_s)
        self._busy: set[str] = set()

    def work(self) -> int:
        """Do jobs until `stop`; returns the exit code."""
        beats = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        beats.start()
        self._queue.start(kinds.known())
        threading.Thread(target=self._watch, name="supervisor", daemon=True).start()
        threading.Thread(target=self._schedule, name="schedules", daemon=True).start()
        while not self._over.wait(1.0):
            pass
        self._queue.stop()
        self.left.set()
        if self._taken:
            return _TAKEN
        # What runs here is put back for the others. If the store is away they find out by the lease.
        with contextlib.suppress(opening.Unreachable, errors.TaihangError):
            self._give_back(self.name, "released")
        return 0

    def stop(self) -> None:
        """Let go of the jobs and end; may be called from a signal handler."""
        self._over.set()

    def _run(self, tenant: str, job: str, round_: int) -> None:
        """Do one job, again and again until it is over. Never returns when the worker lets go of it."""
        place = dispatch.place(job, round_)
        self._busy.add(place)
        try:
            self._tried(tenant, job, round_)
        except records.Superseded:
            return
        except patience.Left:
            threading.Event().wait()  # the queue must not hear that it ended: somebody else goes on with it
        finally:
            self._busy.discard(place)

    def _tried(self, tenant: str, job: str, round_: int) -> None:
        while True:
            begun = self._patient(lambda conn: self._begun(conn, tenant, job, round_))
            if begun is None:
                return
            attempt: records.Attempt = begun
            if attempt.losses >= self._chosen.losses:
                reason = i18n.Message(key="app.jobs:given_up", values={"count": attempt.losses})
                ending, again = records.Ending("failed", reason), False
            else:
                ending = attempts.run(self._place, attempt, self.left)
                again = self._again(attempt, ending)
            self._patient(lambda conn: records.end(conn, attempt, ending, again=again))  # noqa: B023 - run at once
            if not again:
                return
            if self.left.wait(min(self._chosen.pause_s * 2 ** (attempt.crashes + attempt.faults), 60.0)):
                raise patience.Left

    def _begun(self, conn: sa.Connection, tenant: str, job: str, round_: int) -> records.Attempt | None:
        # Who was taken for dead while it slept must begin nothing: nobody would look for it any more.
        if self.name not in leases.alive(conn):
            raise patience.Left
        return records.begin(conn, tenant, job, round_, self.name)

    def _again(self, attempt: records.Attempt, ending: records.Ending) -> bool:
        if ending.outcome == "crashed":
            return attempt.crashes + 1 < self._chosen.attempts
        return ending.outcome == "fault" and attempt.faults + 1 < self._chosen.faults

    def _patient(self, work: Callable[[sa.Connection], T]) -> T:
        return patience.patient(self._store, work, self.left)

    def _beat(self) -> None:
        """Count up. Done from a thread that does nothing else, so that no work delays it."""
        while not self._over.wait(self._chosen.beat_s):
            with contextlib.suppress(opening.Unreachable, sa.exc.DBAPIError), self._store.begin() as conn:
                if not leases.beat(conn, self.name):
                    self._taken = True
                    self._over.set()

    def _watch(self) -> None:
        """Give back what dead workers held, and what went astray."""
        watch = leases.Watch(self.name, self._chosen.lease_s, self._chosen.beat_s)
        while not self._over.wait(self._chosen.beat_s):
            with contextlib.suppress(opening.Unreachable, sa.exc.DBAPIError):
                with self._store.begin() as conn:
                    dead = watch.look(conn)
                    (self._first.set if watch.first(conn) else self._first.clear)()
                for name in dead:
                    self._give_back(name, "lost")
                self._strays.look(frozenset(self._busy), first=self._first.is_set())

    def _schedule(self) -> None:
        """Start what is due. One worker does it to save work: if two did, each job would still start once."""
        schedules = self._jobs.schedules
        watched = folders.Folders(schedules, self._store)
        while not self._over.wait(min(self._chosen.beat_s, 1.0)):
            if not self._first.is_set():
                continue
            with contextlib.suppress(errors.TaihangError, sa.exc.DBAPIError):
                schedules.tick()
            with contextlib.suppress(errors.TaihangError, sa.exc.DBAPIError):
                watched.look()

    def _give_back(self, name: str, outcome: records.Outcome) -> None:
        """Each step may be done again by another: the worker's row goes last."""
        jobs = tables.jobs
        with self._store.read() as conn:
            held = conn.execute(
                sa.select(jobs.c.tenant, jobs.c.id).where(jobs.c.worker == name, jobs.c.state == "running")
            ).all()
        for tenant, job in held:
            with self._store.begin() as conn:
                records.lost(conn, tenant, job, name, outcome)
        self._queue.requeue(name)
        with self._store.begin() as conn:
            leases.leave(conn, name)


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m taihang.app.jobs.worker --store URL --home DIR`."""
    parser = argparse.ArgumentParser(prog="taihang worker")
    parser.add_argument("--store", required=True)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--module", action="append", default=[])
    given = parser.parse_args(arguments)
    return serve(given.store, given.home, given.module)


def serve(url: str, home: Path, modules: Sequence[str] = ()) -> int:
    """Work until SIGTERM or SIGINT; the exit code. Does not return: threads of unfinished jobs are left behind."""
    worker = Worker(url, home, settings.Jobs.current(), modules)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop())
    code = worker.work()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
