"""The engines of the conformance suite: each judges a book over the same two tables once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from fixtures import stores

from taihang.data.quality import target
from tests.conformance import matrix

NAMES = matrix.ENGINES
_TYPES = {
    "int64": "bigint", "int32": "integer", "double": "double precision", "float": "real", "string": "text",
    "bool": "boolean", "date32[day]": "date", "timestamp[us]": "timestamp", "timestamp[us, tz=UTC]": "timestamptz",
}  # fmt: skip


@contextmanager
def targets(engine: str, folder: Path, **tables: pa.Table) -> Iterator[dict[str, target.Target]]:
    """The tables where an engine has them."""
    with ExitStack() as stack:
        if engine == "postgresql":
            address = stack.enter_context(stores.url("postgresql", folder))
            for name, table in tables.items():
                load(address, name, table)
            yield target.open_all([f"{name}={address}#{name}" for name in tables])
            return
        for name, table in tables.items():
            pq.write_table(table, folder / f"{name}.parquet", row_group_size=20)
        yield target.open_all([f"{name}={folder / name}.parquet" for name in tables])


def load(address: str, name: str, table: pa.Table) -> None:
    """A table of PostgreSQL with the same rows."""
    columns = ", ".join(f'"{f.name}" {_kind(f.type)}' for f in table.schema)
    with psycopg.connect(address) as conn:
        conn.execute(f'CREATE TABLE "{name}" ({columns})')
        with conn.cursor().copy(f'COPY "{name}" FROM STDIN') as copy:
            for row in table.to_pylist():
                copy.write_row(list(row.values()))


def _kind(kind: pa.DataType) -> str:
    return f"numeric({kind.precision},{kind.scale})" if pa.types.is_decimal(kind) else _TYPES[str(kind)]
