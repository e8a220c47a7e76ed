"""Opening the store by its URL: `sqlite:///FILE` or `postgresql://…`; waiting while a server is away."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import exc

from taihang.core import errors
from taihang.engines.store import schema, scope

T = TypeVar("T")
_BUSY_MS = 30_000
# A process that is suspended, or whose machine is gone, keeps its locks for as long as the server believes in it,
# and then nobody else gets on. Our transactions do nothing but statements: one that is silent this long is dead.
_SILENT_MS = 20_000


class Unreachable(errors.Failure, errors.Transient):
    """The store's server does not answer."""


class Store:
    """A database and how to talk to it: short transactions, each retried while the server is away."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    @property
    def kind(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.engine.dialect.name

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """A transaction: committed at the end, rolled back by an exception.

        On SQLite the write lock is taken at once, so two writers queue and none fails midway. Raises
        Unreachable when the server does not answer.
        """
        try:
            with self.engine.begin() as conn:
                yield conn
        except exc.DBAPIError as error:
            if _is_away(error):
                raise Unreachable("engines:store.away", store=self.name) from error
            raise

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that only reads; on SQLite it waits for no writer. Raises Unreachable."""
        try:
            with self.engine.connect().execution_options(read_only=True) as conn, conn.begin():
                yield conn
        except exc.DBAPIError as error:
            if _is_away(error):
                raise Unreachable("engines:store.away", store=self.name) from error
            raise

    def run(self, work: Callable[[sa.Connection], T], *, patience_s: float = 60.0) -> T:
        """The result of `work` in a transaction of its own, tried again while the server is away.

        `work` may run more than once, but only one run is committed, unless the server went away in the
        very moment of the commit: what must not happen twice needs a key of its own. Raises Unreachable
        after `patience_s` seconds.
        """
        end = time.monotonic() + patience_s
        pause = 0.1
        while True:
            try:
                with self.begin() as conn:
                    return work(conn)
            except Unreachable:
                if time.monotonic() + pause > end:
                    raise
                time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads the retries, guards nothing
                pause = min(pause * 2, 5.0)

    def scope(self, tenant: str) -> scope.Scope:
        """The statements of one tenant."""
        return scope.Scope(tenant)

    def create(self) -> None:
        """Make the tables that are missing, of every package imported so far."""
        with self.begin() as conn:
            schema.metadata.create_all(conn)

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    @property
    def name(self) -> str:
        """The URL without its password, for messages."""
        return self.engine.url.render_as_string(hide_password=True)


def open_store(url: str) -> Store:
    """The store at `url`. Raises errors.UserError for a URL that names no store, errors.Failure for a disk's."""
    try:
        parsed = sa.make_url(url)
    except exc.ArgumentError:
        raise errors.UserError("engines:store.url") from None
    if parsed.get_backend_name() == "sqlite" and parsed.database and not parsed.query:
        return Store(_sqlite(parsed))
    if parsed.get_backend_name() == "postgresql":
        return Store(_postgresql(parsed))
    raise errors.UserError("engines:store.url")


def _sqlite(url: sa.URL) -> sa.Engine:
    file = Path(str(url.database))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise errors.Failure("engines:not_writable", path=file.parent, reason=error.strerror or "") from error
    engine = sa.create_engine(
        url.set(drivername="sqlite+pysqlite"), connect_args={"timeout": _BUSY_MS / 1000}, pool_size=8, max_overflow=32
    )

    @sa.event.listens_for(engine, "connect")
    def _connected(raw: sqlite3.Connection, _record: Any) -> None:
        # The driver's own BEGIN comes too late and is DEFERRED: two readers that both go on to write would fail.
        raw.isolation_level = None
        cursor = raw.cursor()
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}:
                raise errors.Failure("engines:store.damaged", path=file, reason=str(error)) from None
            raise
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def _began(conn: sa.Connection) -> None:
        read = conn.get_execution_options().get("read_only")
        conn.exec_driver_sql("BEGIN" if read else "BEGIN IMMEDIATE")

    return engine


def _postgresql(url: sa.URL) -> sa.Engine:
    return sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_pre_ping=True,
        pool_size=8,
        max_overflow=32,
        connect_args={
            "connect_timeout": 5,
            "options": f"-c timezone=UTC -c idle_in_transaction_session_timeout={_SILENT_MS}",
        },
    )


def _is_away(error: exc.DBAPIError) -> bool:
    if error.connection_invalidated:
        return True
    state = getattr(error.orig, "sqlstate", None)
    # 08: connection; 57P: server is shutting down or starting; 25P03: we were silent for too long within a
    # transaction, which is undone; no state at all: it never answered.
    if state is not None:
        return bool(state.startswith(("08", "57P", "25P03")))
    return isinstance(error, exc.OperationalError | exc.InterfaceError) and type(error.orig).__module__.startswith(
        "psycopg"
    )
