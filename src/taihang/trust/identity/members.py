"""Members: who belongs to a tenant, in which roles. A tenant never loses its last admin."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from taihang.core import errors, principal
from taihang.engines.store import opening
from taihang.trust.access import guard
from taihang.trust.identity import links, moment, record, sessions, tables, tenants, tokens


@dataclasses.dataclass(frozen=True, slots=True)
class Member:
    """An account as its tenant sees it; that it belongs to others too is not told."""

    account_id: str
    login: str
    name: str
    email: str
    state: str
    roles: tuple[str, ...]
    joined_at: datetime.datetime


class Members:
    """Members of the tenants of a store. `own_roles` says which further roles a tenant's policies speak of."""

    def __init__(
        self,
        store: opening.Store,
        sessions_: sessions.Sessions,
        tokens_: tokens.Tokens,
        *,
        now: moment.Clock = moment.now,
        own_roles: Callable[[str], Sequence[str]] | None = None,
    ) -> None:
        self._store = store
        self._sessions = sessions_
        self._tokens = tokens_
        self._now = now
        self.own_roles = own_roles or (lambda _tenant: ())

    def list(self, by: principal.Principal, *, after: str = "", limit: int = 100) -> Sequence[Member]:
        """Members of `by`'s tenant, by account id, from behind `after`."""
        m = tables.memberships
        wanted = self._wanted(by.tenant).where(m.c.account_id > after).order_by(m.c.account_id).limit(limit)
        with self._store.read() as conn:
            return [_member(row) for row in conn.execute(wanted)]

    def get(self, by: principal.Principal, account_id: str) -> Member:
        """One member of `by`'s tenant. Raises errors.NotFound."""
        with self._store.read() as conn:
            return self.belongs(conn, by.tenant, account_id)

    def named(self, by: principal.Principal, login: str) -> Member:
        """One member of `by`'s tenant by login or account id. Raises errors.NotFound."""
        a = tables.accounts
        wanted = self._wanted(by.tenant).where(sa.or_(a.c.login == login, a.c.id == login))
        with self._store.read() as conn:
            row = conn.execute(wanted).first()
        if row is None:
            raise errors.NotFound("trust:identity.account_unknown", account=login)
        return _member(row)

    def grant(self, by: principal.Principal, account_id: str, roles: Sequence[str]) -> Member:
        """The member has exactly these roles from now on.

        Raises errors.NotFound, errors.UserError for a role that is none, errors.Conflict for the last admin.
        """
        self.checked_roles(by.tenant, roles)
        with self._store.begin() as conn:
            self._alone(conn, by.tenant)
            old = self.belongs(conn, by.tenant, account_id)
            new = tuple(dict.fromkeys(roles))
            if "admin" not in new:
                self._not_last(conn, by.tenant, account_id)
            m = tables.memberships
            change = self._store.scope(by.tenant).update(m).where(m.c.account_id == account_id)
            conn.execute(change.values(roles=list(new)))
            record.put(
                conn, by.tenant, "permission", account_id, roles=" ".join(new), before=" ".join(old.roles), by=by.name
            )
        return dataclasses.replace(old, roles=new)

    def remove(self, by: principal.Principal, account_id: str) -> None:
        """The account belongs to `by`'s tenant no longer; its sessions and tokens there end.

        Raises errors.NotFound, errors.Conflict for the last admin.
        """
        with self._store.begin() as conn:
            self._alone(conn, by.tenant)
            old = self.belongs(conn, by.tenant, account_id)
            self._not_last(conn, by.tenant, account_id)
            m = tables.memberships
            conn.execute(self._store.scope(by.tenant).delete(m).where(m.c.account_id == account_id))
            self._sessions.end(conn, account_id, tenant=by.tenant)
            self._tokens.end(conn, account_id, by.tenant)
            record.put(conn, by.tenant, "permission", account_id, roles="", before=" ".join(old.roles), by=by.name)

    def disable(self, by: principal.Principal, account_id: str) -> None:
        """The account is in use nowhere; for the platform. Raises errors.NotFound, Conflict, Forbidden."""
        with self._store.begin() as conn:
            for tenant in self._everywhere(conn, by, account_id):
                self._alone(conn, tenant)
                self._not_last(conn, tenant, account_id)
            self._state(conn, by, account_id, "disabled")
            self._sessions.end(conn, account_id)

    def enable(self, by: principal.Principal, account_id: str) -> None:
        """A disabled account is in use again: for the platform. Raises errors.NotFound, errors.Forbidden."""
        with self._store.begin() as conn:
            self._everywhere(conn, by, account_id)
            self._state(conn, by, account_id, "active")

    def erase(self, by: principal.Principal, account_id: str) -> None:
        """The person is forgotten: name, login, e-mail and password go, the random id stays where it was written.

        For the platform. Raises errors.NotFound, errors.Conflict for a last admin, errors.Forbidden.
        """
        with self._store.begin() as conn:
            for tenant in self._everywhere(conn, by, account_id):
                self._alone(conn, tenant)
                self._not_last(conn, tenant, account_id)
            self._sessions.end(conn, account_id)
            self._tokens.end(conn, account_id)
            links.drop(conn, account_id=account_id)
            a = tables.accounts
            login = conn.execute(sa.select(a.c.login).where(a.c.id == account_id)).scalar_one()
            conn.execute(sa.delete(tables.links).where(tables.links.c.login == login))
            conn.execute(sa.delete(tables.subjects).where(tables.subjects.c.account_id == account_id))
            conn.execute(sa.delete(tables.memberships).where(tables.memberships.c.account_id == account_id))
            gone = {"login": f"erased-{account_id}", "name": "", "email": "", "password": None}
            conn.execute(sa.update(a).where(a.c.id == account_id).values(gone))
            self._state(conn, by, account_id, "erased")

    def join(self, conn: sa.Connection, tenant: str, account_id: str, roles: Sequence[str], *, by: str) -> None:
        """The account belongs to the tenant, in the caller's transaction; roles it has there already stay."""
        scope, m = self._store.scope(tenant), tables.memberships
        row = {"account_id": account_id, "roles": list(roles), "created_at": self._now()}
        if not scope.insert_new(conn, m, [row]):
            had = conn.execute(scope.select(m, m.c.roles).where(m.c.account_id == account_id)).scalar_one()
            roles = tuple(dict.fromkeys([*had, *roles]))
            conn.execute(scope.update(m).where(m.c.account_id == account_id).values(roles=list(roles)))
        record.put(conn, tenant, "permission", account_id, roles=" ".join(roles), by=by)

    def assign(self, conn: sa.Connection, tenant: str, account_id: str, roles: Sequence[str], *, by: str) -> None:
        """Exactly these roles from now on, as the organisation's provider says; in the caller's transaction."""
        scope, m = self._store.scope(tenant), tables.memberships
        had = conn.execute(scope.select(m, m.c.roles).where(m.c.account_id == account_id)).scalar_one_or_none()
        if had is None:
            self.join(conn, tenant, account_id, roles, by=by)
        elif sorted(had) != sorted(roles):
            conn.execute(scope.update(m).where(m.c.account_id == account_id).values(roles=list(roles)))
            record.put(conn, tenant, "permission", account_id, roles=" ".join(roles), before=" ".join(had), by=by)

    def belongs(self, conn: sa.Connection, tenant: str, account_id: str) -> Member:
        """The member, in the caller's transaction. Raises errors.NotFound, alike for another tenant's."""
        row = conn.execute(self._wanted(tenant).where(tables.accounts.c.id == account_id)).one_or_none()
        if row is None:
            raise errors.NotFound("trust:identity.account_unknown", account=account_id)
        return _member(row)

    def checked_roles(self, tenant: str, roles: Sequence[str]) -> None:
        """Nothing when each is a role of the tenant. Raises errors.UserError."""
        known = (*guard.roles(), *self.own_roles(tenant))
        for role in roles:
            if role not in known:
                raise errors.UserError("trust:identity.role_unknown", role=role, known=", ".join(known))

    def _wanted(self, tenant: str) -> sa.Select[Any]:
        a, m = tables.accounts, tables.memberships
        columns = (a.c.id, a.c.login, a.c.name, a.c.email, a.c.state, m.c.roles, m.c.created_at)
        return sa.select(*columns).join(m, m.c.account_id == a.c.id).where(self._store.scope(tenant).of(m))

    def _everywhere(self, conn: sa.Connection, by: principal.Principal, account_id: str) -> Sequence[str]:
        """The tenants of an account. Raises errors.Forbidden unless `by` is of the platform's tenant."""
        if by.tenant != tenants.PLATFORM:
            raise errors.Forbidden("trust:identity.platform_only")
        a, m = tables.accounts, tables.memberships
        if conn.execute(sa.select(a.c.id).where(a.c.id == account_id)).first() is None:
            raise errors.NotFound("trust:identity.account_unknown", account=account_id)
        return (
            conn.execute(sa.select(m.c.tenant).where(m.c.account_id == account_id).order_by(m.c.tenant)).scalars().all()
        )

    def _state(self, conn: sa.Connection, by: principal.Principal, account_id: str, state: str) -> None:
        a = tables.accounts
        conn.execute(sa.update(a).where(a.c.id == account_id).values(state=state, changed_at=self._now()))
        record.put(conn, by.tenant, "account", account_id, state=state, by=by.name)

    def _alone(self, conn: sa.Connection, tenant: str) -> None:
        """One change of a tenant's roles at a time: two admins cannot each remove the other."""
        wanted = sa.select(tables.tenants.c.id).where(tables.tenants.c.id == tenant)
        conn.execute(wanted.with_for_update()).all()

    def _not_last(self, conn: sa.Connection, tenant: str, account_id: str) -> None:
        rows = conn.execute(self._wanted(tenant)).all()
        admins = {row.id for row in rows if row.state == "active" and "admin" in row.roles}
        if admins == {account_id}:
            raise errors.Conflict("trust:identity.last_admin", account=account_id, tenant=tenant)


def _member(row: sa.Row[Any]) -> Member:
    return Member(row.id, row.login, row.name, row.email, row.state, tuple(row.roles), row.created_at)
