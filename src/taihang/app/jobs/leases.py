"""Leases: a worker is alive while it counts; who stops counting is taken for dead by the others.

No clock of the day takes part: a worker raises a number, and whoever watches measures with its own
monotonic clock how long the number stood still. A clock that jumps, or differs from machine to
machine, changes nothing. The time between two looks counts at most as two beats: a watcher that
was itself asleep takes nobody for dead because of it, nor does a store that was away.

A worker that was taken for dead wrongly (stopped, or cut off) finds its row marked and gives up
its jobs; until then the attempt's number keeps it from changing anything.
"""

from __future__ import annotations

import dataclasses
import os
import socket
import time
from collections.abc import Callable

import sqlalchemy as sa

import taihang
from taihang.app.jobs import records, tables
from taihang.core import ids

BEAT_S = 2.0
_LOOK_MOST = 2.0  # beats that one look may count for, however long ago the last one was


@dataclasses.dataclass(slots=True)
class _Seen:
    beats: int
    at: float
    silent_s: float = 0.0


def join(conn: sa.Connection) -> str:
    """Add this process to the workers; returns its id, never used before."""
    name = ids.fresh_id("worker")
    conn.execute(
        sa.insert(tables.workers).values(
            id=name,
            host=socket.gethostname()[:200],
            process=os.getpid(),
            taihang=taihang.__version__,
            beats=0,
            dead=False,
            started=records.now(),
        )
    )
    return name


def beat(conn: sa.Connection, name: str) -> bool:
    """Count one up; False when the others have taken this worker for dead."""
    workers = tables.workers
    alive = sa.update(workers).where(workers.c.id == name, ~workers.c.dead).values(beats=workers.c.beats + 1)
    return conn.execute(alive).rowcount == 1


def alive(conn: sa.Connection) -> frozenset[str]:
    """The workers that nobody has taken for dead."""
    return frozenset(conn.execute(sa.select(tables.workers.c.id).where(~tables.workers.c.dead)).scalars())


def leave(conn: sa.Connection, name: str) -> None:
    """Take a worker off the list; what it held must have been given back."""
    conn.execute(sa.delete(tables.workers).where(tables.workers.c.id == name))


class Watch:
    """Watches the other workers. `lease_s`: how long one may be silent."""

    def __init__(self, own: str, lease_s: float, beat_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._own = own
        self._lease_s = lease_s
        self._look_most_s = _LOOK_MOST * beat_s
        self._clock = clock
        self._seen: dict[str, _Seen] = {}

    def look(self, conn: sa.Connection) -> list[str]:
        """Mark who is silent for too long; returns all that are marked, this worker left out."""
        workers = tables.workers
        rows = conn.execute(sa.select(workers).where(workers.c.id != self._own)).all()
        now = self._clock()
        found = [row.id for row in rows if row.dead or (self._silent(row, now) and self._mark(conn, row))]
        self._seen = {row.id: self._seen[row.id] for row in rows if row.id in self._seen}
        return found

    def first(self, conn: sa.Connection) -> bool:
        """True for one of the workers alive: the one that does what one alone should do."""
        workers = tables.workers
        return bool(conn.execute(sa.select(sa.func.min(workers.c.id)).where(~workers.c.dead)).scalar() == self._own)

    def _silent(self, row: sa.Row[tuple[object, ...]], now: float) -> bool:
        seen = self._seen.get(row.id)
        if seen is None or seen.beats != row.beats:
            self._seen[row.id] = _Seen(row.beats, now)
            return False
        seen.silent_s += min(now - seen.at, self._look_most_s)
        seen.at = now
        return seen.silent_s > self._lease_s

    @staticmethod
    def _mark(conn: sa.Connection, row: sa.Row[tuple[object, ...]]) -> bool:
        """Mark it, unless it has counted on meanwhile."""
        workers = tables.workers
        still = sa.update(workers).where(workers.c.id == row.id, workers.c.beats == row.beats).values(dead=True)
        return conn.execute(still).rowcount == 1
