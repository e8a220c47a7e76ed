"""Strays: jobs that wait although nobody would ever start them. They are found and queued anew.

A place in the queue and a job's row are two things, and between them lies what the queue does not promise: it
claims a place and passes over the error when the work cannot be handed to a thread; a worker that slept claims
one after the others took it for dead; a place ends while another worker goes on with its job and dies later.
Each leaves a job that says `queued` for ever. So whoever works looks after its own claims, and one of all looks
after the rest. To be wrong costs a start that the job's fence turns away.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Hashable, Iterable
from typing import Any, Protocol

import sqlalchemy as sa

from taihang.app.jobs import dispatch, leases, records, service, tables

_PAGE = 500


class Queue(Protocol):
    """What is asked of the queue; see `dispatch.Worker`."""

    def claims(self) -> list[dispatch.Claim]:
        """Every place that a worker holds now."""

    def free(self, claim: dispatch.Claim) -> bool:
        """Put a place back."""

    def under_way(self, places: list[str]) -> frozenset[str]:
        """Places that wait or are held."""


class Strays:
    """One worker's look-out. What has been astray for `after_s` of this process's own clock is queued anew."""

    def __init__(
        self,
        jobs: service.Jobs,
        queue: Queue,
        own: str,
        after_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._jobs, self._store, self._queue, self._own = jobs, jobs.store, queue, own
        self._after_s = after_s
        self._clock = clock
        self._since: dict[Hashable, float] = {}
        self._looked = float("-inf")

    def look(self, busy: Collection[str], *, first: bool) -> int:
        """Queue anew what is astray; says how many. `busy`: the places whose jobs this worker does now.

        `first`: this worker looks after those of nobody. Does nothing when called again within a third of the time.
        """
        now = self._clock()
        if now - self._looked < self._after_s / 3:
            return 0
        # A look-out that slept, or whose store was away, has not seen anything astray meanwhile.
        if now - self._looked > self._after_s:
            self._since = {}
        self._looked = now
        with self._store.read() as conn:
            alive = leases.alive(conn)
            mine = _running(conn, self._own)
        claims = [
            claim
            for claim in self._queue.claims()
            if (claim.worker == self._own and claim.place not in busy) or (first and claim.worker not in alive)
        ]
        left = [("left", *row) for row in mine if dispatch.place(row[1], row[2]) not in busy]
        dead = [("dead", *row) for row in self._nobodys(alive)] if first else []
        due = self._due(now, [*claims, *left, *dead])
        return sum(self._again(one) for one in due)

    def _due(self, now: float, found: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        self._since = {one: self._since.get(one, now) for one in found}
        return [one for one, since in self._since.items() if now - since >= self._after_s]  # type: ignore[misc]

    def _again(self, one: tuple[Any, ...]) -> bool:
        if isinstance(one, dispatch.Claim):
            return self._queue.free(one)
        what, tenant, job, round_, _attempt = one
        with self._store.begin() as conn:
            if what == "dead":
                return self._jobs.revive(conn, tenant, job, round_)
            records.lost(conn, tenant, job, self._own, "lost")
            return True

    def _nobodys(self, alive: frozenset[str]) -> Iterable[tuple[str, str, int, int]]:
        """Jobs that wait, or whose worker is gone, and whose place in the queue leads to nothing."""
        jobs, last = tables.jobs, ("", "")
        while True:
            wanted = (
                sa.select(jobs.c.tenant, jobs.c.id, jobs.c.round, jobs.c.attempt)
                .where(
                    sa.or_(jobs.c.state == "queued", (jobs.c.state == "running") & jobs.c.worker.not_in(sorted(alive))),
                    sa.tuple_(jobs.c.tenant, jobs.c.id) > sa.tuple_(*last),
                )
                .order_by(jobs.c.tenant, jobs.c.id)
                .limit(_PAGE)
            )
            with self._store.read() as conn:
                rows = [(r.tenant, r.id, r.round, r.attempt) for r in conn.execute(wanted)]
            known = self._queue.under_way([dispatch.place(job, round_) for _, job, round_, _ in rows])
            yield from (row for row in rows if dispatch.place(row[1], row[2]) not in known)
            if len(rows) < _PAGE:
                return
            last = rows[-1][:2]


def _running(conn: sa.Connection, worker: str) -> list[tuple[str, str, int, int]]:
    jobs = tables.jobs
    wanted = sa.select(jobs.c.tenant, jobs.c.id, jobs.c.round, jobs.c.attempt)
    rows = conn.execute(wanted.where(jobs.c.worker == worker, jobs.c.state == "running"))
    return [(r.tenant, r.id, r.round, r.attempt) for r in rows]
