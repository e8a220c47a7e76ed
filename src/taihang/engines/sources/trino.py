"""Trino: one table of a catalogue, read through its REST protocol."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from taihang.core import errors
from taihang.engines.sources import addresses, cursors, limits, source

try:
    import trino
    import trino.exceptions
except ImportError:
    trino = None  # type: ignore[assignment]

_TYPES: dict[str, pa.DataType] = {
    "boolean": pa.bool_(), "tinyint": pa.int8(), "smallint": pa.int16(), "integer": pa.int32(), "bigint": pa.int64(),
    "real": pa.float32(), "double": pa.float64(), "date": pa.date32(), "varbinary": pa.binary(),
}  # fmt: skip


class Trino(cursors.Cursors):
    """A table: `trino://user@host:port/catalog/schema#table`, with `?ssl=1` for HTTPS (a password needs it).

    Types without an equal here (json, arrays, rows, times of day) come as text. Needs the extra `trino`.
    """

    kind = "trino"

    def __init__(self, address: str, *, table: str | None = None) -> None:
        if trino is None:
            raise errors.MissingExtra("trino", "Trino")
        super().__init__()
        self._address = addresses.parse(address, ("ssl",))
        self._ssl = self._address.options.get("ssl") in {"1", "true"}
        self._catalog, _, self._schema = self._address.path.strip("/").partition("/")
        self.name = self._address.shown + (f"#{table}" if table else "")
        if not self._catalog or not self._schema or (self._address.password and not self._ssl):
            raise errors.UserError("engines.sources:address", path=self.name)
        with self._connected() as cursor:
            cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = ?", (self._schema,))
            self.table = cursors.which(self.name, table, sorted(row[0] for row in cursor.fetchall()))
            cursor.execute(
                "SELECT column_name, data_type FROM information_schema.columns "
                "WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position",
                (self._schema, self.table),
            )
            found = cursor.fetchall()
            cursor.execute(f"SELECT count(*) FROM {_quoted(self.table)}")  # noqa: S608 a name from the catalogue, quoted
            self.rows = int(cursor.fetchone()[0])
        self._declare([row[0] for row in found], [_type(row[1]) for row in found])
        self._kinds = {row[0]: row[1] for row in found}

    @contextlib.contextmanager
    def _reading(self, wanted: tuple[source.Column, ...]) -> Iterator[Any]:
        listed = ", ".join(self._shown(c) for c in wanted)
        with self._connected() as cursor:
            cursor.execute(f"SELECT {listed or '1'} FROM {_quoted(self.table)}")  # noqa: S608
            yield cursor

    def _shown(self, column: source.Column) -> str:
        name, kind = _quoted(column.original), self._kinds[column.original]
        if not pa.types.is_string(column.type) or kind.startswith(("varchar", "char")):
            return name
        nested = kind.startswith(("array", "map", "row", "json"))
        return f"json_format(CAST({name} AS JSON))" if nested else f"CAST({name} AS varchar)"

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Any]:
        at = self._address
        auth = trino.auth.BasicAuthentication(at.user or "", at.password) if at.password else None
        connect: Any = trino.dbapi.connect
        connection = connect(
            host=at.host, port=at.port or (443 if self._ssl else 8080), user=at.user or "taihang", auth=auth,
            catalog=self._catalog, schema=self._schema, http_scheme="https" if self._ssl else "http",
            request_timeout=limits.Limits.current().timeout_s, source="taihang", timezone="UTC", max_attempts=3,
        )  # fmt: skip
        try:
            with contextlib.closing(connection), contextlib.closing(connection.cursor()) as cursor:
                yield cursor
        except trino.exceptions.TrinoUserError as error:
            raise errors.UserError("engines.sources:database", path=self.name, reason=_reason(error)) from None
        except (trino.exceptions.Error, OSError) as error:
            # The driver's HTTP errors are OSErrors.
            raise errors.Failure("engines.sources:connection", path=self.name, reason=_reason(error)) from None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _reason(error: Exception) -> str:
    return str(getattr(error, "message", None) or error).split("\n", 1)[0][:300]


def _type(kind: str) -> pa.DataType:
    if found := re.fullmatch(r"decimal\((\d+),\s*(\d+)\)", kind):
        return pa.decimal128(int(found[1]), int(found[2]))
    if kind.startswith("timestamp"):
        return pa.timestamp("us", "UTC" if kind.endswith("with time zone") else None)
    return _TYPES.get(kind, pa.string())
