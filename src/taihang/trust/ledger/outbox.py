"""Outbox: decisions kept in the store by the transaction that makes them, and moved to the ledger once each.

`put` writes into the caller's transaction, so a decision is recorded exactly when what it decides is.
`publish` moves what is committed. Both sides keep what is needed to never move one twice: every entry
carries its decision's id, and `ledger_heads` says how much of the ledger is known to the store. After a
crash between the two, the next publisher first reads what the ledger has beyond that.

The order in the ledger: an entry stands behind every entry that was committed before it was put.
(Two transactions that overlap have no order that either could tell.)
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from taihang.core import errors, ids
from taihang.engines.store import opening, schema
from taihang.engines.store.scope import Scope
from taihang.trust.ledger import entry as entries
from taihang.trust.ledger import log as logs

ID = "decision"
"""The fact that ties an entry to its row."""
_BATCH = 1000
_LONGEST_SUBJECT = 500  # characters: an index on it must take four bytes each

decisions = schema.tenanted(
    "decisions",
    sa.Column("id", sa.String(40), primary_key=True),
    # PostgreSQL counts by itself; SQLite, where writers queue, is told.
    sa.Column("number", sa.BigInteger, sa.Identity(), nullable=False, index=True),
    sa.Column("kind", sa.String(100), nullable=False),
    sa.Column("subject", sa.String(_LONGEST_SUBJECT), nullable=False),
    sa.Column("at", schema.Utc, nullable=False),
    sa.Column("entry", sa.LargeBinary),
    sa.Column("origin", sa.String(200)),
    sa.Column("position", sa.BigInteger),
)
_waiting = decisions.c.position.is_(None)
sa.Index("ix_decisions_waiting", decisions.c.number, sqlite_where=_waiting, postgresql_where=_waiting)

sa.Index("ix_decisions_subject", decisions.c.tenant, decisions.c.subject)

heads = sa.Table(
    "ledger_heads",
    schema.metadata,
    sa.Column("origin", sa.String(200), primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("leaf", sa.LargeBinary),
)


@dataclasses.dataclass(frozen=True, slots=True)
class Receipt:
    """Where a decision stands: `position` in the ledger `origin`, or None while it waits to be moved."""

    id: str
    kind: str
    subject: str
    at: datetime.datetime
    origin: str | None
    position: int | None


def put(conn: sa.Connection, tenant: str, entry: entries.Entry) -> str:
    """Record a decision in the transaction that makes it; gives its id.

    The entry gets the tenant and the id. Raises errors.UserError for an entry or a subject that is too long,
    ValueError for an entry of another tenant or with a fact called `decision`.
    """
    if len(entry.subject) > _LONGEST_SUBJECT:
        raise errors.UserError("trust:ledger.subject_size", most=_LONGEST_SUBJECT)
    if entry.tenant not in ("default", tenant) or ID in entry.facts:
        raise ValueError(f"an entry of {entry.tenant!r} put for {tenant!r}, or with a fact {ID!r}")
    made = ids.fresh_id(ID)
    whole = entry.model_copy(update={"tenant": tenant, "facts": {**entry.facts, ID: made}})
    row: dict[str, Any] = {
        "id": made, "kind": whole.kind, "subject": whole.subject, "at": whole.at, "entry": whole.encoded()
    }  # fmt: skip
    if conn.dialect.name == "sqlite":
        row["number"] = sa.select(sa.func.coalesce(sa.func.max(decisions.c.number), 0) + 1).scalar_subquery()
    conn.execute(Scope(tenant).insert(decisions, row))
    return made


def publish(store: opening.Store, ledger: logs.Ledger, *, most: int = _BATCH) -> int:
    """Move committed decisions to the ledger, durably, each exactly once; says how many were moved.

    Call it again until it says 0. Any number of publishers may call at once: the row of the ledger's head is
    their lock. Raises opening.Unreachable, errors.Failure when the ledger is not the one that the store knows.
    """
    if _idle(store, ledger):
        return 0
    with store.begin() as conn:
        known, leaf = _locked(conn, ledger.signer.name)
        _same(ledger, known, leaf)
        if ledger.size > known:
            _recovered(conn, ledger, known)
        rows = conn.execute(
            sa.select(decisions.c.tenant, decisions.c.id, decisions.c.entry)
            .where(_waiting)
            .order_by(decisions.c.number)
            .limit(most)
        ).all()
        if rows:
            receipts = ledger.append_encoded([row.entry for row in rows])
            _moved(conn, ledger, [(row.tenant, row.id, r.index) for row, r in zip(rows, receipts, strict=True)])
        _head(conn, ledger)
        return len(rows)


def receipt(store: opening.Store, tenant: str, decision: str) -> Receipt:
    """Where a decision of this tenant stands. Raises errors.NotFound."""
    with store.read() as conn:
        found = conn.execute(store.scope(tenant).select(decisions, *_SHOWN).where(decisions.c.id == decision)).first()
    if found is None:
        raise errors.NotFound("trust:ledger.no_decision", id=decision)
    return Receipt(*found)


def newest(store: opening.Store, tenant: str, kind: str, subject: str) -> Receipt | None:
    """The tenant's last decision of a kind about a subject, moved or waiting."""
    asked = (
        store.scope(tenant)
        .select(decisions, *_SHOWN)
        .where(decisions.c.kind == kind, decisions.c.subject == subject)
        .order_by(decisions.c.number.desc())
        .limit(1)
    )
    with store.read() as conn:
        found = conn.execute(asked).first()
    return None if found is None else Receipt(*found)


def recent(
    store: opening.Store, tenant: str, *, subject: str | None = None, before: int | None = None, limit: int = 50
) -> list[Receipt]:
    """A tenant's moved decisions, newest first, of positions below `before`."""
    asked = store.scope(tenant).select(decisions, *_SHOWN).where(decisions.c.position.is_not(None))
    if subject is not None:
        asked = asked.where(decisions.c.subject == subject)
    if before is not None:
        asked = asked.where(decisions.c.position < before)
    with store.read() as conn:
        return [Receipt(*row) for row in conn.execute(asked.order_by(decisions.c.position.desc()).limit(limit))]


def waiting(store: opening.Store) -> int:
    """How many committed decisions are not in the ledger yet, over all tenants."""
    with store.read() as conn:
        return conn.execute(sa.select(sa.func.count()).select_from(decisions).where(_waiting)).scalar_one()


_SHOWN = tuple(decisions.c[f.name] for f in dataclasses.fields(Receipt))


def _idle(store: opening.Store, ledger: logs.Ledger) -> bool:
    """True when there is nothing to do: seen by reading alone, since a publisher looks every second."""
    with store.read() as conn:
        known = conn.execute(sa.select(heads.c.size).where(heads.c.origin == ledger.signer.name)).scalar()
        return known == ledger.size and conn.execute(sa.select(decisions.c.id).where(_waiting).limit(1)).first() is None


def _locked(conn: sa.Connection, origin: str) -> tuple[int, bytes | None]:
    """Size and last leaf of the ledger as the store knows it; whoever has the row publishes alone."""
    asked = sa.select(heads.c.size, heads.c.leaf).where(heads.c.origin == origin).with_for_update()
    found = conn.execute(asked).first()
    if found is None:
        make = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
        conn.execute(make(heads).values(origin=origin, size=0).on_conflict_do_nothing())
        found = conn.execute(asked).one()
    return found.size, found.leaf


def _same(ledger: logs.Ledger, known: int, leaf: bytes | None) -> None:
    """A ledger that lacks what the store saw in it is an old copy, or another: nothing may be added to it."""
    if ledger.size < known or (known and leaf != ledger.leaf(known - 1)):
        raise errors.Failure("trust:ledger.behind", path=ledger.folder, known=known, size=ledger.size)


def _recovered(conn: sa.Connection, ledger: logs.Ledger, known: int) -> None:
    """Mark the decisions that a publisher appended before it died."""
    found = [
        (entry.tenant, str(entry.facts[ID]), index)
        for index, entry in enumerate(ledger.read(known), known)
        if isinstance(entry.facts.get(ID), str)
    ]
    _moved(conn, ledger, found)


def _moved(conn: sa.Connection, ledger: logs.Ledger, places: Sequence[tuple[str, str, int]]) -> None:
    if places:
        statement = (
            sa.update(decisions)
            .where(decisions.c.tenant == sa.bindparam("t"), decisions.c.id == sa.bindparam("i"), _waiting)
            .values(position=sa.bindparam("p"), origin=ledger.signer.name, entry=None)
        )
        conn.execute(statement, [{"t": tenant, "i": made, "p": index} for tenant, made, index in places])


def _head(conn: sa.Connection, ledger: logs.Ledger) -> None:
    size = ledger.size
    leaf = ledger.leaf(size - 1) if size else None
    conn.execute(sa.update(heads).where(heads.c.origin == ledger.signer.name).values(size=size, leaf=leaf))
