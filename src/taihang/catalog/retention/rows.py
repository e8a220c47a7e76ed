"""Rows: taking a version out of the store, and the plan of what must follow outside of it."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pydantic
import sqlalchemy as sa

from taihang.catalog import cursor, registering, text
from taihang.catalog import tables as catalogued
from taihang.catalog import words as things
from taihang.catalog.lineage import tables as lineage
from taihang.catalog.retention import tables, terms, words
from taihang.core import errors
from taihang.core import words as core
from taihang.engines.store import scope as scoping


class Plan(core.Word):
    """What is to be removed outside of the store, and how to tell that it is gone. Kept until it is done."""

    sha256: core.Sha256
    size: int
    stored: bool
    shared: bool
    mark: str
    report_ids: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()
    findings: int = 0
    windows: tuple[str, ...] = ()
    blobs: tuple[core.Sha256, ...] = pydantic.Field(default=())


def check(
    conn: sa.Connection, scope: scoping.Scope, version_id: str, now: datetime.datetime, *, early: bool
) -> things.Version:
    """The version, locked, when it may go. Raises errors.NotFound, and errors.Conflict when it must stay."""
    version = registering.version_of(conn, scope, version_id)
    asset = catalogued.assets.c.id == version.asset_id
    conn.execute(scope.select(catalogued.assets).where(asset).with_for_update())
    agreed = terms.terms(conn, scope, version_id)
    if agreed.holds:
        kinds = ", ".join(sorted({h.kind for h in agreed.holds}))
        raise errors.Conflict("catalog:retention.held", id=version_id, kinds=kinds)
    if version.recorded < agreed.keep_until and now < agreed.keep_until and not early:
        raise errors.Conflict("catalog:retention.kept", id=version_id, until=agreed.keep_until.date().isoformat())
    return version


def plan(conn: sa.Connection, scope: scoping.Scope, version_id: str, now: datetime.datetime, *, early: bool) -> Plan:
    """What a deletion will remove. Raises errors.NotFound, and errors.Conflict when it must stay."""
    version = check(conn, scope, version_id, now, early=early)
    at = catalogued.versions.c
    mark = conn.execute(scope.select(catalogued.versions, at.mark).where(at.id == version_id)).scalar_one()
    others = scope.select(catalogued.versions, sa.func.count()).where(
        at.sha256 == version.asset.sha256, at.id != version_id
    )
    of = catalogued.reports.c
    told = conn.execute(
        scope.select(catalogued.reports, of.id, of.folder, of.job_id).where(of.version_id == version_id).order_by(of.id)
    ).all()
    count = scope.select(catalogued.findings, sa.func.count()).where(catalogued.findings.c.version_id == version_id)
    return Plan(
        sha256=version.asset.sha256, size=version.asset.size, stored=version.stored,
        shared=conn.execute(others).scalar_one() > 0, mark=mark, report_ids=tuple(r.id for r in told),
        folders=tuple(dict.fromkeys(r.folder for r in told if r.folder)),
        jobs=tuple(dict.fromkeys(j for j in (version.job_id, *(r.job_id for r in told)) if j)),
        findings=conn.execute(count).scalar_one(),
    )  # fmt: skip


def remove(conn: sa.Connection, scope: scoping.Scope, version_id: str, made: Plan, row: dict[str, Any]) -> None:
    """Take every row about a version away, and its asset with the last one; the plan stays until it is done.

    That there was a version and what was made of it stays in the lineage, by its id alone.
    """
    if conn.dialect.name == "sqlite":
        # Deleted bytes are overwritten, not merely unlinked.
        conn.exec_driver_sql("PRAGMA secure_delete = ON")
    asset = row["asset_id"]
    conn.execute(scope.insert(tables.deletions, {**row, "plan": made.model_dump_json(), "proof": ""}))
    conn.execute(scope.delete(catalogued.scores).where(catalogued.scores.c.report_id.in_(made.report_ids)))
    for table in (catalogued.told, catalogued.reviews, catalogued.findings, catalogued.reports):
        conn.execute(scope.delete(table).where(table.c.version_id == version_id))
    conn.execute(scope.delete(catalogued.versions).where(catalogued.versions.c.id == version_id))
    edges = lineage.column_edges.c
    touching = (edges.input == version_id) | (edges.output == version_id)
    conn.execute(scope.delete(lineage.column_edges).where(touching))
    conn.execute(scope.update(lineage.ports).where(lineage.ports.c.node == version_id).values(facts="{}"))
    conn.execute(scope.delete(tables.holds).where(tables.holds.c.target == version_id))
    _asset(conn, scope, asset, version_id)


def _asset(conn: sa.Connection, scope: scoping.Scope, asset: str, version_id: str) -> None:
    at = catalogued.versions.c
    last = scope.select(catalogued.versions, at.id).where(at.asset_id == asset).order_by(at.number.desc()).limit(1)
    latest = conn.execute(last).scalar_one_or_none()
    chosen = catalogued.assets.c.id == asset
    if latest is None:
        for table in (catalogued.grams, catalogued.tags):
            conn.execute(scope.delete(table).where(table.c.asset_id == asset))
        conn.execute(scope.delete(tables.holds).where(tables.holds.c.target == asset))
        conn.execute(scope.delete(catalogued.assets).where(chosen))
        return
    moved = scope.update(catalogued.assets).where(chosen, catalogued.assets.c.latest == version_id)
    conn.execute(moved.values(latest=latest))
    registering.index(conn, scope, asset)


def known(conn: sa.Connection, scope: scoping.Scope, version_id: str) -> sa.Row[Any] | None:
    """The record of a deletion, begun or finished."""
    at = tables.deletions.c.version_id == version_id
    return conn.execute(scope.select(tables.deletions).where(at)).one_or_none()


def set_plan(conn: sa.Connection, scope: scoping.Scope, version_id: str, made: Plan | None) -> None:
    """Replace the plan, or empty it when it is done."""
    if conn.dialect.name == "sqlite":
        conn.exec_driver_sql("PRAGMA secure_delete = ON")
    plain = "" if made is None else made.model_dump_json()
    conn.execute(scope.update(tables.deletions).where(tables.deletions.c.version_id == version_id).values(plan=plain))


def set_proof(conn: sa.Connection, scope: scoping.Scope, proof: words.Proof) -> None:
    """Finish a deletion."""
    chosen = tables.deletions.c.version_id == proof.version_id
    values = {"finished": proof.finished, "proof": text.dumped(proof.model_dump(mode="json", exclude={"left_at"}))}
    conn.execute(scope.update(tables.deletions).where(chosen).values(**values))


def proofs(conn: sa.Connection, scope: scoping.Scope, *, after: str | None, limit: int) -> things.Page[words.Proof]:
    """Proofs, the last begun first. Raises errors.UserError for a foreign cursor."""
    at = tables.deletions.c
    asked = scope.select(tables.deletions).where(at.finished.is_not(None))
    order, name = (at.begun, at.version_id), {"deleted": ""}
    if after is not None:
        asked = asked.where(cursor.after(order, cursor.decode(name, after, (datetime.datetime, str)), down=True))
    wanted = asked.order_by(*(column.desc() for column in order)).limit(cursor.limited(limit) + 1)
    found = conn.execute(wanted).all()
    told = tuple(words.Proof.model_validate(json.loads(row.proof)) for row in found[:limit])
    last = (found[limit - 1].begun, found[limit - 1].version_id) if len(found) > limit else None
    return things.Page(told, None if last is None else cursor.encode(name, last))


def proof_of(row: sa.Row[Any]) -> words.Proof | None:
    """The proof in a record; None while the deletion is not finished."""
    return words.Proof.model_validate(json.loads(row.proof)) if row.proof else None
