"""Intake: drafts of a policy meet the tickets that are there: opened, joined, sent back, reopened, or known already."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from taihang.catalog import text
from taihang.catalog.tickets import groups, journal, policy, quarantine, tables, words
from taihang.core import finding as verdicts
from taihang.core import i18n
from taihang.core import words as core

Outcome = str


@dataclasses.dataclass(frozen=True, slots=True)
class Intake:
    """Findings about one subject, under one policy."""

    pen: journal.Pen
    loaded: policy.Loaded
    subject: words.Subject
    rows: Mapping[tuple[str, str], words.Bad]

    def take(self, draft: policy.Draft) -> tuple[str, str]:
        """A ticket's id and what became of it: a field of words.Opened."""
        ident = groups.ident(draft.key)
        pen = self.pen
        known = pen.conn.execute(
            pen.scope.select(tables.tickets).where(tables.tickets.c.id == ident).with_for_update()
        ).one_or_none()
        if known is None and self._open(ident, draft):
            return ident, "opened"
        if known is None:  # somebody else opened it in this very moment
            known = pen.locked(ident)
        return ident, self._join(known, draft)

    def _open(self, ident: str, draft: policy.Draft) -> bool:
        pen, entry, loaded = self.pen, draft.entry, self.loaded
        level = gravest(draft.findings)
        owner = loaded.owner(entry, self.subject, pen.at)
        due = loaded.due(entry, level, pen.at)
        title = groups.title(entry.group, self.subject.asset, draft.findings)
        values = {
            "id": ident,
            "key": draft.key,
            "grouped": entry.group,
            "asset": self.subject.asset,
            "kind": self.subject.kind,
            "domain": self.subject.domain,
            "title": text.dumped(title.model_dump()),
            "level": level.value,
            "rank": level.rank,
            "state": "assigned" if owner else "new",
            "owner": owner,
            "due": due,
            "reminded": None,
            "reason": "",
            "version": 2 if owner else 1,
            "reopened": 0,
            "checked": None,
            "opened_at": pen.at,
            "changed_at": pen.at,
            "policy": loaded.named(entry),
            "notify": text.dumped(loaded.notify(entry)),
        }
        if not pen.scope.insert_new(pen.conn, tables.tickets, [values]):
            return False
        note = self._note("opened", policy=loaded.named(entry), count=len(draft.findings))
        body = {**self._facts(draft), "policy": loaded.named(entry)}
        pen.append(values, 1, "", "new", journal.Change("opened", note=note, body=body))
        if owner:
            pen.append(
                values, 2, "new", "assigned", journal.Change("assigned", body={"owner": owner}, sets={"owner": owner})
            )
        self._attach(ident, 1, draft, active=draft.entry.quarantine)
        return True

    def _join(self, known: sa.Row[Any], draft: policy.Draft) -> str:
        """What findings do to a ticket that is there.

        Findings of a version in which it was found before are no news, unless that version has come
        back under a higher number. A version that is known to be older than the newest one judged is only noted.
        """
        own, pen = tables.findings.c, self.pen
        keep = draft.entry.quarantine and known.state not in {"verified", "closed"}
        seen = pen.conn.execute(
            pen.scope.select(tables.findings, own.asset_version, own.rulebook_sha256, own.finding, own.number).where(
                own.ticket == known.id
            )
        ).all()
        fresh = [f for f in draft.findings if (self.subject.version, f.id) not in {(s[0], s[2]) for s in seen}]
        number = self.subject.number
        newest = max((n for n in (*(s.number for s in seen), known.checked) if n is not None), default=None)
        older = number is not None and newest is not None and number < newest
        back = number is not None and newest is not None and number > newest
        settled = known.state in {"resolved", "verified", "closed"}
        news = not older and (back or self.subject.version not in {s.asset_version for s in seen})
        if not fresh and not (news and settled):
            quarantine.mark(pen, known.id, self.subject, draft.findings, self.rows, active=keep)
            return "unchanged"
        level = max(core.Level(known.level), gravest(draft.findings), key=lambda one: one.rank)
        sets: dict[str, Any] = {"level": level.value, "rank": level.rank}
        if news and known.state in {"verified", "closed"}:
            kind: words.Kind = "reopened"
            sets |= {"reopened": known.reopened + 1, "due": self._due(draft, level), "reminded": None, "reason": ""}
        elif news and known.state == "resolved":
            kind = "returned"
            sets |= {"reason": ""}
        else:
            kind = "found"
            due = self._due(draft, level)
            if level.value != known.level and due is not None and (known.due is None or due < known.due):
                sets["due"] = due
        to = "assigned" if kind in {"reopened", "returned"} else None
        note = self._note(kind, version=self.subject.version[:16], count=len(draft.findings))
        change = journal.Change(kind, to=to, note=note, body=self._facts(draft), sets=sets)  # type: ignore[arg-type]
        self._attach(
            known.id, pen.write(known, change), draft, active=keep or (to is not None and draft.entry.quarantine)
        )
        return "joined" if kind == "found" else kind

    def _attach(self, ident: str, number: int, draft: policy.Draft, *, active: bool) -> None:
        attach(self.pen, ident, number, self.subject, draft.findings)
        if active:
            quarantine.renew(self.pen, ident, self.subject.version)
        quarantine.mark(self.pen, ident, self.subject, draft.findings, self.rows, active=active)

    def _due(self, draft: policy.Draft, level: core.Level) -> Any:
        return self.loaded.due(draft.entry, level, self.pen.at)

    def _facts(self, draft: policy.Draft) -> dict[str, Any]:
        books = sorted({f.rule.rulebook_sha256 for f in draft.findings})
        return {
            "asset_version": self.subject.version,
            "version_number": self.subject.number,
            "rulebook_sha256": ",".join(books),
            "findings": len(draft.findings),
        }

    @staticmethod
    def _note(kind: str, **values: Any) -> i18n.Text:
        return i18n.Message(key=f"catalog.tickets:note.{kind}", values=values).both()


def attach(
    pen: journal.Pen, ident: str, number: int, subject: words.Subject, findings: Sequence[verdicts.Finding]
) -> None:
    """Keep findings with a ticket, and which event brought their version last."""
    rows = [
        {
            "ticket": ident,
            "asset_version": subject.version,
            "finding": f.id,
            "number": subject.number,
            "rule": f.rule.id,
            "rulebook": f.rule.rulebook,
            "rulebook_sha256": f.rule.rulebook_sha256,
            "level": f.level.value,
            "event": number,
            "body": text.dumped(quarantine.lightened(f).model_dump(mode="json")),
        }
        for f in findings
    ]
    pen.scope.insert_new(pen.conn, tables.findings, rows)
    own = tables.findings.c
    same = pen.scope.update(tables.findings).where(own.ticket == ident, own.asset_version == subject.version)
    pen.conn.execute(same.values(event=number, number=sa.func.coalesce(subject.number, own.number)))


def gravest(findings: Sequence[verdicts.Finding]) -> core.Level:
    """The gravest level among findings."""
    return max((f.level for f in findings), key=lambda one: one.rank)
