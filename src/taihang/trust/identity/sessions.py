"""Sessions: 256 random bits in a cookie, their hash in the store; idle and absolute expiry; listed and ended.

A session holds no roles: each use asks what the account is in the tenant now.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from taihang.core import errors, ids, principal
from taihang.engines.store import opening
from taihang.trust.identity import moment, record, refusal, secret, settings, standing, tables

_TOUCH = datetime.timedelta(seconds=60)  # a session's last use is written once a minute at most


@dataclasses.dataclass(frozen=True, slots=True)
class Session:
    """A signed-in account in one tenant. `secret` is what the cookie holds; only sign-in and `resolve` know it."""

    id: str
    principal: principal.Principal
    created_at: datetime.datetime
    expires_at: datetime.datetime
    secret: str = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Listed:
    """A session as its owner sees it in the list."""

    id: str
    tenant: str
    agent: str
    created_at: datetime.datetime
    seen_at: datetime.datetime
    expires_at: datetime.datetime


class Sessions:
    """Sessions of all accounts of a store."""

    def __init__(
        self, store: opening.Store, *, now: moment.Clock = moment.now, limits: settings.Identity | None = None
    ) -> None:
        self._store = store
        self._now = now
        self._limits = limits or settings.Identity.current()

    def start(self, conn: sa.Connection, account_id: str, tenant: str, agent: str = "") -> Session:
        """A new session with a new secret, in the caller's transaction. Raises refusal.NotSignedIn."""
        who = standing.stands(conn, account_id, tenant)
        if who is None:
            raise refusal.NotSignedIn("trust:identity.no_tenant")
        made, now = secret.fresh("ths"), self._now()
        row: dict[str, Any] = {
            "hash": secret.hashed(made),
            "id": ids.fresh_id("ses"),
            "account_id": account_id,
            "tenant": tenant,
            "created_at": now,
            "seen_at": now,
            "expires_at": now + self._limits.session_life,
            "agent": "".join(letter for letter in agent[:200] if letter.isprintable()),
        }
        conn.execute(sa.insert(tables.sessions).values(row))
        return Session(row["id"], who, now, row["expires_at"], made)

    def resolve(self, given: object) -> Session:
        """The session of a cookie's secret. Raises refusal.NotSignedIn, alike for all that is wrong with it."""
        if secret.parse("ths", given) is None:
            raise refusal.NotSignedIn("trust:identity.no_session")
        text, now, table = str(given), self._now(), tables.sessions
        with self._store.read() as conn:
            row = conn.execute(sa.select(table).where(table.c.hash == secret.hashed(text))).one_or_none()
            if row is None or row.ended_at is not None:
                raise refusal.NotSignedIn("trust:identity.no_session")
            alive = moment.within(now, since=row.created_at, until=row.expires_at)
            # A last use ahead of the clock says nothing about idleness: the clock jumped. It is set right below.
            alive = alive and now - row.seen_at < self._limits.session_idle
            who = standing.stands(conn, row.account_id, row.tenant) if alive else None
        if not alive:
            self._end([table.c.hash == row.hash])  # so that a clock set back does not wake it again
        if who is None:
            raise refusal.NotSignedIn("trust:identity.no_session")
        if abs(now - row.seen_at) >= _TOUCH:
            with self._store.begin() as conn:
                conn.execute(sa.update(table).where(table.c.hash == row.hash).values(seen_at=now))
        return Session(row.id, who, row.created_at, row.expires_at, text)

    def switch(self, session: Session, tenant: str) -> Session:
        """The same person in another of their tenants: a new session, the old one ends. Raises refusal.NotSignedIn."""
        with self._store.begin() as conn:
            agent = conn.execute(
                sa.select(tables.sessions.c.agent).where(tables.sessions.c.id == session.id)
            ).scalar_one_or_none()
            new = self.start(conn, session.principal.name, tenant, agent or "")
            self.end(conn, session.principal.name, only=session.id)
            record.put(conn, tenant, "sign-in", session.principal.name, session=new.id, how="switch")
        return new

    def sign_out(self, session: Session) -> None:
        """End this session."""
        with self._store.begin() as conn:
            self.end(conn, session.principal.name, only=session.id)
            record.put(conn, session.principal.tenant, "sign-out", session.principal.name, session=session.id)

    def list(self, account_id: str, tenant: str | None = None) -> list[Listed]:
        """Sessions of an account that still hold, newest use first; of one tenant or of all."""
        table, now = tables.sessions, self._now()
        wanted = sa.select(table).where(
            table.c.account_id == account_id,
            table.c.ended_at.is_(None),
            table.c.expires_at > now,
            table.c.seen_at > now - self._limits.session_idle,
        )
        if tenant is not None:
            wanted = wanted.where(table.c.tenant == tenant)
        with self._store.read() as conn:
            rows = conn.execute(wanted.order_by(table.c.seen_at.desc(), table.c.id)).all()
        return [Listed(r.id, r.tenant, r.agent, r.created_at, r.seen_at, r.expires_at) for r in rows]

    def revoke(self, by: principal.Principal, account_id: str, session_id: str | None = None) -> int:
        """End one session of an account, or all: one's own anywhere, another's in `by`'s tenant only; says how many.

        Raises errors.NotFound when there is no such session.
        """
        with self._store.begin() as conn:
            tenant = None if by.name == account_id else by.tenant
            ended = self.end(conn, account_id, only=session_id, tenant=tenant)
            if session_id is not None and not ended:
                raise errors.NotFound("trust:identity.session_unknown", session=session_id)
            record.put(conn, by.tenant, "session-end", account_id, ended=ended, by=by.name)
        return ended

    def end(
        self,
        conn: sa.Connection,
        account_id: str,
        *,
        only: str | None = None,
        but: str | None = None,
        tenant: str | None = None,
    ) -> int:
        """End an account's sessions in the caller's transaction: all, `only` one, all `but` one, or a tenant's."""
        table = tables.sessions
        which = [table.c.account_id == account_id]
        if only is not None:
            which.append(table.c.id == only)
        if but is not None:
            which.append(table.c.id != but)
        if tenant is not None:
            which.append(table.c.tenant == tenant)
        return self._ended(conn, which)

    def _end(self, which: Sequence[sa.ColumnElement[bool]]) -> None:
        with self._store.begin() as conn:
            self._ended(conn, which)

    def _ended(self, conn: sa.Connection, which: Sequence[sa.ColumnElement[bool]]) -> int:
        table = tables.sessions
        ending = sa.update(table).where(*which, table.c.ended_at.is_(None)).values(ended_at=self._now())
        return conn.execute(ending).rowcount
