"""A job that says `queued` is started by somebody, whatever became of its place in the queue."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dbos
import pytest
import sqlalchemy as sa
from fixtures import stores

from taihang.app.jobs import dispatch, leases, records, strays, tables
from tests.app.jobs import crew as crews

Crew = crews.Crew
# The queue claims a place, the hand-over fails, and the queue passes over it with a line in its log.
_DROPS_THE_FIRST = (
    """
import dbos._queue as queue
whole = queue.execute_dequeued_workflow
dropped = []
def execute(*words):
    if not dropped:
        dropped.append(words)
        raise OSError("database is locked")
    return whole(*words)
queue.execute_dequeued_workflow = execute
"""
    + crews._WORKER
)
_COUNTS_LOCKS = (
    """
import sys, threading, sqlalchemy as sa
@sa.event.listens_for(sa.Engine, "before_cursor_execute")
def told(conn, cursor, statement, *rest):
    if statement.startswith("BEGIN"):
        print(statement, "in", threading.current_thread().name, flush=True)
"""
    + crews._WORKER
)


@pytest.fixture(params=stores.KINDS)
def crew(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Crew]:
    with crews.crew(request.param, tmp_path) as made:
        yield made


def _cancelled(crew: Crew, job: str) -> None:
    """End the place of a job's first round, behind the back of its row."""
    client = dbos.DBOSClient(
        system_database_engine=crew.store.engine,
        serializer=dbos.DBOSPortableJSONSerializer(),
        application_name="taihang",
    )
    client.cancel_workflow(dispatch.place(job, 1))


def test_what_went_astray_is_started(crew: Crew) -> None:
    """A claim that its worker dropped, two places that lead to nothing, and a claim of a worker that is gone.

    The last: a worker that was taken for dead wakes up in the middle of its claim, claims, and ends.
    """
    dropped, waiting, running, claimed = (crew.jobs.submit("echo", {}, crews.ANN).id for _ in range(4))
    name = "workflow_status" if crew.store.kind == "sqlite" else "dbos.workflow_status"
    for job in (waiting, running):
        _cancelled(crew, job)
    with crew.store.begin() as conn:
        row = records.locked(conn, crews.ANN.tenant, running)
        records.change(conn, row, state="running", worker="worker-of-long-ago", attempt=1)
        taken = conn.exec_driver_sql(
            f"UPDATE {name} SET status = 'PENDING', executor_id = 'worker-gone' "
            f"WHERE workflow_uuid = '{dispatch.place(claimed, 1)}'"
        )
        assert taken.rowcount == 1
    crew.hire(_DROPS_THE_FIRST)
    for job in (dropped, waiting, running, claimed):
        done = crew.wait(job)
        assert done.state == "done", (job, done.reason)
    assert crew.jobs.get(running, crews.ANN).attempts == 2


class _Queue:
    """A queue that says what it is told to."""

    def __init__(self) -> None:
        self.held: list[dispatch.Claim] = []
        self.freed: list[dispatch.Claim] = []

    def claims(self) -> list[dispatch.Claim]:
        return self.held

    def free(self, claim: dispatch.Claim) -> bool:
        self.freed.append(claim)
        return True

    def under_way(self, places: list[str]) -> frozenset[str]:
        return frozenset(claim.place for claim in self.held) & set(places)


def test_only_what_stays_astray_is_touched(crew: Crew) -> None:
    """A start that takes a moment, a look-out that slept, another's work: nothing of that is astray."""
    with crew.store.begin() as conn:
        own, other = leases.join(conn), leases.join(conn)
    queue, clock = _Queue(), [0.0]
    found = strays.Strays(crew.jobs, queue, own, 15.0, lambda: clock[0])

    def after(seconds: float, *, busy: frozenset[str] = frozenset(), first: bool = True) -> int:
        clock[0] += seconds
        return found.look(busy, first=first)

    mine, theirs = dispatch.Claim("job-a.1", own), dispatch.Claim("job-b.1", other)
    queue.held = [mine, theirs]
    assert [after(5.0, busy=frozenset({"job-a.1"})) for _ in range(6)] == [0] * 6  # it is being done
    assert [after(5.0) for _ in range(3)] == [0] * 3  # it is about to begin
    assert after(3600.0) == 0  # the look-out slept
    assert [after(5.0) for _ in range(4)] == [0, 0, 1, 1]
    assert set(queue.freed) == {mine}
    queue.held = [dispatch.Claim("job-c.1", "worker-gone")]
    assert [after(5.0, first=False) for _ in range(6)] == [0] * 6  # another looks after those
    assert [after(5.0) for _ in range(4)] == [0, 0, 0, 1]


def test_a_backlog_is_looked_over_whole(crew: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strays, "_PAGE", 3)
    with crew.store.begin() as conn:
        own = leases.join(conn)
    made = [crew.jobs.submit("echo", {"name": str(n)}, who).id for n in range(4) for who in (crews.ANN, crews.BEN)]
    queue, clock = _Queue(), [0.0]
    queue.held = [dispatch.Claim(dispatch.place(made[0], 1), own)]
    found = strays.Strays(crew.jobs, queue, own, 15.0, lambda: clock[0])
    busy = frozenset({queue.held[0].place})
    total = 0
    for _ in range(4):
        total += found.look(busy, first=True)
        clock[0] += 5.0
    assert total == len(made) - 1
    with crew.store.read() as conn:
        rounds = {row.id: row.round for row in conn.execute(sa.select(tables.jobs.c.id, tables.jobs.c.round))}
    assert rounds == {made[0]: 1, **dict.fromkeys(made[1:], 2)}


def test_a_worker_that_waits_takes_the_write_lock_only_to_say_that_it_lives(tmp_path: Path) -> None:
    """Else every look of every worker queues for the one lock of the file, and SQLite lets somebody starve."""
    with crews.crew("sqlite", tmp_path) as crew:
        job = crew.jobs.submit("echo", {}, crews.ANN)
        crew.hire(_COUNTS_LOCKS, beat_s=0.5)
        crew.wait(job.id)
        begun = len(crew.log.read_text().splitlines())

        def told() -> list[str]:
            return crew.log.read_text().splitlines()[begun:]

        crew.until(lambda: len([line for line in told() if line.startswith("BEGIN in")]) > 20)
        # To count up, and to see that the others do; each look at a queue only reads.
        locking = {line.partition(" in ")[2] for line in told() if line.startswith("BEGIN IMMEDIATE")}
        assert "heartbeat" in locking
        assert not [name for name in locking if name.startswith("queue")], told()


def test_reviving_twice_makes_one_round(crew: Crew) -> None:
    job = crew.jobs.submit("echo", {}, crews.ANN)
    with crew.store.begin() as conn:
        assert crew.jobs.revive(conn, crews.ANN.tenant, job.id, 1)
        assert not crew.jobs.revive(conn, crews.ANN.tenant, job.id, 1)
        assert not crew.jobs.revive(conn, crews.BEN.tenant, job.id, 2)
    assert crew.jobs.get(job.id, crews.ANN).state == "queued"
