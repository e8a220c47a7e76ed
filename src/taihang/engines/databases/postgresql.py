"""PostgreSQL: one read-only snapshot for all queries of an assessment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg

from taihang.core import errors
from taihang.engines.databases import database
from taihang.engines.sources import limits
from taihang.engines.sources import postgresql as sources

_PIECE = 1 << 14


class Postgresql(database.Database):
    """A connection by libpq URI. Everything runs in one repeatable-read, read-only transaction, in UTC."""

    dialect = "postgresql"

    def __init__(self, address: str, name: str) -> None:
        self.name = name
        timeout = limits.Limits.current().timeout_s
        try:
            self._connection = psycopg.connect(address, connect_timeout=min(30, int(timeout) or 1))
        except psycopg.Error as error:
            raise self._told(error) from None
        self._connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        self._connection.read_only = True
        sources.adapt(self._connection)
        settings = {
            "statement_timeout": int(timeout * 1000), "timezone": "UTC", "search_path": "pg_catalog",
            "work_mem": "64MB", "standard_conforming_strings": "on", "jit": "off",
        }  # fmt: skip
        for setting, value in settings.items():
            self._connection.execute("SELECT set_config(%s, %s, false)", (setting, str(value)))

    def rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """The rows through a server-side cursor."""
        try:
            with self._connection.cursor(name="taihang") as cursor:
                cursor.itersize = _PIECE
                cursor.execute(sql.encode())
                yield from cursor
        except psycopg.Error as error:
            raise self._told(error) from None

    @property
    def version(self) -> int:
        """The server's, such as 150004."""
        return int(self._connection.info.server_version)

    def answers(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a query that gives few; bytes come as they are."""
        try:
            return self._connection.cursor(binary=True).execute(sql.encode()).fetchall()
        except psycopg.Error as error:
            raise self._told(error) from None

    def blocks(self, table: str) -> int:
        """How many blocks a table has; `table` is an SQL name."""
        return int(
            self.fetch("SELECT pg_relation_size(%s::regclass) / current_setting('block_size')::int", (table,))[0][0]
        )

    def estimated(self, table: str) -> float:
        """About how many rows it has, by what the server noted and by its size."""
        query = "SELECT reltuples, relpages FROM pg_class WHERE oid = %s::regclass"
        rows, pages = self.fetch(query, (table,))[0]
        blocks = self.blocks(table)
        return float(rows) / pages * blocks if pages > 0 and rows > 0 else blocks * 200.0

    def fetch(self, query: Any, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """All rows of a query with parameters."""
        try:
            return self._connection.execute(query, values).fetchall()
        except psycopg.Error as error:
            raise self._told(error) from None

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _told(self, error: psycopg.Error) -> errors.TaihangError:
        reason = str(error).strip().split("\n", 1)[0]
        if isinstance(error, psycopg.OperationalError):
            return errors.Failure("engines.sources:connection", path=self.name, reason=reason)
        return errors.UserError("engines.sources:database", path=self.name, reason=reason)
