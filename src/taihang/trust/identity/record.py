"""What the ledger is told of identity: random ids and plain facts, in the transaction of the change itself."""

from __future__ import annotations

import sqlalchemy as sa

from taihang.trust.ledger import entry, outbox


def put(conn: sa.Connection, tenant: str, kind: str, subject: str, **facts: entry.Fact) -> None:
    """One decision about a subject; `subject` and `facts` are ids and words, never a person's name."""
    outbox.put(conn, tenant, entry.Entry.now(kind, subject, tenant=tenant, facts=facts))
