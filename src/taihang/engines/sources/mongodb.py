"""MongoDB: a collection of a server, or a BSON dump of one; a document is a row."""

from __future__ import annotations

import contextlib
import datetime
import decimal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from taihang.core import errors, ids
from taihang.engines.sources import addresses, cursors, faults, limits, objects, paths

try:
    import bson
    import bson.codec_options
    import bson.errors
    import bson.int64
    import pymongo
    import pymongo.errors
except ImportError:
    bson = pymongo = None  # type: ignore[assignment]

_LONGEST = 16 << 20  # a document of MongoDB has at most 16 MiB


class Bson(objects.Objects):
    """A file of BSON documents one after the other, as `mongodump` writes. Needs the extra `mongodb`."""

    kind = "bson"

    def __init__(self, path: Path, name: str | None = None) -> None:
        if bson is None:
            raise errors.MissingExtra("mongodb", path.suffix)
        super().__init__()
        self.path = path
        self.name = self.part = name or str(path)
        self._look()

    def digest(self) -> tuple[str, int]:
        """SHA-256 and size of the file."""
        return paths.digest(self.path)

    def _objects(self, noted: faults.Faults) -> Iterator[tuple[objects.Object, int]]:
        number = 0
        with self.path.open("rb") as raw:
            while head := raw.read(4):
                number += 1
                size = int.from_bytes(head, "little")
                body = raw.read(size - 4) if 5 <= size <= _LONGEST else b""
                if len(head) < 4 or len(body) != size - 4:
                    # Where one document does not end, no later one begins.
                    noted.add("not_bson", part=self.part, line=number, reason=f"{size} B")
                    return
                try:
                    found = bson.decode(head + body, codec_options=_options())
                except (bson.errors.BSONError, ValueError, OverflowError, RecursionError) as error:
                    noted.add("not_bson", part=self.part, line=number, rows=1, reason=str(error)[:200])
                    continue
                yield {str(key): _value(value) for key, value in found.items()}, number


class Mongodb(objects.Objects):
    """A collection: `mongodb://user:password@host:port/database#collection`. Needs the extra `mongodb`.

    Documents come in the order of `_id`. Ids, regular expressions and the like are texts; embedded
    documents are structs where all have one form, else texts.
    """

    kind = "mongodb"

    def __init__(self, address: str, *, table: str | None = None) -> None:
        if pymongo is None:
            raise errors.MissingExtra("mongodb", "MongoDB")
        super().__init__()
        known = ("authSource", "replicaSet", "tls", "directConnection", "retryReads")
        self._plain = addresses.parse(address, known)
        self._address = address
        self._database = self._plain.path.strip("/")
        self.name = self._plain.shown + (f"#{table}" if table else "")
        if not self._database:
            raise errors.UserError("engines.sources:address", path=self.name)
        with self._connected() as database:
            self.table = self.part = cursors.which(self.name, table, sorted(database.list_collection_names()))
            self.rows = int(database[self.table].count_documents({}))
        self._look()

    def digest(self) -> tuple[str, int]:
        """SHA-256 of the name, schema and row count: rows of a database have no hash until they are read."""
        schema = [[c.original, str(c.type)] for c in self.columns]
        return ids.digest_json([self.name, schema, self.rows]), self.rows or 0

    def _objects(self, noted: faults.Faults) -> Iterator[tuple[objects.Object, int]]:
        with self._connected() as database, database[self.table].find().sort("_id", 1) as cursor:
            for number, found in enumerate(cursor, 1):
                yield {str(key): _value(value) for key, value in found.items()}, number

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Any]:
        timeout = limits.Limits.current().timeout_s
        try:
            client: Any = pymongo.MongoClient(
                self._address,
                serverSelectionTimeoutMS=min(30_000, int(timeout * 1000)),
                socketTimeoutMS=int(timeout * 1000),
                connectTimeoutMS=min(30_000, int(timeout * 1000)),
                readPreference="secondaryPreferred",
                tz_aware=True,
                unicode_decode_error_handler="replace",
            )
            with client:
                yield client[self._database]
        except (pymongo.errors.ConnectionFailure, pymongo.errors.ExecutionTimeout) as error:
            reason = str(error).split("\n", 1)[0].split(", Timeout:", 1)[0][:200]
            raise errors.Failure("engines.sources:connection", path=self.name, reason=reason) from None
        except pymongo.errors.PyMongoError as error:
            raise errors.UserError("engines.sources:database", path=self.name, reason=str(error)[:200]) from None


def _options() -> Any:
    return bson.codec_options.CodecOptions(
        tz_aware=True,
        unicode_decode_error_handler="replace",
        datetime_conversion=bson.codec_options.DatetimeConversion.DATETIME_AUTO,
    )


def _value(value: Any) -> Any:
    """A BSON value as a plain one."""
    if value is None or isinstance(value, bool | int | float | str | bytes | datetime.datetime):
        return int(value) if isinstance(value, bson.int64.Int64) else value
    if isinstance(value, dict):
        return {str(key): _value(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_value(one) for one in value]
    if type(value).__name__ == "Decimal128":
        exact = value.to_decimal()
        return exact if exact.is_finite() else float(exact)
    return value if isinstance(value, decimal.Decimal) else str(value)
