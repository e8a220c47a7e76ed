"""Checking: what a re-run of a ticket's rules says about the ticket."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from taihang.catalog.tickets import groups, intake, journal, quarantine, regression, tables, words
from taihang.core import errors, i18n


def settle(pen: journal.Pen, row: sa.Row[Any], card: words.Card, outcome: words.Rerun) -> None:
    """Move a locked, resolved ticket as the re-run says: verified, back to assigned, or, undecided, nowhere."""
    own = tables.findings.c
    before = pen.scope.select(tables.findings, own.asset_version).where(own.ticket == row.id).distinct()
    short = outcome.version[:16]
    if outcome.version in {r.asset_version for r in pen.conn.execute(before)}:
        raise errors.Conflict("catalog.tickets:note.same_version", version=short)
    mine = [f for f in outcome.findings if groups.key(card.grouped, card.asset, f) == row.key]
    broken = [f for f in mine if f.verdict == "violated"]
    books = ",".join(sorted({b.sha256 for b in outcome.rulebooks if b.sha256}))
    judged = sum(outcome.judged.get(r.rule, 0) for r in card.rules)
    body = {"asset_version": outcome.version, "rulebook_sha256": books, "judged": judged, **outcome.told}
    if broken:
        subject = words.Subject(asset=card.asset, kind=card.kind, version=outcome.version, number=outcome.number)
        note = _note("returned", version=short, count=len(broken))
        change = journal.Change("returned", to="assigned", note=note, body={**body, "findings": len(broken)})
        number = pen.write(row, change)
        intake.attach(pen, row.id, number, subject, broken)
        quarantine.mark(pen, row.id, subject, broken, outcome.rows, active=_is_quarantined(pen, row.id))
        return
    doubt = _doubt(card, outcome, len(mine))
    if doubt is not None:
        note = _note("unverified", version=short, reason=doubt)
        pen.write(row, journal.Change("unverified", note=note, body=body))
        return
    pen.write(
        row,
        journal.Change(
            "verified",
            to="verified",
            note=_note("verified", version=short, judged=judged),
            body=body,
            sets={"checked": outcome.number},
        ),
    )
    quarantine.lift(pen, row.id)
    regression.add(pen, card, outcome.version)


def _doubt(card: words.Card, outcome: words.Rerun, suspected: int) -> i18n.Text | None:
    """Why the re-run proves nothing, if so."""
    books = {b.name for b in outcome.rulebooks}
    silent = [r.rule for r in card.rules if r.rulebook not in books or not outcome.judged.get(r.rule)]
    if silent:
        reasons = [n.reason for n in outcome.not_judged if n.rule in silent]
        if reasons:
            return reasons[0]
        return i18n.Message(key="catalog.tickets:unjudged", values={"rules": ", ".join(silent)}).both()
    if suspected:
        return i18n.Message(key="catalog.tickets:suspected", values={"count": suspected}).both()
    return None


def _is_quarantined(pen: journal.Pen, ident: str) -> bool:
    own = tables.marks.c
    asked = pen.scope.select(tables.marks, own.ticket).where(own.ticket == ident, own.active).limit(1)
    return pen.conn.execute(asked).first() is not None


def _note(kind: str, **values: Any) -> i18n.Text:
    return i18n.Message(key=f"catalog.tickets:note.{kind}", values=values).both()
