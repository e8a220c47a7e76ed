"""A real OpenLineage reader: the reference client's own classes, filled strictly from JSON.

An unknown key, a missing one, a value that the client's validators refuse, or a facet whose schema is not the
one that the client knows under that class, is an error.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Mapping
from typing import Any

import attr
from openlineage.client import event_v2, facet_v2

_FACETS = {
    "schema": facet_v2.schema_dataset.SchemaDatasetFacet,
    "version": facet_v2.dataset_version_dataset.DatasetVersionDatasetFacet,
    "columnLineage": facet_v2.column_lineage_dataset.ColumnLineageDatasetFacet,
    "dataQualityAssertions": facet_v2.data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet,
    "dataQualityMetrics": facet_v2.data_quality_metrics_input_dataset.DataQualityMetricsInputDatasetFacet,
    "errorMessage": facet_v2.error_message_run.ErrorMessageRunFacet,
    "jobType": facet_v2.job_type_job.JobTypeJobFacet,
}


def read(event: Mapping[str, Any]) -> event_v2.RunEvent:
    """The event as the client's own object."""
    value = json.loads(json.dumps(event))
    made = _made(event_v2.RunEvent, value)
    assert made.schemaURL == value["schemaURL"]
    return made


def _made(kind: type[Any], value: Any) -> Any:
    fields = {f.name.lstrip("_"): f for f in attr.fields(kind)}
    hints = typing.get_type_hints(kind)
    schema = value.pop("_schemaURL", None) if isinstance(value, dict) else None
    given = {}
    for key, part in value.items():
        if key == "schemaURL":
            continue
        field = fields[key.lstrip("_")]
        given[key.lstrip("_")] = _part(hints.get(field.name, Any), part)
    made = kind(**given)
    if schema is not None:
        assert made._schemaURL == schema, (made._schemaURL, schema)
    return made


def _part(hint: Any, value: Any) -> Any:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        options = [a for a in typing.get_args(hint) if a is not type(None)]
        return None if value is None else _part(options[0], value)
    if origin is list:
        return [_part(typing.get_args(hint)[0], one) for one in value]
    if origin is dict:
        kind = typing.get_args(hint)[1]
        facets = isinstance(kind, type) and kind.__name__.endswith("Facet")
        return {k: _made(_FACETS[k], v) if facets else _part(kind, v) for k, v in value.items()}
    if attr.has(hint):
        return _made(hint, value)
    if isinstance(hint, type) and issubclass(hint, event_v2.RunState):
        return hint(value)
    if hint in (str, int, float, bool):
        assert isinstance(value, (int, float) if hint is float else hint), (hint, value)
    return value
