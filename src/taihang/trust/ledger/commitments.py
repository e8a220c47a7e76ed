"""Commitments: personal values stay in the store beside their salts; the ledger gets hashes that mean nothing alone.

Deleting a salt is the erasure: what remains in the ledger can be tied to nobody, not even by trying all names.
"""

from __future__ import annotations

import datetime
import hmac

import sqlalchemy as sa

from taihang.engines.store import schema
from taihang.engines.store.scope import Scope
from taihang.trust.ledger import entry as entries

salts = schema.tenanted(
    "salts",
    sa.Column("commitment", sa.String(64), primary_key=True),
    sa.Column("salt", sa.String(64), nullable=False),
    # Whose value it is, so that all of a person's salts can be found; a pseudonym such as an account's id.
    sa.Column("owner", sa.String(200), index=True),
    sa.Column("at", schema.Utc, nullable=False),
)


def commit(conn: sa.Connection, tenant: str, value: str, *, owner: str | None = None) -> entries.Commitment:
    """A commitment to a personal value, for `Entry.personal`; its salt is kept in the same transaction."""
    commitment, salt = entries.commit(value)
    row = {"commitment": commitment, "salt": salt, "owner": owner, "at": datetime.datetime.now(datetime.UTC)}
    conn.execute(Scope(tenant).insert(salts, row))
    return commitment


def opens(conn: sa.Connection, tenant: str, commitment: entries.Commitment, value: str) -> bool:
    """True when `value` is what was committed to; False for another value, and for ever once the salt is erased."""
    asked = Scope(tenant).select(salts, salts.c.commitment, salts.c.salt).where(salts.c.commitment == commitment)
    found = conn.execute(asked).first()
    if found is None:
        return False
    return hmac.compare_digest(found.commitment, commitment) and entries.opens(commitment, value, found.salt)


def erase(conn: sa.Connection, tenant: str, *, owner: str | None = None, commitment: str | None = None) -> int:
    """Delete the salts of an owner, or of one commitment; says how many. Raises ValueError for neither."""
    if (owner is None) == (commitment is None):
        raise ValueError("whose salts: an owner's, or one commitment's")
    column, wanted = (salts.c.owner, owner) if owner is not None else (salts.c.commitment, commitment)
    return conn.execute(Scope(tenant).delete(salts).where(column == wanted)).rowcount
