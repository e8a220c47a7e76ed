"""Retention in the store: rules, holds, and what was deleted."""

from __future__ import annotations

import sqlalchemy as sa

from taihang.engines.store import schema

_ID = sa.String(80)

rules = schema.tenanted(
    "catalog_retention",
    sa.Column("id", _ID, primary_key=True),
    sa.Column("kind", sa.String(20)),
    sa.Column("sensitivity", sa.String(20)),
    sa.Column("keep_days", sa.Integer, nullable=False),
    sa.Column("delete_days", sa.Integer),
)

holds = schema.tenanted(
    "catalog_holds",
    sa.Column("id", _ID, primary_key=True),
    sa.Column("target", _ID, nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("placed_by", sa.String(200), nullable=False),
    sa.Column("placed", schema.Utc, nullable=False),
    sa.Column("released_by", sa.String(200)),
    sa.Column("released", schema.Utc),
    sa.Column("release_reason", sa.Text, nullable=False),
    sa.Index("ix_catalog_holds_target", "tenant", "target"),
)

# What is still to be removed of a version whose rows are gone; emptied when that is done.
deletions = schema.tenanted(
    "catalog_deletions",
    sa.Column("version_id", _ID, primary_key=True),
    sa.Column("asset_id", _ID, nullable=False),
    sa.Column("cause", sa.String(20), nullable=False),
    sa.Column("deleted_by", sa.String(200), nullable=False),
    sa.Column("begun", schema.Utc, nullable=False),
    sa.Column("finished", schema.Utc),
    sa.Column("plan", sa.Text, nullable=False),
    sa.Column("proof", sa.Text, nullable=False),
    sa.Index("ix_catalog_deletions_begun", "tenant", "begun", "version_id"),
)
