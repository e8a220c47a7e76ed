"""SQL over Arrow tables with DuckDB, shut in: no files, no network, no extensions, bounded memory."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb
import pyarrow as pa
import pydantic

from taihang.core import errors, settings

BATCH_ROWS = 1 << 17
_MISTAKES = (
    duckdb.ProgrammingError,
    duckdb.DataError,
    duckdb.NotSupportedError,
    duckdb.InvalidInputException,
    duckdb.CatalogException,
    duckdb.PermissionException,
)
_CARET = re.compile(r"LINE \d+: (.*)\n( *)(\^+)")


class Settings(settings.Section):
    """How much of the machine a query may use; `spill` is a folder for what does not fit in memory."""

    name = "tables"
    memory_limit: str = pydantic.Field(default="1GB", pattern=r"^\d+(\.\d+)? ?(MB|GB|TB|MiB|GiB|TiB)$")
    threads: int = pydantic.Field(default=0, ge=0, le=1024)
    spill: Path | None = None


class QueryError(errors.UserError):
    """A query that cannot be bound or run on its tables; `reason` is the database's own line.

    `near` is the piece of SQL that it points at, or an empty string.
    """

    def __init__(self, key: str, /, **values: object) -> None:
        super().__init__(key, **values)
        self.reason = str(values.get("reason", ""))
        self.near = str(values.get("near", ""))


class Engine:
    """One private in-memory database that sees the Arrow tables it is shown and nothing else.

    Use as a context manager, in one thread. Opening costs some 20 ms of CPU. Rows come back in
    the order of the table when a query neither groups nor sorts.
    """

    def __init__(self, limits: Settings | None = None) -> None:
        limits = limits or Settings.current()
        config: dict[str, str | bool | int | float | list[str]] = {
            "enable_external_access": "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
            "python_enable_replacements": "false",
            "preserve_insertion_order": "true",
            "memory_limit": limits.memory_limit,
            "threads": str(limits.threads or os.cpu_count() or 1),
            "temp_directory": str(limits.spill) if limits.spill else "",
        }
        try:
            self._database = duckdb.connect(":memory:", config=config)
            # A text without a zone is read as the same moment on every machine.
            self._database.execute("SET TimeZone = 'UTC'")
            # Its own bar would print between our lines.
            self._database.execute("SET enable_progress_bar = false")
            self._database.execute("SET lock_configuration = true")
        except duckdb.Error as error:
            raise _translated(error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._database.close()

    @contextlib.contextmanager
    def seeing(self, **tables: pa.Table | pa.RecordBatchReader) -> Iterator[None]:
        """Show tables under these names inside the block; nothing is copied. A reader can be queried once."""
        shown = []
        try:
            for name, table in tables.items():
                self._database.register(name, table)
                shown.append(name)
            yield
        except duckdb.Error as error:
            raise _translated(error) from None
        finally:
            for name in shown:
                self._database.unregister(name)

    def batches(self, sql: str, rows: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
        """The result in Arrow batches of about `rows` rows, streamed, so that memory stays bounded.

        Raises QueryError for what cannot be bound or evaluated, errors.Failure for the machine's limits.
        """
        try:
            yield from self._database.sql(sql).to_arrow_reader(rows)
        except duckdb.Error as error:
            raise _translated(error) from None
        except pa.ArrowException as error:
            raise _arrow(error) from None

    def table(self, sql: str) -> pa.Table:
        """The whole result; raises as `batches` does."""
        try:
            return self._database.sql(sql).to_arrow_table()
        except duckdb.Error as error:
            raise _translated(error) from None
        except pa.ArrowException as error:
            raise _arrow(error) from None

    def types(self, sql: str) -> tuple[str, ...]:
        """SQL type names of the result's columns, from binding alone; raises as `batches` does."""
        try:
            return tuple(str(kind) for kind in self._database.sql(sql).types)
        except duckdb.Error as error:
            raise _translated(error) from None


def quoted(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _translated(error: duckdb.Error) -> errors.TaihangError:
    whole = str(error)
    first = whole.split("\n", 1)[0].strip()
    if isinstance(error, duckdb.OutOfMemoryException):
        return errors.Failure("engines:tables.memory", reason=first)
    if isinstance(error, duckdb.InterruptException):
        return errors.Cancelled("core:cancelled")
    if isinstance(error, _MISTAKES) and not isinstance(error, (duckdb.InternalException, duckdb.FatalException)):
        return QueryError("engines:tables.query", reason=first.partition(": ")[2] or first, near=_near(whole))
    return errors.Failure("engines:tables.failed", reason=first)


def _arrow(error: pa.ArrowException) -> errors.TaihangError:
    # Errors met while a result streams arrive as Arrow's, with DuckDB's own line inside.
    whole = str(error)
    first = whole.split("\n", 1)[0].strip()
    if isinstance(error, pa.ArrowMemoryError) or "Out of Memory" in first:
        return errors.Failure("engines:tables.memory", reason=first)
    for kind in ("Conversion Error", "Out of Range Error", "Invalid Input Error", "Binder Error"):
        if kind in first:
            return QueryError("engines:tables.query", reason=first.partition(f"{kind}: ")[2], near=_near(whole))
    return errors.Failure("engines:tables.failed", reason=first)


def _near(message: str) -> str:
    found = _CARET.search(message)
    if not found:
        return ""
    line, spaces, carets = found.groups()
    start = len(spaces) - (message.index(line) - message.rindex("LINE", 0, message.index(line)))
    return line[max(start, 0) : max(start, 0) + len(carets)].strip()
