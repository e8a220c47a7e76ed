"""Scope: a tenant's view of the store. Every statement that it makes is about that tenant's rows alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from taihang.engines.store import schema


@dataclasses.dataclass(frozen=True, slots=True)
class Scope:
    """Makes statements for one tenant; `tenant` comes from the principal, never from a request's body."""

    tenant: str

    def select(self, table: sa.Table, *columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
        """Rows of this tenant; all columns unless some are named. Joins need `of` for each further table."""
        return sa.select(*(columns or (table,))).select_from(table).where(self.of(table))

    def of(self, table: sa.FromClause) -> sa.ColumnElement[bool]:
        """The condition that a row of `table` (or of its alias) is this tenant's."""
        return table.c[schema.TENANT] == self.tenant

    def insert(self, table: sa.Table, values: Mapping[str, Any]) -> sa.Insert:
        """One new row. Raises sqlalchemy.exc.IntegrityError on execution when its key is taken."""
        return sa.insert(table).values(self._own(table, values))

    def insert_new(self, conn: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> int:
        """Add the rows whose key is not there yet; says how many. What is there stays as it is."""
        if not rows:
            return 0
        make = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
        # Without the option the count of an INSERT is -1 on PostgreSQL.
        statement = make(table).on_conflict_do_nothing().execution_options(preserve_rowcount=True)
        return conn.execute(statement, [self._own(table, row) for row in rows]).rowcount

    def update(self, table: sa.Table) -> sa.Update:
        """A change to rows of this tenant; the caller adds `.where` and `.values`."""
        return sa.update(table).where(self.of(self._checked(table)))

    def delete(self, table: sa.Table) -> sa.Delete:
        """Removal of rows of this tenant; the caller adds `.where`."""
        return sa.delete(table).where(self.of(self._checked(table)))

    def _own(self, table: sa.Table, values: Mapping[str, Any]) -> dict[str, Any]:
        self._checked(table)
        given = values.get(schema.TENANT, self.tenant)
        if given != self.tenant:
            raise ValueError(f"a row of tenant {given!r} in the scope of {self.tenant!r}")
        return {**values, schema.TENANT: self.tenant}

    @staticmethod
    def _checked(table: sa.Table) -> sa.Table:
        if not schema.is_tenanted(table):
            raise ValueError(f"table {table.name} has no tenant")
        return table
