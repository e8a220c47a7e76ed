"""Upgrade: make a store, or bring one of an earlier release up to this one. Several processes may try at once."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from taihang.app.migrations import schema
from taihang.core import errors
from taihang.engines.store import opening

if TYPE_CHECKING:
    from alembic import config

VERSION_TABLE = "taihang_schema"
_VERSIONS = Path(__file__).parent / "versions"
_LOCK = 0x7461_6968_616E_67  # "taihang"


def _ours(name: str | None, kind: str, _parents: Any) -> bool:
    """Leaves alone what others keep in the same database, such as the queue's tables."""
    return kind != "table" or name in schema.metadata().tables


def _rendered(kind: str, found: Any, _context: Any) -> str | bool:
    """A revision must not depend on our own types, which may change after it."""
    if kind == "type" and isinstance(found, sa.types.TypeDecorator):
        return f"sa.{found.impl_instance!r}"
    return False


OPTIONS: dict[str, Any] = {
    "version_table": VERSION_TABLE,
    "compare_type": True,
    "include_name": _ours,
    "render_item": _rendered,
}


@functools.cache
def revisions() -> tuple[str, ...]:
    """All that this release knows, oldest first: `0001`, `0002`, …"""
    return tuple(sorted(path.name[1:5] for path in _VERSIONS.glob("r[0-9][0-9][0-9][0-9]_*.py")))


def upgrade(store: opening.Store) -> None:
    """Create what is missing. Changes nothing, and costs one query, when the store is of this release.

    Raises errors.UserError for a store of a newer release, or one that no release made;
    opening.Unreachable.
    """
    head = revisions()[-1]
    with store.read() as conn:
        if _current(conn) == head:
            return
    with store.begin() as conn:  # on SQLite nobody else writes from here on
        if store.kind == "postgresql":
            conn.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        current = _current(conn)
        if current == head:
            return
        if current is not None and current not in revisions():
            raise errors.UserError("app.migrations:newer", store=store.name, found=current, known=head)
        if current is None and set(sa.inspect(conn).get_table_names()) & set(schema.metadata().tables):
            raise errors.UserError("app.migrations:unknown", store=store.name)
        from alembic import command  # noqa: PLC0415 - seconds to import, for once in a release

        command.upgrade(_config(conn), "head")


def differences(conn: sa.Connection) -> list[Any]:
    """What would have to change in this database to be as the code says; for tests and for a new revision."""
    from alembic import autogenerate, migration  # noqa: PLC0415 - nothing that a running platform needs

    context = migration.MigrationContext.configure(conn, opts=OPTIONS)
    return list(autogenerate.compare_metadata(context, schema.metadata()))


def revise(conn: sa.Connection, message: str) -> Path:
    """Write a revision that makes an up-to-date database as the code says; read it before it is committed."""
    from alembic import command, script  # noqa: PLC0415 - nothing that a running platform needs

    made = command.revision(_config(conn), message, autogenerate=True, rev_id=f"{len(revisions()) + 1:04}")
    assert isinstance(made, script.Script)
    return Path(made.path)


def _current(conn: sa.Connection) -> str | None:
    if not sa.inspect(conn).has_table(VERSION_TABLE):
        return None
    column: sa.ColumnClause[str] = sa.column("version_num")
    return conn.execute(sa.select(column).select_from(sa.table(VERSION_TABLE))).scalar()


def _config(conn: sa.Connection) -> config.Config:
    from alembic import config  # noqa: PLC0415 - see upgrade

    made = config.Config(attributes={"connection": conn})
    made.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    made.set_main_option("file_template", "r%%(rev)s_%%(slug)s")
    return made
