"""Watching: an asset's history as the catalogue keeps it, and what people said of earlier alarms in tickets."""

from __future__ import annotations

import contextlib
import dataclasses
import getpass
from collections.abc import Iterator
from pathlib import Path

from taihang.app import cataloguing as memory
from taihang.app import desks, places
from taihang.app.migrations import upgrade
from taihang.catalog import catalogue
from taihang.catalog import words as cataloguing
from taihang.catalog.tickets import desk, resolutions
from taihang.core import errors, principal
from taihang.data.quality.monitors import reading, watch
from taihang.engines.blobs import blobs
from taihang.engines.blobs import opening as blob_stores
from taihang.engines.store import opening as stores
from taihang.report import document
from taihang.report import json as reporting

_KINDS = ("profile", "assess")
_PAGE = 200


@dataclasses.dataclass(frozen=True)
class Place:
    """The parts of a platform that a history is read from, in one tenant."""

    catalogue: catalogue.Catalogue
    desk: desk.Desk
    blobs: blobs.Blobs


@contextlib.contextmanager
def opened(tenant: str = "default") -> Iterator[Place]:
    """This machine's platform for this machine's user."""
    where = places.current()
    store = stores.open_store(where.store)
    who = principal.Principal(name=getpass.getuser(), tenant=tenant)
    try:
        upgrade.upgrade(store)
        yield Place(catalogue.Catalogue(store, who), desk.Desk(store, who), blob_stores.open_blobs(where.blobs))
    finally:
        store.close()


def history(at: Place, given: str) -> reading.History:
    """All reports of profile and assess on an asset's versions, by its id or its name.

    Raises errors.NotFound, errors.UserError when it has no report.
    """
    about = asset(at, given)
    told, unread = [], []
    for version in _versions(at, about.id):
        for kind in _KINDS:
            after = None
            while True:
                page = at.catalogue.reports(version.id, kind=kind, after=after, limit=_PAGE)
                for one in page.items:
                    try:
                        told.append(_told(at, one, about.name))
                    except errors.TaihangError:
                        unread.append(one.id)
                after = page.next
                if after is None:
                    break
    if not told:
        raise errors.UserError("app:monitor.no_reports", asset=about.name)
    return reading.history(told, tuple(unread))


def feedback(at: desk.Desk, name: str) -> dict[tuple[str, str], str]:
    """What people said of an asset's alarms when they resolved their tickets, by (monitor, ISO time).

    `false` for a false alarm, `true` for any other reason; what no ticket was resolved about is absent.
    """
    made: dict[tuple[str, str], str] = {}
    with at.store.read() as conn:
        for found, false_alarm in resolutions.of(conn, at.scope, name, watch.BOOK):
            monitor, moment = found.place.keys.get("monitor"), found.place.keys.get("at")
            if isinstance(monitor, str) and isinstance(moment, str):
                made[monitor, moment] = "false" if false_alarm else "true"
    return made


def asset(at: Place, given: str) -> cataloguing.Catalogued:
    """An asset by its id, or by its exact name. Raises errors.NotFound."""
    try:
        return at.catalogue.asset(given)
    except errors.NotFound:
        found = [one for one in at.catalogue.search(given, limit=100).items if one.name == given]
        if not found:
            raise
        return found[0]


def newest(at: Place, given: str) -> cataloguing.Version:
    """The newest version of an asset, which a report on its history belongs to. Raises errors.NotFound."""
    return at.catalogue.version(asset(at, given).latest)


def recorded(at: Place, version: cataloguing.Version, report: document.Report, folder: Path) -> cataloguing.Told:
    """Record a report on an asset's history with its newest version, and that it was made of it."""
    told = at.catalogue.record(report, version.id, kind="monitor", folder=str(folder.absolute()))
    memory.traced(at.catalogue, told, report)
    return told


def _versions(at: Place, asset_id: str) -> Iterator[cataloguing.Version]:
    after = None
    while True:
        page = at.catalogue.versions(asset_id, after=after, limit=_PAGE)
        yield from page.items
        after = page.next
        if after is None:
            return


def _told(at: Place, one: cataloguing.Told, name: str) -> reading.Told:
    report = reporting.load(at.catalogue.report_json(one.id))
    profile = None
    if one.kind == "profile":
        files = desks.files(at.blobs, at.catalogue.scope.tenant, one.folder)
        if reading.PROFILE in files:
            data = at.blobs.read(at.catalogue.scope.tenant, files[reading.PROFILE][0])
            profile = reading.of_profile(data, one.id)
        elif one.folder and (Path(one.folder) / reading.PROFILE).is_file():
            profile = reading.of_profile((Path(one.folder) / reading.PROFILE).read_bytes(), one.id)
    return reading.Told(
        at=profile.created if profile else report.created,
        asset=name,
        sha256=report.asset.sha256,
        source=one.id,
        profile=profile,
        scores=report.scorecard if report.scorecard.scores else None,
        synthetic=report.synthetic,
    )
