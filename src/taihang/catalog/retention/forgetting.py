"""Forgetting: what other tables of the catalogue keep of a content that is deleted.

A ticket stays, since what was decided stays; what it quotes of the content goes.
"""

from __future__ import annotations

import json

import sqlalchemy as sa

from taihang.catalog import text
from taihang.catalog.tickets import tables
from taihang.engines.store import scope as scoping


def tickets(conn: sa.Connection, scope: scoping.Scope, sha256: str) -> None:
    """Leave of the findings in tickets their rule and its title; take the marked rows and spans away."""
    at = tables.findings.c
    asked = scope.select(tables.findings, at.ticket, at.finding, at.body).where(at.asset_version == sha256)
    for row in conn.execute(asked).all():
        body = json.loads(row.body)
        place = {"table": body["place"]["table"]}
        bare = {**body, "message": body["rule"]["title"], "place": place, "measured": {}, "evidence": []}
        chosen = (at.ticket == row.ticket) & (at.asset_version == sha256) & (at.finding == row.finding)
        conn.execute(scope.update(tables.findings).where(chosen).values(body=text.dumped(bare)))
    conn.execute(scope.delete(tables.marks).where(tables.marks.c.asset_version == sha256))
