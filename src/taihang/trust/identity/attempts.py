"""Lockout: who fails waits, twice as long each time; by login and by address, whether the login exists or not."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from taihang.trust.identity import refusal, tables

_LOGIN_FREE = 5  # failures before the first wait
_ADDRESS_FREE = 50  # many people may share one address
_FIRST = datetime.timedelta(seconds=30)
_LONGEST = datetime.timedelta(minutes=15)
_FORGET = datetime.timedelta(hours=24)


@dataclasses.dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt, counted as failed until `forgive` says otherwise; `locks` when a failure now locks the login."""

    keys: tuple[tuple[str, int], ...]
    locks: bool


def begin(conn: sa.Connection, login: str, address: str, now: datetime.datetime) -> Attempt:
    """Count an attempt before the password is looked at, so that a hundred at once get no more tries than one.

    Raises refusal.TooMany while the login or the address has to wait; such an attempt is not counted.
    """
    keys = [(_key("login", login), _LOGIN_FREE)] + ([(_key("address", address), _ADDRESS_FREE)] if address else [])
    rows = {key: _row(conn, key, now) for key, _ in keys}
    waits = [_wait(row.locked_until, now) for row in rows.values()]
    if any(waits):
        seconds = max(1, round(max(waits, default=datetime.timedelta()).total_seconds()))
        raise refusal.TooMany("trust:identity.too_many", wait_s=seconds)
    locks = False
    for key, free in keys:
        old = rows[key]
        failures = 1 if now - old.last_at > _FORGET else old.failures + 1
        until = None if failures < free else now + min(_FIRST * 2 ** min(failures - free, 20), _LONGEST)
        values = {"failures": failures, "last_at": now, "locked_until": until}
        conn.execute(sa.update(tables.attempts).where(tables.attempts.c.key == key).values(values))
        locks = locks or (until is not None and key == keys[0][0])
    return Attempt(tuple(keys), locks)


def forgive(conn: sa.Connection, attempt: Attempt) -> None:
    """The attempt was right: the login starts anew; of the address only this one attempt is taken back."""
    table = tables.attempts
    (login, _), *others = attempt.keys
    conn.execute(sa.delete(table).where(table.c.key == login))
    for key, free in others:
        one = sa.update(table).where(table.c.key == key, table.c.failures > 0)
        conn.execute(
            one.values(
                failures=table.c.failures - 1,
                locked_until=sa.case((table.c.failures - 1 < free, sa.null()), else_=table.c.locked_until),
            )
        )


def forget(conn: sa.Connection, login: str) -> None:
    """The login's waits end: an administrator, or a new password, says so."""
    conn.execute(sa.delete(tables.attempts).where(tables.attempts.c.key == _key("login", login)))


def tidy(conn: sa.Connection, now: datetime.datetime) -> int:
    """Remove what is too old to matter; says how many."""
    return conn.execute(sa.delete(tables.attempts).where(tables.attempts.c.last_at < now - _FORGET)).rowcount


def _row(conn: sa.Connection, key: str, now: datetime.datetime) -> sa.Row[Any, Any, Any]:
    table = tables.attempts
    make = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    conn.execute(make(table).values(key=key, failures=0, last_at=now).on_conflict_do_nothing())
    wanted = sa.select(table.c.failures, table.c.last_at, table.c.locked_until).where(table.c.key == key)
    return conn.execute(wanted.with_for_update()).one()


def _wait(until: datetime.datetime | None, now: datetime.datetime) -> datetime.timedelta:
    """How long to wait; when the clock has jumped back, not longer than a wait can be."""
    if until is None or until <= now:
        return datetime.timedelta()
    return min(until - now, _LONGEST)


def _key(kind: str, text: str) -> str:
    return f"{kind}:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"
