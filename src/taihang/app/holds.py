"""Holds: an own rulebook is paused (no job may use it), locked (it takes no other version), or rolled back.

Each is a decision of its own in the ledger, in the transaction that makes it.
"""

from __future__ import annotations

import datetime

import sqlalchemy as sa

from taihang.catalog import catalogue, registering, words
from taihang.core import errors
from taihang.trust.ledger import entry, outbox


def hold(
    known: catalogue.Catalogue, asset: str, *, paused: bool | None = None, locked: bool | None = None
) -> words.Catalogued:
    """Set or take away the marks; None leaves one as it is. Raises errors.NotFound, also for what is no rulebook."""
    _rulebook(known, asset)
    wanted = {mark: on for mark, on in ((words.PAUSED, paused), (words.LOCKED, locked)) if on is not None}
    now, by = datetime.datetime.now(datetime.UTC), known.principal

    def work(conn: sa.Connection) -> words.Catalogued:
        before = registering.asset_of(conn, known.scope, asset)
        tags = {*before.tags, *(m for m, on in wanted.items() if on)} - {m for m, on in wanted.items() if not on}
        if tags == set(before.tags):
            return before
        made = registering.described(conn, known.scope, asset, {"tags": tuple(tags)}, revision=None, now=now)
        facts: dict[str, entry.Fact] = {"by": by.name, "version": made.latest}
        facts |= {mark.partition(":")[2]: mark in made.tags for mark in words.MARKS}
        outbox.put(conn, by.tenant, entry.Entry.now("rulebook", asset, tenant=by.tenant, facts=facts))
        return made

    return known.store.run(work)


def roll_back(known: catalogue.Catalogue, asset: str, version: str) -> words.Version:
    """Put an earlier version of a rulebook in force again: from now on it is the latest one.

    Raises errors.NotFound for a version of something else, errors.Conflict while the rulebook is locked.
    """
    _rulebook(known, asset)
    found, by = known.version(version), known.principal
    if found.asset_id != asset:
        raise errors.NotFound("catalog:no_version", id=version)
    content = registering.Content(found.asset, found.columns, found.source, found.stored, found.job_id)
    now = datetime.datetime.now(datetime.UTC)

    def work(conn: sa.Connection) -> words.Version:
        made = registering.register(conn, known.scope, content, registering.Description(), by=by.name, now=now)
        facts: dict[str, entry.Fact] = {"by": by.name, "version": version, "number": made.number}
        outbox.put(conn, by.tenant, entry.Entry.now("rulebook", asset, tenant=by.tenant, facts=facts))
        return made

    return known.store.run(work)


def usable(known: catalogue.Catalogue, version: words.Version) -> None:
    """Nothing when jobs may use this version. Raises errors.Conflict while its rulebook is paused."""
    about = known.asset(version.asset_id)
    if words.PAUSED in about.tags:
        raise errors.Conflict("app.api:book_paused", name=about.name)


def _rulebook(known: catalogue.Catalogue, asset: str) -> None:
    if known.asset(asset).kind != "rulebook":
        raise errors.NotFound("catalog:no_asset", id=asset)
