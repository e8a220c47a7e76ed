"""Sign-in through an organisation's provider: authorization code with PKCE (OAuth 2.1, OpenID Connect Core).

Each journey has a state, a nonce and a verifier of its own, is tied to the browser that began it, is good for
one return and for ten minutes. A person is (issuer, subject): an equal e-mail or login never joins two accounts.
"""

from __future__ import annotations

import dataclasses
import datetime
import hmac
import secrets as random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from authlib.oauth2.rfc6749 import parameters
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from sqlalchemy import exc

from taihang.core import errors, ids
from taihang.engines.store import opening
from taihang.trust.identity import (
    id_token,
    members,
    moment,
    names,
    provider,
    record,
    refusal,
    secret,
    sessions,
    tables,
    tenants,
)
from taihang.trust.identity import remote as remotes

_LIFE = datetime.timedelta(minutes=10)


@dataclasses.dataclass(frozen=True, slots=True)
class Journey:
    """Where to send the browser, and what it has to bring back in a cookie (`cookies.before`)."""

    url: str
    browser: str = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody has come back and is signed in; `return_to` is the place in the console that they wanted."""

    session: sessions.Session
    return_to: str


class Oidc:
    """Sign-in through the providers of the settings, by their names."""

    def __init__(
        self,
        store: opening.Store,
        members_: members.Members,
        sessions_: sessions.Sessions,
        providers: Mapping[str, provider.Provider],
        *,
        now: moment.Clock = moment.now,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._members = members_
        self._sessions = sessions_
        self._now = now
        self._remotes = {name: remotes.Remote(name, found, ticks=ticks) for name, found in providers.items()}

    @property
    def names(self) -> tuple[str, ...]:
        """The providers' names, for the page that offers them."""
        return tuple(self._remotes)

    def begin(self, name: str, *, redirect_uri: str, return_to: str = "/") -> Journey:
        """Begin a journey. `redirect_uri` is where the provider sends the browser back to, registered there.

        Raises errors.NotFound, remote.Away.
        """
        remote = self._remote(name)
        state, nonce, verifier, browser = (random.token_urlsafe(32) for _ in range(4))
        url = parameters.prepare_grant_uri(
            remote.ends().authorize,
            client_id=remote.provider.client_id,
            response_type="code",
            redirect_uri=redirect_uri,
            scope=" ".join(remote.provider.scopes),
            state=state,
            nonce=nonce,
            code_challenge=create_s256_code_challenge(verifier),
            code_challenge_method="S256",
        )
        row = {
            "state_hash": secret.hashed(state),
            "browser_hash": secret.hashed(browser),
            "provider": name,
            "nonce": nonce,
            "verifier": verifier,
            "return_to": inside(return_to),
            "expires_at": self._now() + _LIFE,
        }
        with self._store.begin() as conn:
            conn.execute(sa.insert(tables.flows).values(row))
        return Journey(url, browser)

    def finish(
        self, name: str, answer: Mapping[str, str], *, browser: str | None, redirect_uri: str, agent: str = ""
    ) -> Arrival:
        """End a journey with the query that the provider sent (`state`, `code` or `error`, `iss`).

        Raises refusal.NotSignedIn that says what is wrong, errors.NotFound, remote.Away.
        """
        remote, now = self._remote(name), self._now()
        flow = self._taken(name, answer.get("state", ""), browser, now)
        if answer.get("iss", remote.provider.issuer) != remote.provider.issuer:  # RFC 9207
            raise refusal.NotSignedIn("trust:identity.oidc_issuer", provider=name, issuer=str(answer.get("iss"))[:200])
        if "error" in answer or not answer.get("code"):
            raise refusal.NotSignedIn(
                "trust:identity.oidc_denied", provider=name, reason=str(answer.get("error", "no code"))[:100]
            )
        form = {
            "grant_type": "authorization_code",
            "code": answer["code"],
            "redirect_uri": redirect_uri,
            "code_verifier": flow.verifier,
        }
        given = remote.exchange(form)
        claims = id_token.claims(
            remote, given.get("id_token"), nonce=flow.nonce, access_token=given.get("access_token"), now=now
        )
        return Arrival(self._entered(remote, claims, agent), flow.return_to)

    def close(self) -> None:
        """Give the connections back."""
        for remote in self._remotes.values():
            remote.close()

    def _remote(self, name: str) -> remotes.Remote:
        if name not in self._remotes:
            raise errors.NotFound("trust:identity.oidc_unknown", provider=name)
        return self._remotes[name]

    def _taken(self, name: str, state: str, browser: str | None, now: datetime.datetime) -> sa.Row[Any]:
        """The journey of this state, which is over with that: it is good for one return."""
        table, hashed = tables.flows, secret.hashed(state)
        with self._store.begin() as conn:
            row = conn.execute(sa.select(table).where(table.c.state_hash == hashed)).one_or_none()
            mine = row is not None and hmac.compare_digest(row.browser_hash, secret.hashed(browser or ""))
            if mine and conn.execute(sa.delete(table).where(table.c.state_hash == hashed)).rowcount != 1:
                mine = False
        since = now if row is None else row.expires_at - _LIFE
        if row is None or not mine or row.provider != name or not moment.within(now, since=since, until=row.expires_at):
            raise refusal.NotSignedIn("trust:identity.oidc_state", provider=name)
        return row

    def _entered(self, remote: remotes.Remote, claims: dict[str, Any], agent: str) -> sessions.Session:
        tenant, roles = remote.provider.tenant, self._roles(remote, claims)
        for _ in range(2):
            try:
                with self._store.begin() as conn:
                    tenants.platform(conn, self._now())
                    account_id = self._account(conn, remote, claims)
                    self._members.assign(conn, tenant, account_id, roles, by=f"provider-{remote.name}")
                    session = self._sessions.start(conn, account_id, tenant, agent)
                    record.put(conn, tenant, "sign-in", account_id, session=session.id, how="provider")
                    return session
            except exc.IntegrityError:  # the same person in two browsers for the first time: the other was quicker
                continue
        raise errors.Conflict("trust:identity.login_taken", login=self._login(remote, claims))

    def _account(self, conn: sa.Connection, remote: remotes.Remote, claims: dict[str, Any]) -> str:
        table, key = tables.subjects, {"issuer": remote.provider.issuer, "subject": claims["sub"]}
        wanted = sa.select(table.c.account_id).where(*(table.c[name] == value for name, value in key.items()))
        known = conn.execute(wanted).scalar_one_or_none()
        if known is not None:
            return str(known)
        account_id, now = ids.fresh_id("acc"), self._now()
        login = self._login(remote, claims)
        if conn.execute(sa.select(tables.accounts.c.id).where(tables.accounts.c.login == login)).first():
            login = f"{login}-{account_id[-8:]}"
        row = {
            "id": account_id,
            "login": login,
            "name": _text(claims.get("name"), names.display),
            "email": _text(claims.get("email"), names.email),
            "password": None,
            "state": "active",
            "created_at": now,
            "changed_at": now,
        }
        conn.execute(sa.insert(tables.accounts).values(row))
        conn.execute(sa.insert(table).values(**key, account_id=account_id, created_at=now))
        record.put(conn, remote.provider.tenant, "account", account_id, state="created", by=f"provider-{remote.name}")
        return account_id

    def _roles(self, remote: remotes.Remote, claims: dict[str, Any]) -> Sequence[str]:
        groups = claims.get(remote.provider.groups_claim)
        several = groups if isinstance(groups, list) else [groups]
        mapped = [
            remote.provider.roles[group]
            for group in several
            if isinstance(group, str) and group in remote.provider.roles
        ]
        roles = tuple(dict.fromkeys(mapped)) or remote.provider.default_roles
        if not roles:
            raise refusal.NotSignedIn("trust:identity.oidc_role", provider=remote.name)
        self._members.checked_roles(remote.provider.tenant, roles)
        return roles

    def _login(self, remote: remotes.Remote, claims: dict[str, Any]) -> str:
        """Something to be told by in lists; nobody signs in with it. `#` keeps it apart from local logins' makers."""
        named = _text(claims.get(remote.provider.login_claim), names.login) or _text(claims.get("email"), names.login)
        return f"{(named or 'user')[:60]}#{remote.name}"


def inside(path: str) -> str:
    """A place in the console: a path on this host, or the front page for anything else."""
    safe = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and "\\" not in path
    return path if safe and len(path) <= 500 else "/"


def _text(value: object, checked: Callable[[str], str]) -> str:
    try:
        return checked(value) if isinstance(value, str) else ""
    except errors.UserError:
        return ""
