"""Redis: the keys of one pattern as rows; a hash's fields are columns, other values one column."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from taihang.core import errors, ids
from taihang.engines.sources import addresses, faults, limits, objects, source, texts

try:
    import redis
except ImportError:
    redis = None  # type: ignore[assignment]

_SAMPLE_ROWS = 10_000
_BATCH = 1_000


class Redis(source.Source):
    """Keys that match a pattern: `redis://user:password@host:port/0#worker:*`, `rediss://` for TLS.

    `key` is the first column and `ttl_s` (seconds left, null for ever) the last. A hash gives a column a
    field; a text that is a JSON object gives a column a name; of lists, sets, sorted sets and other
    texts `value` holds the text or a JSON array. Keys are sorted, so that rows stand where they stood;
    a key that goes away meanwhile is told. Needs the extra `redis`.
    """

    kind = "redis"

    def __init__(self, address: str, *, table: str | None = None) -> None:
        if redis is None:
            raise errors.MissingExtra("redis", "Redis")
        super().__init__()
        self._address = addresses.parse(address)
        number = self._address.path.strip("/") or "0"
        if not number.isdecimal():
            raise errors.UserError("engines.sources:address", path=self._address.shown)
        self._number = int(number)
        self.table = table or "*"
        self.name = f"{self._address.shown}#{self.table}"
        with self._connected() as database:
            self._keys = sorted(set(database.scan_iter(match=self.table.encode(), count=_BATCH)))
            sample = self._read(database, self._keys[:_SAMPLE_ROWS], faults.Faults())
        if not self._keys:
            raise errors.UserError("engines.sources:no_keys", path=self.name)
        self.rows = len(self._keys)
        names = list(dict.fromkeys(name for row in sample for name in row if name not in {"key", "ttl_s"}))
        self._how = {n: texts.reading(pa.array([row.get(n) for row in sample], pa.string())) for n in names}
        kinds = [how.type if how else pa.string() for how in self._how.values()]
        self._declare(["key", *names, "ttl_s"], [pa.string(), *kinds, pa.float64()])

    def digest(self) -> tuple[str, int]:
        """SHA-256 of the name, schema and keys: values have no hash until they are read."""
        schema = [[c.original, str(c.type)] for c in self.columns]
        return ids.digest_json([self.name, schema, [_text(key) for key in self._keys]]), len(self._keys)

    def _scan(self, wanted: tuple[source.Column, ...], rows: int) -> Iterator[source.Chunk]:
        done = 0
        known = {"key", "ttl_s", *self._how}
        strange = set[str]()
        with self._connected() as database:
            for first in range(0, len(self._keys), min(rows, _BATCH)):
                piece = self._read(database, self._keys[first : first + min(rows, _BATCH)], self.faults)
                for name in {n for row in piece for n in row} - known - strange:
                    strange.add(name)
                    self.faults.add("late_name", part=self.table, line=first + 1, column=name, rows=0)
                arrays = [self._array(c, [row.get(c.original) for row in piece], first) for c in wanted]
                data = pa.RecordBatch.from_arrays(arrays, names=[c.name for c in wanted]) if wanted else None
                none = pa.RecordBatch.from_arrays([pa.nulls(len(piece))], names=["n"]).select([])
                yield source.Chunk(none if data is None else data, done, self.table, done)
                done += len(piece)

    def _array(self, column: source.Column, values: list[Any], first: int) -> pa.Array:
        if column.original == "ttl_s":
            return pa.array(values, pa.float64())
        made, misfit = texts.typed(pa.array(values, pa.string()), self._how.get(column.original), column.name)
        if misfit:
            texts.tell(self.faults, misfit, self.table, first + misfit.first + 1)
        return made

    def _read(self, database: Any, keys: list[bytes], noted: faults.Faults) -> list[dict[str, Any]]:
        found = []
        for piece in _pieces(keys):
            asked = database.pipeline(transaction=False)
            for key in piece:
                asked.type(key)
            kinds = [kind.decode() for kind in asked.execute()]
            for key, kind in zip(piece, kinds, strict=True):
                _ask(asked, key, kind)
            answers = iter(asked.execute(raise_on_error=False))
            for key, kind in zip(piece, kinds, strict=True):
                left, value = next(answers), next(answers)
                if kind == "none" or value is None or left == -2:
                    noted.add("key_gone", part=self.table, column=_text(key), rows=1)
                    continue
                row = {} if isinstance(value, Exception) else _row(kind, value)
                found.append({"key": _text(key), **row, "ttl_s": left / 1000 if left >= 0 else None})
        return found

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Any]:
        at, timeout = self._address, limits.Limits.current().timeout_s
        kind = redis.SSLConnection if at.scheme == "rediss" else redis.Connection
        try:
            pool = redis.ConnectionPool(
                connection_class=kind, host=at.host or "127.0.0.1", port=at.port or 6379, db=self._number,
                username=at.user or None, password=at.password, socket_timeout=timeout,
                socket_connect_timeout=min(30.0, timeout),
            )  # fmt: skip
            with contextlib.closing(redis.Redis(connection_pool=pool)) as database:
                yield database
        except (redis.ConnectionError, redis.TimeoutError) as error:
            raise errors.Failure("engines.sources:connection", path=self.name, reason=str(error)[:200]) from None
        except redis.RedisError as error:
            raise errors.UserError("engines.sources:database", path=self.name, reason=str(error)[:200]) from None


def _ask(asked: Any, key: bytes, kind: str) -> None:
    asked.pttl(key)
    asks = {
        "hash": lambda: asked.hgetall(key),
        "list": lambda: asked.lrange(key, 0, -1),
        "set": lambda: asked.smembers(key),
        "zset": lambda: asked.zrange(key, 0, -1, withscores=True),
        "string": lambda: asked.get(key),
    }
    asks.get(kind, lambda: asked.exists(key))()


def _row(kind: str, value: Any) -> dict[str, Any]:
    if kind == "hash":
        return {_text(name): _text(one) for name, one in value.items()}
    if kind == "string":
        return _of_text(_text(value))
    if kind == "zset":
        return {"value": json.dumps([[_text(name), score] for name, score in value], ensure_ascii=False)}
    if kind in {"list", "set"}:
        listed = [_text(one) for one in value]
        return {"value": json.dumps(listed if kind == "list" else sorted(listed), ensure_ascii=False)}
    return {}


def _of_text(value: str) -> dict[str, Any]:
    if value.startswith("{"):
        try:
            found, _ = objects.loads(value)
        except (ValueError, RecursionError):
            return {"value": value}
        return {name: one if one is None or isinstance(one, str) else json.dumps(one, ensure_ascii=False)
                for name, one in found.items()}  # fmt: skip
    return {"value": value}


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _pieces(keys: list[bytes]) -> Iterator[list[bytes]]:
    return (keys[start : start + _BATCH] for start in range(0, len(keys), _BATCH))
