"""OpenLineage: what a run asserted of a data set, as the facet that lineage events carry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from taihang.data.quality import assessment
from taihang.rules import kinds

_NAME = "DataQualityAssertionsDatasetFacet"
SCHEMA = f"https://openlineage.io/spec/facets/1-1-0/{_NAME}.json#/$defs/{_NAME}"


def facets(found: assessment.Assessment, producer: str) -> Mapping[str, dict[str, Any]]:
    """For each table the input facet `dataQualityAssertions`; `producer` is the URI of whoever sends the event.

    A rule that was not judged asserts nothing and is left out: the facet knows only success and failure.
    """
    made: dict[str, dict[str, Any]] = {}
    for outcome in found.outcomes:
        rule = outcome.compiled.rule
        if not outcome.judged:
            continue
        one: dict[str, Any] = {"assertion": rule.id, "success": not outcome.broken}
        if column := _column(rule.check):
            one["column"] = column
        facet = made.setdefault(rule.table, {"_producer": producer, "_schemaURL": SCHEMA, "assertions": []})
        facet["assertions"].append(one)
    return {table: {"dataQualityAssertions": facet} for table, facet in made.items()}


def _column(check: kinds.Kind | None) -> str | None:
    """The one column that a check is about, if it is about one."""
    column = getattr(check, "column", None)
    columns = getattr(check, "columns", None)
    return column or (columns[0] if columns and len(columns) == 1 else None)
