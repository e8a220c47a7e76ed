"""Graph: what leads to a version or a dataset, and what it leads to; level by level, so a cycle ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

import sqlalchemy as sa

from taihang.catalog import registering
from taihang.catalog import tables as catalogued
from taihang.catalog.lineage import names, tables, words
from taihang.core import errors
from taihang.engines.store import scope as scoping

Direction = Literal["up", "down"]
DEEPEST = 100
MOST = 5000
_CHUNK = 500


def graph(
    conn: sa.Connection, scope: scoping.Scope, node: str, direction: Direction, *, depth: int, most: int
) -> words.Graph:
    """Up to `depth` runs away and `most` nodes. Raises errors.NotFound when no such node is known."""
    near: words.Way = "out" if direction == "up" else "in"
    far: words.Way = "in" if direction == "up" else "out"
    depths, links, cut = {node: 0}, dict[tuple[str, str, words.Way], None](), False
    frontier, runs = [node], set[str]()
    for level in range(1, depth + 2):
        reached = _ports(conn, scope, tables.ports.c.node, frontier, near)
        if level > depth:
            cut = cut or any(run not in runs for run, _ in reached)
            break
        links |= {(run, at, near): None for run, at in reached}
        new = sorted({run for run, _ in reached} - runs)
        runs |= set(new)
        frontier = []
        for run, at in _ports(conn, scope, tables.ports.c.run_id, new, far):
            if at not in depths and len(depths) >= most:
                cut = True
                continue
            if at not in depths:
                depths[at] = level
                frontier.append(at)
            links[run, at, far] = None
        if not frontier:
            break
    nodes = _nodes(conn, scope, depths)
    if not links and nodes[0].gone:
        raise errors.NotFound("catalog:lineage.no_node", id=node)
    told = tuple(words.Link(run_id=run, node=at, way=way) for run, at, way in links if at in depths)
    return words.Graph(root=node, nodes=nodes, runs=_steps(conn, scope, runs), links=told, cut=cut)


def columns(
    conn: sa.Connection, scope: scoping.Scope, start: tuple[str, str], direction: Direction, *, depth: int
) -> tuple[words.ColumnStep, ...]:
    """The column edges that lead to a column of a node, or from it, the nearest first; at most MOST of them.

    Only the value's way is followed on (IDENTITY, TRANSFORMATION, AGGREGATION); what merely decides is
    told, not followed.
    """
    at = tables.column_edges.c
    here, there = (at.output, at.input) if direction == "up" else (at.input, at.output)
    here_column = at.output_column if direction == "up" else at.input_column
    seen, found = {start}, list[words.ColumnStep]()
    told = set[str]()
    frontier = {start[0]: {start[1]}}
    for level in range(1, depth + 1):
        following: dict[str, set[str]] = {}
        for nodes in _chunks(sorted(frontier)):
            rows = conn.execute(scope.select(tables.column_edges).where(here.in_(nodes)).order_by(at.id)).all()
            for row in rows:
                wanted = frontier[getattr(row, here.name)]
                if row.id in told or getattr(row, here_column.name) not in wanted | {""}:
                    continue
                told.add(row.id)
                found.append(words.ColumnStep(depth=level, **{n: getattr(row, n) for n in _EDGE}))
                other = getattr(row, there.name), row.input_column if direction == "up" else row.output_column
                if row.effect in words.FLOWS and other[1] and other not in seen:
                    seen.add(other)
                    following.setdefault(other[0], set()).add(other[1])
                if len(found) >= MOST:
                    return tuple(found)
        frontier = following
        if not frontier:
            break
    return tuple(found)


_EDGE = ("run_id", "output", "output_column", "input", "input_column", "effect", "masking")


def _ports(
    conn: sa.Connection, scope: scoping.Scope, by: sa.Column[Any], values: Sequence[str], way: words.Way
) -> list[tuple[str, str]]:
    at = tables.ports.c
    found: list[tuple[str, str]] = []
    for some in _chunks(values):
        asked = scope.select(tables.ports, at.run_id, at.node).where(by.in_(some), at.way == way)
        found += [(row.run_id, row.node) for row in conn.execute(asked.order_by(at.run_id, at.node))]
    return found


def _nodes(conn: sa.Connection, scope: scoping.Scope, depths: dict[str, int]) -> tuple[words.Node, ...]:
    found: dict[str, words.Node] = {}
    for some in _chunks(list(depths)):
        for row in conn.execute(scope.select(tables.datasets).where(tables.datasets.c.id.in_(some))):
            found[row.id] = words.Node(
                id=row.id, kind="dataset", namespace=row.namespace, name=row.name, depth=depths[row.id]
            )
        for row in conn.execute(registering.versioned(scope).where(catalogued.versions.c.id.in_(some))):
            found[row.id] = words.Node(
                id=row.id, kind="version", namespace=names.namespace(scope.tenant),
                name=names.name(row.kind, row.name), number=row.number, depth=depths[row.id],
            )  # fmt: skip
    return tuple(
        found.get(node) or words.Node(id=node, kind="version", depth=depth, gone=True) for node, depth in depths.items()
    )


def _steps(conn: sa.Connection, scope: scoping.Scope, runs: Iterable[str]) -> tuple[words.Step, ...]:
    found: list[words.Step] = []
    for some in _chunks(sorted(runs)):
        rows = conn.execute(scope.select(tables.runs).where(tables.runs.c.id.in_(some)).order_by(tables.runs.c.id))
        found += [words.Step(**{n: getattr(row, n) for n in words.Step.model_fields}) for row in rows]
    return tuple(found)


def _chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
