"""Deletion: a version goes, with its rows, blobs, reports and caches, and the disk is searched for the rest.

In three steps, so that a process killed between them leaves a plan that the next one finishes: the rows go
and the plan is written, in one transaction; what lies outside of the store is removed; the store is
scrubbed, everything is searched, and the proof replaces the plan.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from taihang.catalog import tables as catalogued
from taihang.catalog.retention import artefacts, rows, scrub, traces, words
from taihang.engines.blobs import blobs as kept
from taihang.engines.store import opening
from taihang.engines.store import scope as scoping
from taihang.trust.ledger import entry as entries
from taihang.trust.ledger import outbox


@dataclasses.dataclass(frozen=True, slots=True)
class Places:
    """Where things lie besides the store.

    `roots`: folders of ours below which reports and caches may be removed. `searched`: folders of this
    tenant alone, read afterwards (what another tenant has must not show in a proof). `cached(sha256)` and
    `of_job(id)` name folders that hold something of a content, or of a job's output.
    """

    blobs: kept.Blobs | None = None
    roots: Sequence[Path] = ()
    searched: Sequence[Path] = ()
    cached: Callable[[str], Sequence[Path]] = lambda _: ()
    of_job: Callable[[str], Sequence[Path]] = lambda _: ()


@dataclasses.dataclass(frozen=True, slots=True)
class Deleter:
    """Deletes versions of one tenant."""

    store: opening.Store
    scope: scoping.Scope
    places: Places
    also: Sequence[Callable[[sa.Connection, scoping.Scope, str], None]] = ()

    def begin(self, version_id: str, cause: words.Cause, by: str, now: datetime.datetime, *, early: bool) -> None:
        """Remove the rows and write the plan, unless that was done before. Raises NotFound, Conflict."""

        def work(conn: sa.Connection) -> None:
            if rows.known(conn, self.scope, version_id) is not None:
                return
            made = self._planned(conn, rows.plan(conn, self.scope, version_id, now, early=early), version_id)
            asset = self.scope.select(catalogued.versions, catalogued.versions.c.asset_id)
            row: dict[str, Any] = {
                "version_id": version_id, "cause": cause, "deleted_by": by, "begun": now, "finished": None,
                "asset_id": conn.execute(asset.where(catalogued.versions.c.id == version_id)).scalar_one(),
            }  # fmt: skip
            rows.remove(conn, self.scope, version_id, made, row)
            for forget in () if made.shared else self.also:
                forget(conn, self.scope, made.sha256)

        self.store.run(work)

    def finish(self, version_id: str, now: datetime.datetime) -> words.Proof:
        """Remove what lies outside of the store, search for what is left, and write the proof."""
        with self.store.read() as conn:
            row = rows.known(conn, self.scope, version_id)
        assert row is not None
        done = rows.proof_of(row)
        if done is not None:
            return done
        plan = rows.Plan.model_validate_json(row.plan) if row.plan else None
        if plan is None:
            # Killed after the search and before the proof: what to search for is forgotten.
            proof = words.Proof(version_id=version_id, cause=row.cause, finished=now, proved=False)
        else:
            proof = self._removed(version_id, row.cause, plan, now)
        self.store.run(lambda conn: self._told(conn, proof))
        return proof

    def _planned(self, conn: sa.Connection, plan: rows.Plan, version_id: str) -> rows.Plan:
        blobs, tenant = self.places.blobs, self.scope.tenant
        named: dict[str, str] = {}
        if blobs is not None:
            for folder in plan.folders:
                named |= artefacts.manifest(blobs, tenant, folder)
            named |= {plan.sha256: ""} if plan.stored and not plan.shared else {}
            for sha256 in self._used(conn, version_id):
                named.pop(sha256, None)
        made = plan.model_copy(update={"blobs": tuple(named)})
        if plan.shared:
            return made
        folders, _ = artefacts.removable([*plan.folders, *self._folders(plan)], self.places.roots)
        telling = [sha256 for sha256, name in named.items() if artefacts.telling(name)]
        return made.model_copy(update={"windows": artefacts.sampled(blobs, tenant, telling, folders)})

    def _used(self, conn: sa.Connection, version_id: str) -> set[str]:
        """Blobs that reports on other versions, or other versions themselves, still need."""
        at, of = catalogued.reports.c, catalogued.versions.c
        others = self.scope.select(catalogued.reports, at.folder).where(
            at.version_id != version_id, at.folder.startswith(artefacts.BLOB)
        )
        assert self.places.blobs is not None
        used = set(
            conn.execute(
                self.scope.select(catalogued.versions, of.sha256).where(of.id != version_id, of.stored)
            ).scalars()
        )
        for folder in conn.execute(others).scalars():
            used |= set(artefacts.manifest(self.places.blobs, self.scope.tenant, folder))
        return used

    def _folders(self, plan: rows.Plan) -> list[str]:
        cached = () if plan.shared else self.places.cached(plan.sha256)
        return [str(path) for path in (*cached, *(p for job in plan.jobs for p in self.places.of_job(job)))]

    def _removed(self, version_id: str, cause: words.Cause, plan: rows.Plan, now: datetime.datetime) -> words.Proof:
        named = [*plan.folders, *self._folders(plan)]
        folders, left = artefacts.removable(named, self.places.roots)
        blobs, files, still = artefacts.remove(self.places.blobs, self.scope.tenant, plan, folders)
        self.store.run(lambda conn: rows.set_plan(conn, self.scope, version_id, None))
        probes = _probes(plan)
        kept_place, hash_left = scrub.store(self.store, self.scope, probes)
        found = [kept_place, *self._searched(plan, probes)]
        clean = all(p.how == "bytes" and not p.rows and not p.content and not p.hash for p in found)
        return words.Proof(
            version_id=version_id, cause=cause, finished=now, shared=plan.shared, findings=plan.findings,
            reports=len(plan.report_ids), blobs=blobs, files=files,
            left=len(left) + len(still), left_at=(*left, *still),
            hash_left=hash_left, places=tuple(found), proved=clean and not left and not still,
        )  # fmt: skip

    def _searched(self, plan: rows.Plan, probes: traces.Probes) -> list[words.Place]:
        made = []
        blobs = self.places.blobs
        if blobs is not None:
            root = Path(blobs.name.removeprefix("file://")) if blobs.name.startswith("file://") else None
            if root is None:
                here = any(blobs.exists(self.scope.tenant, sha) for sha in plan.blobs)
                made.append(words.Place(name="blobs", how="asked", content=int(here)))
            else:
                mine = root / "tenants" / self.scope.tenant
                made.append(_place("blobs", artefacts.blob_files(mine), probes, plan.blobs, mine))
        made += [_place(folder.name, traces.files(folder), probes) for folder in self.places.searched]
        return made

    def _told(self, conn: sa.Connection, proof: words.Proof) -> None:
        rows.set_proof(conn, self.scope, proof)
        facts: dict[str, entries.Fact] = {
            "cause": proof.cause, "proved": proof.proved, "shared": proof.shared, "findings": proof.findings,
            "reports": proof.reports, "blobs": proof.blobs, "files": proof.files, "left": proof.left,
        }  # fmt: skip
        outbox.put(conn, self.scope.tenant, entries.Entry.now("deletion", proof.version_id, facts=facts))


def _probes(plan: rows.Plan) -> traces.Probes:
    content = tuple(bytes.fromhex(w) for w in plan.windows)
    digest = () if plan.shared else (plan.sha256.encode(), bytes.fromhex(plan.sha256))
    return traces.Probes(rows=(plan.mark.encode(),), content=content, hash=digest)


def _place(
    name: str, files: Any, probes: traces.Probes, gone: Sequence[str] = (), root: Path | None = None
) -> words.Place:
    size, left = traces.found(files, probes)
    if root is not None and gone:
        names = set(gone)
        left["content"] += sum(p.name in names for p in traces.files(root))
    return words.Place(name=name, how="bytes", size=size, **left)
