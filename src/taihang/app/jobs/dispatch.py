"""Dispatch: the durable queue that jobs wait in. DBOS does it, and nobody else imports it.

DBOS keeps the queue beside our tables (SQLite: in the same file; PostgreSQL: in the schema `dbos` of
the same database), claims a job for one worker only, and holds the limits per kind and tenant. What it
hands over is a job's id: whether there is anything to do is decided by the job's own row.
"""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import dbos
import sqlalchemy as sa

from taihang.app.jobs import kinds
from taihang.engines.store import opening

# Which workflows a process can run is told by the workflow's shape, not by the release: `_run` has no
# recorded steps, so any release goes on with any other's job. Raise it only if that changes.
VERSION = "taihang-jobs-1"
_NAME = "taihang"
_WORKFLOW = "taihang.job"
_PREFIX = "taihang."
# On SQLite every look takes the one write lock (see Worker): fewer looks leave it to those who write.
_POLL_S = {"sqlite": 1.0, "postgresql": 0.5}
_CONFIGURED_S = 10.0  # limits that somebody changes while workers run are kept within this
# What DBOS only reads to find work. Left alone, each of these would wait for the write lock too: dozens of
# times a second for nothing, and SQLite serves who waits for it in no order, so somebody starves.
_READS = (
    "get_queue", "list_queues", "get_queue_partitions", "count_pending_queue_workflows", "get_workflow_statuses",
    "list_workflows",
)  # fmt: skip
_UNDER_WAY = frozenset({"ENQUEUED", "DELAYED", "PENDING"})
_most_claims: int | None = None  # our rows count how often a job was tried; DBOS's dead letters would hide it

Run = Callable[[str, str, int], None]


class Claim(NamedTuple):
    """A place in the queue that a worker has taken, by its `place` (see `place`)."""

    place: str
    worker: str


def place(job: str, round_: int) -> str:
    """What the queue calls a round of a job."""
    return f"{job}.{round_}"


def prepare(store: opening.Store) -> None:
    """Make or upgrade the queue's tables; several processes may do so at once."""
    dbos.DBOS.migrate(_url(store))


class Queue:
    """Puts jobs into the queue, from any process."""

    def __init__(self, store: opening.Store) -> None:
        self._client = dbos.DBOSClient(
            system_database_engine=store.engine,
            serializer=dbos.DBOSPortableJSONSerializer(),
            application_name=_NAME,
            lazy=True,
            retry_connection_errors=False,
        )

    def put(self, conn: sa.Connection, tenant: str, job: str, round_: int, kind: str) -> None:
        """Queue a job in the caller's transaction: it is there if and only if that is committed."""
        options: dbos.EnqueueOptions = {
            "workflow_name": _WORKFLOW,
            "queue_name": _PREFIX + kind,
            "workflow_id": place(job, round_),
            "app_version": VERSION,
            "queue_partition_key": tenant,
        }
        self._client.enqueue_in_transaction(conn, options, tenant, job, round_)


class Worker:
    """Takes jobs out of the queue in this process and hands each to `run` in a thread of its own.

    One a process: DBOS is a process-wide thing.
    """

    def __init__(self, url: str, name: str, run: Run, slots: int) -> None:
        self._store = opening.open_store(url)
        self._name = name
        self._reading = threading.local()
        sa.event.listen(self._store.engine, "engine_connect", self._connected)
        logging.getLogger("dbos").setLevel(logging.CRITICAL)
        # Its own SQLite engine reads the number of running jobs outside the transaction that claims one:
        # two workers could both see a free slot. Ours begins every transaction with the write lock.
        self._dbos = dbos.DBOS(
            config={
                "name": _NAME,
                "system_database_engine": self._store.engine,
                "serializer": dbos.DBOSPortableJSONSerializer(),
                "application_version": VERSION,
                "executor_id": name,
                "run_migrations": False,
                "use_listen_notify": False,
                "log_level": "CRITICAL",
                "scheduler_polling_interval_sec": 3600.0,
            }
        )

        @dbos.DBOS.workflow(name=_WORKFLOW, max_recovery_attempts=_most_claims)
        def _run(tenant: str, job: str, round_: int) -> None:
            run(tenant, job, round_)

        self._slots = slots

    def start(self, names: Iterable[str]) -> None:
        """Begin to take jobs of these kinds."""
        chosen = [kinds.get(name) for name in names]
        dbos.DBOS.listen_queues([_PREFIX + kind.name for kind in chosen])
        dbos.DBOS.launch()
        database: Any = self._dbos._sys_db
        for name in _READS:
            setattr(database, name, self._read(getattr(database, name)))
        # One question for all kinds, where DBOS asks three for each: an idle worker is nearly at rest.
        scopes, waiting = database.dequeue_scopes, _Now(self._read(self._waiting), _POLL_S[self._store.kind] / 2)
        database.dequeue_scopes = lambda name: scopes(name) if name in waiting.get() else []
        for kind in chosen:
            dbos.DBOS.register_queue(
                _PREFIX + kind.name,
                global_concurrency=kind.running,
                partition_concurrency=min(kind.running, kind.running_of_tenant),
                worker_concurrency=min(self._slots, kind.running),
                polling_interval_sec=_POLL_S[self._store.kind],
                on_conflict="always_update",
            )
        configured, known = database.get_queue, _Now(dict, _CONFIGURED_S)

        def latest(name: str) -> Any:
            held: dict[str, Any] = known.get()
            if held.get(name) is None:
                held[name] = configured(name)
            return held[name]

        database.get_queue = latest

    def requeue(self, dead: str) -> int:
        """Give back what a dead worker held, and with it its places among the running; says how many."""
        return sum(self.free(one) for one in self.claims() if one.worker == dead)

    def claims(self) -> list[Claim]:
        """Every place that a worker holds now, of all workers."""
        held = dbos.DBOS.list_workflows(status="PENDING", load_input=False, load_output=False)
        return [Claim(one.workflow_id, str(one.executor_id)) for one in held]

    def free(self, claim: Claim) -> bool:
        """Put a place back into the queue; False when that worker does not hold it any more."""
        return self._dbos._sys_db.reenqueue_for_recovery(claim.place, [claim.worker], _PREFIX + "lost")

    def under_way(self, places: Sequence[str]) -> frozenset[str]:
        """Those of the places that wait in the queue or are held; the others lead to nothing."""
        if not places:
            return frozenset()
        known = dbos.DBOS.list_workflows(workflow_ids=list(places), load_input=False, load_output=False)
        return frozenset(one.workflow_id for one in known if one.status in _UNDER_WAY)

    def stop(self) -> None:
        """Take no more jobs; what runs is the caller's to stop first."""
        for event in self._dbos.background_thread_stop_events:
            event.set()

    def _waiting(self) -> frozenset[str]:
        """The queues in which something waits."""
        database: Any = self._dbos._sys_db
        statuses = database.tables.workflow_status
        # The second term says what DBOS's index of unfinished work covers, so that it is used.
        told = (
            sa.select(statuses.c.queue_name)
            .where(statuses.c.status == "ENQUEUED", database._in_flight_status_prover())
            .distinct()
        )
        with database.engine.begin() as conn:
            return frozenset(conn.execute(told).scalars())

    def _read(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function of DBOS in transactions that wait for no writer."""

        @functools.wraps(function)
        def reading(*words: Any, **named: Any) -> Any:
            self._reading.on = True
            try:
                return function(*words, **named)
            finally:
                self._reading.on = False

        return reading

    def _connected(self, conn: sa.Connection) -> None:
        if getattr(self._reading, "on", False):
            conn.execution_options(read_only=True)


class _Now:
    """What many threads ask for, looked up once in `for_s` seconds."""

    def __init__(self, look: Callable[[], Any], for_s: float) -> None:
        self._look, self._for_s = look, for_s
        self._lock = threading.Lock()
        self._until, self._found = 0.0, None

    def get(self) -> Any:
        with self._lock:
            if (now := time.monotonic()) >= self._until:
                self._found = self._look()
                self._until = now + self._for_s
            return self._found


def _url(store: opening.Store) -> str:
    url = store.engine.url
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=False)
