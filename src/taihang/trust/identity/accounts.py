"""Accounts: people who sign in with a password, or through their organisation's provider."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from taihang.core import errors, ids, principal
from taihang.engines.store import opening
from taihang.trust.identity import (
    attempts,
    first,
    links,
    members,
    moment,
    names,
    passwords,
    record,
    refusal,
    sessions,
    settings,
    standing,
    tables,
    tenants,
    tokens,
)


@dataclasses.dataclass(frozen=True, slots=True)
class Account:
    """A person's account. `state`: `active`, `disabled`, `erased`. `local`: has a password here."""

    id: str
    login: str
    name: str
    email: str
    state: str
    local: bool
    created_at: datetime.datetime


class Accounts:
    """Accounts of a store: sign-in, invitations, passwords. Who may do what is asked of the guard beforehand.

    `own_roles`: the roles that a tenant's own policies add (`access.policies.Policies.own_roles`).
    """

    def __init__(
        self,
        store: opening.Store,
        *,
        now: moment.Clock = moment.now,
        limits: settings.Identity | None = None,
        own_roles: Callable[[str], Sequence[str]] | None = None,
    ) -> None:
        self._store = store
        self._now = now
        self._limits = limits or settings.Identity.current()
        self._passwords = passwords.Passwords(self._limits.cost)
        self.sessions = sessions.Sessions(store, now=now, limits=self._limits)
        self.tokens = tokens.Tokens(store, now=now, limits=self._limits)
        self.tenants = tenants.Tenants(store, now=now)
        self.members = members.Members(store, self.sessions, self.tokens, now=now, own_roles=own_roles)

    def sign_in(
        self, login: str, password: str, *, tenant: str | None = None, address: str = "", agent: str = ""
    ) -> sessions.Session:
        """A new session in `tenant`, or in the first (by id) that the person belongs to.

        Raises refusal.NotSignedIn with one answer after one time for a wrong password, an unknown login and a
        disabled account; refusal.TooMany while login or address has to wait.
        """
        found, account_id = self._tried(names.folded(login), password, address)
        with self._store.begin() as conn:
            attempts.forgive(conn, found)  # the password was right, whatever comes of the tenant
        with self._store.begin() as conn:
            places = [name for name, _ in standing.tenants(conn, account_id)]
            where = tenant if tenant is not None else next(iter(places), None)
            if where is None or where not in places:
                raise refusal.NotSignedIn("trust:identity.no_tenant")
            session = self.sessions.start(conn, account_id, where, agent)
            record.put(conn, where, "sign-in", account_id, session=session.id, how="password")
        return session

    def create(
        self,
        by: principal.Principal,
        login: str,
        password: str,
        *,
        roles: Sequence[str],
        name: str = "",
        email: str = "",
    ) -> Account:
        """An account with a password that somebody chose for it: for an operator on the machine.

        Raises errors.UserError for what cannot be a login or a password, errors.Conflict when the login is taken.
        """
        self.members.checked_roles(by.tenant, roles)
        made = self._new(login, password, name, email)
        try:
            with self._store.begin() as conn:
                self._added(conn, made, by.tenant, roles, by.name)
        except exc.IntegrityError:
            raise errors.Conflict("trust:identity.login_taken", login=login) from None
        return self.get(made["id"])

    def invite(
        self, by: principal.Principal, login: str, *, roles: Sequence[str], name: str = "", email: str = ""
    ) -> links.Link:
        """A link with which its holder joins `by`'s tenant; whether the login exists elsewhere is not told.

        Raises errors.UserError for a login or a role that is none.
        """
        self.members.checked_roles(by.tenant, roles)
        with self._store.begin() as conn:
            link = links.make(
                conn,
                "invite",
                tenant=by.tenant,
                by=by.name,
                now=self._now(),
                life=self._limits.link_life,
                roles=tuple(dict.fromkeys(roles)),
                login=names.login(login),
                name=names.display(name),
                email=names.email(email),
            )
            record.put(conn, by.tenant, "invite", by.name, roles=" ".join(roles), until=_text(link.expires_at))
        return link

    def reset(self, by: principal.Principal, account_id: str) -> links.Link:
        """A link with which its holder sets the account's password anew.

        For an account of several tenants only the platform's tenant may: else one tenant's admin could enter
        the other. Raises errors.NotFound, errors.Forbidden.
        """
        with self._store.begin() as conn:
            self.members.belongs(conn, by.tenant, account_id)
            self._may_reset(conn, by.tenant, account_id)
            links.drop(conn, account_id=account_id, kind="reset")
            link = links.make(
                conn,
                "reset",
                tenant=by.tenant,
                by=by.name,
                now=self._now(),
                life=self._limits.link_life,
                account_id=account_id,
            )
            record.put(conn, by.tenant, "password", account_id, state="reset-link", by=by.name)
        return link

    def offer(self, given: str) -> links.Offer:
        """What a link offers. Raises refusal.NotSignedIn."""
        with self._store.read() as conn:
            return links.offer(links.look(conn, given, self._now()))

    def redeem(
        self, given: str, password: str, *, login: str = "", name: str = "", address: str = "", agent: str = ""
    ) -> sessions.Session:
        """Use a link. `login` and `name` are the first admin's; who is invited and has an account gives its password.

        Raises refusal.NotSignedIn, refusal.TooMany, errors.UserError for a password or login that is none.
        """
        with self._store.read() as conn:
            row = links.look(conn, given, self._now())
            known = None if row.kind != "invite" else self._id_of(conn, row.login)
        if row.kind == "reset":
            return self._reset(row, password, agent)
        if known is not None:
            tried, account_id = self._tried(row.login, password, address)
            with self._store.begin() as conn:
                links.use(conn, row, self._now())
                attempts.forgive(conn, tried)
                self.members.join(conn, row.tenant, account_id, row.roles, by=row.created_by)
                return self._entered(conn, account_id, row.tenant, agent, "invite")
        made = self._new(row.login or login, password, row.name or name, row.email)
        try:
            with self._store.begin() as conn:
                if row.kind == "first":
                    first.claim(conn, self._now)
                links.use(conn, row, self._now())
                links.drop(conn, kind="first")
                self._added(conn, made, row.tenant, row.roles, row.created_by)
                return self._entered(conn, made["id"], row.tenant, agent, row.kind)
        except exc.IntegrityError:  # the login was taken since it was looked for
            raise errors.Conflict("trust:identity.login_taken", login=made["login"]) from None

    def set_password(self, session: sessions.Session, old: str, new: str, *, address: str = "") -> None:
        """Change one's own password; all other sessions of the account end.

        Raises refusal.NotSignedIn for a wrong old one, refusal.TooMany, errors.UserError for an unfit new one.
        """
        account_id = session.principal.name
        account = self.get(account_id)
        encoded = self._passwords.hash(new, login=account.login)
        found, _ = self._tried(account.login, old, address)
        with self._store.begin() as conn:
            attempts.forgive(conn, found)
            self._password(conn, account_id, encoded)
            ended = self.sessions.end(conn, account_id, but=session.id)
            record.put(conn, session.principal.tenant, "password", account_id, state="changed", ended=ended)

    def get(self, account_id: str) -> Account:
        """One account, whatever its tenants: for its owner and for the platform. Raises errors.NotFound."""
        table = tables.accounts
        with self._store.read() as conn:
            row = conn.execute(sa.select(table).where(table.c.id == account_id)).one_or_none()
        if row is None:
            raise errors.NotFound("trust:identity.account_unknown", account=account_id)
        return Account(row.id, row.login, row.name, row.email, row.state, row.password is not None, row.created_at)

    def _tried(self, login: str, password: str, address: str) -> tuple[attempts.Attempt, str]:
        """Check a password, counted before it is looked at; who wins the check gets the account's id."""
        table, now = tables.accounts, self._now()
        with self._store.begin() as conn:
            attempt = attempts.begin(conn, login, address, now)
            row = conn.execute(sa.select(table).where(table.c.login == login)).one_or_none()
            if attempt.locks and row is not None:
                record.put(conn, tenants.PLATFORM, "sign-in-locked", row.id)
        right = self._passwords.verify(None if row is None else row.password, password)
        if row is None or not right or row.state != "active":
            raise refusal.NotSignedIn("trust:identity.wrong")
        if self._passwords.outdated(row.password):
            renewed = self._passwords.renewed(password)
            with self._store.begin() as conn:
                same = sa.update(table).where(table.c.id == row.id, table.c.password == row.password)
                conn.execute(same.values(password=renewed))
        return attempt, row.id

    def _reset(self, row: sa.Row[Any], password: str, agent: str) -> sessions.Session:
        encoded = self._passwords.hash(password, login=self.get(row.account_id).login)
        with self._store.begin() as conn:
            links.use(conn, row, self._now())
            self.members.belongs(conn, row.tenant, row.account_id)
            self._may_reset(conn, row.tenant, row.account_id)  # they may have joined another tenant meanwhile
            self._password(conn, row.account_id, encoded)
            attempts.forget(conn, self._login_of(conn, row.account_id))
            self.sessions.end(conn, row.account_id)
            ended = self.tokens.end(conn, row.account_id)
            record.put(conn, row.tenant, "password", row.account_id, state="reset", tokens_ended=ended)
            return self._entered(conn, row.account_id, row.tenant, agent, "reset")

    def _may_reset(self, conn: sa.Connection, tenant: str, account_id: str) -> None:
        others = sa.select(tables.memberships.c.tenant).where(
            tables.memberships.c.account_id == account_id, tables.memberships.c.tenant != tenant
        )
        if tenant != tenants.PLATFORM and conn.execute(others).first() is not None:
            raise errors.Forbidden("trust:identity.reset_shared", account=account_id)

    def _new(self, login: str, password: str, name: str, email: str) -> dict[str, Any]:
        spelled, now = names.login(login), self._now()
        return {
            "id": ids.fresh_id("acc"),
            "login": spelled,
            "name": names.display(name),
            "email": names.email(email),
            "password": self._passwords.hash(password, login=spelled),
            "state": "active",
            "created_at": now,
            "changed_at": now,
        }

    def _added(self, conn: sa.Connection, row: dict[str, Any], tenant: str, roles: Sequence[str], by: str) -> None:
        tenants.platform(conn, self._now())
        conn.execute(sa.insert(tables.accounts).values(row))
        record.put(conn, tenant, "account", str(row["id"]), state="created", by=by)
        self.members.join(conn, tenant, str(row["id"]), roles, by=by)

    def _entered(self, conn: sa.Connection, account_id: str, tenant: str, agent: str, how: str) -> sessions.Session:
        session = self.sessions.start(conn, account_id, tenant, agent)
        record.put(conn, tenant, "sign-in", account_id, session=session.id, how=how)
        return session

    def _password(self, conn: sa.Connection, account_id: str, encoded: str) -> None:
        change = sa.update(tables.accounts).where(tables.accounts.c.id == account_id)
        conn.execute(change.values(password=encoded, changed_at=self._now()))

    def _id_of(self, conn: sa.Connection, login: str) -> str | None:
        return conn.execute(
            sa.select(tables.accounts.c.id).where(tables.accounts.c.login == login)
        ).scalar_one_or_none()

    def _login_of(self, conn: sa.Connection, account_id: str) -> str:
        wanted = sa.select(tables.accounts.c.login).where(tables.accounts.c.id == account_id)
        return str(conn.execute(wanted).scalar_one())


def _text(at: datetime.datetime) -> str:
    return at.isoformat(timespec="seconds")
