"""MySQL and MariaDB: one table in one read-only snapshot, through a cursor that streams."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from taihang.core import errors
from taihang.engines.sources import addresses, cursors, limits, source

try:
    import pymysql
    import pymysql.cursors
except ImportError:
    pymysql = None

_TYPES: dict[str, pa.DataType] = {
    "tinyint": pa.int16(), "smallint": pa.int32(), "mediumint": pa.int32(), "int": pa.int64(), "year": pa.int32(),
    "float": pa.float32(), "double": pa.float64(), "date": pa.date32(), "datetime": pa.timestamp("us"),
    "timestamp": pa.timestamp("us", "UTC"), "binary": pa.binary(), "varbinary": pa.binary(), "tinyblob": pa.binary(),
    "blob": pa.binary(), "mediumblob": pa.binary(), "longblob": pa.binary(),
}  # fmt: skip
_COLUMNS = """
SELECT column_name, data_type, column_type, numeric_precision, numeric_scale FROM information_schema.columns
WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position
"""
_TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = %s ORDER BY 1"


class Mysql(cursors.Cursors):
    """A table or view: `mysql://user:password@host:port/database#table`, with `?ssl=1` for TLS.

    Types without an equal here (json, enum, set, bit, time, geometry) come as text. Zero dates are null,
    and told. `timestamp` comes in UTC. Needs the extra `mysql`.
    """

    kind = "mysql"

    def __init__(self, address: str, *, table: str | None = None) -> None:
        if pymysql is None:
            raise errors.MissingExtra("mysql", "MySQL")
        super().__init__()
        self._address = addresses.parse(address, ("ssl",))
        self._database = self._address.path.strip("/")
        self.name = self._address.shown + (f"#{table}" if table else "")
        with self._connected() as database, database.cursor() as cursor:
            cursor.execute(_TABLES, (self._database,))
            self.table = cursors.which(self.name, table, [row[0] for row in cursor.fetchall()])
            cursor.execute(_COLUMNS, (self._database, self.table))
            found = cursor.fetchall()
            cursor.execute(f"SELECT count(*) FROM {_quoted(self.table)}")  # noqa: S608 a name from the catalogue, quoted
            self.rows = int(cursor.fetchone()[0])
        self._declare([row[0] for row in found], [_type(*row[1:]) for row in found])
        self._text = {c.original for c in self.columns if pa.types.is_string(c.type)}

    @contextlib.contextmanager
    def _reading(self, wanted: tuple[source.Column, ...]) -> Iterator[Any]:
        listed = ", ".join(
            f"CAST({_quoted(c.original)} AS CHAR)" if c.original in self._text else _quoted(c.original) for c in wanted
        )
        with self._connected() as database, database.cursor(pymysql.cursors.SSCursor) as cursor:
            cursor.execute(f"SELECT {listed or '1'} FROM {_quoted(self.table)}")  # noqa: S608
            yield cursor

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Any]:
        timeout = limits.Limits.current().timeout_s
        at = self._address
        try:
            database = pymysql.connect(
                host=at.host, port=at.port or 3306, user=at.user, password=at.password or "", database=self._database,
                charset="utf8mb4", connect_timeout=min(30, int(timeout) or 1), read_timeout=timeout,
                ssl={} if at.options.get("ssl") in {"1", "true"} else None, local_infile=False,
            )  # fmt: skip
            try:
                with database.cursor() as cursor:
                    cursor.execute("SET time_zone = '+00:00'")
                    cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                    cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
                yield database
            finally:
                # A cursor that was left midway would first fetch all its rows: drop the line instead.
                database._force_close()
        except pymysql.err.OperationalError as error:
            raise errors.Failure("engines.sources:connection", path=self.name, reason=_reason(error)) from None
        except pymysql.MySQLError as error:
            raise errors.UserError("engines.sources:database", path=self.name, reason=_reason(error)) from None


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _reason(error: Exception) -> str:
    return str(error.args[-1] if error.args else error).split("\n", 1)[0][:300]


def _type(kind: str, full: str, precision: int | None, scale: int | None) -> pa.DataType:
    if kind == "decimal" and precision:
        make = pa.decimal128 if precision <= 38 else pa.decimal256
        return make(int(precision), int(scale or 0))
    if kind == "bigint":
        return pa.uint64() if re.search(r"\bunsigned\b", full) else pa.int64()
    return _TYPES.get(kind, pa.string())
