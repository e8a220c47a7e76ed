"""Tables with known content, as sources."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from taihang.data.profile import profile, profiling
from taihang.engines.sources import opening


def profiled(
    folder: Path, columns: dict[str, object] | pa.Table, name: str = "t", group: int = 1000
) -> profile.Profile:
    """The profile of a table, by way of a Parquet file of small row groups."""
    return measured(folder, columns, name, group).profile


def measured(
    folder: Path, columns: dict[str, object] | pa.Table, name: str = "t", group: int = 1000
) -> profiling.Measured:
    """The profile with its sketches."""
    table = columns if isinstance(columns, pa.Table) else pa.table(columns)
    path = folder / f"{name}.parquet"
    pq.write_table(table, path, row_group_size=group)
    return profiling.measure(opening.open(path), threads=2)
