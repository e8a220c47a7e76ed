"""Desks: what a job on catalogued versions needs of the platform; its results go to catalogue and ledger.

Parameters name versions, never paths of this machine: what a caller over the network may ask for is what
is in the catalogue of its own tenant.
"""

# ruff: noqa: PLC0415 - the service reads the parameters' models; only a job's own process needs the engines
from __future__ import annotations

import contextlib
import datetime
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import pydantic
import sqlalchemy as sa

from taihang.app import holds
from taihang.app.jobs import kinds
from taihang.core import errors, i18n

if TYPE_CHECKING:
    from taihang.catalog import catalogue
    from taihang.catalog import words as cataloguing
    from taihang.engines.blobs import blobs

_MANIFEST = "blob:"
_LARGEST_BOOK = 4 << 20
LATEST = "$version"
# A content's SHA-256 stands for its latest version, which is what a schedule knows of what started it.
Version = Annotated[str, pydantic.StringConstraints(pattern=r"^(version-[0-9a-f]{16}|[0-9a-f]{64}|\$version)$")]
Report = Annotated[str, pydantic.StringConstraints(pattern=r"^report-[0-9a-f]{16}$")]
Book = Annotated[str, pydantic.StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")]


class Parameters(pydantic.BaseModel):
    """Base of parameters: nothing unknown is accepted."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", str_max_length=200)


class OfVersion(Parameters):
    """A job on one version."""

    version: Version
    lang: i18n.Language | None = None


def files(kept: blobs.Blobs, tenant: str, folder: str) -> dict[str, tuple[str, int]]:
    """The files of a report by name, as (SHA-256, size); none for a report that was not written by a job."""
    if not folder.startswith(_MANIFEST):
        return {}
    plain = json.loads(kept.read(tenant, folder.removeprefix(_MANIFEST)))
    return {name: (sha256, size) for name, (sha256, size) in plain.items()}


class Desk:
    """What a job of this kind needs of the platform."""

    def __init__(self, context: kinds.Context) -> None:
        from taihang.app import places
        from taihang.catalog import catalogue
        from taihang.engines.blobs import opening as blob_stores
        from taihang.engines.store import opening as stores

        where = places.current()
        self._context = context
        self.store = stores.open_store(where.store)
        self._blobs = blob_stores.open_blobs(where.blobs)
        self._catalogue = catalogue.Catalogue(self.store, context.principal)

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, *_: object) -> None:
        self.store.close()

    @property
    def catalogue(self) -> catalogue.Catalogue:
        """The tenant's catalogue."""
        return self._catalogue

    @property
    def blobs(self) -> blobs.Blobs:
        """Where contents are kept."""
        return self._blobs

    def version(self, version: str) -> cataloguing.Version:
        """A version by its id or its content."""
        return version_of(self._catalogue, version)

    @contextlib.contextmanager
    def file(self, version: str) -> Iterator[Path]:
        """A version's bytes, checked, as a file that is called as the asset is."""
        found = version_of(self._catalogue, version)
        with (
            self._blobs.local(self._context.principal.tenant, found.asset.sha256) as path,
            tempfile.TemporaryDirectory(prefix="taihang-asset-") as folder,
        ):
            link = Path(folder) / _plain(found.asset.name)
            link.symlink_to(path)
            try:
                yield link
            except errors.TaihangError as error:
                # Where it lay for the while says nothing to whoever asked: the name does.
                plain = {
                    k: str(v).replace(f"{folder}/", "") if folder in str(v) else v
                    for k, v in error.message.values.items()
                }
                error.message = error.message.model_copy(update={"values": plain})
                raise

    @contextlib.contextmanager
    def constraints(self, book: str) -> Iterator[Path | str]:
        """Causal constraints by their shipped name or their version."""
        if not book.startswith("version-"):
            yield book
            return
        holds.usable(self._catalogue, version_of(self._catalogue, book))
        with self.file(book) as kept:
            if kept.stat().st_size > _LARGEST_BOOK:
                raise errors.UserError("app.api:body_size", most=_LARGEST_BOOK)
            yield kept

    @contextlib.contextmanager
    def book(self, rules: str | None) -> Iterator[Path | str | None]:
        """A rulebook by its shipped name or its version; one of a version may extend shipped books only."""
        if rules is None or not rules.startswith("version-"):
            yield rules
            return
        from taihang.rules import rulebook

        # Asked again when it runs: what a schedule starts was submitted long ago.
        holds.usable(self._catalogue, version_of(self._catalogue, rules))
        with self.file(rules) as kept:
            if kept.stat().st_size > _LARGEST_BOOK:
                raise errors.UserError("app.api:body_size", most=_LARGEST_BOOK)
            data = kept.read_bytes()
        rulebook.loads(data, rules)
        with tempfile.TemporaryDirectory(prefix="taihang-book-") as folder:
            path = Path(folder) / f"{rules}.rules.yaml"
            path.write_bytes(data)
            yield path

    def recorded(self, version: str, kind: str, exit_code: int) -> kinds.Result:
        """Keep the report's files and record it with the version, once for this job."""
        from taihang.app import cataloguing as memory
        from taihang.report import json as reporting

        out, tenant = self._context.folder, self._context.principal.tenant
        report = reporting.load((out / reporting.NAME).read_bytes())
        manifest: dict[str, tuple[str, int]] = {}
        for path in sorted(p for p in out.rglob("*") if p.is_file()):
            blob = self._blobs.put(tenant, path)
            manifest[path.relative_to(out).as_posix()] = (blob.sha256, blob.size)
        folder = self._blobs.put(tenant, json.dumps(manifest, ensure_ascii=False).encode()).sha256

        known = version_of(self._catalogue, version)

        def work(conn: sa.Connection) -> str:
            from taihang.catalog import recording

            told, _ = recording.record(
                conn,
                self.store.scope(tenant),
                report,
                known.id,
                kind=kind,
                job_id=self._context.job,
                folder=f"{_MANIFEST}{folder}",
                now=datetime.datetime.now(datetime.UTC),
            )
            return told.id

        told = self._context.effect("report", work)
        memory.traced(self._catalogue, self._catalogue.report(told), report)
        if kind not in {"profile", "certify"}:
            self._ticketed(known)
        return kinds.Result(
            inputs=(report.asset.sha256,),
            versions={one.name: one.version for one in report.produced_by},
            summary={"exit_code": exit_code, "findings": len(report.findings), "report": told, "version": known.id},
        )

    @contextlib.contextmanager
    def reports(self, ids: Sequence[str], *, evidence: bool = False) -> Iterator[list[Path]]:
        """Recorded reports as folders with their `report.json`, to the letter; with their evidence where asked."""
        from taihang.report import json as reporting

        with tempfile.TemporaryDirectory(prefix="taihang-reports-") as folder:
            found = []
            for number, id in enumerate(ids):
                place = Path(folder) / str(number)
                place.mkdir()
                (place / reporting.NAME).write_bytes(self._catalogue.report_json(id))
                if evidence:
                    self._evidence(id, place)
                found.append(place)
            yield found

    def _evidence(self, id: str, place: Path) -> None:
        """The pictures of a recorded report, as far as they still are kept."""
        from taihang.report import attachments

        tenant = self._context.principal.tenant
        for name, (sha256, _) in files(self._blobs, tenant, self._catalogue.report(id).folder).items():
            path = place / name
            if not name.startswith(f"{attachments.FOLDER}/") or not path.resolve().is_relative_to(place.resolve()):
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(errors.NotFound), self._blobs.local(tenant, sha256) as kept:
                shutil.copyfile(kept, path)

    def content(self, version: str) -> str:
        """The hash of a version's bytes."""
        return str(version_of(self._catalogue, version).asset.sha256)

    def number(self, version: str) -> int:
        """Which of its asset's versions this is, by which tickets order them."""
        return version_of(self._catalogue, version).number

    def _ticketed(self, known: cataloguing.Version) -> None:
        """Findings become tickets by the policy that is shipped; the same findings again change nothing."""
        from taihang.app import tickets
        from taihang.catalog.tickets import desk, policy

        about = self._catalogue.asset(known.asset_id)
        tickets.open_report(
            desk.Desk(self.store, self._context.principal),
            self._context.folder,
            policy.load("default"),
            asset=about.name,
            owner=about.owner,
            tags=about.tags,
            number=known.number,
        )


def version_of(known: catalogue.Catalogue, name: str) -> cataloguing.Version:
    """A version by its id or its content. Raises errors.NotFound."""
    if name.startswith("version-"):
        return known.version(name)
    found = known.versions(sha256=name if len(name) == 64 else "0" * 64, limit=1).items
    if not found:
        raise errors.NotFound("catalog:no_version", id=name)
    return found[0]


def _plain(name: str) -> str:
    """The last part of a name as a file's name."""
    last = name.replace("\\", "/").rpartition("/")[2]
    clean = "".join(c if c.isprintable() and c not in "#=" else "-" for c in last).lstrip(".")
    return clean.encode()[:200].decode(errors="ignore") or "asset"
