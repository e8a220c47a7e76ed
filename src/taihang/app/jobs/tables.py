"""Tables of the jobs: what was asked, what happened, which effects are done, and who works."""

from __future__ import annotations

import sqlalchemy as sa

from taihang.engines.store import schema

jobs = schema.tenanted(
    "jobs",
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("kind", sa.String(100), nullable=False),
    sa.Column("parameters", sa.JSON, nullable=False),
    sa.Column("owner", sa.JSON, nullable=False),
    # The submitter's idempotency key.
    sa.Column("key", sa.String(200)),
    sa.Column("state", sa.String(20), nullable=False),
    # Raised by each retry: an older round's place in the queue is void.
    sa.Column("round", sa.Integer, nullable=False),
    # Raised by each start: the fence against a worker that is late.
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("worker", sa.String(60)),
    sa.Column("cancel", sa.Boolean, nullable=False),
    # Child processes that died, workers that died, passing faults; all of this round.
    sa.Column("crashes", sa.Integer, nullable=False),
    sa.Column("losses", sa.Integer, nullable=False),
    sa.Column("faults", sa.Integer, nullable=False),
    sa.Column("stage", sa.String(200)),
    sa.Column("done", sa.Float, nullable=False),
    sa.Column("total", sa.Float, nullable=False),
    sa.Column("events", sa.Integer, nullable=False),
    sa.Column("submitted", schema.Utc, nullable=False),
    sa.Column("started", schema.Utc),
    sa.Column("ended", schema.Utc),
    sa.Column("reason", sa.JSON(none_as_null=True)),
    sa.Column("inputs", sa.JSON, nullable=False),
    sa.Column("versions", sa.JSON, nullable=False),
    sa.Column("result", sa.JSON(none_as_null=True)),
    # Over the names and hashes of the files that the job left.
    sa.Column("output", sa.String(64)),
    sa.UniqueConstraint("tenant", "key"),
    sa.Index("ix_jobs_submitted", "tenant", "submitted", "id"),
    sa.Index("ix_jobs_worker", "worker"),
    # What waits or runs is looked over again and again, among all that ever did.
    sa.Index("ix_jobs_state", "state", "tenant", "id"),
)

events = schema.tenanted(
    "job_events",
    sa.Column("job", sa.String(40), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("at", schema.Utc, nullable=False),
    sa.Column("stage", sa.String(200), nullable=False),
    sa.Column("done", sa.Float, nullable=False),
    sa.Column("total", sa.Float, nullable=False),
    sa.Column("message", sa.JSON(none_as_null=True)),
)

attempts = schema.tenanted(
    "job_attempts",
    sa.Column("job", sa.String(40), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("worker", sa.String(60), nullable=False),
    sa.Column("taihang", sa.String(60), nullable=False),
    sa.Column("started", schema.Utc, nullable=False),
    sa.Column("ended", schema.Utc),
    sa.Column("outcome", sa.String(20)),
    sa.Column("cpu_s", sa.Float),
    sa.Column("peak_rss", sa.BigInteger),
    sa.Column("reason", sa.JSON(none_as_null=True)),
)

effects = schema.tenanted(
    "job_effects",
    sa.Column("job", sa.String(40), primary_key=True),
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("at", schema.Utc, nullable=False),
    sa.Column("value", sa.JSON(none_as_null=True)),
)

schedules = schema.tenanted(
    "job_schedules",
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("kind", sa.String(100), nullable=False),
    sa.Column("parameters", sa.JSON, nullable=False),
    sa.Column("owner", sa.JSON, nullable=False),
    # `cron`, `folder`, `asset` or `webhook`, with what that needs.
    sa.Column("trigger", sa.String(20), nullable=False),
    sa.Column("when", sa.JSON, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("created", schema.Utc, nullable=False),
    # Cron: the last time that was looked at, so that what was missed is known.
    sa.Column("seen", schema.Utc, nullable=False),
    # Why it could not start its job the last time.
    sa.Column("fault", sa.JSON(none_as_null=True)),
    sa.UniqueConstraint("tenant", "name"),
)

firings = schema.tenanted(
    "job_firings",
    sa.Column("schedule", sa.String(40), primary_key=True),
    # What happened, so that it starts one job only: a time, a content's hash, a version, a delivery.
    sa.Column("key", sa.String(200), primary_key=True),
    sa.Column("job", sa.String(40), nullable=False),
    sa.Column("at", schema.Utc, nullable=False),
    # A folder's file, so that it need not be read again to be known.
    sa.Column("source", sa.String(64)),
)

# Of the machine room, not of any tenant: who works, and how many times each has said so.
workers = sa.Table(
    "job_workers",
    schema.metadata,
    sa.Column("id", sa.String(60), primary_key=True),
    sa.Column("host", sa.String(200), nullable=False),
    sa.Column("process", sa.Integer, nullable=False),
    sa.Column("taihang", sa.String(60), nullable=False),
    sa.Column("beats", sa.BigInteger, nullable=False),
    sa.Column("dead", sa.Boolean, nullable=False),
    sa.Column("started", schema.Utc, nullable=False),
)
