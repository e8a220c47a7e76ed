"""ClickHouse inside this process (chdb), over Parquet files."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from taihang.core import errors
from taihang.engines.databases import database

try:
    from chdb import session as _chdb
except ImportError:
    _chdb = None  # type: ignore[assignment]

# What makes it answer as the other engines do.
SETTINGS = {
    "join_use_nulls": "1", "transform_null_in": "0", "session_timezone": "'UTC'", "aggregate_functions_null_for_empty":
    "0", "output_format_decimal_trailing_zeros": "1", "short_circuit_function_evaluation": "'enable'",
    "schema_inference_make_columns_nullable": "1", "output_format_arrow_string_as_string": "1",
    "use_hive_partitioning": "1", "bool_true_representation": "'true'", "bool_false_representation": "'false'",
    "max_threads": "2",
}  # fmt: skip


_Session: Any = getattr(_chdb, "Session", None)


class Embedded(database.Database):
    """An engine of this process with a folder of its own for what does not fit in memory."""

    dialect = "clickhouse"
    name = "chdb"

    def __init__(self) -> None:
        if _chdb is None:
            raise errors.MissingExtra("chdb", "ClickHouse (chdb)")
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="taihang-chdb-"))
            self._session: Any = _Session(folder)
            stack.callback(self._session.close)
            for name, value in SETTINGS.items():
                self._session.query(f"SET {name} = {value}")
            self._stack = stack.pop_all()

    def rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """The rows of the whole result, which is held in memory."""
        try:
            answer = self._session.query(sql, "Arrow")
        except RuntimeError as error:
            raise _told(error) from None
        with pa.ipc.open_file(answer.bytes()) as reader:
            for number in range(reader.num_record_batches):
                batch = reader.get_batch(number)
                yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)

    def close(self) -> None:
        """End the engine and remove its folder."""
        self._stack.close()


def _told(error: RuntimeError) -> errors.TaihangError:
    reason = str(error).strip().split("\n", 1)[0][:300]
    lost = ("MEMORY_LIMIT_EXCEEDED", "CANNOT_READ", "CANNOT_OPEN_FILE", "FILE_DOESNT_EXIST", "NOT_ENOUGH_SPACE")
    if any(name in str(error) for name in lost):
        return errors.Failure("engines.sources:connection", path="chdb", reason=reason)
    return errors.UserError("engines.sources:database", path="chdb", reason=reason)
