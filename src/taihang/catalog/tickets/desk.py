"""Desk: one person's, or one program's, hand on the tickets of a tenant."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence

import sqlalchemy as sa

from taihang.catalog import text
from taihang.catalog import words as catalogued
from taihang.catalog.tickets import (
    checking,
    intake,
    journal,
    listing,
    policy,
    quarantine,
    regression,
    resolutions,
    tables,
    words,
)
from taihang.core import errors, evidence, i18n, principal, ticket
from taihang.core import finding as verdicts
from taihang.engines.store import opening

_LONGEST_REMARK = 10_000
_LONGEST_NAME = 200


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


class Desk:
    """Tickets of the principal's tenant; every change is one transaction with its event and its decision.

    `expected_version` is the version of the ticket that the caller has seen: when somebody was
    quicker, errors.Conflict says who did what. Without it, the change applies to what is there.
    Raises errors.NotFound for a ticket that this tenant does not have.
    """

    def __init__(
        self, store: opening.Store, who: principal.Principal, *, clock: Callable[[], datetime.datetime] = _now
    ) -> None:
        self.store, self.principal, self.clock = store, who, clock
        self.scope = store.scope(who.tenant)

    def open_by_policy(
        self,
        findings: Sequence[verdicts.Finding],
        rules: policy.Loaded,
        subject: words.Subject,
        *,
        rows: Mapping[tuple[str, str], words.Bad] | None = None,
    ) -> words.Opened:
        """Make tickets of findings about one asset version, all or none.

        The same findings again change nothing. A finding of a later version joins its ticket, sends a
        resolved one back and reopens a verified or closed one. `rows`: all bad rows by (table, rule),
        where findings do not name them all. Raises errors.UserError for names that cannot be kept.
        """
        for found in findings:
            text.checked("rulebook", found.rule.rulebook, 200, least=1)
            text.checked("rulebook_version", found.rule.rulebook_version, 100)
            text.checked("table", found.place.table, 500)
        drafts, left = rules.drafts(findings, subject)
        became: dict[str, list[str]] = {}

        def work(conn: sa.Connection) -> None:
            became.clear()
            took = intake.Intake(self._pen(conn), rules, subject, rows or {})
            # In one order everywhere, so that two who open the same tickets never wait for each other.
            for draft in sorted(drafts, key=lambda d: d.key):
                ident, outcome = took.take(draft)
                became.setdefault(outcome, []).append(ident)

        self.store.run(work)
        return words.Opened(**{name: tuple(found) for name, found in became.items()}, left=left)

    def get(self, ident: str) -> words.Card:
        """A ticket as it stands."""
        with self.store.read() as conn:
            return listing.card(conn, self.scope, ident, self.clock())

    def list(
        self, only: words.Filter | None = None, *, after: str | None = None, limit: int = 50
    ) -> catalogued.Page[words.Card]:
        """Tickets that a filter lets through, newest first, and the cursor of the next page."""
        with self.store.read() as conn:
            return listing.page(conn, self.scope, only or words.Filter(), after=after, limit=limit, now=self.clock())

    def history(self, ident: str) -> tuple[words.Event, ...]:
        """All events, first to last; their numbers have no gap."""
        with self.store.read() as conn:
            return listing.events(conn, self.scope, ident)

    def findings(self, ident: str) -> tuple[verdicts.Finding, ...]:
        """The findings of the newest version in which there were any; of rows, the first hundred."""
        with self.store.read() as conn:
            listing.card(conn, self.scope, ident, self.clock())
            return listing.findings(conn, self.scope, ident)

    def marks(self, ident: str) -> tuple[quarantine.Mark, ...]:
        """What of the newest bad version a ticket is about: rows with their keys, or spans."""
        with self.store.read() as conn:
            listing.card(conn, self.scope, ident, self.clock())
            return quarantine.of_ticket(conn, self.scope, ident)

    def move(
        self,
        ident: str,
        to: ticket.State,
        *,
        reason: str = "",
        owner: str = "",
        false_alarm: bool = False,
        expected_version: int | None = None,
    ) -> words.Card:
        """Take the next step: acknowledged, assigned (to `owner`), resolved (with a reason) or closed.

        `false_alarm` goes with resolved: monitors learn from it. It proves nothing: the rule decides still.

        Raises errors.Conflict for a step that the state does not allow, and for `verified`, which only
        `verify` reaches.
        """
        remark = text.checked("reason", reason, _LONGEST_REMARK, lines=True).strip()
        if to == "verified":
            raise errors.Conflict("catalog.tickets:verified_by_rule", ticket=ident)
        if to == "assigned":
            return self.assign(ident, owner, reason=remark, expected_version=expected_version)
        if to == "resolved" and not remark:
            raise errors.UserError("catalog.tickets:needs_reason", ticket=ident)

        def change(row: sa.Row[object]) -> journal.Change:
            if to == row.state or to not in {"acknowledged", "resolved", "closed"}:
                raise journal.refused(row, to)
            sets = {"reason": remark} if to == "resolved" else {}
            body = {resolutions.FALSE_ALARM: True} if to == "resolved" and false_alarm else {}
            return journal.Change(to, to=to, reason=remark, body=body, sets=sets)

        return self._change(ident, change, expected_version)

    def assign(
        self, ident: str, owner: str = "", *, reason: str = "", expected_version: int | None = None
    ) -> words.Card:
        """Give a ticket to somebody; by default to who owns it. Sends back what was resolved, verified or closed.

        Sending back and taking up again need a reason.
        """
        remark = text.checked("reason", reason, _LONGEST_REMARK, lines=True).strip()
        name = text.checked("owner", owner, _LONGEST_NAME).strip()

        def change(row: sa.Row[object]) -> journal.Change:
            given = name or str(row.owner)
            if not given:
                raise errors.UserError("catalog.tickets:owner", ticket=ident)
            again = row.state in {"resolved", "verified", "closed"}
            if again and not remark:
                raise errors.UserError("catalog.tickets:reason_back", ticket=ident)
            kind: words.Kind = "assigned"
            sets: dict[str, object] = {"owner": given}
            if row.state == "assigned":
                kind = "reassigned"
            elif again:
                kind = "returned" if row.state == "resolved" else "reopened"
                sets |= {"reason": "", "reopened": row.reopened + (kind == "reopened")}
            return journal.Change(kind, to="assigned", reason=remark, body={"owner": given}, sets=sets)

        return self._change(ident, change, expected_version)

    def comment(self, ident: str, remark: str, *, expected_version: int | None = None) -> words.Card:
        """Say something about a ticket."""
        said = text.checked("comment", remark, _LONGEST_REMARK, least=1, lines=True)
        return self._change(ident, lambda row: journal.Change("commented", reason=said), expected_version)

    def attach(
        self,
        ident: str,
        proof: evidence.Evidence | str,
        *,
        name: str = "",
        remark: str = "",
        expected_version: int | None = None,
    ) -> words.Card:
        """Add evidence: a pointer into an asset, or the SHA-256 of a stored file with its name."""
        said = text.checked("comment", remark, _LONGEST_REMARK, lines=True)
        if isinstance(proof, str):
            if len(proof) != 64 or set(proof) - set("0123456789abcdef"):
                raise errors.UserError("catalog.tickets:attachment")
            body = {"file": {"sha256": proof, "name": text.checked("name", name, _LONGEST_NAME)}}
        else:
            body = {"evidence": proof.model_dump(mode="json")}
        return self._change(ident, lambda row: journal.Change("attached", reason=said, body=body), expected_version)

    def verify(
        self, ident: str, rerun: Callable[[words.Card], words.Rerun], *, expected_version: int | None = None
    ) -> words.Card:
        """Run a resolved ticket's rules again and let the outcome decide; there is no other way to `verified`.

        Nothing found: verified, its quarantine lifted, its rules in the asset's regression suite. Still
        found: back to assigned with the new findings. A rule that judged nothing proves nothing: the
        ticket stays resolved, and its history says why. `rerun` takes what time it needs: no lock is held.
        Raises errors.Conflict when the ticket is not resolved, was changed meanwhile, or `rerun` used a
        version in which it was found.
        """
        card = self.get(ident)
        if expected_version is not None and expected_version != card.version:
            with self.store.begin() as conn:
                self._pen(conn).locked(ident, expected_version)
        if card.state != "resolved":
            raise journal.refused(card, "verified")
        outcome = rerun(card)
        with self.store.begin() as conn:
            pen = self._pen(conn)
            row = pen.locked(ident, card.version)
            checking.settle(pen, row, card, outcome)
        return self.get(ident)

    def suite(self, asset: str) -> tuple[regression.Check, ...]:
        """The rules that each new version of an asset is judged by again, and the tickets they come from."""
        with self.store.read() as conn:
            return regression.suite(conn, self.scope, asset)

    def remind(self) -> tuple[str, ...]:
        """Note once, in the history of each open ticket whose due date has passed, that it has; gives their ids."""
        now = self.clock()
        own = tables.tickets.c
        late = self.scope.select(tables.tickets, own.id).where(listing.late(now), own.reminded.is_(None))
        with self.store.read() as conn:
            found = [row.id for row in conn.execute(late.order_by(own.due, own.id))]
        told = []
        for ident in found:
            with self.store.begin() as conn:
                pen = self._pen(conn)
                row = pen.locked(ident)
                if row.reminded is None and listing.is_late(row.state, row.due, now):
                    due = row.due.isoformat(timespec="minutes")
                    note = i18n.Message(key="catalog.tickets:overdue", values={"due": due}).both()
                    pen.write(row, journal.Change("reminded", note=note, sets={"reminded": now}))
                    told.append(ident)
        return tuple(told)

    def _change(
        self, ident: str, change: Callable[[sa.Row[object]], journal.Change], expected: int | None
    ) -> words.Card:
        with self.store.begin() as conn:
            pen = self._pen(conn)
            row = pen.locked(ident, expected)
            pen.write(row, change(row))
        return self.get(ident)

    def _pen(self, conn: sa.Connection) -> journal.Pen:
        return journal.Pen(conn, self.scope, self.principal.name, self.clock())


def tenants(store: opening.Store) -> tuple[str, ...]:
    """Tenants with open tickets that have a due date: the one question here that is not about one tenant."""
    own = tables.tickets.c
    asked = sa.select(own.tenant).where(own.state.in_(listing.OPEN), own.due.is_not(None)).distinct()
    with store.read() as conn:
        return tuple(conn.execute(asked.order_by(own.tenant)).scalars())
