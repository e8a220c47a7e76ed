"""Spark: one table of a cluster's catalogue, through Spark Connect, as a stream of Arrow batches."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from taihang.core import errors, ids
from taihang.engines.sources import addresses, cursors, source

try:
    import grpc
    import pyspark.errors
    import pyspark.sql.pandas.types as spark_types
    from pyspark.sql.connect import session as connect
except ImportError:
    connect = None

_CONFIG = {"spark.sql.session.timeZone": "UTC"}


class Spark(source.Source):
    """A table or view: `sc://host:15002#database.table`, with `?use_ssl=true&token=…` as Spark Connect has them.

    Types without an equal in Arrow (intervals, variants) come as text. Rows come in the order in which
    the cluster gives them, which two scans need not share. Needs the extra `spark`.
    """

    kind = "spark"

    def __init__(self, address: str, *, table: str | None = None) -> None:
        if connect is None:
            raise errors.MissingExtra("spark", "Spark")
        super().__init__()
        at = addresses.parse(address, ("use_ssl", "token", "user_id"))
        options = "".join(f";{name}={value}" for name, value in at.options.items())
        self._remote = f"sc://{at.host}:{at.port or 15002}/{options}"
        self.name = at.shown + (f"#{table}" if table else "")
        with self._connected() as session:
            database, _, bare = (table or "").rpartition(".")
            known = [one.name for one in session.catalog.listTables(database or None)]
            cursors.which(self.name, bare or None, known)
            self.table = str(table)
            frame = session.table(self._quoted())
            arrow = [_type(field.dataType) for field in frame.schema.fields]
            self._kinds = {f.name: kind is None for f, kind in zip(frame.schema.fields, arrow, strict=True)}
            self.rows = int(frame.count())
        self._declare(list(self._kinds), [kind or pa.string() for kind in arrow])

    def digest(self) -> tuple[str, int]:
        """SHA-256 of the name, schema and row count: rows of a database have no hash until they are read."""
        schema = [[c.original, str(c.type)] for c in self.columns]
        return ids.digest_json([self.name, schema, self.rows]), self.rows or 0

    def _quoted(self) -> str:
        return ".".join(f"`{part.replace('`', '``')}`" for part in self.table.split("."))

    def _scan(self, wanted: tuple[source.Column, ...], rows: int) -> Iterator[source.Chunk]:
        done = 0
        with self._connected() as session:
            frame = session.table(self._quoted())
            shown = [frame[f"`{c.original.replace('`', '``')}`"] for c in wanted]
            texts = [
                one.cast("string") if self._kinds[c.original] else one for one, c in zip(shown, wanted, strict=True)
            ]
            frame = frame.select(*texts) if wanted else frame.selectExpr("1")
            # The public calls bring the whole table at once; this is what they stand on.
            asked = frame._plan.to_proto(session.client)
            for piece in session.client.to_table_as_iterator(asked, frame._plan.observations):
                if not isinstance(piece, pa.Table):
                    continue
                for batch in piece.to_batches(max_chunksize=rows):
                    arrays = [_as(batch.column(i), c.type) for i, c in enumerate(wanted)]
                    names = [c.name for c in wanted]
                    data = pa.RecordBatch.from_arrays(arrays, names=names) if wanted else batch.select([])
                    yield source.Chunk(data, done, self.table, done)
                    done += batch.num_rows

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Any]:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # its word about versions of pandas, which is not used
                session = connect.SparkSession.builder.remote(self._remote).create()
                for name, value in _CONFIG.items():
                    session.conf.set(name, value)
            try:
                yield session
            finally:
                session.stop()
        except (pyspark.errors.exceptions.connect.SparkConnectGrpcException, grpc.RpcError) as error:
            if "UNAVAILABLE" in str(error) or "failed to connect" in str(error).lower():
                raise errors.Failure("engines.sources:connection", path=self.name, reason=_first(error)) from None
            raise errors.UserError("engines.sources:database", path=self.name, reason=_first(error)) from None


def _type(kind: Any) -> pa.DataType | None:
    try:
        found: pa.DataType = spark_types.to_arrow_type(kind, timezone="UTC")
    except (pyspark.errors.PySparkTypeError, ValueError, TypeError):
        return None
    return found


def _as(values: pa.Array, kind: pa.DataType) -> pa.Array:
    return values if values.type == kind else values.cast(kind)


def _first(error: BaseException) -> str:
    return next((line for line in str(error).split("\n") if line.strip(" <>|")), type(error).__name__)[:300]
