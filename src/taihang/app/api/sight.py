"""Sight: which assets a caller may see, where a list holds things of many assets."""

from __future__ import annotations

from collections.abc import Iterable

from taihang.app.api import caller
from taihang.catalog import tables, words

# The gravest word of the catalogue: who may see that may see all.
GRAVEST: words.Sensitivity = "core"


def hidden(who: caller.Caller, action: str, asset_ids: Iterable[str]) -> frozenset[str]:
    """Those of the assets that the caller may not see, asked in one statement at most."""
    wanted = frozenset(asset_ids)
    if not wanted or who.can(action, sensitivity=GRAVEST):
        return frozenset()
    store, at = who.platform.store, tables.assets.c
    with store.read() as conn:
        rows = conn.execute(
            store.scope(who.who.tenant).select(tables.assets, at.id, at.owner, at.sensitivity).where(at.id.in_(wanted))
        ).all()
    return frozenset(
        row.id for row in rows if not who.can(action, row.id, owner=row.owner or None, sensitivity=row.sensitivity)
    )


def asset(who: caller.Caller, action: str, asset_id: str) -> words.Catalogued:
    """An asset that the caller may treat so. Raises errors.NotFound, errors.Forbidden."""
    found = who.platform.catalogue(who.who).asset(asset_id)
    who.may(action, found.id, owner=found.owner or None, sensitivity=found.sensitivity, tags=found.tags)
    return found


def version(who: caller.Caller, action: str, version_id: str) -> words.Version:
    """A version whose asset the caller may treat so. Raises errors.NotFound, errors.Forbidden."""
    found = who.platform.catalogue(who.who).version(version_id)
    noun, _, _ = action.partition(":")
    about = who.platform.catalogue(who.who).asset(found.asset_id)
    who.may(
        action, version_id if noun != "asset" else about.id, owner=about.owner or None, sensitivity=about.sensitivity
    )
    return found
