"""Journal: the one way in which a ticket changes: a row locked, an event appended, its number the new version."""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from taihang.catalog import text
from taihang.catalog.tickets import decided, news, tables, words
from taihang.core import errors, i18n, ticket
from taihang.engines.store import scope as scopes

_STATES = {"opened", "acknowledged", "assigned", "reassigned", "resolved", "returned", "verified", "closed", "reopened"}
_MOST_TOLD = 5


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """What happens to a ticket. `to` None leaves its state; `sets` are further columns."""

    kind: words.Kind
    to: ticket.State | None = None
    reason: str = ""
    note: i18n.Text | None = None
    body: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    sets: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Pen:
    """Who writes, when, in which transaction of which tenant."""

    conn: sa.Connection
    scope: scopes.Scope
    who: str
    at: datetime.datetime

    def locked(self, ident: str, expected: int | None = None) -> sa.Row[Any]:
        """The ticket's row, kept from others until the transaction ends.

        Raises errors.NotFound, and errors.Conflict when its version is not the expected one: the
        message says who did what in between.
        """
        rows = (
            self.scope.select(tables.tickets).where(tables.tickets.c.id == text.cleaned(ident, 200)).with_for_update()
        )
        row = self.conn.execute(rows).one_or_none()
        if row is None:
            raise errors.NotFound("catalog.tickets:unknown", ticket=ident)
        if expected is not None and expected != row.version:
            changes = changed_since(self.conn, self.scope, ident, expected)
            raise errors.Conflict(
                "catalog.tickets:stale", ticket=ident, version=row.version, expected=expected, changes=changes
            )
        return row

    def write(self, row: sa.Row[Any], change: Change) -> int:
        """Append an event to a locked ticket and change it; returns its new version."""
        to = change.to or row.state
        if change.to is not None and change.to != row.state and change.to not in ticket.NEXT[row.state]:
            raise refused(row, change.to)
        number: int = row.version + 1
        sets = {**change.sets, "state": to, "version": number, "changed_at": self.at}
        own = tables.tickets.c
        statement = self.scope.update(tables.tickets).where(own.id == row.id, own.version == row.version)
        if self.conn.execute(statement.values(sets)).rowcount != 1:  # the row is locked: nobody else can have come
            raise errors.Conflict(
                "catalog.tickets:stale", ticket=row.id, version=number, expected=row.version, changes="-"
            )
        self.append({**row._mapping, **sets}, number, row.state, to, change)
        return number

    def append(self, now: Mapping[str, Any], number: int, was: str, to: str, change: Change) -> None:
        """Add an event to a ticket whose columns are `now`.

        What decides something goes to the ledger, and what somebody wants to hear of to its channels, in
        the same transaction.
        """
        ident = now["id"]
        decision = ""
        if change.kind in _STATES:
            facts = {k: v for k, v in change.body.items() if isinstance(v, (str, int)) and k in _FACTS}
            decision = decided.put(
                self.conn,
                self.scope.tenant,
                ident,
                facts={"event": change.kind, "number": number, "from": was or None, "to": to, **facts},
                personal={"who": self.who, "reason": change.reason, "owner": str(change.sets.get("owner", ""))},
                owner=self.who,
            )
        note = change.note.model_dump() if change.note else None
        values = {
            "ticket": ident,
            "number": number,
            "at": self.at,
            "who": self.who,
            "kind": change.kind,
            "from_state": was,
            "to_state": to,
            "reason": change.reason,
            "body": text.dumped({"note": note, **change.body}),
            "decision": decision,
        }
        self.conn.execute(self.scope.insert(tables.events, values))
        news.tell(self.conn, self.scope, now, values, change.note)


# Parts of an event that the ledger may know: hashes, names of rules and policies, counts.
_FACTS = ("asset_version", "rulebook_sha256", "policy", "findings", "judged")


def refused(row: Any, to: str) -> errors.Conflict:
    """The error for a step that the state machine does not have."""
    names = [_state(s) for s in ticket.NEXT[row.state] if s != "verified"]
    return errors.Conflict(
        "catalog.tickets:step", ticket=row.id, state=_state(row.state), to=_state(to), next=_listed(names)
    )


def event(row: sa.Row[Any]) -> words.Event:
    """The event in a row."""
    body = json.loads(row.body)
    note = body.pop("note", None)
    return words.Event(
        number=row.number,
        at=row.at,
        who=row.who,
        kind=row.kind,
        from_state=row.from_state,
        to_state=row.to_state,
        reason=row.reason,
        note=i18n.Text.model_validate(note) if note else None,
        body=body,
    )


def changed_since(conn: sa.Connection, scope: scopes.Scope, ident: str, version: int) -> i18n.Text:
    """Who did what after a version, the first few of it."""
    own = tables.events.c
    rows = scope.select(tables.events, own.who, own.at, own.kind).where(own.ticket == ident, own.number > version)
    found = conn.execute(rows.order_by(own.number).limit(_MOST_TOLD)).all()
    told = [
        i18n.Message(
            key="catalog.tickets:change",
            values={
                "who": row.who,
                "at": row.at.isoformat(timespec="seconds"),
                "kind": i18n.Message(key=f"catalog.tickets:kind.{row.kind}").both(),
            },
        ).both()
        for row in found
    ]
    return _listed(told)


def _state(name: str) -> i18n.Text:
    return i18n.Message(key=f"catalog.tickets:state.{name}").both()


def _listed(texts: Sequence[i18n.Text]) -> i18n.Text:
    return i18n.Text(zh="；".join(t.zh for t in texts) or "-", en="; ".join(t.en for t in texts) or "-")
