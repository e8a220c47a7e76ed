"""ClickHouse: one table over its HTTP interface, as a stream of Arrow batches."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pyarrow as pa

from taihang.core import errors, ids
from taihang.engines.sources import addresses, cursors, limits, source

# Types whose Arrow form is bytes or numbers that say something else; their text says what they are.
_AS_TEXT = re.compile(r"\b(U?Int(128|256)|UUID|IPv[46]|Enum(8|16)|FixedString|Map|Tuple|Nested|JSON|Variant|Object)\b")
_SETTINGS = {
    "output_format_arrow_string_as_string": "1",
    "output_format_arrow_compression_method": "none",
    "output_format_arrow_low_cardinality_as_dictionary": "0",
    "readonly": "2",
}


class Clickhouse(source.Source):
    """A table: `clickhouse://user:password@host:8123/database#table`, with `?ssl=1` for HTTPS.

    The session is read only. Whole numbers beyond 64 bits, UUIDs, addresses, enums and nested types
    come as text.
    """

    kind = "clickhouse"

    def __init__(self, address: str, *, table: str | None = None) -> None:
        super().__init__()
        self._address = addresses.parse(address, ("ssl",))
        self._database = self._address.path.strip("/") or "default"
        self.name = self._address.shown + (f"#{table}" if table else "")
        listed = "SELECT name FROM system.tables WHERE database = {d:String} ORDER BY name"
        known = self._table(listed, d=self._database).column(0).to_pylist()
        self.table = cursors.which(self.name, table, known)
        found = self._table(
            "SELECT name, type FROM system.columns WHERE database = {d:String} AND table = {t:String} "
            "ORDER BY position",
            d=self._database,
            t=self.table,
        ).to_pylist()
        self._kinds = {row["name"]: row["type"] for row in found}
        plain = self._table(f"SELECT {self._listed(list(self._kinds))} FROM {self._from} LIMIT 0")  # noqa: S608 quoted
        self.rows = int(self._table(f"SELECT count() AS n FROM {self._from}").column(0)[0].as_py())  # noqa: S608
        self._declare(list(self._kinds), plain.schema.types)

    def digest(self) -> tuple[str, int]:
        """SHA-256 of the name, schema and row count: rows of a database have no hash until they are read."""
        schema = [[c.original, str(c.type)] for c in self.columns]
        return ids.digest_json([self.name, schema, self.rows]), self.rows or 0

    @property
    def _from(self) -> str:
        return f"{_quoted(self._database)}.{_quoted(self.table)}"

    def _listed(self, columns: list[str]) -> str:
        shown = (
            f"toString({_quoted(n)}) AS {_quoted(n)}" if _AS_TEXT.search(self._kinds[n]) else _quoted(n)
            for n in columns
        )
        return ", ".join(shown) or "1"

    def _scan(self, wanted: tuple[source.Column, ...], rows: int) -> Iterator[source.Chunk]:
        done = 0
        with self._stream(f"SELECT {self._listed([c.original for c in wanted])} FROM {self._from}", {}) as reader:  # noqa: S608
            for batch in reader:
                for start in range(0, batch.num_rows, rows):
                    piece = batch.slice(start, rows)
                    arrays = [_fitting(piece.column(i), c.type) for i, c in enumerate(wanted)]
                    names = [c.name for c in wanted]
                    data = pa.RecordBatch.from_arrays(arrays, names=names) if wanted else piece.select([])
                    yield source.Chunk(data, done, self.table, done)
                    done += piece.num_rows

    def _table(self, query: str, **values: str) -> pa.Table:
        with self._stream(query, values) as reader:
            return reader.read_all()

    @contextlib.contextmanager
    def _stream(self, query: str, values: dict[str, str]) -> Iterator[Any]:
        at, timeout = self._address, limits.Limits.current().timeout_s
        ssl = at.options.get("ssl") in {"1", "true"}
        given = {**_SETTINGS, **{f"param_{k}": v for k, v in values.items()}}
        headers = {"X-ClickHouse-User": at.user or "default", "X-ClickHouse-Key": at.password or ""}
        url = f"{'https' if ssl else 'http'}://{at.host}:{at.port or (8443 if ssl else 8123)}/"
        body = f"{query} FORMAT ArrowStream".encode()
        try:
            with (
                httpx.Client(timeout=httpx.Timeout(timeout, connect=min(30.0, timeout)), trust_env=False) as client,
                client.stream("POST", url, params=given, content=body, headers=headers) as answer,
            ):
                if answer.status_code != httpx.codes.OK:
                    reason = answer.read().decode("utf-8", "replace").strip().split("\n", 1)[0][:300]
                    raise errors.UserError("engines.sources:database", path=self.name, reason=reason)
                with pa.ipc.open_stream(io.BufferedReader(_Bytes(answer.iter_bytes()), 1 << 20)) as reader:
                    yield reader
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise errors.Failure("engines.sources:connection", path=self.name, reason=reason) from None
        except (pa.ArrowException, OSError) as error:
            # A query that fails midway ends its stream with words where a batch should be.
            reason = str(error).split("\n", 1)[0][:300]
            raise errors.Failure("engines.sources:vanished", path=self.name, reason=reason) from None


class _Bytes(io.RawIOBase):
    """What an HTTP answer brings, as a file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = b""

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill what fits; 0 at the end."""
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = piece
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count


def _fitting(values: pa.Array, kind: pa.DataType) -> pa.Array:
    return values if values.type == kind else values.cast(kind)


def _quoted(name: str) -> str:
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"
