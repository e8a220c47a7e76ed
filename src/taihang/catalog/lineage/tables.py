"""Lineage in the store: runs, what they read and wrote, and which column became which."""

from __future__ import annotations

import sqlalchemy as sa

from taihang.engines.store import schema

_ID = sa.String(80)

runs = schema.tenanted(
    "catalog_runs",
    sa.Column("id", sa.String(100), primary_key=True),
    # The run's id in OpenLineage.
    sa.Column("uuid", sa.String(36), nullable=False),
    sa.Column("foreign", sa.Boolean, nullable=False),
    sa.Column("namespace", sa.Text, nullable=False),
    sa.Column("job", sa.Text, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("began", schema.Utc, nullable=False),
    sa.Column("ended", schema.Utc),
    sa.Column("producer", sa.Text, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    sa.UniqueConstraint("tenant", "uuid"),
    sa.Index("ix_catalog_runs_began", "tenant", "began", "id"),
)

ports = schema.tenanted(
    "catalog_ports",
    sa.Column("run_id", sa.String(100), primary_key=True),
    sa.Column("way", sa.String(3), primary_key=True),
    sa.Column("node", _ID, primary_key=True),
    sa.Column("facts", sa.Text, nullable=False),
    sa.Index("ix_catalog_ports_node", "tenant", "node", "way", "run_id"),
)

datasets = schema.tenanted(
    "catalog_datasets",
    sa.Column("id", _ID, primary_key=True),
    sa.Column("namespace", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("columns", sa.Text, nullable=False),
)

column_edges = schema.tenanted(
    "catalog_column_edges",
    sa.Column("id", _ID, primary_key=True),
    sa.Column("run_id", sa.String(100), nullable=False),
    sa.Column("output", _ID, nullable=False),
    # Empty: the input column decides about all rows of the output.
    sa.Column("output_column", sa.Text, nullable=False),
    sa.Column("input", _ID, nullable=False),
    sa.Column("input_column", sa.Text, nullable=False),
    sa.Column("effect", sa.String(40), nullable=False),
    sa.Column("masking", sa.Boolean, nullable=False),
    sa.Index("ix_catalog_column_edges_output", "tenant", "output", "run_id"),
    sa.Index("ix_catalog_column_edges_input", "tenant", "input", "run_id"),
    sa.Index("ix_catalog_column_edges_run", "tenant", "run_id"),
)
