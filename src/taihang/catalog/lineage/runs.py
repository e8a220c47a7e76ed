"""Runs: recording what read what and made what. A run is told in pieces, in any order, and more than once."""

from __future__ import annotations

import uuid
from typing import Any

import sqlalchemy as sa

from taihang.catalog import registering, text
from taihang.catalog import words as catalogued
from taihang.catalog.lineage import tables, words
from taihang.core import errors, ids
from taihang.engines.store import scope as scoping

_NAMESPACE = uuid.UUID("6b1e7e0a-6a53-5a0e-9d0b-5f0f6c1c2a77")
MOST_ENDS = 1000
MOST_COLUMNS = 100_000
_BATCH = 1000


def run_uuid(tenant: str, run_id: str) -> str:
    """The run's id for OpenLineage: its own when it is a UUID, else one made of tenant and id."""
    try:
        return str(uuid.UUID(run_id))
    except ValueError:
        return str(uuid.uuid5(_NAMESPACE, f"{tenant}\n{run_id}"))


def dataset_id(namespace: str, name: str) -> str:
    """A dataset elsewhere is its namespace and name."""
    return ids.content_id("dataset", [namespace, name])


def record(
    conn: sa.Connection,
    scope: scoping.Scope,
    run: words.Run,
    *,
    namespace: str,
    producer: str,
    known_as: str | None = None,
) -> None:
    """Add to a run what is new about it; an end that is reached stays. `known_as`: a foreign run's UUID.

    Raises errors.NotFound for a version that is not there, errors.UserError for what cannot be kept.
    """
    _checked(run)
    row = {
        "id": run.id, "uuid": known_as or run_uuid(scope.tenant, run.id), "foreign": known_as is not None,
        "namespace": namespace, "job": run.job, "state": run.state, "began": run.began, "ended": run.ended,
        "producer": producer, "error": run.error,
    }  # fmt: skip
    at = tables.runs.c
    if scope.insert_new(conn, tables.runs, [row]) == 0:
        old = conn.execute(scope.select(tables.runs).where(at.id == run.id).with_for_update()).one_or_none()
        if old is None:
            raise errors.Conflict("catalog:lineage.same_run", id=run.id)
        changes: dict[str, Any] = {}
        if run.began < old.began:
            changes["began"] = run.began
        if old.state == "running" and run.state != "running":
            changes |= {"state": run.state, "ended": run.ended, "error": run.error}
        if changes:
            conn.execute(scope.update(tables.runs).where(at.id == run.id).values(**changes))
    inputs = [_end(conn, scope, end) for end in run.inputs]
    outputs = [_end(conn, scope, end) for end in run.outputs]
    for way, nodes, ends in (("in", inputs, run.inputs), ("out", outputs, run.outputs)):
        for node, end in zip(nodes, ends, strict=True):
            _port(conn, scope, {"run_id": run.id, "way": way, "node": node, "facts": _facts(end)})
    edges = [_edge(run.id, edge, inputs, outputs) for edge in run.columns]
    for start in range(0, len(edges), _BATCH):
        scope.insert_new(conn, tables.column_edges, edges[start : start + _BATCH])


def _checked(run: words.Run) -> None:
    text.checked("run", run.id, 100, least=1)
    text.checked("job", run.job, 1000, least=1)
    text.checked("error", run.error, 1000, lines=True)
    if len(run.inputs) > MOST_ENDS or len(run.outputs) > MOST_ENDS or len(run.columns) > MOST_COLUMNS:
        raise errors.UserError("catalog:lineage.large", ends=MOST_ENDS, columns=MOST_COLUMNS)
    for end in (*run.inputs, *run.outputs):
        text.checked("namespace", end.namespace, 1000)
        text.checked("name", end.name, 1000)
        for column in end.columns:
            text.checked("column", column.name, 500)
            text.checked("type", column.type, 500)
    for edge in run.columns:
        text.checked("column", edge.input_column, 1000, least=1)
        text.checked("column", edge.output_column or "", 1000)
        if not (0 <= edge.output < len(run.outputs) and 0 <= edge.input < len(run.inputs)):
            raise errors.UserError("catalog:lineage.edge")


def _end(conn: sa.Connection, scope: scoping.Scope, end: words.End) -> str:
    if end.version is not None:
        return registering.version_of(conn, scope, end.version).id
    node = dataset_id(end.namespace, end.name)
    columns = text.dumped([c.model_dump() for c in end.columns])
    row = {"id": node, "namespace": end.namespace, "name": end.name, "columns": columns}
    if scope.insert_new(conn, tables.datasets, [row]) == 0 and end.columns:
        conn.execute(scope.update(tables.datasets).where(tables.datasets.c.id == node).values(columns=columns))
    return node


def _port(conn: sa.Connection, scope: scoping.Scope, row: dict[str, Any]) -> None:
    if scope.insert_new(conn, tables.ports, [row]) == 0 and row["facts"] != "{}":
        at = tables.ports.c
        chosen = (at.run_id == row["run_id"]) & (at.way == row["way"]) & (at.node == row["node"])
        conn.execute(scope.update(tables.ports).where(chosen).values(facts=row["facts"]))


def _facts(end: words.End) -> str:
    told: dict[str, Any] = {}
    if end.metrics is not None:
        told["metrics"] = end.metrics.model_dump(mode="json", exclude_none=True)
    if end.assertions:
        told["assertions"] = [a.model_dump(mode="json", exclude_none=True) for a in end.assertions]
    return text.dumped(told)


def _edge(run_id: str, edge: words.ColumnEdge, inputs: list[str], outputs: list[str]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "run_id": run_id, "output": outputs[edge.output], "output_column": edge.output_column or "",
        "input": inputs[edge.input], "input_column": edge.input_column, "effect": edge.effect,
        "masking": edge.masking,
    }  # fmt: skip
    return {"id": ids.content_id("edge", list(row.values())), **row}


def columns_of(conn: sa.Connection, scope: scoping.Scope, version: str) -> tuple[catalogued.Column, ...]:
    """A version's columns. Raises errors.NotFound."""
    return registering.version_of(conn, scope, version).columns
