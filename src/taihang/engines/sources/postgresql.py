"""PostgreSQL: one table over a connection, in one read-only snapshot, through a server-side cursor."""

from __future__ import annotations

import contextlib
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from taihang.core import errors, ids
from taihang.engines.sources import limits, source

try:
    import psycopg
    import psycopg.sql
except ImportError:
    psycopg = None  # type: ignore[assignment]

_TYPES: dict[str, pa.DataType] = {
    "bool": pa.bool_(), "int2": pa.int16(), "int4": pa.int32(), "int8": pa.int64(), "float4": pa.float32(),
    "float8": pa.float64(), "date": pa.date32(), "timestamp": pa.timestamp("us"), "bytea": pa.binary(),
    "timestamptz": pa.timestamp("us", "UTC"), "time": pa.time64("us"),
}  # fmt: skip
_COLUMNS = """
SELECT a.attname, t.typname, a.atttypmod FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_NAME = """
SELECT format('%%I.%%I', n.nspname, c.relname), c.relkind IN ('r', 'm') AND NOT c.relhassubclass FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = %s::regclass
"""
_TABLES = """
SELECT CASE WHEN schemaname = 'public' THEN tablename ELSE schemaname || '.' || tablename END FROM pg_tables
WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1 LIMIT 40
"""


class Postgresql(source.Source):
    """A table or view. `address` is a libpq URI, `table` is `name` or `schema.name`.

    Types without an equal here (json, arrays, ranges, enums …) come as text; numeric comes as decimal
    when it states its precision, else as text. Dates that Python cannot hold (infinity, BC) are null.
    Needs the extra `postgresql`.
    """

    kind = "postgresql"

    def __init__(self, address: str, *, table: str | None = None) -> None:
        if psycopg is None:
            raise errors.MissingExtra("postgresql", "PostgreSQL")
        super().__init__()
        self._rows: int | None = None
        self.address = address
        plain = urllib.parse.urlsplit(address)
        host = (plain.hostname or "") + (f":{plain.port}" if plain.port else "")
        self.name = f"{plain.scheme}://{host}{plain.path}" + (f"#{table}" if table else "")
        with self._connected() as database:
            if table is None:
                known = ", ".join(row[0] for row in database.execute(_TABLES))
                raise errors.UserError("engines.sources:which_table", path=self.name, known=known)
            self._table = psycopg.sql.Identifier(*table.split(".", 1))
            self.table = table
            exists = database.execute("SELECT to_regclass(%s)", (self._table.as_string(database),)).fetchone()
            if exists is None or exists[0] is None:
                known = ", ".join(row[0] for row in database.execute(_TABLES))
                raise errors.UserError("engines.sources:table", path=self.name, table=table, known=known)
            named = database.execute(_NAME, (self._table.as_string(database),)).fetchone()
            # Rows of a plain table have one place each; those of a view or of partitions do not.
            self.full_name, self.located = str(named[0]), bool(named[1])
            found = database.execute(_COLUMNS, (self._table.as_string(database),)).fetchall()
        self._declare([row[0] for row in found], [_type(row[1], row[2]) for row in found])
        self._plain_text = {row[0] for row in found if row[1] in {"text", "varchar"}}
        self._text = {row[0] for row, c in zip(found, self.columns, strict=True) if pa.types.is_string(c.type)}

    @property
    def rows(self) -> int | None:
        """How many there are: counted when somebody asks, unless a scan has told."""
        if self._rows is None:
            with self._connected() as database:
                count = database.execute(psycopg.sql.SQL("SELECT count(*) FROM {}").format(self._table)).fetchone()
            self._rows = int(count[0]) if count else None
        return self._rows

    @rows.setter
    def rows(self, value: int | None) -> None:
        self._rows = value

    def digest(self) -> tuple[str, int]:
        """SHA-256 of the name, schema and row count: rows of a database have no hash until they are read."""
        schema = [[c.original, str(c.type)] for c in self.columns]
        return ids.digest_json([self.name, schema, self.rows]), self.rows or 0

    def plain_text(self, column: source.Column) -> bool:
        """True for a column that holds text as it is; false for what is turned into text to be read."""
        return column.original in self._plain_text

    def located_query(self) -> Any:
        """SQL with one parameter, a list of places: each row's place and all of its columns."""
        sql = psycopg.sql
        listed = sql.SQL(", ").join([sql.SQL("ctid::text"), *self._listed(self.columns)])
        return sql.SQL("SELECT {} FROM {} WHERE ctid = ANY(%s::tid[])").format(listed, sql.SQL(self.full_name))

    def _listed(self, wanted: tuple[source.Column, ...]) -> list[Any]:
        sql = psycopg.sql
        return [
            sql.SQL("{}::text").format(sql.Identifier(c.original))
            if c.original in self._text
            else sql.Identifier(c.original)
            for c in wanted
        ]

    def _scan(self, wanted: tuple[source.Column, ...], rows: int) -> Iterator[source.Chunk]:
        sql = psycopg.sql
        listed = self._listed(wanted)
        query = sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join(listed or [sql.Literal(1)]), self._table)
        done = 0
        with self._connected() as database, database.cursor(name="taihang") as cursor:
            cursor.itersize = rows
            cursor.execute(query)
            while piece := cursor.fetchmany(rows):
                arrays = [self.array(c, [row[i] for row in piece], done) for i, c in enumerate(wanted)]
                data = pa.RecordBatch.from_arrays(arrays, names=[c.name for c in wanted])
                yield source.Chunk(data, done, self.table, done)
                done += len(piece)

    def array(self, column: source.Column, values: list[Any], done: int) -> pa.Array:
        """A column's values, as the driver gives them; `done` rows came before. Raises errors.Failure."""
        if pa.types.is_decimal(column.type):
            values = [v if v is None or v.is_finite() else None for v in values]
        try:
            return pa.array(values, column.type)
        except (pa.ArrowException, ValueError, OverflowError, TypeError) as error:
            raise errors.Failure(
                "engines.sources:value", path=self.name, column=column.name, row=done, reason=error
            ) from None

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Any]:
        timeout = limits.Limits.current().timeout_s
        try:
            with psycopg.connect(self.address, connect_timeout=min(30, int(timeout) or 1)) as database:
                adapt(database)
                database.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                database.read_only = True
                database.execute(f"SET LOCAL statement_timeout = {int(timeout * 1000)}")
                database.execute("SET LOCAL TIME ZONE 'UTC'")
                yield database
        except psycopg.Error as error:
            reason = str(error).strip().split("\n", 1)[0]
            if isinstance(error, psycopg.OperationalError):
                raise errors.Failure("engines.sources:connection", path=self.name, reason=reason) from None
            raise errors.UserError("engines.sources:database", path=self.name, reason=reason) from None


def adapt(database: Any) -> None:
    """Let a connection give None for dates that Python cannot hold."""
    for kind, loader in (("date", _Day), ("timestamp", _Moment), ("timestamptz", _ZonedMoment)):
        database.adapters.register_loader(kind, loader)


def _type(name: str, modifier: int) -> pa.DataType:
    if name == "numeric" and modifier >= 4:
        precision, scale = (modifier - 4) >> 16 & 0xFFFF, (modifier - 4) & 0x7FF
        if 0 < precision <= 76 and scale <= precision:
            return pa.decimal128(precision, scale) if precision <= 38 else pa.decimal256(precision, scale)
    return _TYPES.get(name, pa.string())


def _loader(base: str) -> Any:
    """A text loader that gives None for what Python's dates cannot hold (infinity, years beyond 9999, BC)."""
    if psycopg is None:
        return None
    import psycopg.types.datetime as kinds  # noqa: PLC0415 - only when the extra is there

    parent = getattr(kinds, base)

    class Loader(parent):  # type: ignore[misc, valid-type]
        """The driver's own loader, without its error."""

        def load(self, data: Any) -> Any:
            try:
                return super().load(data)
            except psycopg.DataError:
                return None

    return Loader


_Day = _loader("DateLoader")
_Moment = _loader("TimestampLoader")
_ZonedMoment = _loader("TimestamptzLoader")
