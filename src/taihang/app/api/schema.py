"""The API's own tables: answers kept for repeated calls, and uploads under way."""

from __future__ import annotations

import sqlalchemy as sa

from taihang.engines.store import schema

answers = schema.tenanted(
    "api_answers",
    sa.Column("caller", sa.String(200), primary_key=True),
    sa.Column("key", sa.String(200), primary_key=True),
    sa.Column("request_sha256", sa.String(64), nullable=False),
    sa.Column("begun", schema.Utc, nullable=False, index=True),
    # Empty while the first call still runs.
    sa.Column("status", sa.Integer),
    sa.Column("headers", sa.JSON),
    sa.Column("body", sa.LargeBinary),
)

uploads = schema.tenanted(
    "api_uploads",
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("owner", sa.String(200), nullable=False),
    sa.Column("length", sa.BigInteger, nullable=False),
    # How many bytes are known to be on the disk; what the file holds beyond does not count.
    sa.Column("received", sa.BigInteger, nullable=False),
    sa.Column("metadata", sa.JSON, nullable=False),
    sa.Column("begun", schema.Utc, nullable=False),
    sa.Column("expires", schema.Utc, nullable=False, index=True),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("sha256", sa.String(64)),
    sa.Column("version", sa.String(100)),
)
