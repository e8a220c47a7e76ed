"""Records: a job's row, its events and its attempts, changed together in one transaction each."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping
from typing import Any, Literal

import sqlalchemy as sa

import taihang
from taihang.app.jobs import kinds, notes, tables
from taihang.core import errors, i18n, ids
from taihang.core import job as words
from taihang.core import words as words_
from taihang.engines.store import scope
from taihang.trust.ledger import commitments, entry, outbox

Outcome = Literal["done", "failed", "cancelled", "crashed", "lost", "released", "fault"]
OVER = ("done", "failed", "cancelled")


@dataclasses.dataclass(frozen=True, slots=True)
class Attempt:
    """One start of a job: `number` is the fence that every later change of it names."""

    tenant: str
    job: str
    number: int
    kind: str
    parameters: Mapping[str, Any]
    owner: Mapping[str, Any]
    crashes: int
    losses: int
    faults: int


@dataclasses.dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended, the hash of its output, and what it used: CPU seconds, bytes of memory at most."""

    outcome: Outcome
    reason: i18n.Message | None = None
    result: kinds.Result | None = None
    output: words_.Sha256 | None = None
    cpu_s: float | None = None
    peak_rss: int | None = None


class Superseded(errors.Cancelled):
    """Another worker has taken the job over: what this one says no longer counts."""


def now() -> datetime.datetime:
    """The time of day, for people to read; nothing is decided by it."""
    return datetime.datetime.now(datetime.UTC)


def word(row: Any) -> words.Job:
    """The job as a word of the platform."""
    return words.Job(
        id=row.id,
        kind=row.kind,
        tenant=row.tenant,
        inputs=tuple(row.inputs),
        state=row.state,
        done=1.0 if row.state == "done" else min(1.0, row.done / row.total) if row.total > 0 else 0.0,
        owner=row.owner["name"],
        parameters=row.parameters,
        stage=row.stage,
        attempts=row.attempt,
        submitted=row.submitted,
        started=row.started,
        ended=row.ended,
        reason=notes.read(row.reason) if row.reason else None,
        result=row.result,
    )


def locked(conn: sa.Connection, tenant: str, job: str) -> Any:
    """The job's row, which nobody else changes until the transaction ends; None when there is none."""
    jobs = tables.jobs
    return conn.execute(scope.Scope(tenant).select(jobs).where(jobs.c.id == job).with_for_update()).one_or_none()


def say(
    conn: sa.Connection,
    row: Any,
    stage: str,
    far: tuple[float, float] = (0.0, 0.0),
    message: i18n.Message | None = None,
) -> dict[str, Any]:
    """Add an event; returns what changes in the job's row by it."""
    number = row.events + 1
    conn.execute(
        scope.Scope(row.tenant).insert(
            tables.events,
            {
                "job": row.id,
                "number": number,
                "at": now(),
                "stage": stage,
                "done": far[0],
                "total": far[1],
                "message": notes.kept(message) if message else None,
            },
        )
    )
    return {"events": number}


def decide(conn: sa.Connection, row: Any, what: str, by: str | None = None, **facts: entry.Fact) -> None:
    """Put what was decided about a job, and by whom, into the ledger's outbox, in this transaction."""
    personal = {"by": commitments.commit(conn, row.tenant, by, owner=by)} if by else {}
    known: dict[str, entry.Fact] = {"kind": row.kind, "attempt": row.attempt, **facts}
    outbox.put(conn, row.tenant, entry.Entry.now(f"job-{what}", row.id, facts=known, personal=personal))


def change(conn: sa.Connection, row: Any, **values: Any) -> None:
    """Write columns of a locked row."""
    jobs = tables.jobs
    conn.execute(scope.Scope(row.tenant).update(jobs).where(jobs.c.id == row.id).values(**values))


def begin(conn: sa.Connection, tenant: str, job: str, round_: int, worker: str) -> Attempt | None:
    """Start the job; None when there is nothing to do: it is over, cancelled, or of another round."""
    row = locked(conn, tenant, job)
    if row is None or row.state in OVER or row.round != round_:
        return None
    if row.state == "running":  # its worker is gone and nobody has said so yet
        _close(conn, row, Ending("lost"))
    if row.cancel:
        change(conn, row, state="cancelled", ended=now(), **say(conn, row, "app.jobs:state.cancelled"))
        decide(conn, row, "ended", state="cancelled")
        return None
    number = row.attempt + 1
    conn.execute(
        scope.Scope(tenant).insert(
            tables.attempts,
            {
                "job": job,
                "number": number,
                "worker": worker,
                "taihang": taihang.__version__,
                "started": now(),
            },
        )
    )
    change(
        conn,
        row,
        state="running",
        attempt=number,
        worker=worker,
        started=row.started or now(),
        **say(conn, row, "app.jobs:state.running"),
    )
    return Attempt(tenant, job, number, row.kind, row.parameters, row.owner, row.crashes, row.losses, row.faults)


def progress(conn: sa.Connection, attempt: Attempt, stage: str, done: float, total: float) -> bool:
    """Note how far the attempt is; True when the job is to be cancelled. Raises Superseded.

    Of one stage only the newest event stays.
    """
    row = mine(conn, attempt)
    if row.cancel:
        return True
    if row.stage == stage:
        events = tables.events
        conn.execute(
            scope.Scope(row.tenant)
            .delete(events)
            .where(events.c.job == row.id, events.c.stage == stage, events.c.number == row.events)
        )
    change(conn, row, stage=stage, done=done, total=total, **say(conn, row, stage, (done, total)))
    return False


def mine(conn: sa.Connection, attempt: Attempt) -> Any:
    """The job's row, locked. Raises Superseded when it is no longer this attempt's."""
    return _own(locked(conn, attempt.tenant, attempt.job), attempt)


def _own(row: Any, attempt: Attempt) -> Any:
    if row is None or row.state != "running" or row.attempt != attempt.number:
        raise Superseded("app.jobs:superseded", job=attempt.job)
    return row


def stopping(conn: sa.Connection, attempt: Attempt) -> bool:
    """True when the job is to be cancelled; only looks. Raises Superseded when it is no longer this attempt's."""
    jobs = tables.jobs
    asked = scope.Scope(attempt.tenant).select(jobs, jobs.c.cancel, jobs.c.state, jobs.c.attempt)
    return bool(_own(conn.execute(asked.where(jobs.c.id == attempt.job)).one_or_none(), attempt).cancel)


def end(conn: sa.Connection, attempt: Attempt, ending: Ending, *, again: bool) -> None:
    """End the attempt, and with it the job unless it is to be tried `again`. Raises Superseded."""
    row = mine(conn, attempt)
    _close(conn, row, ending)
    counted = {"crashed": "crashes", "lost": "losses", "fault": "faults"}.get(ending.outcome)
    count = {counted: getattr(row, counted) + 1} if counted else {}
    if again:
        said = say(conn, row, "app.jobs:state.queued", message=ending.reason)
        change(conn, row, state="queued", worker=None, stage=None, done=0.0, total=0.0, **said, **count)
        return
    state = ending.outcome if ending.outcome in OVER else "failed"
    values: dict[str, Any] = {
        "state": state,
        "worker": None,
        "ended": now(),
        # Who cancelled it was noted when he did.
        "reason": notes.kept(ending.reason) if ending.reason else row.reason if state == "cancelled" else None,
        **say(conn, row, f"app.jobs:state.{state}", message=ending.reason),
        **count,
    }
    if ending.result is not None:
        values |= {
            "inputs": list(ending.result.inputs),
            "versions": dict(ending.result.versions),
            "result": dict(ending.result.summary),
            "output": ending.output,
        }
    change(conn, row, **values)
    inputs = ids.digest_json(values.get("inputs", []))
    decide(conn, row, "ended", state=state, output=ending.output, inputs=inputs)


def _close(conn: sa.Connection, row: Any, ending: Ending) -> None:
    attempts = tables.attempts
    conn.execute(
        scope.Scope(row.tenant)
        .update(attempts)
        .where(attempts.c.job == row.id, attempts.c.number == row.attempt)
        .values(
            ended=now(),
            outcome=ending.outcome,
            cpu_s=ending.cpu_s,
            peak_rss=ending.peak_rss,
            reason=notes.kept(ending.reason) if ending.reason else None,
        )
    )


def lost(conn: sa.Connection, tenant: str, job: str, worker: str, outcome: Outcome) -> None:
    """Put a job back whose worker is gone (`lost`) or has let go of it (`released`)."""
    row = locked(conn, tenant, job)
    if row is None or row.state != "running" or row.worker != worker:
        return
    _close(conn, row, Ending(outcome))
    said = say(conn, row, f"app.jobs:state.{outcome}")
    count = {"losses": row.losses + 1} if outcome == "lost" else {}
    change(conn, row, state="queued", worker=None, stage=None, done=0.0, total=0.0, **said, **count)
