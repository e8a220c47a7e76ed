"""Tidy: what has ended and is of no more use goes; the ledger keeps that it was."""

from __future__ import annotations

import datetime

import sqlalchemy as sa

from taihang.engines.store import opening
from taihang.trust.identity import attempts, moment, tables

_KEEP = datetime.timedelta(days=7)


def tidy(store: opening.Store, *, now: moment.Clock = moment.now) -> int:
    """Remove sessions and links that ended a week ago, journeys that are over, old attempts; says how many rows."""
    at = now()
    s, li, f = tables.sessions, tables.links, tables.flows
    old = at - _KEEP
    with store.begin() as conn:
        rows = conn.execute(sa.delete(s).where(sa.or_(s.c.expires_at < old, s.c.ended_at < old))).rowcount
        rows += conn.execute(sa.delete(li).where(sa.or_(li.c.expires_at < old, li.c.used_at < old))).rowcount
        rows += conn.execute(sa.delete(f).where(f.c.expires_at < at)).rowcount
        return rows + attempts.tidy(conn, at)
