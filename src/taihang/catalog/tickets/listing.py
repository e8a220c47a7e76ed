"""Listing: tickets as cards, one or a page of them, and what belongs to them."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from taihang.catalog import cursor
from taihang.catalog import words as catalogued
from taihang.catalog.tickets import journal, tables, words
from taihang.core import errors, i18n
from taihang.core import finding as verdicts
from taihang.core import words as core
from taihang.engines.store import scope as scopes

OPEN = ("new", "acknowledged", "assigned")
_own = tables.tickets.c


def late(now: datetime.datetime) -> sa.ColumnElement[bool]:
    """The condition that a ticket is open and its due date has passed."""
    return sa.and_(_own.state.in_(OPEN), _own.due < now)


def is_late(state: str, due: datetime.datetime | None, now: datetime.datetime) -> bool:
    """`late` for one ticket."""
    return state in OPEN and due is not None and due < now


def card(conn: sa.Connection, scope: scopes.Scope, ident: str, now: datetime.datetime) -> words.Card:
    """A ticket as it stands. Raises errors.NotFound."""
    row = conn.execute(scope.select(tables.tickets).where(_own.id == plain(ident))).one_or_none()
    if row is None:
        raise errors.NotFound("catalog.tickets:unknown", ticket=ident)
    return _cards(conn, scope, [row], now)[0]


def page(
    conn: sa.Connection,
    scope: scopes.Scope,
    only: words.Filter,
    *,
    after: str | None,
    limit: int,
    now: datetime.datetime,
) -> catalogued.Page[words.Card]:
    """A page of tickets, newest first."""
    count = cursor.limited(limit)
    asked = scope.select(tables.tickets).where(*_conditions(scope, only, now))
    query = {"tickets": only.parts()}
    if after is not None:
        values = cursor.decode(query, after, (datetime.datetime, str))
        asked = asked.where(cursor.after((_own.opened_at, _own.id), values, down=True))
    rows = conn.execute(asked.order_by(_own.opened_at.desc(), _own.id.desc()).limit(count + 1)).all()
    last = rows[count - 1] if len(rows) > count else None
    following = cursor.encode(query, (last.opened_at, last.id)) if last is not None else None
    return catalogued.Page(_cards(conn, scope, rows[:count], now), following)


def events(conn: sa.Connection, scope: scopes.Scope, ident: str) -> tuple[words.Event, ...]:
    """A ticket's history. Raises errors.NotFound."""
    own = tables.events.c
    rows = conn.execute(scope.select(tables.events).where(own.ticket == plain(ident)).order_by(own.number)).all()
    if not rows:
        raise errors.NotFound("catalog.tickets:unknown", ticket=ident)
    return tuple(journal.event(row) for row in rows)


def findings(conn: sa.Connection, scope: scopes.Scope, ident: str) -> tuple[verdicts.Finding, ...]:
    """Findings of the asset version that brought some last."""
    own = tables.findings.c
    newest = _newest(conn, scope, [ident])[ident]
    asked = scope.select(tables.findings, own.body).where(own.ticket == ident, own.asset_version == newest)
    rows = conn.execute(asked.order_by(own.event, own.rule, own.finding))
    return tuple(verdicts.Finding.model_validate_json(row.body) for row in rows)


def _conditions(scope: scopes.Scope, only: words.Filter, now: datetime.datetime) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if only.state is not None:
        found.append(_own.state == only.state)
    if only.open is not None:
        found.append(_own.state.in_(OPEN) if only.open else _own.state.not_in(OPEN))
    if only.level is not None:
        found.append(_own.level == only.level.value)
    if only.floor is not None:
        found.append(_own.rank >= only.floor.rank)
    for column, value in ((_own.owner, only.owner), (_own.asset, only.asset), (_own.domain, only.domain)):
        if value is not None:
            found.append(column == plain(value))
    if only.rule is not None:
        inner = scope.select(tables.findings, tables.findings.c.ticket).where(
            tables.findings.c.rule == plain(only.rule)
        )
        found.append(_own.id.in_(inner))
    if only.overdue is not None:
        found.append(late(now) if only.overdue else sa.not_(sa.func.coalesce(late(now), sa.false())))
    return found


def plain(value: str) -> str:
    """A text that a database takes; no stored name holds the character that replaces others."""
    return value.replace("\x00", "�").encode("utf-8", "replace").decode()


def _newest(conn: sa.Connection, scope: scopes.Scope, idents: Sequence[str]) -> dict[str, str]:
    own = tables.findings.c
    asked = scope.select(tables.findings, own.ticket, own.asset_version, own.event).where(own.ticket.in_(idents))
    return {row.ticket: row.asset_version for row in conn.execute(asked.distinct().order_by(own.event))}


def _cards(
    conn: sa.Connection, scope: scopes.Scope, rows: Sequence[sa.Row[Any]], now: datetime.datetime
) -> tuple[words.Card, ...]:
    idents = [row.id for row in rows]
    own = tables.findings.c
    newest = _newest(conn, scope, idents)
    names: dict[str, list[str]] = {i: [] for i in idents}
    rules: dict[str, set[tuple[str, str]]] = {i: set() for i in idents}
    columns = (own.ticket, own.finding, own.asset_version, own.rulebook, own.rule)
    asked = scope.select(tables.findings, *columns).where(own.ticket.in_(idents))
    for one in conn.execute(asked.order_by(own.event, own.finding)):
        rules[one.ticket].add((one.rulebook, one.rule))
        if one.asset_version == newest[one.ticket]:
            names[one.ticket].append(one.finding)
    return tuple(
        words.Card(
            id=row.id,
            tenant=row.tenant,
            findings=tuple(names[row.id]),
            level=core.Level(row.level),
            state=row.state,
            owner=row.owner,
            due=row.due,
            reason=row.reason,
            asset=row.asset,
            kind=row.kind,
            domain=row.domain,
            grouped=row.grouped,
            title=i18n.Text.model_validate(json.loads(row.title)),
            rules=tuple(words.RuleName(rulebook=book, rule=rule) for book, rule in sorted(rules[row.id])),
            asset_version=newest[row.id],
            version=row.version,
            reopened=row.reopened,
            opened_at=row.opened_at,
            changed_at=row.changed_at,
            overdue=is_late(row.state, row.due, now),
            policy=row.policy,
        )
        for row in rows
    )
