"""Suggest: rules that hold on a table's first rows, each with the reason, as a rulebook to start from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from taihang.core import i18n, ids
from taihang.data.quality import target
from taihang.engines import tables
from taihang.rules import numbers

SAMPLE_ROWS = 10_000
_FEWEST = 20
_MOST_COLUMNS = 500
_SHARE = 0.9


def suggested(targets: Mapping[str, target.Target]) -> str:
    """A rulebook as YAML: no NULLs where the first 10,000 rows have none, ids that do not repeat, finite numbers,
    and numbers and addresses that are what they nearly all seem to be.
    """
    rules = [rule for name, on in targets.items() for rule in _rules(name, on)]
    lines = [
        "taihang: rules/1",
        "id: suggested",
        f"version: {json.dumps(ids.digest_json([(name, check) for name, check, _ in rules])[:12])}",
        "title: {zh: 根据前一万行建议的规则, en: Rules suggested from the first 10000 rows}",
        "rules:" if rules else "rules: []",
    ]
    for number, (name, check, reason) in enumerate(rules):
        slug = f"s{number + 1}-{str(check['kind']).replace('_', '-')}"
        head = f"  - {{id: {slug}, table: {json.dumps(name, ensure_ascii=False)}"
        told = json.dumps(reason.both().model_dump(), ensure_ascii=False)
        lines.append(f"{head}, level: blue, check: {json.dumps(check, ensure_ascii=False)}, reason: {told}}}")
    return "\n".join(lines) + "\n"


def _rules(name: str, on: target.Target) -> Iterator[tuple[str, dict[str, object], i18n.Message]]:
    yield name, {"kind": "row_count", "min": 1}, _why("rows")
    head = _head(on)
    if head.num_rows < _FEWEST:
        return
    for column in head.column_names[:_MOST_COLUMNS]:
        values = head.column(column)
        known = values.drop_null()
        if values.null_count == 0:
            yield name, {"kind": "not_null", "column": column}, _why("not_null", rows=len(values))
        if pa.types.is_floating(values.type):
            yield name, {"kind": "finite", "column": column}, _why("finite")
        plain = pa.types.is_integer(values.type) or pa.types.is_string(values.type)
        if (
            plain
            and _called_id(column)
            and len(known) >= _FEWEST
            and pc.count_distinct(known).as_py() >= _SHARE * len(known)
        ):
            yield name, {"kind": "unique", "columns": [column]}, _why("unique")
        if pa.types.is_string(values.type) and len(known) >= _FEWEST:
            kind = _meaning(known)
            if kind:
                yield name, {"kind": "semantic", "column": column, "is": kind}, _why("semantic", kind=kind)


def _why(name: str, **values: object) -> i18n.Message:
    return i18n.Message(key=f"data.quality:suggest.{name}", values=values)


def _head(on: target.Target) -> pa.Table:
    batches: list[pa.RecordBatch] = []
    rows = 0
    for _, chunk in on.chunks(on.source.schema.names):
        batches.append(chunk.data.slice(0, SAMPLE_ROWS - rows))
        rows += batches[-1].num_rows
        if rows >= SAMPLE_ROWS:
            break
    return pa.Table.from_batches(batches, schema=on.source.schema)


def _called_id(column: str) -> bool:
    plain = column.casefold()
    return plain in {"id", "uuid", "key", "编号"} or plain.endswith(("_id", "_no", "编号", "单号"))


def _meaning(known: pa.ChunkedArray) -> str | None:
    """The first kind of which at least nine in ten of the texts are."""
    columns = ", ".join(f"avg(CASE WHEN {numbers.wrong(n, 'c')} THEN 0 ELSE 1 END)" for n in numbers.NAMES)
    with tables.Engine() as engine, engine.seeing(t=pa.table({"c": known})):
        shares = list(engine.table(f"SELECT {columns} FROM t").to_pylist()[0].values())  # noqa: S608 - no text of others
    return next((n for n, share in zip(numbers.NAMES, shares, strict=True) if share >= _SHARE), None)
