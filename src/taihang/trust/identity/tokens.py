"""API tokens: shown once, kept as a hash, narrowed by scopes, never without an end, never more than their owner."""

from __future__ import annotations

import dataclasses
import datetime
import hmac
import os
import threading
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from taihang.core import errors, principal
from taihang.engines.store import opening
from taihang.trust.access import actions
from taihang.trust.identity import moment, names, record, refusal, secret, settings, standing, tables

_TOUCH = datetime.timedelta(seconds=60)
_MOST_SCOPES = 100
_MOST_TOUCHED = 10_000
_NO_HASH = "0" * 64


@dataclasses.dataclass(frozen=True, slots=True)
class Token:
    """A token as its owner sees it; the secret is not among it."""

    id: str
    account_id: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime.datetime
    expires_at: datetime.datetime
    used_at: datetime.datetime | None = None
    revoked_at: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Issued:
    """A new token and its secret, `tht_<id>_…`, which nobody can show again."""

    token: Token
    secret: str = dataclasses.field(repr=False)


class Tokens:
    """API tokens of a store."""

    def __init__(
        self, store: opening.Store, *, now: moment.Clock = moment.now, limits: settings.Identity | None = None
    ) -> None:
        self._store = store
        self._now = now
        self._limits = limits or settings.Identity.current()
        self._touching = threading.Lock()
        self._touched: dict[str, datetime.datetime] = {}

    def issue(
        self,
        who: principal.Principal,
        name: str,
        scopes: Sequence[str],
        expires: datetime.datetime | datetime.timedelta,
    ) -> Issued:
        """A token that acts as `who` within `scopes` until `expires`.

        Raises errors.UserError for a scope that is none or an expiry that is past or too far, errors.Forbidden
        when `who` is itself a token whose scopes are narrower.
        """
        now = self._now()
        until = now + expires if isinstance(expires, datetime.timedelta) else expires
        if until.tzinfo is None or not now < until <= now + self._limits.token_life:
            raise errors.UserError("trust:identity.token_expiry", most=self._limits.token_days)
        wanted = tuple(dict.fromkeys(actions.scope(text) for text in scopes))
        if not 1 <= len(wanted) <= _MOST_SCOPES:
            raise errors.UserError("trust:identity.token_scopes", most=_MOST_SCOPES)
        for text in wanted:
            if not actions.within(text, who.scopes):
                raise errors.Forbidden("trust:identity.token_broader", scope=text)
        token = Token(os.urandom(8).hex(), who.name, names.display(name), wanted, now, until)
        text = secret.fresh("tht", token.id)
        row = {
            "id": token.id,
            "hash": secret.hashed(text),
            "account_id": who.name,
            "name": token.name,
            "scopes": list(wanted),
            "created_at": now,
            "expires_at": until,
        }
        with self._store.begin() as conn:
            if standing.roles(conn, who.name, who.tenant) is None:
                raise errors.Forbidden("trust:identity.no_tenant")
            conn.execute(self._store.scope(who.tenant).insert(tables.tokens, row))
            facts = {"token": token.id, "scopes": " ".join(wanted), "until": until.isoformat(timespec="seconds")}
            record.put(conn, who.tenant, "token-issue", who.name, **facts)
        return Issued(token, text)

    def resolve(self, given: object) -> principal.Principal:
        """Who a secret stands for, with the roles that they have now and the token's scopes.

        Raises refusal.NotSignedIn, alike for a wrong, an expired, a revoked and an orphaned one.
        """
        form = secret.parse("tht", given)
        if form is None:
            raise refusal.NotSignedIn("trust:identity.no_token")
        table, now = tables.tokens, self._now()
        with self._store.read() as conn:
            # The one statement about tokens that does not know its tenant yet: the token says it.
            row = conn.execute(sa.select(table).where(table.c.id == form[1])).one_or_none()
            kept = row.hash if row is not None else _NO_HASH
            same = hmac.compare_digest(secret.hashed(str(given)), kept)
            if row is None or not same or row.revoked_at is not None:
                raise refusal.NotSignedIn("trust:identity.no_token")
            alive = moment.within(now, since=row.created_at, until=row.expires_at)
            who = standing.stands(conn, row.account_id, row.tenant, tuple(row.scopes)) if alive else None
        if now >= row.expires_at:
            self._set(row.tenant, row.id, revoked_at=now)  # so that a clock set back does not wake it again
        if who is None:
            raise refusal.NotSignedIn("trust:identity.no_token")
        if (row.used_at is None or abs(now - row.used_at) >= _TOUCH) and self._first_to_touch(row.id, now):
            self._set(row.tenant, row.id, used_at=now)
        return who

    def _first_to_touch(self, token_id: str, now: datetime.datetime) -> bool:
        """One of the calls that come at once notes the use: the others need not wait for the same write."""
        with self._touching:
            last = self._touched.get(token_id)
            if last is not None and abs(now - last) < _TOUCH:
                return False
            if len(self._touched) >= _MOST_TOUCHED:
                self._touched.clear()
            self._touched[token_id] = now
            return True

    def list(self, who: principal.Principal, account_id: str | None = None) -> list[Token]:
        """Tokens of an account in `who`'s tenant (None: of everybody there), newest first."""
        table = tables.tokens
        wanted = self._store.scope(who.tenant).select(table)
        if account_id is not None:
            wanted = wanted.where(table.c.account_id == account_id)
        with self._store.read() as conn:
            rows = conn.execute(wanted.order_by(table.c.created_at.desc(), table.c.id)).all()
        return [_token(row) for row in rows]

    def get(self, who: principal.Principal, token_id: str) -> Token:
        """One token of `who`'s tenant. Raises errors.NotFound."""
        wanted = self._store.scope(who.tenant).select(tables.tokens).where(tables.tokens.c.id == token_id)
        with self._store.read() as conn:
            row = conn.execute(wanted).one_or_none()
        if row is None:
            raise errors.NotFound("trust:identity.token_unknown", token=token_id)
        return _token(row)

    def revoke(self, by: principal.Principal, token_id: str) -> None:
        """End a token of `by`'s tenant, for good; once more is no error. Raises errors.NotFound."""
        token = self.get(by, token_id)
        if token.revoked_at is None:
            table = tables.tokens
            ending = self._store.scope(by.tenant).update(table).where(table.c.id == token_id)
            with self._store.begin() as conn:
                if conn.execute(ending.where(table.c.revoked_at.is_(None)).values(revoked_at=self._now())).rowcount:
                    record.put(conn, by.tenant, "token-revoke", token.account_id, token=token_id, by=by.name)

    def end(self, conn: sa.Connection, account_id: str, tenant: str | None = None) -> int:
        """End all tokens of an account, in one tenant or in all, in the caller's transaction; says how many."""
        table = tables.tokens
        which = [table.c.account_id == account_id, table.c.revoked_at.is_(None)]
        if tenant is not None:
            which.append(table.c.tenant == tenant)
        return conn.execute(sa.update(table).where(*which).values(revoked_at=self._now())).rowcount

    def _set(self, tenant: str, token_id: str, **values: datetime.datetime) -> None:
        change = self._store.scope(tenant).update(tables.tokens).where(tables.tokens.c.id == token_id)
        with self._store.begin() as conn:
            conn.execute(change.values(**values))


def _token(row: sa.Row[Any]) -> Token:
    return Token(
        row.id,
        row.account_id,
        row.name,
        tuple(row.scopes),
        row.created_at,
        row.expires_at,
        row.used_at,
        row.revoked_at,
    )
