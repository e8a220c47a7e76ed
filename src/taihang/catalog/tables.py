"""The catalogue's tables in the store; a tenant is the first column of every key and every index.

A finding's sort orders are each one index whose columns all run the same way, so that a page is one
range of it. `mark` is a random text that only rows about one version hold: after a deletion it must
be nowhere on the disk. It stands first, where SQLite never cuts a row in two.
"""

from __future__ import annotations

import sqlalchemy as sa

from taihang.engines.store import schema

_ID = sa.String(80)
_NAME = sa.String(300)
_HASH = sa.String(64)

assets = schema.tenanted(
    "catalog_assets",
    sa.Column("id", _ID, primary_key=True),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("name", _NAME, nullable=False),
    sa.Column("owner", sa.String(200), nullable=False),
    sa.Column("licence", sa.String(200), nullable=False),
    sa.Column("sensitivity", sa.String(20), nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("tags", sa.Text, nullable=False),
    sa.Column("words", sa.Text, nullable=False),
    sa.Column("versions", sa.Integer, nullable=False),
    sa.Column("latest", _ID, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("created", schema.Utc, nullable=False),
    sa.Column("changed", schema.Utc, nullable=False),
    sa.Index("ix_catalog_assets_name", "tenant", "name", "id"),
    sa.Index("ix_catalog_assets_kind", "tenant", "kind", "name", "id"),
    sa.Index("ix_catalog_assets_owner", "tenant", "owner", "name", "id"),
)

tags = schema.tenanted(
    "catalog_tags",
    sa.Column("tag", sa.String(100), primary_key=True),
    sa.Column("asset_id", _ID, primary_key=True),
    sa.Index("ix_catalog_tags_asset", "tenant", "asset_id"),
)

# One and two characters of what can be searched for: an index that needs no extension and no word boundaries.
grams = schema.tenanted(
    "catalog_grams",
    sa.Column("gram", sa.String(2), primary_key=True),
    sa.Column("asset_id", _ID, primary_key=True),
    sa.Index("ix_catalog_grams_asset", "tenant", "asset_id"),
)

versions = schema.tenanted(
    "catalog_versions",
    sa.Column("id", _ID, primary_key=True),
    sa.Column("mark", _HASH, nullable=False),
    sa.Column("asset_id", _ID, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("sha256", _HASH, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("media_type", sa.String(200), nullable=False),
    sa.Column("synthetic", sa.Boolean, nullable=False),
    sa.Column("columns", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("stored", sa.Boolean, nullable=False),
    sa.Column("registered_by", sa.String(200), nullable=False),
    sa.Column("job_id", sa.String(100), nullable=False),
    sa.Column("recorded", schema.Utc, nullable=False),
    sa.UniqueConstraint("tenant", "asset_id", "number"),
    sa.Index("ix_catalog_versions_content", "tenant", "sha256"),
    sa.Index("ix_catalog_versions_recorded", "tenant", "recorded", "id"),
)

reports = schema.tenanted(
    "catalog_reports",
    sa.Column("id", _ID, primary_key=True),
    sa.Column("mark", _HASH, nullable=False),
    sa.Column("version_id", _ID, nullable=False),
    sa.Column("asset_id", _ID, nullable=False),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("job_id", sa.String(100), nullable=False),
    sa.Column("sha256", _HASH, nullable=False),
    sa.Column("folder", sa.Text, nullable=False),
    sa.Column("made", schema.Utc, nullable=False),
    sa.Column("recorded", schema.Utc, nullable=False),
    sa.Column("counts", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Index("ix_catalog_reports_version", "tenant", "version_id", "kind", "recorded", "id"),
    sa.Index("ix_catalog_reports_recorded", "tenant", "recorded", "id"),
    sa.Index("ix_catalog_reports_job", "tenant", "job_id"),
)

scores = schema.tenanted(
    "catalog_scores",
    sa.Column("report_id", _ID, primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("dimension", sa.String(200), nullable=False),
    sa.Column("metric", sa.String(200), nullable=False),
    sa.Column("value", sa.Double),
    sa.Column("threshold", sa.Double),
    sa.Column("passed", sa.Boolean),
    sa.Column("standing", sa.String(20), nullable=False),
)

findings = schema.tenanted(
    "catalog_findings",
    sa.Column("version_id", _ID, primary_key=True),
    sa.Column("mark", _HASH, nullable=False),
    sa.Column("id", _ID, primary_key=True),
    sa.Column("asset_id", _ID, nullable=False),
    sa.Column("rule", sa.String(100), nullable=False),
    sa.Column("rulebook", sa.String(200), nullable=False),
    sa.Column("dimension", sa.String(200), nullable=False),
    sa.Column("verdict", sa.String(20), nullable=False),
    sa.Column("rank", sa.SmallInteger, nullable=False),
    sa.Column("start", sa.Double, nullable=False),
    sa.Column("finish", sa.Double, nullable=False),
    # Equal for the same rule on the same place whatever the rulebook's version: what a comparison goes by.
    sa.Column("likeness", sa.String(80), nullable=False),
    sa.Column("recorded", schema.Utc, nullable=False),
    sa.Column("job_id", sa.String(100), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("reviewer", sa.String(200), nullable=False),
    sa.Column("reviewed", schema.Utc),
    # Boxes as a reviewer corrected them, as JSON; "" while nobody did.
    sa.Column("boxes", sa.Text, nullable=False, server_default=""),
    sa.Column("body", sa.Text, nullable=False),
    sa.Index("ix_catalog_findings_gravest", "tenant", "rank", "recorded", "version_id", "id"),
    sa.Index("ix_catalog_findings_newest", "tenant", "recorded", "version_id", "id"),
    sa.Index("ix_catalog_findings_by_rule", "tenant", "rule", "rank", "recorded", "version_id", "id"),
    sa.Index("ix_catalog_findings_by_asset", "tenant", "asset_id", "rank", "recorded", "version_id", "id"),
    sa.Index("ix_catalog_findings_by_version", "tenant", "version_id", "rank", "recorded", "id"),
    sa.Index("ix_catalog_findings_by_start", "tenant", "version_id", "start", "id"),
    sa.Index("ix_catalog_findings_by_likeness", "tenant", "version_id", "likeness"),
    sa.Index("ix_catalog_findings_by_state", "tenant", "state", "rank", "recorded", "version_id", "id"),
)

# Which report found what: one finding may be in several.
told = schema.tenanted(
    "catalog_told",
    sa.Column("report_id", _ID, primary_key=True),
    sa.Column("finding_id", _ID, primary_key=True),
    sa.Column("version_id", _ID, nullable=False),
    sa.Index("ix_catalog_told_finding", "tenant", "version_id", "finding_id"),
)

reviews = schema.tenanted(
    "catalog_reviews",
    sa.Column("version_id", _ID, primary_key=True),
    sa.Column("mark", _HASH, nullable=False),
    sa.Column("finding_id", _ID, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("reviewer", sa.String(200), nullable=False),
    sa.Column("at", schema.Utc, nullable=False),
    sa.Column("boxes", sa.Text, nullable=False, server_default=""),
    # What opens the ledger's commitments to reviewer and reason; gone with the row.
    sa.Column("salts", sa.Text, nullable=False),
)
