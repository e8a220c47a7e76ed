"""Small rulebooks and tables for tests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from taihang.rules import judge, rulebook, table

BOTH = {"zh": "题", "en": "title"}


def rule(**fields: Any) -> dict[str, Any]:
    return {
        "id": "r", "title": BOTH, "level": "yellow", "dimension": "d", "table": "t", "where": "v", "message": BOTH,
        **fields,
    }  # fmt: skip


def text(*rules: dict[str, Any], **fields: Any) -> str:
    return json.dumps(
        {"taihang": "rules/1", "id": "b", "version": "1", "title": BOTH, "rules": list(rules), **fields},
        ensure_ascii=False,
    )


def book(*rules: dict[str, Any], **fields: Any) -> rulebook.Rulebook:
    return rulebook.loads(text(*rules, **fields), "b.rules.yaml")


def judged(data: pa.Table | table.Table, *rules: dict[str, Any], **more: pa.Table | table.Table) -> judge.Judgement:
    tables = {name: d if isinstance(d, table.Table) else table.Table(d) for name, d in {"t": data, **more}.items()}
    return judge.judge(book(*rules), tables)


def timeline(groups: dict[str, str] | str, start: float = 0.0) -> table.Table:
    """A time table of one-second rows from letters: T, F, u (not observed), n (null), - (no row)."""
    rows: list[dict[str, object]] = []
    by_group = {"g": groups} if isinstance(groups, str) else groups
    for group, letters in by_group.items():
        for n, letter in enumerate(letters):
            if letter != "-":
                value = {"T": True, "F": False}.get(letter)
                rows.append(
                    {"start_s": start + n, "end_s": start + n + 1, "observed": letter != "u", "g": group, "v": value}
                )
    return table.Table(pa.Table.from_pylist(rows, schema=SCHEMA), keys=("g",))


SCHEMA = pa.schema(
    [
        ("start_s", pa.float64()),
        ("end_s", pa.float64()),
        ("observed", pa.bool_()),
        ("g", pa.string()),
        ("v", pa.bool_()),
    ]
)


def verdicts(found: judge.Judgement) -> list[tuple[str, float | None, float | None]]:
    return [(f.verdict, f.place.start_s, f.place.end_s) for f in found.findings]


def rows_of(found: judge.Judgement, n: int = 0) -> Sequence[int]:
    first = found.findings[n].evidence[0]
    assert first.kind == "rows"
    return first.rows
