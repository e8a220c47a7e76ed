"""One-time links: the first admin's, an invitation, a new password. Hashed, with an end, good for one use.

The secret is handed over after the `#` of an address, which browsers send to no server and no log keeps.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence
from typing import Any, Literal

import sqlalchemy as sa

from taihang.trust.identity import moment, refusal, secret, tables

Kind = Literal["first", "invite", "reset"]


@dataclasses.dataclass(frozen=True, slots=True)
class Link:
    """A link to hand over; `secret` is nowhere else."""

    kind: Kind
    expires_at: datetime.datetime
    secret: str = dataclasses.field(repr=False)

    def url(self, base: str) -> str:
        """The address to open, below the platform's own (`https://host`)."""
        return f"{base.rstrip('/')}/welcome#{self.secret}"


@dataclasses.dataclass(frozen=True, slots=True)
class Offer:
    """What an unused link offers, to be shown before it is used."""

    kind: Kind
    tenant: str
    login: str
    name: str
    expires_at: datetime.datetime


def make(
    conn: sa.Connection,
    kind: Kind,
    *,
    tenant: str,
    by: str,
    now: datetime.datetime,
    life: datetime.timedelta,
    roles: Sequence[str] = (),
    account_id: str | None = None,
    login: str = "",
    name: str = "",
    email: str = "",
) -> Link:
    """A new link, in the caller's transaction."""
    link = Link(kind, now + life, secret.fresh("thl"))
    row = {
        "hash": secret.hashed(link.secret),
        "kind": kind,
        "tenant": tenant,
        "account_id": account_id,
        "login": login,
        "name": name,
        "email": email,
        "roles": list(roles),
        "created_by": by,
        "created_at": now,
        "expires_at": link.expires_at,
    }
    conn.execute(sa.insert(tables.links).values(row))
    return link


def look(conn: sa.Connection, given: object, now: datetime.datetime) -> sa.Row[Any]:
    """The row of a link that may still be used. Raises refusal.NotSignedIn, alike for all that is wrong with it."""
    if secret.parse("thl", given) is None:
        raise refusal.NotSignedIn("trust:identity.link")
    table = tables.links
    row = conn.execute(sa.select(table).where(table.c.hash == secret.hashed(str(given)))).one_or_none()
    alive = row is not None and row.used_at is None
    if row is None or not alive or not moment.within(now, since=row.created_at, until=row.expires_at):
        raise refusal.NotSignedIn("trust:identity.link")
    return row


def use(conn: sa.Connection, row: sa.Row[Any], now: datetime.datetime) -> None:
    """Mark it used, in the caller's transaction; of two at once one wins. Raises refusal.NotSignedIn."""
    table = tables.links
    taking = sa.update(table).where(table.c.hash == row.hash, table.c.used_at.is_(None))
    # The person is in their account from now on, and nowhere else.
    if conn.execute(taking.values(used_at=now, login="", name="", email="")).rowcount != 1:
        raise refusal.NotSignedIn("trust:identity.link")


def drop(conn: sa.Connection, *, account_id: str | None = None, kind: Kind | None = None) -> None:
    """Links of an account, or of a kind, that are not used yet go."""
    table = tables.links
    which: list[sa.ColumnElement[bool]] = [table.c.used_at.is_(None)]
    if account_id is not None:
        which.append(table.c.account_id == account_id)
    if kind is not None:
        which.append(table.c.kind == kind)
    conn.execute(sa.delete(table).where(*which))


def offer(row: sa.Row[Any]) -> Offer:
    """What the link's row offers."""
    return Offer(row.kind, row.tenant, row.login, row.name, row.expires_at)
