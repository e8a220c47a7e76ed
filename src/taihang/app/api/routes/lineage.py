"""Lineage: what was made of what; in and out as OpenLineage events."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import fastapi

from taihang.app.api import caller, forms, gate, paging
from taihang.catalog.lineage import words

router = gate.router("lineage")
Direction = Annotated[Literal["up", "down"], fastapi.Query(description="Made of, or made into · 来源或去向")]
Depth = Annotated[int, fastapi.Query(ge=1, le=100)]
Node = Annotated[str, fastapi.Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]


@router.get("/lineage/runs")
def list_runs(who: caller.Who, after: paging.After = None, limit: paging.Limit = 50) -> paging.Page[words.Step]:
    """All runs, the last begun first."""
    who.may("lineage:read")
    page = who.platform.lineage(who.who).runs(after=after, limit=limit)
    return paging.Page(items=list(page.items), next=page.next)


@router.get("/lineage/runs/{id}/events")
def run_events(id: forms.Id, who: caller.Who) -> forms.Listed[dict[str, Any]]:
    """A run as OpenLineage events."""
    who.may("lineage:read", id)
    return forms.Listed(items=list(who.platform.lineage(who.who).events(id)))


@router.post("/lineage-events", status_code=201)
def ingest_event(body: dict[str, Any], who: caller.Who, key: gate.Key = None) -> forms.Ref:
    """Record an OpenLineage run event of another system."""
    who.may("lineage:create")
    return forms.Ref(id=who.platform.lineage(who.who).ingest(body))


@router.get("/lineage/nodes/{node}")
def lineage_graph(node: Node, who: caller.Who, direction: Direction = "up", depth: Depth = 10) -> words.Graph:
    """What a version was made of, or what was made of it."""
    who.may("lineage:read", node)
    return who.platform.lineage(who.who).graph(node, direction, depth=depth)


@router.get("/lineage/nodes/{node}/columns/{column}")
def lineage_columns(
    node: Node,
    column: Annotated[str, fastapi.Path(pattern=r"^[^\x00-\x1f\x7f]{1,500}$")],
    who: caller.Who,
    direction: Direction = "up",
    depth: Depth = 10,
) -> forms.Listed[words.ColumnStep]:
    """The column edges that lead to a column, or from it."""
    who.may("lineage:read", node)
    return forms.Listed(items=list(who.platform.lineage(who.who).columns(node, column, direction, depth=depth)))
