"""Small rulebooks and tables for the tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from taihang.data.quality import assessment, target
from taihang.rules import rulebook


def book(*rules: Mapping[str, Any]) -> rulebook.Rulebook:
    both = {"zh": "题", "en": "title"}
    made = [{"id": f"r{n}", "table": "t", **rule} for n, rule in enumerate(rules)]
    text = {"taihang": "rules/1", "id": "book", "version": "1", "title": both, "rules": made}
    return rulebook.loads(json.dumps(text, ensure_ascii=False))


def targets(folder: Path, **tables: pa.Table) -> dict[str, target.Target]:
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet", row_group_size=7)
    return target.open_all([f"{name}={folder / name}.parquet" for name in tables])


def assessed(folder: Path, *rules: Mapping[str, Any], **tables: pa.Table) -> assessment.Assessment:
    return assessment.assess(book(*rules), targets(folder, **tables))


def rows(found: assessment.Assessment) -> list[list[int]]:
    return [outcome.rows.tolist() for outcome in found.outcomes]
