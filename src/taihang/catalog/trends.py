"""Trends: how an asset's scores and findings went from version to version; what two versions share."""

from __future__ import annotations

import dataclasses
import datetime
import json
from typing import Any

import sqlalchemy as sa

from taihang.catalog import finding_list, registering, tables, words
from taihang.core import errors
from taihang.engines.store import scope as scoping


@dataclasses.dataclass(frozen=True, slots=True)
class Score:
    """One number of a scorecard; `standing` as in core.scorecard."""

    dimension: str
    metric: str
    value: float | None
    threshold: float | None
    passed: bool | None
    standing: str


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    """One version in a trend, by its last report of the kind asked for.

    `counts`: violated per level, and `insufficient`.
    """

    version_id: str
    number: int
    report_id: str
    recorded: datetime.datetime
    counts: dict[str, int]
    scores: tuple[Score, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Comparison:
    """Two versions by their last reports of one kind.

    A finding of the earlier one is `fixed` only when the later report judged by the same rulebook, to
    the letter, and left neither its rule nor its time out; otherwise it is `unverified`. The `…_count`
    are all of them, the tuples the gravest first, as many as asked for. `persisting` are the later
    version's.
    """

    before: str
    after: str
    new_count: int
    fixed_count: int
    persisting_count: int
    unverified_count: int
    new: tuple[words.Found, ...]
    fixed: tuple[words.Found, ...]
    persisting: tuple[words.Found, ...]
    unverified: tuple[words.Found, ...]


def trend(conn: sa.Connection, scope: scoping.Scope, asset_id: str, kind: str, limit: int) -> tuple[Point, ...]:
    """The last `limit` versions that have a report of this kind, in order. Raises errors.NotFound."""
    registering.asset_of(conn, scope, asset_id)
    at, of = tables.reports.c, tables.versions.c
    rank = sa.func.row_number().over(partition_by=at.version_id, order_by=(at.recorded.desc(), at.id.desc()))
    mine = scope.select(tables.reports, at.id, at.version_id, at.recorded, at.counts, rank.label("place"))
    last = mine.where(at.asset_id == asset_id, at.kind == kind).subquery()
    rows = conn.execute(
        scope.select(tables.versions, of.number, last.c.id, last.c.version_id, last.c.recorded, last.c.counts)
        .join(last, last.c.version_id == of.id)
        .where(last.c.place == 1)
        .order_by(of.number.desc())
        .limit(limit)
    ).all()
    scores: dict[str, list[Score]] = {}
    found = conn.execute(
        scope.select(tables.scores)
        .where(tables.scores.c.report_id.in_([row.id for row in rows]))
        .order_by(tables.scores.c.report_id, tables.scores.c.position)
    )
    for s in found:
        made = Score(s.dimension, s.metric, s.value, s.threshold, s.passed, s.standing)
        scores.setdefault(s.report_id, []).append(made)
    return tuple(
        Point(r.version_id, r.number, r.id, r.recorded, json.loads(r.counts), tuple(scores.get(r.id, ())))
        for r in reversed(rows)
    )


def compare(conn: sa.Connection, scope: scoping.Scope, before: str, after: str, *, kind: str, limit: int) -> Comparison:
    """What is new, fixed, still there or not judged again. Raises errors.NotFound, errors.UserError."""
    versions = [registering.version_of(conn, scope, v) for v in (before, after)]
    if versions[0].asset_id != versions[1].asset_id:
        raise errors.UserError("catalog:compare.assets")
    old, new = (_last(conn, scope, v, kind) for v in (before, after))
    gone, still = set(_unlike(conn, scope, old, new)), _alike(conn, scope, new, old)
    unsure = {row for row in gone if not _judged(row, old, new)}
    parts = {
        "new": [(r.version_id, r.id) for r in _unlike(conn, scope, new, old)],
        "fixed": [(r.version_id, r.id) for r in sorted(gone - unsure, key=_gravest)],
        "persisting": [(r.version_id, r.id) for r in still],
        "unverified": [(r.version_id, r.id) for r in sorted(unsure, key=_gravest)],
    }
    shown: dict[str, Any] = {n: tuple(finding_list.one(conn, scope, *k) for k in v[:limit]) for n, v in parts.items()}
    counts: dict[str, Any] = {f"{name}_count": len(keys) for name, keys in parts.items()}
    return Comparison(before, after, **counts, **shown)


_AT = tables.findings.c


def _last(conn: sa.Connection, scope: scoping.Scope, version: str, kind: str) -> dict[str, Any]:
    at = tables.reports.c
    row = conn.execute(
        scope.select(tables.reports, at.id, at.body)
        .where(at.version_id == version, at.kind == kind)
        .order_by(at.recorded.desc(), at.id.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        raise errors.UserError("catalog:compare.no_report", id=version, kind=kind)
    return {"id": row.id, "version": version, **json.loads(row.body)}


def _of(scope: scoping.Scope, report: dict[str, Any], *columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
    told = tables.told.c
    same = (told.finding_id == _AT.id) & (told.version_id == _AT.version_id) & scope.of(tables.told)
    return (
        scope.select(tables.findings, *columns)
        .join(tables.told, same)
        .where(_AT.version_id == report["version"], told.report_id == report["id"])
    )


def _unlike(conn: sa.Connection, scope: scoping.Scope, one: dict[str, Any], other: dict[str, Any]) -> list[sa.Row[Any]]:
    return _compared(conn, scope, one, _AT.likeness.not_in(_of(scope, other, _AT.likeness)))


def _alike(conn: sa.Connection, scope: scoping.Scope, one: dict[str, Any], other: dict[str, Any]) -> list[sa.Row[Any]]:
    return _compared(conn, scope, one, _AT.likeness.in_(_of(scope, other, _AT.likeness)))


def _compared(
    conn: sa.Connection, scope: scoping.Scope, report: dict[str, Any], condition: sa.ColumnElement[bool]
) -> list[sa.Row[Any]]:
    columns = (_AT.version_id, _AT.id, _AT.rank, _AT.rule, _AT.rulebook, _AT.start, _AT.finish)
    rows = conn.execute(_of(scope, report, *columns).where(condition)).all()
    return sorted(rows, key=_gravest)


def _gravest(row: sa.Row[Any]) -> tuple[int, str, float, str]:
    return (-row.rank, row.rule, row.start, row.id)


def _judged(row: sa.Row[Any], old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Whether the later report would have found it, were it still there."""
    made = [
        {(p["name"], p["sha256"]) for p in report["produced_by"] if p["name"] == row.rulebook and p["sha256"]}
        for report in (old, new)
    ]
    if not made[0] or made[0] != made[1]:
        return False
    for left in new["not_judged"]:
        if left["rule"] not in (None, row.rule):
            continue
        if left["subject"] == "rule":
            return False
        begin, end = left["start_s"], left["end_s"]
        if begin is None or end is None or (row.start <= end and row.finish >= begin):
            return False
    return True
