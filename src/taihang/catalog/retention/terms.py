"""Terms: which retention rule counts for a version, what holds it, what is due."""

from __future__ import annotations

import datetime
import typing
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from taihang.catalog import cursor, registering, text
from taihang.catalog import tables as catalogued
from taihang.catalog import words as things
from taihang.catalog.retention import tables, words
from taihang.core import asset as assets
from taihang.core import errors, ids
from taihang.engines.store import scope as scoping
from taihang.trust.ledger import entry as entries
from taihang.trust.ledger import outbox

_NONE = words.Rule()


def rules(conn: sa.Connection, scope: scoping.Scope) -> tuple[words.Rule, ...]:
    """All rules, the closest first."""
    at = tables.rules.c
    rows = conn.execute(scope.select(tables.rules, at.kind, at.sensitivity, at.keep_days, at.delete_days))
    found = [
        words.Rule(kind=r.kind, sensitivity=r.sensitivity, keep_days=r.keep_days, delete_days=r.delete_days)
        for r in rows
    ]
    return tuple(sorted(found, key=lambda r: (-r.weight, r.id)))


def put(conn: sa.Connection, scope: scoping.Scope, rule: words.Rule) -> None:
    """Set a rule, in place of the one for the same kind and sensitivity."""
    row = {"id": rule.id, **rule.model_dump()}
    if scope.insert_new(conn, tables.rules, [row]) == 0:
        conn.execute(scope.update(tables.rules).where(tables.rules.c.id == rule.id).values(**row))
    facts: dict[str, entries.Fact] = dict(rule.model_dump())
    outbox.put(conn, scope.tenant, entries.Entry.now("retention-rule", rule.id, facts=facts))


def drop(conn: sa.Connection, scope: scoping.Scope, rule_id: str) -> None:
    """Take a rule away. Raises errors.NotFound."""
    if conn.execute(scope.delete(tables.rules).where(tables.rules.c.id == rule_id)).rowcount == 0:
        raise errors.NotFound("catalog:retention.no_rule", id=rule_id)
    outbox.put(conn, scope.tenant, entries.Entry.now("retention-rule", rule_id, facts={"removed": True}))


def closest(known: Sequence[words.Rule], kind: str, sensitivity: str) -> words.Rule:
    """The rule that counts, of those that `rules` gives; without any, nothing must stay and nothing is due."""
    fits = (r for r in known if r.kind in (None, kind) and r.sensitivity in (None, sensitivity))
    return next(fits, _NONE)


def terms(conn: sa.Connection, scope: scoping.Scope, version_id: str) -> words.Terms:
    """A version's terms. Raises errors.NotFound."""
    version = registering.version_of(conn, scope, version_id)
    asset = registering.asset_of(conn, scope, version.asset_id)
    rule = closest(rules(conn, scope), asset.kind, asset.sensitivity)
    due = None if rule.delete_days is None else version.recorded + datetime.timedelta(days=rule.delete_days)
    keep = version.recorded + datetime.timedelta(days=rule.keep_days)
    held = holding(conn, scope, version_id, version.asset_id)
    return words.Terms(version_id=version_id, keep_until=keep, due=due, holds=held)


def due(
    conn: sa.Connection, scope: scoping.Scope, now: datetime.datetime, *, after: str | None, limit: int
) -> things.Page[things.Version]:
    """Versions whose time is over and that nothing holds, the oldest first."""
    at, of, held = catalogued.versions.c, catalogued.assets.c, tables.holds.c
    known = rules(conn, scope)
    over: list[sa.ColumnElement[bool]] = []
    for kind in typing.get_args(assets.Kind):
        for sensitivity in typing.get_args(things.Sensitivity):
            days = closest(known, kind, sensitivity).delete_days
            if days is not None:
                before = now - datetime.timedelta(days=days)
                over.append((of.kind == kind) & (of.sensitivity == sensitivity) & (at.recorded <= before))
    if not over:
        return things.Page(())
    holds = scope.select(tables.holds, held.target).where(held.released.is_(None))
    statement = registering.versioned(scope).where(sa.or_(*over), at.id.not_in(holds), at.asset_id.not_in(holds))
    order = (at.recorded, at.id)
    if after is not None:
        values = cursor.decode({"due": ""}, after, (datetime.datetime, str))
        statement = statement.where(cursor.after(order, values, down=False))
    rows = conn.execute(statement.order_by(*order).limit(cursor.limited(limit) + 1)).all()
    found = tuple(registering.version_word(row) for row in rows[:limit])
    more = len(rows) > limit
    return things.Page(found, cursor.encode({"due": ""}, (found[-1].recorded, found[-1].id)) if more else None)


def hold(
    conn: sa.Connection,
    scope: scoping.Scope,
    target: str,
    kind: words.Held,
    *,
    reason: str,
    key: str,
    by: str,
    now: datetime.datetime,
) -> words.Hold:
    """Hold a version or all of an asset. The same target, kind and key once more is the same hold.

    Raises errors.NotFound, errors.UserError.
    """
    if kind not in typing.get_args(words.Held):
        raise errors.UserError("catalog:retention.hold_kind", known=", ".join(typing.get_args(words.Held)))
    text.checked("reason", reason.strip(), 2000, least=1, lines=True)
    text.checked("key", key, 200)
    if target.startswith("asset-"):
        lock = registering.asset_of(conn, scope, target).id
    else:
        lock = registering.version_of(conn, scope, target).asset_id
    # A deletion takes the same lock, so a hold comes before it or finds nothing to hold.
    conn.execute(scope.select(catalogued.assets).where(catalogued.assets.c.id == lock).with_for_update())
    registering.asset_of(conn, scope, lock)
    if not target.startswith("asset-"):
        registering.version_of(conn, scope, target)
    made = ids.content_id("hold", [target, kind, key or reason])
    row: dict[str, Any] = {
        "id": made, "target": target, "kind": kind, "reason": reason, "placed_by": by, "placed": now,
        "released_by": None, "released": None, "release_reason": "",
    }  # fmt: skip
    there = _one(conn, scope, made)
    if there is not None and there.released is None:
        return there
    if there is None:
        conn.execute(scope.insert(tables.holds, row))
    else:
        conn.execute(scope.update(tables.holds).where(tables.holds.c.id == made).values(**row))
    outbox.put(conn, scope.tenant, entries.Entry.now("hold", target, facts={"hold": made, "held": kind}))
    return words.Hold(**row)


def release(
    conn: sa.Connection, scope: scoping.Scope, hold_id: str, *, reason: str, by: str, now: datetime.datetime
) -> words.Hold:
    """Lift a hold; one that is lifted stays as it is. Raises errors.NotFound, errors.UserError."""
    text.checked("reason", reason.strip(), 2000, least=1, lines=True)
    there = one(conn, scope, hold_id)
    if there.released is not None:
        return there
    changes = {"released": now, "released_by": by, "release_reason": reason}
    conn.execute(scope.update(tables.holds).where(tables.holds.c.id == hold_id).values(**changes))
    outbox.put(conn, scope.tenant, entries.Entry.now("hold-release", there.target, facts={"hold": hold_id}))
    return there.model_copy(update=changes)


def holding(conn: sa.Connection, scope: scoping.Scope, *targets: str) -> tuple[words.Hold, ...]:
    """What holds one of these now."""
    return held(conn, scope, targets) if targets else ()


def held(
    conn: sa.Connection, scope: scoping.Scope, targets: Sequence[str] = (), *, released: bool = False
) -> tuple[words.Hold, ...]:
    """What holds these, or anything when none is named; with `released` also what was lifted."""
    at = tables.holds.c
    asked = scope.select(tables.holds).order_by(at.placed, at.id)
    if targets:
        asked = asked.where(at.target.in_(targets))
    if not released:
        asked = asked.where(at.released.is_(None))
    return tuple(_word(row) for row in conn.execute(asked))


def one(conn: sa.Connection, scope: scoping.Scope, hold_id: str) -> words.Hold:
    """A hold. Raises errors.NotFound."""
    found = _one(conn, scope, hold_id)
    if found is None:
        raise errors.NotFound("catalog:retention.no_hold", id=hold_id)
    return found


def _one(conn: sa.Connection, scope: scoping.Scope, hold_id: str) -> words.Hold | None:
    row = conn.execute(scope.select(tables.holds).where(tables.holds.c.id == hold_id)).one_or_none()
    return None if row is None else _word(row)


def _word(row: sa.Row[Any]) -> words.Hold:
    return words.Hold(**{n: getattr(row, n) for n in words.Hold.model_fields})
