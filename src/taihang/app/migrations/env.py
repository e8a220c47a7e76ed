"""Run by Alembic for every command; the connection comes from whoever gave the command."""

from __future__ import annotations

from alembic import context

from taihang.app.migrations import schema, upgrade

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=schema.metadata(),
    render_as_batch=True,
    transactional_ddl=True,
    **upgrade.OPTIONS,
)
with context.begin_transaction():
    context.run_migrations()
