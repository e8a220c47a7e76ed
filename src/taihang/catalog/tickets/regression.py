"""Regression: the rules that an asset once broke and then kept; each new version is judged by them again."""

from __future__ import annotations

import dataclasses
import datetime

import sqlalchemy as sa

from taihang.catalog.tickets import journal, tables, words
from taihang.engines.store import scope as scopes


@dataclasses.dataclass(frozen=True, slots=True)
class Check:
    """A rule of the suite: the ticket it comes from, since when, and the version that first kept it."""

    rulebook: str
    rule: str
    ticket: str
    since: datetime.datetime
    asset_version: str


def add(pen: journal.Pen, card: words.Card, version: str) -> None:
    """Put a verified ticket's rules into its asset's suite; those that are there stay."""
    rows = [
        {
            "asset": card.asset,
            "rulebook": one.rulebook,
            "rule": one.rule,
            "ticket": card.id,
            "since": pen.at,
            "asset_version": version,
        }
        for one in card.rules
    ]
    pen.scope.insert_new(pen.conn, tables.suite, rows)


def suite(conn: sa.Connection, scope: scopes.Scope, asset: str) -> tuple[Check, ...]:
    """An asset's suite in order of its rules' names."""
    own = tables.suite.c
    columns = tuple(own[f.name] for f in dataclasses.fields(Check))
    asked = scope.select(tables.suite, *columns).where(own.asset == asset).order_by(own.rulebook, own.rule)
    return tuple(Check(*row) for row in conn.execute(asked))
