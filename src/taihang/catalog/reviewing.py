"""Reviewing: a person accepts or rejects a finding, with a reason; every decision stays."""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Sequence

import sqlalchemy as sa

from taihang.catalog import finding_list, tables, text, words
from taihang.core import errors, evidence, ids
from taihang.engines.store import scope as scoping
from taihang.trust.ledger import entry as entries
from taihang.trust.ledger import outbox

_STATES = ("accepted", "rejected", "open")


def review(
    conn: sa.Connection,
    scope: scoping.Scope,
    version_id: str,
    finding_id: str,
    state: words.State,
    *,
    reason: str,
    by: str,
    revision: int | None,
    now: datetime.datetime,
    boxes: Sequence[words.Corrected] = (),
) -> words.Found:
    """The finding with its new state. The last decision made again, word for word, changes nothing.

    Corrected boxes stay until they are corrected again, whatever the finding's state becomes.
    The ledger learns that and what was decided; who and why only as commitments. Raises
    errors.NotFound, errors.Conflict (another revision), errors.UserError.
    """
    if state not in _STATES:
        raise errors.UserError("catalog:review.state", known=", ".join(_STATES))
    text.checked("reason", reason.strip(), 2000, least=1, lines=True)
    at = tables.findings.c
    chosen = (at.version_id == version_id) & (at.id == finding_id)
    mark = conn.execute(
        scope.select(tables.findings, at.mark, at.revision).where(chosen).with_for_update()
    ).one_or_none()
    before = finding_list.one(conn, scope, version_id, finding_id)
    assert mark is not None
    given = _boxes(before, boxes)
    if (before.state, before.reason, before.reviewer, before.boxes) == (state, reason, by, given):
        return before
    if revision is not None and revision != before.revision:
        raise errors.Conflict("catalog:review.revision", id=finding_id, revision=before.revision)
    number = before.revision
    reviewer, reviewer_salt = entries.commit(by)
    why, why_salt = entries.commit(reason)
    row = {
        "version_id": version_id, "finding_id": finding_id, "number": number, "state": state, "reason": reason,
        "reviewer": by, "at": now, "salts": text.dumped([reviewer_salt, why_salt]), "mark": mark.mark,
        "boxes": given if boxes else "",
    }  # fmt: skip
    conn.execute(scope.insert(tables.reviews, row))
    changes = {"state": state, "reason": reason, "reviewer": by, "reviewed": now, "revision": number + 1,
               "boxes": given}  # fmt: skip
    conn.execute(scope.update(tables.findings).where(chosen).values(**changes))
    facts: dict[str, entries.Fact] = {"version": version_id, "state": state, "before": before.state, "number": number}
    if boxes:
        facts["boxes"] = ids.digest(given.encode())
    made = entries.Entry.now("finding-review", finding_id, facts=facts, personal={"reviewer": reviewer, "reason": why})
    outbox.put(conn, scope.tenant, made)
    return finding_list.one(conn, scope, version_id, finding_id)


def history(conn: sa.Connection, scope: scoping.Scope, version_id: str, finding_id: str) -> tuple[words.Review, ...]:
    """Every decision about a finding, the first one first. Raises errors.NotFound."""
    finding_list.one(conn, scope, version_id, finding_id)
    at = tables.reviews.c
    rows = conn.execute(
        scope.select(tables.reviews, at.number, at.state, at.reason, at.reviewer, at.at, at.boxes)
        .where(at.version_id == version_id, at.finding_id == finding_id)
        .order_by(at.number)
    )
    return tuple(words.Review(*row) for row in rows)


def _boxes(before: words.Found, given: Sequence[words.Corrected]) -> str:
    """The finding's corrected boxes with the given ones in their places, as JSON. Raises errors.UserError."""
    if not given:
        return before.boxes
    seen = {one.number: one for one in before.finding.evidence if isinstance(one, evidence.Frame)}
    kept = {(one["number"], one["index"]): one for one in json.loads(before.boxes or "[]")}
    for one in given:
        frame = seen.get(one.number)
        if frame is None or not 0 <= one.index < len(frame.boxes):
            raise errors.UserError("catalog:review.no_box", frame=one.number, index=one.index)
        sides = (one.x0, one.y0, one.x1, one.y1)
        inside = 0 <= one.x0 < one.x1 <= frame.width and 0 <= one.y0 < one.y1 <= frame.height
        if not (all(map(math.isfinite, sides)) and inside):
            raise errors.UserError("catalog:review.outside", width=frame.width, height=frame.height)
        kept[one.number, one.index] = one.model_dump(mode="json")
    return text.dumped([kept[place] for place in sorted(kept)])
