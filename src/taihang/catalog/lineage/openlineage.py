"""OpenLineage out: a run as the events that other catalogues read (OpenLineage 2-0-2).

https://openlineage.io/spec/2-0-2/OpenLineage.json, facets in the versions named below.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import json
from typing import Any

import sqlalchemy as sa

from taihang.catalog import registering
from taihang.catalog import tables as catalogued
from taihang.catalog.lineage import names, tables, words
from taihang.core import errors
from taihang.core import words as core
from taihang.engines.store import scope as scoping

# Not `taihang.__version__`: the package's own names reach up to every layer.
PRODUCER = f"urn:taihang:{importlib.metadata.version('taihang')}"
_SPEC = "https://openlineage.io/spec"
EVENT = f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"
_FACETS = {
    "schema": "1-2-0/SchemaDatasetFacet",
    "version": "1-0-1/DatasetVersionDatasetFacet",
    "columnLineage": "1-2-0/ColumnLineageDatasetFacet",
    "dataQualityAssertions": "1-1-0/DataQualityAssertionsDatasetFacet",
    "dataQualityMetrics": "1-0-3/DataQualityMetricsInputDatasetFacet",
    "errorMessage": "1-0-1/ErrorMessageRunFacet",
    "jobType": "2-0-4/JobTypeJobFacet",
}
_ENDS: dict[str, str] = {"complete": "COMPLETE", "fail": "FAIL", "abort": "ABORT"}
_Event = dict[str, Any]


def events(conn: sa.Connection, scope: scoping.Scope, run_id: str) -> tuple[_Event, ...]:
    """START, and how the run ended if it did. Raises errors.NotFound."""
    row = conn.execute(scope.select(tables.runs).where(tables.runs.c.id == run_id)).one_or_none()
    if row is None:
        raise errors.NotFound("catalog:lineage.no_run", id=run_id)
    ports = conn.execute(
        scope.select(tables.ports)
        .where(tables.ports.c.run_id == run_id)
        .order_by(tables.ports.c.way, tables.ports.c.node)
    ).all()
    datasets = {port.node: dataset(conn, scope, port.node) for port in ports}
    edges = conn.execute(
        scope.select(tables.column_edges)
        .where(tables.column_edges.c.run_id == run_id)
        .order_by(tables.column_edges.c.id)
    ).all()
    inputs, outputs = _inputs(ports, datasets), _outputs(ports, datasets, edges)
    started = _event(row, "START", row.began, _bare(inputs), _bare(outputs))
    if row.state not in _ENDS:
        return (started,)
    return (started, _event(row, _ENDS[row.state], row.ended or row.began, inputs, outputs))


def dataset(conn: sa.Connection, scope: scoping.Scope, node: str) -> _Event:
    """A node as a dataset with its schema and version; a deleted version keeps its id alone."""
    row = conn.execute(registering.versioned(scope).where(catalogued.versions.c.id == node)).one_or_none()
    if row is not None:
        name, columns = names.name(row.kind, row.name), row.columns
        facets = {"version": _facet("version", datasetVersion=row.id)}
        space = names.namespace(scope.tenant)
    else:
        other = conn.execute(scope.select(tables.datasets).where(tables.datasets.c.id == node)).one_or_none()
        if other is None:
            return {"namespace": names.namespace(scope.tenant), "name": f"deleted/{node}", "facets": {}}
        name, columns, facets, space = other.name, other.columns, {}, other.namespace
    fields = [
        {"name": c["name"], **({"type": c["type"]} if c["type"] else {}), "ordinal_position": i}
        for i, c in enumerate(json.loads(columns), 1)
    ]
    if fields:
        facets["schema"] = _facet("schema", fields=fields)
    return {"namespace": space, "name": name, "facets": facets}


def _event(row: sa.Row[Any], kind: str, at: datetime.datetime, inputs: list[_Event], outputs: list[_Event]) -> _Event:
    run: _Event = {"runId": row.uuid, "facets": {}}
    if kind == "FAIL" and row.error:
        run["facets"]["errorMessage"] = _facet("errorMessage", message=row.error, programmingLanguage="PYTHON")
    job: _Event = {"namespace": row.namespace, "name": row.job, "facets": {}}
    if not row.foreign:
        job["facets"]["jobType"] = _facet("jobType", processingType="BATCH", integration="TAIHANG", jobType="JOB")
    return {
        "eventType": kind, "eventTime": at.isoformat(), "run": run, "job": job, "inputs": inputs, "outputs": outputs,
        "producer": row.producer, "schemaURL": EVENT,
    }  # fmt: skip


def _inputs(ports: Any, datasets: dict[str, _Event]) -> list[_Event]:
    made = []
    for port in ports:
        if port.way != "in":
            continue
        facts, facets = json.loads(port.facts), {}
        if "metrics" in facts:
            facets["dataQualityMetrics"] = _metrics(words.Metrics.model_validate(facts["metrics"]))
        if "assertions" in facts:
            told = [_assertion(words.Assertion.model_validate(a)) for a in facts["assertions"]]
            facets["dataQualityAssertions"] = _facet("dataQualityAssertions", assertions=told)
        made.append({**datasets[port.node], "inputFacets": facets})
    return made


def _outputs(ports: Any, datasets: dict[str, _Event], edges: Any) -> list[_Event]:
    made = []
    for port in ports:
        if port.way != "out":
            continue
        one = datasets[port.node]
        facets = dict(one["facets"])
        mine = [edge for edge in edges if edge.output == port.node]
        if mine:
            facets["columnLineage"] = _column_lineage(mine, datasets)
        made.append({**one, "facets": facets, "outputFacets": {}})
    return made


def _column_lineage(edges: Any, datasets: dict[str, _Event]) -> _Event:
    fields: dict[str, dict[tuple[str, str], _Event]] = {}
    whole: dict[tuple[str, str], _Event] = {}
    for edge in edges:
        flows = edge.effect in words.FLOWS
        change = {"type": "DIRECT" if flows else "INDIRECT", "subtype": edge.effect, "masking": edge.masking}
        source = datasets[edge.input]
        key = edge.input, edge.input_column
        field = {"namespace": source["namespace"], "name": source["name"], "field": edge.input_column}
        into = whole
        if edge.output_column:
            into = fields.setdefault(edge.output_column, {})
        into.setdefault(key, {**field, "transformations": []})["transformations"].append(change)
    told = {column: {"inputFields": list(sources.values())} for column, sources in fields.items()}
    return _facet("columnLineage", fields=told, dataset=list(whole.values()))


def _metrics(found: words.Metrics) -> _Event:
    columns = {
        name: {
            target: value
            for target, value in (
                ("nullCount", c.nulls), ("distinctCount", c.distinct), ("min", c.min), ("max", c.max),
                ("quantiles", c.quantiles or None),
            )
            if value is not None
        }
        for name, c in found.columns.items()
    }  # fmt: skip
    counts = {n: v for n, v in (("rowCount", found.rows), ("bytes", found.size)) if v is not None}
    return _facet("dataQualityMetrics", columnMetrics=columns, **counts)


def _assertion(told: words.Assertion) -> _Event:
    made: _Event = {"assertion": told.rule, "success": told.success}
    if told.column is not None:
        made["column"] = told.column
    if told.level is not None:
        made["severity"] = "error" if told.level.reaches(core.Level.yellow) else "warn"
    return made


def _bare(ends: list[_Event]) -> list[_Event]:
    """What is known before the run has looked: which datasets, not what is in them."""
    kept = ("schema", "version")
    return [
        {n: v for n, v in end.items() if n in ("namespace", "name")}
        | {"facets": {n: v for n, v in end["facets"].items() if n in kept}}
        for end in ends
    ]


def _facet(name: str, **values: Any) -> _Event:
    place = _FACETS[name]
    made: _Event = {
        "_producer": PRODUCER,
        "_schemaURL": f"{_SPEC}/facets/{place}.json#/$defs/{place.partition('/')[2]}",
    }
    return made | values
