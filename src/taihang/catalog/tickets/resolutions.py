"""Resolutions: how each finding of an asset's tickets was resolved: as a false alarm, or in any other way."""

from __future__ import annotations

import json
from collections.abc import Iterator

import sqlalchemy as sa

from taihang.catalog.tickets import listing, tables
from taihang.core import finding as verdicts
from taihang.engines.store import scope as scopes

FALSE_ALARM = "false_alarm"
"""The fact of a resolving event that says so."""


def of(conn: sa.Connection, scope: scopes.Scope, asset: str, rulebook: str) -> Iterator[tuple[verdicts.Finding, bool]]:
    """Findings by rules of a book, with whether they were a false alarm.

    A finding is resolved by the first such event after the one that brought it; those still open are left out.
    """
    own, events, brought = tables.tickets.c, tables.events.c, tables.findings.c
    mine = scope.select(tables.tickets, own.id).where(own.asset == listing.plain(asset))
    resolved: dict[str, list[tuple[int, bool]]] = {}
    asked = scope.select(tables.events, events.ticket, events.number, events.body)
    asked = asked.where(events.ticket.in_(mine), events.kind == "resolved").order_by(events.ticket, events.number)
    for row in conn.execute(asked):
        resolved.setdefault(row.ticket, []).append((row.number, bool(json.loads(row.body).get(FALSE_ALARM))))
    wanted = scope.select(tables.findings, brought.ticket, brought.event, brought.body)
    wanted = wanted.where(brought.ticket.in_(mine), brought.rulebook == rulebook)
    for row in conn.execute(wanted.order_by(brought.ticket, brought.event, brought.finding)):
        after = [said for number, said in resolved.get(row.ticket, ()) if number > row.event]
        if after:
            yield verdicts.Finding.model_validate_json(row.body), after[0]
