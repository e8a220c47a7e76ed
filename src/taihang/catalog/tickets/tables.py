"""The tickets' tables. A ticket's version is the number of its last event: a history without gaps is complete."""

from __future__ import annotations

import sqlalchemy as sa

from taihang.engines.store import schema

_ID = sa.String(80)
_NAME = sa.String(500)
_HASH = sa.String(64)

tickets = schema.tenanted(
    "tickets",
    sa.Column("id", _ID, primary_key=True),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("grouped", sa.String(10), nullable=False),
    sa.Column("asset", _NAME, nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("domain", sa.String(200), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("level", sa.String(10), nullable=False),
    sa.Column("rank", sa.SmallInteger, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("owner", sa.String(200), nullable=False),
    sa.Column("due", schema.Utc),
    sa.Column("reminded", schema.Utc),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("reopened", sa.Integer, nullable=False),
    # Number of the version that was verified last, where versions are counted.
    sa.Column("checked", sa.Integer),
    sa.Column("opened_at", schema.Utc, nullable=False),
    sa.Column("changed_at", schema.Utc, nullable=False),
    sa.Column("policy", sa.Text, nullable=False),
    sa.Column("notify", sa.Text, nullable=False),
    sa.Index("ix_tickets_opened", "tenant", "opened_at", "id"),
    sa.Index("ix_tickets_state", "tenant", "state", "opened_at", "id"),
    sa.Index("ix_tickets_owner", "tenant", "owner", "opened_at", "id"),
    sa.Index("ix_tickets_asset", "tenant", "asset", "opened_at", "id"),
    sa.Index("ix_tickets_due", "tenant", "due"),
)

# `event` is the number of the event that brought the finding.
findings = schema.tenanted(
    "ticket_findings",
    sa.Column("ticket", _ID, primary_key=True),
    sa.Column("asset_version", _HASH, primary_key=True),
    sa.Column("finding", _ID, primary_key=True),
    sa.Column("number", sa.Integer),
    sa.Column("rule", sa.String(100), nullable=False),
    sa.Column("rulebook", sa.String(200), nullable=False),
    sa.Column("rulebook_sha256", _HASH, nullable=False),
    sa.Column("level", sa.String(10), nullable=False),
    sa.Column("event", sa.Integer, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Index("ix_ticket_findings_rule", "tenant", "rule", "ticket"),
)

# `decision`: what the ledger calls it.
events = schema.tenanted(
    "ticket_events",
    sa.Column("ticket", _ID, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("at", schema.Utc, nullable=False),
    sa.Column("who", sa.String(200), nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("from_state", sa.String(20), nullable=False),
    sa.Column("to_state", sa.String(20), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("decision", sa.String(40), nullable=False),
)

# What of an asset version is bad, by ticket and rule: positions (and keys) of rows, or spans of time, in parts.
marks = schema.tenanted(
    "ticket_marks",
    sa.Column("ticket", _ID, primary_key=True),
    sa.Column("asset_version", _HASH, primary_key=True),
    sa.Column("table", _NAME, primary_key=True),
    sa.Column("rule", sa.String(100), primary_key=True),
    sa.Column("part", sa.Integer, primary_key=True),
    sa.Column("asset", _NAME, nullable=False),
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("rulebook", sa.String(200), nullable=False),
    sa.Column("rulebook_version", sa.String(100), nullable=False),
    sa.Column("rulebook_sha256", _HASH, nullable=False),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("complete", sa.Boolean, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("marked_at", schema.Utc, nullable=False),
    sa.Column("lifted_at", schema.Utc),
    sa.Column("data", sa.LargeBinary, nullable=False),
    sa.Index("ix_ticket_marks_version", "tenant", "asset_version", "active"),
    sa.Index("ix_ticket_marks_asset", "tenant", "asset", "active"),
)

# Rules that an asset once broke and that were verified as kept: judged again on each of its versions.
suite = schema.tenanted(
    "ticket_suite",
    sa.Column("asset", _NAME, primary_key=True),
    sa.Column("rulebook", sa.String(200), primary_key=True),
    sa.Column("rule", sa.String(100), primary_key=True),
    sa.Column("ticket", _ID, nullable=False),
    sa.Column("since", schema.Utc, nullable=False),
    sa.Column("asset_version", _HASH, nullable=False),
)
