"""OpenLineage in: events of other systems become runs of the catalogue. Hostile until read.

An event is told once or many times, START after COMPLETE or before: what is recorded is the same. An event
about one of our own runs (it came back from another catalogue) changes nothing.
"""

from __future__ import annotations

import json
import uuid
from typing import Annotated, Any, Literal

import pydantic
import sqlalchemy as sa

from taihang.catalog import registering
from taihang.catalog import tables as catalogued
from taihang.catalog import words as things
from taihang.catalog.lineage import names, runs, tables, words
from taihang.core import errors
from taihang.engines.store import scope as scoping

LARGEST = 4 << 20
_DEEPEST = 40
_Name = Annotated[str, pydantic.StringConstraints(min_length=1, max_length=1000)]
_STATES: dict[str, words.State] = {"COMPLETE": "complete", "FAIL": "fail", "ABORT": "abort"}


class _Part(pydantic.BaseModel):
    # Facets grow with every release of the specification: what is not known is left aside.
    model_config = pydantic.ConfigDict(frozen=True, extra="ignore")


class _Field(_Part):
    name: Annotated[str, pydantic.StringConstraints(min_length=1, max_length=500)]
    type: Annotated[str, pydantic.StringConstraints(max_length=500)] | None = None


class _Schema(_Part):
    fields: Annotated[list[_Field], pydantic.Field(max_length=10_000)] | None = None


class _Change(_Part):
    type: Literal["DIRECT", "INDIRECT"] = "DIRECT"
    subtype: Annotated[str, pydantic.StringConstraints(pattern=r"^[A-Za-z_]{1,40}$")] | None = None
    masking: bool | None = None


class _Input(_Part):
    namespace: _Name
    name: _Name
    field: _Name
    transformations: Annotated[list[_Change], pydantic.Field(max_length=100)] | None = None


class _Output(_Part):
    inputFields: list[_Input]  # noqa: N815 - OpenLineage's name


class _ColumnLineage(_Part):
    fields: dict[_Name, _Output]
    dataset: list[_Input] | None = None


class _Version(_Part):
    datasetVersion: Annotated[str, pydantic.StringConstraints(max_length=1000)]  # noqa: N815 - OpenLineage's name


class _DatasetFacets(_Part):
    schema_: _Schema | None = pydantic.Field(default=None, alias="schema")
    version: _Version | None = None
    columnLineage: _ColumnLineage | None = None  # noqa: N815 - OpenLineage's name


class _Dataset(_Part):
    namespace: _Name
    name: _Name
    facets: _DatasetFacets | None = None


class _Error(_Part):
    message: str


class _RunFacets(_Part):
    errorMessage: _Error | None = None  # noqa: N815 - OpenLineage's name


class _Run(_Part):
    runId: uuid.UUID  # noqa: N815 - OpenLineage's name
    facets: _RunFacets | None = None


class _Job(_Part):
    namespace: _Name
    name: _Name


class _Event(_Part):
    eventType: Literal["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"] | None = None  # noqa: N815
    eventTime: pydantic.AwareDatetime  # noqa: N815 - OpenLineage's name
    run: _Run
    job: _Job
    producer: Annotated[str, pydantic.StringConstraints(max_length=1000)] = ""
    inputs: Annotated[list[_Dataset], pydantic.Field(max_length=runs.MOST_ENDS)] | None = None
    outputs: Annotated[list[_Dataset], pydantic.Field(max_length=runs.MOST_ENDS)] | None = None


def parse(data: bytes) -> _Event:
    """A run event. Raises errors.UserError for anything else, in one line."""
    if len(data) > LARGEST:
        raise errors.UserError("catalog:lineage.event_large", most=LARGEST >> 20)
    try:
        value = json.loads(data)
        if _depth(value) > _DEEPEST:
            raise ValueError("nested too deep")
        return _Event.model_validate(value)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        reason = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise errors.UserError("catalog:lineage.event", reason=reason[:300]) from None
    except (ValueError, RecursionError) as error:
        raise errors.UserError("catalog:lineage.event", reason=str(error).partition("\n")[0][:300]) from None


def ingest(conn: sa.Connection, scope: scoping.Scope, event: _Event) -> str:
    """Record an event; gives the run's id here. Raises errors.UserError for what cannot be kept."""
    known_as = str(event.run.runId)
    at = tables.runs.c
    there = conn.execute(scope.select(tables.runs, at.id, at.foreign).where(at.uuid == known_as)).one_or_none()
    if there is not None and not there.foreign:
        found: str = there.id
        return found
    state = _STATES.get(event.eventType or "", "running")
    error = event.run.facets.errorMessage if event.run.facets else None
    inputs, outputs, edges = _ends(conn, scope, event)
    run = words.Run(
        id=f"openlineage-{known_as}", job=event.job.name, state=state, began=event.eventTime,
        ended=event.eventTime if state != "running" else None, inputs=inputs, outputs=outputs, columns=edges,
        error=error.message[:1000] if error is not None and state == "fail" else "",
    )  # fmt: skip
    runs.record(conn, scope, run, namespace=event.job.namespace, producer=event.producer, known_as=known_as)
    return run.id


def _ends(
    conn: sa.Connection, scope: scoping.Scope, event: _Event
) -> tuple[tuple[words.End, ...], tuple[words.End, ...], tuple[words.ColumnEdge, ...]]:
    inputs: dict[tuple[str, str], words.End] = {}
    places: dict[tuple[str, str], int] = {}

    def place(dataset: _Dataset) -> int:
        """Where a dataset stands among the inputs; a facet may name one that the event's inputs leave out."""
        key = dataset.namespace, dataset.name
        if key not in inputs:
            if len(inputs) == runs.MOST_ENDS:
                raise errors.UserError("catalog:lineage.large", ends=runs.MOST_ENDS, columns=runs.MOST_COLUMNS)
            places[key] = len(inputs)
            inputs[key] = _end(conn, scope, dataset)
        return places[key]

    for dataset in event.inputs or ():
        place(dataset)
    outputs: list[words.End] = []
    edges: list[words.ColumnEdge] = []
    for position, dataset in enumerate(event.outputs or ()):
        outputs.append(_end(conn, scope, dataset))
        lineage = dataset.facets.columnLineage if dataset.facets else None
        pairs: list[tuple[str | None, _Input]] = []
        if lineage is not None:
            pairs += [(None, one) for one in lineage.dataset or ()]
            pairs += [(column, one) for column, output in lineage.fields.items() for one in output.inputFields]
        for column, one in pairs:
            source = place(_Dataset(namespace=one.namespace, name=one.name))
            edges += [
                words.ColumnEdge(
                    output=position, output_column=column, input=source, input_column=one.field,
                    effect=_effect(change), masking=bool(change.masking),
                )
                for change in one.transformations or [_Change()]
            ]  # fmt: skip
            if len(edges) > runs.MOST_COLUMNS:
                raise errors.UserError("catalog:lineage.large", ends=runs.MOST_ENDS, columns=runs.MOST_COLUMNS)
    return tuple(inputs.values()), tuple(outputs), tuple(edges)


def _effect(change: _Change) -> str:
    """The subtype where it fits its type, else the plainest of the type."""
    told = (change.subtype or "").upper()
    flows = change.type == "DIRECT"
    return told if told and (told in words.FLOWS) == flows else "TRANSFORMATION" if flows else "FILTER"


def _end(conn: sa.Connection, scope: scoping.Scope, dataset: _Dataset) -> words.End:
    """Our own version, when the name and the version facet are one of this tenant; else a dataset elsewhere."""
    facets = dataset.facets
    if dataset.namespace == names.namespace(scope.tenant) and (ours := names.parted(dataset.name)) is not None:
        asset = registering.asset_id(*ours)
        at = catalogued.versions.c
        told = facets.version.datasetVersion if facets and facets.version else None
        asked = scope.select(catalogued.versions, at.id).where(at.asset_id == asset)
        asked = asked.where(at.id == told) if told else asked.order_by(at.number.desc()).limit(1)
        version = conn.execute(asked).scalar_one_or_none()
        if version is not None:
            return words.End(version=version)
    fields = (facets.schema_.fields or []) if facets and facets.schema_ else []
    columns = tuple(things.Column(name=f.name, type=f.type or "") for f in fields)
    return words.End(namespace=dataset.namespace, name=dataset.name, columns=columns)


def _depth(value: Any) -> int:
    deepest, level = 0, [value]
    while level:
        deepest += 1
        level = [
            part
            for one in level
            if isinstance(one, dict | list)
            for part in (one.values() if isinstance(one, dict) else one)
        ]
    return deepest
