"""History: who asked for a job, what for, with which versions, and what each start of it used."""

from __future__ import annotations

import datetime
from typing import Any

import sqlalchemy as sa

from taihang.app.jobs import notes, records, tables
from taihang.core import i18n, principal, words
from taihang.core import job as jobs_
from taihang.engines.store import scope


class Attempt(words.Word):
    """One start. `outcome`: done, failed, cancelled, crashed (its process died), lost (its worker died),
    released (its worker was stopped), fault (something that passes); None while it runs.

    `cpu_s` in seconds, `peak_rss` in bytes; both unknown when the worker died too. `taihang` is the
    version that ran.
    """

    number: int
    worker: str
    taihang: str
    started: datetime.datetime
    ended: datetime.datetime | None
    outcome: str | None
    cpu_s: float | None
    peak_rss: int | None
    reason: i18n.Message | None


class History(words.Word):
    """A job's life. `versions` name what made the result (rulebook, model); `output` is the hash over its files.

    `effects` are the steps whose effects are done, each with the attempt that did it.
    """

    job: jobs_.Job
    who: principal.Principal
    key: str | None
    versions: dict[str, str]
    output: words.Sha256 | None
    cpu_s: float
    peak_rss: int | None
    attempts: tuple[Attempt, ...]
    effects: dict[str, int]


def read(conn: sa.Connection, row: Any) -> History:
    """The history of the job in `row`."""
    own = scope.Scope(row.tenant)
    attempts, effects = tables.attempts, tables.effects
    tried = tuple(
        Attempt(
            number=one.number,
            worker=one.worker,
            taihang=one.taihang,
            started=one.started,
            ended=one.ended,
            outcome=one.outcome,
            cpu_s=one.cpu_s,
            peak_rss=one.peak_rss,
            reason=notes.read(one.reason) if one.reason else None,
        )
        for one in conn.execute(own.select(attempts).where(attempts.c.job == row.id).order_by(attempts.c.number))
    )
    done = conn.execute(own.select(effects).where(effects.c.job == row.id).order_by(effects.c.name))
    return History(
        job=records.word(row),
        who=principal.Principal.model_validate(row.owner),
        key=row.key,
        versions=row.versions,
        output=row.output,
        cpu_s=sum(one.cpu_s or 0.0 for one in tried),
        peak_rss=max((one.peak_rss for one in tried if one.peak_rss is not None), default=None),
        attempts=tried,
        effects={one.name: one.attempt for one in done},
    )
