"""Deliveries: messages kept by the transaction that causes them, until somebody outside has taken them.

At least once: a courier that dies between handing a message over and noting it hands it over again,
under the same id.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import sqlalchemy as sa

from taihang.core import errors, i18n, ids
from taihang.engines.notify import channel, mail, settings, webhook
from taihang.engines.store import opening, schema
from taihang.engines.store import scope as scopes

State = Literal["waiting", "sent", "failed"]
_FIRST_PAUSE_S = 10.0
_LONGEST_PAUSE_S = 3600.0
_KEPT_DAYS = 30
_MOST_REASON = 1000

deliveries = schema.tenanted(
    "deliveries",
    sa.Column("id", sa.String(80), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("topic", sa.String(100), nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("created", schema.Utc, nullable=False),
    sa.Column("next_at", schema.Utc, nullable=False),
    sa.Column("lease", sa.String(40), nullable=False),
    sa.Column("leased_until", schema.Utc),
    sa.Column("sent_at", schema.Utc),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Index("ix_deliveries_waiting", "tenant", "state", "next_at"),
)
_own = deliveries.c


@dataclasses.dataclass(frozen=True, slots=True)
class Message:
    """What is told: a topic such as `ticket.opened`, texts for people, facts for programs.

    `key` makes it one message however often it is put.
    """

    key: str
    topic: str
    at: datetime.datetime
    subject: i18n.Text
    body: i18n.Text
    facts: Mapping[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Delivery:
    """How far a message is."""

    id: str
    name: str
    topic: str
    state: State
    attempts: int
    created: datetime.datetime
    next_at: datetime.datetime
    sent_at: datetime.datetime | None
    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class Round:
    """What one round of a courier did."""

    sent: int = 0
    put_off: int = 0
    failed: int = 0


def put(conn: sa.Connection, scope: scopes.Scope, name: str, to: Mapping[str, Any], message: Message) -> str:
    """Keep a message for a channel in the caller's transaction; the same message and channel again change nothing."""
    ident = ids.content_id("delivery", [scope.tenant, message.key, name])
    payload = {
        "id": ident,
        "topic": message.topic,
        "at": message.at.isoformat(),
        "tenant": scope.tenant,
        "subject": message.subject.model_dump(),
        "body": message.body.model_dump(),
        **message.facts,
    }
    row = {
        "id": ident,
        "name": name,
        "channel": json.dumps(dict(to)),
        "topic": message.topic,
        "payload": json.dumps(payload, allow_nan=False),
        "state": "waiting",
        "attempts": 0,
        "created": message.at,
        "next_at": message.at,
        "lease": "",
        "leased_until": None,
        "sent_at": None,
        "reason": "",
    }
    scope.insert_new(conn, deliveries, [row])
    return ident


def listed(
    store: opening.Store,
    tenant: str,
    *,
    state: State | None = None,
    limit: int = 100,
    after: tuple[datetime.datetime, str] | None = None,
) -> tuple[Delivery, ...]:
    """A tenant's deliveries, newest first; those behind the one of this time (`created`) and id."""
    asked = _shown(store.scope(tenant))
    if state is not None:
        asked = asked.where(_own.state == state)
    if after is not None:
        same = (_own.created == after[0]) & (_own.id > after[1])
        asked = asked.where(sa.or_(_own.created < after[0], same))
    with store.read() as conn:
        return tuple(Delivery(*row) for row in conn.execute(asked.order_by(_own.created.desc(), _own.id).limit(limit)))


def one(store: opening.Store, tenant: str, ident: str) -> Delivery:
    """How far one message is. Raises errors.NotFound."""
    with store.read() as conn:
        row = conn.execute(_shown(store.scope(tenant)).where(_own.id == ident)).one_or_none()
    if row is None:
        raise errors.NotFound("engines.notify:unknown", id=ident)
    return Delivery(*row)


def again(store: opening.Store, tenant: str, ident: str, at: datetime.datetime) -> None:
    """Try a message that was put aside once more. Raises errors.NotFound for one that is not."""
    statement = store.scope(tenant).update(deliveries).where(_own.id == ident, _own.state == "failed")
    with store.begin() as conn:
        if not conn.execute(statement.values(state="waiting", created=at, next_at=at, attempts=0)).rowcount:
            raise errors.NotFound("engines.notify:unknown", id=ident)


def tenants(store: opening.Store) -> tuple[str, ...]:
    """Tenants with something to deliver: with the removal of what is old, all here that is not about one tenant."""
    asked = sa.select(_own.tenant).where(_own.state == "waiting").distinct().order_by(_own.tenant)
    with store.read() as conn:
        return tuple(conn.execute(asked).scalars())


class Courier:
    """Hands messages over. Any number may work at once; a message that is being handed over is leased.

    `secret` turns a reference (`env:NAME`, `file:PATH`) into the secret itself.
    """

    def __init__(
        self,
        store: opening.Store,
        secret: Callable[[str], str],
        limits: settings.Settings | None = None,
        *,
        clock: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC),
    ) -> None:
        self.store, self.secret, self.clock = store, secret, clock
        self.limits = limits or settings.Settings.current()

    def round(self, *, most: int = 100) -> Round:
        """Try, for every tenant, what is due now, each message once."""
        done = [self._try(tenant, ident) for tenant in tenants(self.store) for ident in self._due(tenant, most)]
        self._forget()
        return Round(done.count("sent"), done.count("waiting"), done.count("failed"))

    def _forget(self) -> None:
        """Remove what was delivered long ago."""
        over = self.clock() - datetime.timedelta(days=_KEPT_DAYS)
        with self.store.begin() as conn:
            conn.execute(sa.delete(deliveries).where(_own.state == "sent", _own.sent_at < over))

    def _due(self, tenant: str, most: int) -> Sequence[str]:
        now = self.clock()
        asked = self.store.scope(tenant).select(deliveries, _own.id).where(*_free(now))
        with self.store.read() as conn:
            return conn.execute(asked.order_by(_own.next_at, _own.id).limit(most)).scalars().all()

    def _try(self, tenant: str, ident: str) -> State | None:
        scope, now, lease = self.store.scope(tenant), self.clock(), ids.fresh_id("lease")
        # Longer than an attempt can take: name, connection, and all of the rest.
        until = now + datetime.timedelta(seconds=4 * self.limits.timeout_s + 60)
        claim = scope.update(deliveries).where(_own.id == ident, *_free(now))
        with self.store.begin() as conn:
            claimed = conn.execute(claim.values(lease=lease, leased_until=until, attempts=_own.attempts + 1)).rowcount
            if not claimed:
                return None
            row = conn.execute(scope.select(deliveries).where(_own.id == ident)).one()
        try:
            reason = self._send(row, now)
            sets: dict[str, Any] = {"state": "sent", "sent_at": self.clock(), "reason": reason}
        except (errors.TaihangError, OSError, ValueError) as error:  # one that cannot be sent holds no other up
            sets = self._later(row, now, str(error))
        release = scope.update(deliveries).where(_own.id == ident, _own.lease == lease)
        with self.store.begin() as conn:
            conn.execute(release.values(lease="", leased_until=None, **sets))
        state: State = sets["state"]
        return state

    def _send(self, row: sa.Row[Any], now: datetime.datetime) -> str:
        to = channel.ADAPTER.validate_json(row.channel)
        if isinstance(to, channel.Webhook):
            secret = self.secret(to.secret).encode() if to.secret else None
            body, at = row.payload.encode(), int(now.timestamp())
            webhook.post(to, body, ident=row.id, topic=row.topic, at=at, secret=secret, limits=self.limits)
            return ""
        payload = json.loads(row.payload)
        made = mail.compose(
            to,
            subject=i18n.Text.model_validate(payload["subject"]),
            body=i18n.Text.model_validate(payload["body"]),
            ident=row.id,
            sender=self.limits.sender,
        )
        password = self.secret(self.limits.smtp_password) if self.limits.smtp_password else None
        return ", ".join(mail.send(made, self.limits, password))

    def _later(self, row: sa.Row[Any], now: datetime.datetime, reason: str) -> dict[str, Any]:
        """Again after a pause that doubles, up to an hour; put aside when it has been tried for days."""
        over = now - row.created > datetime.timedelta(days=self.limits.give_up_days)
        pause = min(_FIRST_PAUSE_S * 2 ** min(row.attempts - 1, 16), _LONGEST_PAUSE_S)
        # Messages of one failure are not all tried again in the same moment.
        spread = 0.75 + 0.5 * int(row.id[-4:], 16) / 0xFFFF
        return {
            "state": "failed" if over else "waiting",
            "next_at": now + datetime.timedelta(seconds=pause * spread),
            "reason": reason[:_MOST_REASON],
        }


def _shown(scope: scopes.Scope) -> sa.Select[Any]:
    return scope.select(deliveries, *(_own[f.name] for f in dataclasses.fields(Delivery)))


def _free(now: datetime.datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        _own.state == "waiting",
        _own.next_at <= now,
        sa.or_(_own.leased_until.is_(None), _own.leased_until < now),
    )
