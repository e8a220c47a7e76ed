"""Decided: what a ticket's change leaves in the ledger: ticket, states, versions; people and remarks as commitments."""

from __future__ import annotations

import sqlalchemy as sa

from taihang.trust.ledger import commitments, entry, outbox

KIND = "ticket-state"


def put(
    conn: sa.Connection, tenant: str, ticket: str, *, facts: dict[str, entry.Fact], personal: dict[str, str], owner: str
) -> str:
    """Record a decision in the change's own transaction, and give its id.

    `personal` values stay in the store under salts that are kept as `owner`'s: erasing them there
    leaves nothing in the ledger that can be tied to anybody.
    """
    made = {name: commitments.commit(conn, tenant, value, owner=owner) for name, value in personal.items() if value}
    return outbox.put(conn, tenant, entry.Entry.now(KIND, ticket, tenant=tenant, facts=facts, personal=made))
