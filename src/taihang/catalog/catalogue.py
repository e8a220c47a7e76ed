"""Catalogue: what one tenant knows of its assets, their versions and what was found in them."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Sequence

from taihang.catalog import cursor, finding_list, recording, registering, reviewing, search, tables, trends, words
from taihang.catalog.lineage import lineage
from taihang.core import asset as assets
from taihang.core import principal as principals
from taihang.engines.store import opening
from taihang.report import document


def _utc_now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


class Catalogue:
    """The catalogue as one principal sees it: every read and write is inside `principal.tenant`.

    Whether the principal may do it is asked elsewhere (`trust.access`) before it is called. Another
    tenant's id is answered as one that does not exist: errors.NotFound. What a text, a cursor or a
    limit must look like is told by errors.UserError. Every method is one transaction, and may be
    repeated: the same call twice leaves what one call leaves. `lineage` is what runs read and wrote.
    """

    def __init__(
        self,
        store: opening.Store,
        principal: principals.Principal,
        *,
        now: Callable[[], datetime.datetime] = _utc_now,
    ) -> None:
        self.store = store
        self.principal = principal
        self.scope = store.scope(principal.tenant)
        self.lineage = lineage.Lineage(store, principal)
        self._now = now

    # Assets and versions

    def register(
        self,
        asset: assets.Asset,
        *,
        columns: Sequence[words.Column] = (),
        source: str = "",
        stored: bool = False,
        licence: str = "",
        sensitivity: words.Sensitivity = "internal",
        description: str = "",
        tags: Iterable[str] = (),
        job_id: str = "",
    ) -> words.Version:
        """The version that holds this content, made when it is new.

        An asset is its kind and name; the same content again is the same version, and becomes the
        latest one. `asset.tenant` is not believed. Licence, sensitivity, description, tags and owner
        count when the asset is new (`describe` changes them later); source and the synthetic mark when
        the version is; columns when none are known yet. `stored`: the bytes are in the blob store. Raises
        errors.UserError.
        """
        content = registering.Content(asset, tuple(columns), source, stored, job_id).checked()
        said = registering.Description(
            asset.owner or self.principal.name, licence, sensitivity, description, tuple(tags)
        ).checked()
        by, now = self.principal.name, self._now()
        return self.store.run(lambda conn: registering.register(conn, self.scope, content, said, by=by, now=now))

    def describe(
        self,
        asset_id: str,
        *,
        owner: str | None = None,
        licence: str | None = None,
        sensitivity: words.Sensitivity | None = None,
        description: str | None = None,
        tags: Iterable[str] | None = None,
        revision: int | None = None,
    ) -> words.Catalogued:
        """Change what is said about an asset; None leaves a part as it is.

        With `revision`, only if nobody changed it since: errors.Conflict otherwise.
        """
        given = {
            "owner": owner, "licence": licence, "sensitivity": sensitivity, "description": description,
            "tags": None if tags is None else tuple(tags),
        }  # fmt: skip
        changes = {name: value for name, value in given.items() if value is not None}
        now = self._now()
        return self.store.run(
            lambda conn: registering.described(conn, self.scope, asset_id, changes, revision=revision, now=now)
        )

    def asset(self, asset_id: str) -> words.Catalogued:
        """An asset by its id. Raises errors.NotFound."""
        with self.store.read() as conn:
            return registering.asset_of(conn, self.scope, asset_id)

    def version(self, version_id: str) -> words.Version:
        """A version by its id. Raises errors.NotFound."""
        with self.store.read() as conn:
            return registering.version_of(conn, self.scope, version_id)

    def versions(
        self, asset_id: str | None = None, *, sha256: str | None = None, after: str | None = None, limit: int = 50
    ) -> words.Page[words.Version]:
        """Versions, of one asset or of one content or of all, the last registered first."""
        asked = {"versions": asset_id, "sha256": sha256}
        at = tables.versions.c
        statement = registering.versioned(self.scope)
        if asset_id is not None:
            statement = statement.where(at.asset_id == asset_id)
        if sha256 is not None:
            statement = statement.where(at.sha256 == sha256)
        order = (at.recorded, at.id)
        if after is not None:
            values = cursor.decode(asked, after, (datetime.datetime, str))
            statement = statement.where(cursor.after(order, values, down=True))
        with self.store.read() as conn:
            rows = conn.execute(statement.order_by(*(c.desc() for c in order)).limit(cursor.limited(limit) + 1)).all()
        found = tuple(registering.version_word(row) for row in rows[:limit])
        more = len(rows) > limit
        return words.Page(found, cursor.encode(asked, (found[-1].recorded, found[-1].id)) if more else None)

    def search(
        self,
        query: str = "",
        *,
        name: str | None = None,
        tag: str | None = None,
        owner: str | None = None,
        kind: assets.Kind | None = None,
        sensitivity: words.Sensitivity | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> words.Page[words.Catalogued]:
        """Assets by name. Each piece of `query` (cut at blanks) must occur in the name, tags, owner,
        description, licence or columns, in any script, wherever it stands in them; the rest is exact.
        """
        with self.store.read() as conn:
            return search.search(
                conn, self.scope, query=query, name=name, tag=tag, owner=owner, kind=kind, sensitivity=sensitivity,
                after=after, limit=limit,
            )  # fmt: skip

    # Reports and findings

    def record(
        self, report: document.Report, version_id: str, *, kind: str, job_id: str = "", folder: str = ""
    ) -> words.Told:
        """Store a report on a version, with its scorecard and findings; once, however often it is called.

        `kind`: which verb made it (`inspect`, `profile`, `assess` …). One job makes one report of a kind
        on a version: the first one stays; without a job equal reports are one. A finding that the
        version has already keeps its review. `folder`: where the report's files lie. Raises
        errors.NotFound for the version, errors.UserError when the report speaks of another content.
        """
        now, made = self._now(), recording.prepare(report)
        told, _ = self.store.run(
            lambda conn: recording.record(
                conn, self.scope, made, version_id, kind=kind, job_id=job_id, folder=folder, now=now
            )
        )
        return told

    def report(self, report_id: str) -> words.Told:
        """A report without its findings. Raises errors.NotFound."""
        with self.store.read() as conn:
            return recording.report_of(conn, self.scope, report_id)

    def report_json(self, report_id: str) -> bytes:
        """The whole report as `report.json`. Raises errors.NotFound."""
        with self.store.read() as conn:
            return recording.whole(conn, self.scope, report_id)

    def reports(
        self, version_id: str | None = None, *, kind: str | None = None, after: str | None = None, limit: int = 50
    ) -> words.Page[words.Told]:
        """Reports, of one version or of all, the last recorded first."""
        asked = {"reports": version_id, "kind": kind}
        at = tables.reports.c
        statement = self.scope.select(tables.reports, *(c for c in at if c.name != "body"))
        if version_id is not None:
            statement = statement.where(at.version_id == version_id)
        if kind is not None:
            statement = statement.where(at.kind == kind)
        order = (at.recorded, at.id)
        if after is not None:
            values = cursor.decode(asked, after, (datetime.datetime, str))
            statement = statement.where(cursor.after(order, values, down=True))
        with self.store.read() as conn:
            rows = conn.execute(statement.order_by(*(c.desc() for c in order)).limit(cursor.limited(limit) + 1)).all()
        found = tuple(recording.told(row) for row in rows[:limit])
        more = len(rows) > limit
        return words.Page(found, cursor.encode(asked, (found[-1].recorded, found[-1].id)) if more else None)

    def findings(
        self,
        where: words.Filter = words.Filter(),  # noqa: B008 - frozen
        *,
        order: finding_list.Order = "gravest",
        after: str | None = None,
        limit: int = 50,
    ) -> words.Page[words.Found]:
        """Findings that `where` lets through, a page at a time.

        `order`: `gravest` (then newest), `newest`, `oldest`, `rule`, `start` (by the place's time in its
        version). `after` is the `next` of the page before, with the same filter and order. Pages stay
        right while others write: what was there before and after is neither missed nor seen twice.
        """
        with self.store.read() as conn:
            return finding_list.listed(conn, self.scope, where, order=order, after=after, limit=limit)

    def finding(self, version_id: str, finding_id: str) -> words.Found:
        """One finding of a version. Raises errors.NotFound."""
        with self.store.read() as conn:
            return finding_list.one(conn, self.scope, version_id, finding_id)

    def levels(self, where: words.Filter = words.Filter()) -> dict[str, int]:  # noqa: B008 - frozen
        """How many findings `where` lets through, per level."""
        with self.store.read() as conn:
            return finding_list.counted(conn, self.scope, where)

    def review(
        self,
        version_id: str,
        finding_id: str,
        state: words.State,
        *,
        reason: str,
        revision: int | None = None,
        boxes: Sequence[words.Corrected] = (),
    ) -> words.Found:
        """Accept or reject a finding, or open it again, with a reason; the decision goes to the ledger too.

        With `revision`, only if nobody reviewed it since: errors.Conflict otherwise. `boxes` stand from now on
        for those of the finding's evidence.
        """
        by, now = self.principal.name, self._now()
        return self.store.run(
            lambda conn: reviewing.review(
                conn,
                self.scope,
                version_id,
                finding_id,
                state,
                reason=reason,
                by=by,
                revision=revision,
                now=now,
                boxes=boxes,
            )
        )

    def reviews(self, version_id: str, finding_id: str) -> tuple[words.Review, ...]:
        """Every decision about a finding, the first one first. Raises errors.NotFound."""
        with self.store.read() as conn:
            return reviewing.history(conn, self.scope, version_id, finding_id)

    def trend(self, asset_id: str, *, kind: str, limit: int = 50) -> tuple[trends.Point, ...]:
        """Scores per dimension and counts per level of the last versions, by their last report of a kind."""
        with self.store.read() as conn:
            return trends.trend(conn, self.scope, asset_id, kind, cursor.limited(limit))

    def compare(self, before: str, after: str, *, kind: str, limit: int = 50) -> trends.Comparison:
        """Findings that are new, fixed, still there, or not judged again, between two versions of one asset.

        Raises errors.NotFound, errors.UserError when one of them has no report of the kind.
        """
        with self.store.read() as conn:
            return trends.compare(conn, self.scope, before, after, kind=kind, limit=cursor.limited(limit))
