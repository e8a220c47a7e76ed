"""Retention: how long one tenant's versions stay, what holds them, and how they go."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence

import sqlalchemy as sa

from taihang.catalog import words as things
from taihang.catalog.retention import deletion, rows, tables, terms, words
from taihang.core import errors
from taihang.core import principal as principals
from taihang.engines.store import opening
from taihang.engines.store import scope as scoping


def _utc_now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


class Retention:
    """Retention as one principal sees it: every read and write is inside `principal.tenant`.

    `places`: where blobs, reports and caches lie. `also`: what else must forget a content, called in the
    transaction that removes the rows with the connection, the scope and the content's SHA-256, unless
    another version has the same content.
    """

    def __init__(
        self,
        store: opening.Store,
        principal: principals.Principal,
        places: deletion.Places = deletion.Places(),  # noqa: B008 - frozen
        *,
        also: Sequence[Callable[[sa.Connection, scoping.Scope, str], None]] = (),
        now: Callable[[], datetime.datetime] = _utc_now,
    ) -> None:
        self.store = store
        self.principal = principal
        self.scope = store.scope(principal.tenant)
        self._deleter = deletion.Deleter(store, self.scope, places, also)
        self._now = now

    def rules(self) -> tuple[words.Rule, ...]:
        """All rules, the closest first."""
        with self.store.read() as conn:
            return terms.rules(conn, self.scope)

    def set_rule(self, rule: words.Rule) -> None:
        """Set a rule, in place of the one for the same kind and sensitivity."""
        self.store.run(lambda conn: terms.put(conn, self.scope, rule))

    def remove_rule(self, rule_id: str) -> None:
        """Take a rule away. Raises errors.NotFound."""
        self.store.run(lambda conn: terms.drop(conn, self.scope, rule_id))

    def terms(self, version_id: str) -> words.Terms:
        """When a version may go, when it is due, what holds it. Raises errors.NotFound."""
        with self.store.read() as conn:
            return terms.terms(conn, self.scope, version_id)

    def due(self, *, after: str | None = None, limit: int = 50) -> things.Page[things.Version]:
        """Versions whose time is over and that nothing holds, the oldest first."""
        with self.store.read() as conn:
            return terms.due(conn, self.scope, self._now(), after=after, limit=limit)

    def hold(self, target: str, *, reason: str, kind: words.Held = "legal", key: str = "") -> words.Hold:
        """Forbid the deletion of a version, or of all versions of an asset.

        `kind` `certificate`: something that was issued rests on it; `key`: its number. The same target,
        kind and key once more is the same hold. Raises errors.NotFound, errors.UserError.
        """
        by, now = self.principal.name, self._now()
        return self.store.run(
            lambda conn: terms.hold(conn, self.scope, target, kind, reason=reason, key=key, by=by, now=now)
        )

    def release(self, hold_id: str, *, reason: str) -> words.Hold:
        """Lift a hold. Raises errors.NotFound, errors.UserError."""
        by, now = self.principal.name, self._now()
        return self.store.run(lambda conn: terms.release(conn, self.scope, hold_id, reason=reason, by=by, now=now))

    def holds(self, *targets: str, released: bool = False) -> tuple[words.Hold, ...]:
        """What holds anything, or one of the targets; with `released` also what was lifted. The oldest first."""
        with self.store.read() as conn:
            return terms.held(conn, self.scope, targets, released=released)

    def held(self, hold_id: str) -> words.Hold:
        """One hold. Raises errors.NotFound."""
        with self.store.read() as conn:
            return terms.one(conn, self.scope, hold_id)

    def check(self, version_id: str, *, early: bool = False) -> None:
        """Nothing when a version may be deleted now. Raises errors.NotFound, errors.Conflict for what must stay."""
        now = self._now()
        self.store.run(lambda conn: rows.check(conn, self.scope, version_id, now, early=early))

    def delete(self, version_id: str, cause: words.Cause, *, early: bool = False) -> words.Proof:
        """Delete a version and everything about it; search the disk for what is left of it.

        Called again after an interruption, it goes on; called again after it is done, it gives the proof
        once more. `early`: before a retention rule's time (a hold stops it all the same). The original at
        the version's source is not touched. Raises errors.NotFound, errors.Conflict for what must stay.
        """
        if cause not in ("retention", "request", "error"):
            raise errors.UserError("catalog:retention.cause")
        self._deleter.begin(version_id, cause, self.principal.name, self._now(), early=early)
        return self._deleter.finish(version_id, self._now())

    def resume(self) -> tuple[words.Proof, ...]:
        """Finish deletions that were interrupted."""
        at = tables.deletions.c
        with self.store.read() as conn:
            asked = self.scope.select(tables.deletions, at.version_id).where(at.finished.is_(None))
            begun = list(conn.execute(asked.order_by(at.begun)).scalars())
        return tuple(self._deleter.finish(version, self._now()) for version in begun)

    def proofs(self, *, after: str | None = None, limit: int = 50) -> things.Page[words.Proof]:
        """Proofs of deletions that are finished, the last begun first. Raises errors.UserError for a foreign cursor."""
        with self.store.read() as conn:
            return rows.proofs(conn, self.scope, after=after, limit=limit)

    def proof(self, version_id: str) -> words.Proof:
        """The proof of a deletion that is finished. Raises errors.NotFound."""
        with self.store.read() as conn:
            row = rows.known(conn, self.scope, version_id)
        done = None if row is None else rows.proof_of(row)
        if done is None:
            raise errors.NotFound("catalog:no_version", id=version_id)
        return done
