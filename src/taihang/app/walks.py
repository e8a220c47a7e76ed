"""Walks: inspect, profile, assess and monitor as jobs on catalogued versions; results go to catalogue and ledger.

Parameters name versions, never paths of this machine: what a caller over the network may ask for is what
is in the catalogue of its own tenant.
"""

# ruff: noqa: PLC0415 - the service reads the parameters' models; only a job's own process needs the engines
from __future__ import annotations

import contextlib
import datetime
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pydantic
import sqlalchemy as sa

from taihang.app import holds, playing
from taihang.app.jobs import kinds
from taihang.core import errors, i18n, words

if TYPE_CHECKING:
    from taihang.catalog import catalogue
    from taihang.catalog import words as cataloguing
    from taihang.engines.blobs import blobs

_MANIFEST = "blob:"
_LARGEST_BOOK = 4 << 20
# A content's SHA-256 stands for its latest version, which is what a schedule knows of what started it.
Version = Annotated[str, pydantic.StringConstraints(pattern=r"^(version-[0-9a-f]{16}|[0-9a-f]{64}|\\$version)$")]
_LATEST = "$version"
Book = Annotated[str, pydantic.StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")]


class _Parameters(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", str_max_length=200)

    version: Version
    lang: i18n.Language | None = None


class Inspect(_Parameters):
    """`rules`: a shipped rulebook's name, or the version of one that was uploaded; `zones` a version too.

    `vlm`: one of those that the operator lists in the settings (`[vlm] allowed`), word for word.
    """

    rules: Book | None = None
    zones: Version | None = None
    budget: Annotated[str, pydantic.StringConstraints(pattern=r"^[0-9]{1,3}(\.[0-9]{1,4})?%$")] = "2%"
    fail_on: words.Level | None = None
    vlm: str | None = None


class Profile(_Parameters):
    """A table's profile."""


class Assess(_Parameters):
    """`table` is the name by which the rules speak of the version's rows."""

    rules: Book | None = None
    table: Annotated[str, pydantic.StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")] | None = None
    fail_on: words.Level | None = None
    as_of: pydantic.AwareDatetime | None = None


class Monitor(_Parameters):
    """The history of the asset that a version belongs to; see `taihang.app.monitor.Options`."""

    zone: Annotated[str, pydantic.StringConstraints(pattern=r"^[A-Za-z0-9_+/-]{1,60}$")] = "Asia/Shanghai"
    calendar: Literal["china", "none"] = "china"
    model: Literal["seasonal", "learned"] = "seasonal"
    budget: Annotated[float, pydantic.Field(gt=0, le=1000)] = 1.0
    last: Annotated[int, pydantic.Field(ge=1, le=5000)] = 1
    fail_on: words.Level | None = None


class Verify(_Parameters):
    """Run a resolved ticket's rules on a version, which decides whether it is verified."""

    ticket: Annotated[str, pydantic.StringConstraints(pattern=r"^[a-z0-9-]{1,80}$")]
    rules: Book
    table: Annotated[str, pydantic.StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")] | None = None


class Play(_Parameters):
    """`part`: which minute of the video is made playable, from 0."""

    part: Annotated[int, pydantic.Field(ge=0, le=playing.MOST_PARTS)]


# What callers may submit as they like; tickets are verified by their own route.
KINDS: dict[str, type[_Parameters]] = {
    "inspect-asset": Inspect, "profile-asset": Profile, "assess-asset": Assess, "monitor-asset": Monitor,
    "clip-asset": Play,
}  # fmt: skip


def check(
    kind: str,
    parameters: Mapping[str, Any],
    known: catalogue.Catalogue,
    may: Callable[..., None],
    *,
    scheduled: bool = False,
) -> None:
    """Nothing when the caller may read every version that the parameters name, and all are stored.

    A schedule's may be `$version`, the version that starts it.

    Raises errors.UserError, errors.NotFound, errors.Forbidden.
    """
    given = kinds.read(kind, parameters)
    for field in ("version", "rules", "zones"):
        name = getattr(given, field, None)
        if name is None or (field == "rules" and not name.startswith("version-")):
            continue
        if name == _LATEST and scheduled:
            continue
        found = _version(known, name)
        if field == "rules":
            holds.usable(known, found)
        about = known.asset(found.asset_id)
        may("asset:read", about.id, owner=about.owner or None, sensitivity=about.sensitivity)
        if not found.stored:
            raise errors.UserError("app.api:not_stored", id=name)


def files(kept: blobs.Blobs, tenant: str, folder: str) -> dict[str, tuple[str, int]]:
    """The files of a report by name, as (SHA-256, size); none for a report that was not written by a job."""
    if not folder.startswith(_MANIFEST):
        return {}
    plain = json.loads(kept.read(tenant, folder.removeprefix(_MANIFEST)))
    return {name: (sha256, size) for name, (sha256, size) in plain.items()}


@kinds.kind("inspect-asset", parameters=Inspect)
def _inspect(given: Inspect, context: kinds.Context) -> kinds.Result:
    from taihang.app import inspect

    with _Desk(context) as desk, desk.file(given.version) as video, desk.book(given.rules) as book:
        with desk.file(given.zones) if given.zones else contextlib.nullcontext() as zones:
            done = inspect.inspect(
                video,
                rules=book,
                zones=zones,
                budget=given.budget,
                vlm=inspect.allowed(given.vlm),
                lang=given.lang,
                fail_on=given.fail_on,
                out=context.folder,
                progress=context.progress,
            )
        return desk.recorded(given.version, "inspect", done.exit_code)


@kinds.kind("profile-asset", parameters=Profile)
def _profile(given: Profile, context: kinds.Context) -> kinds.Result:
    from taihang.app import profile

    with _Desk(context) as desk, desk.file(given.version) as table:
        profile.profile(str(table), lang=given.lang, out=context.folder, progress=context.progress)
        return desk.recorded(given.version, "profile", 0)


@kinds.kind("assess-asset", parameters=Assess)
def _assess(given: Assess, context: kinds.Context) -> kinds.Result:
    from taihang.app import assess

    with _Desk(context) as desk, desk.file(given.version) as table, desk.book(given.rules) as book:
        done = assess.assess(
            str(table) if given.table is None else f"{given.table}={table}",
            rules=book,
            lang=given.lang,
            fail_on=given.fail_on,
            as_of=given.as_of,
            out=context.folder,
        )
        return desk.recorded(given.version, "assess", done.exit_code)


@kinds.kind("clip-asset", parameters=Play, running_of_tenant=2)
def _play(given: Play, context: kinds.Context) -> kinds.Result:
    from taihang.app import home

    with _Desk(context) as desk, desk.file(given.version) as video:
        sha256 = desk.content(given.version)
        made = playing.part(video, given.part, playing.kept(home.folder(), sha256, given.part), context.progress)
    told = {"part": given.part, "start_s": made.start_s, "end_s": made.end_s, "duration_s": made.duration_s}
    return kinds.Result(inputs=(sha256,), summary=told)


@kinds.kind("monitor-asset", parameters=Monitor)
def _monitor(given: Monitor, context: kinds.Context) -> kinds.Result:
    from taihang.app import monitor, watching
    from taihang.catalog.tickets import desk as tickets

    with _Desk(context) as desk:
        at = watching.Place(desk.catalogue, tickets.Desk(desk.store, context.principal), desk.blobs)
        version = desk.version(given.version)
        done = monitor.monitor(
            watching.history(at, version.asset_id),
            out=context.folder,
            lang=given.lang,
            fail_on=given.fail_on,
            options=monitor.Options(
                zone=given.zone, calendar=given.calendar, model=given.model, budget=given.budget, last=given.last
            ),
            told=lambda name: watching.feedback(at.desk, name),
            subject=version.asset,
        )
        return desk.recorded(given.version, "monitor", done.exit_code)


@kinds.kind("verify-ticket", parameters=Verify)
def _verify(given: Verify, context: kinds.Context) -> kinds.Result:
    from taihang.app import closing
    from taihang.catalog.tickets import desk as tickets

    with _Desk(context) as desk, desk.file(given.version) as path, desk.book(given.rules) as book:
        assert book is not None
        source = str(path) if given.table is None else f"{given.table}={path}"
        card = closing.verify(
            tickets.Desk(desk.store, context.principal),
            given.ticket,
            closing.Version((source,), book, desk.number(given.version)),
        )
    return kinds.Result(summary={"ticket": card.id, "state": card.state})


class _Desk:
    """What a job of this kind needs of the platform."""

    def __init__(self, context: kinds.Context) -> None:
        from taihang.app import platform
        from taihang.catalog import catalogue
        from taihang.engines.blobs import opening as blob_stores
        from taihang.engines.store import opening as stores

        where = platform.places()
        self._context = context
        self.store = stores.open_store(where.store)
        self._blobs = blob_stores.open_blobs(where.blobs)
        self._catalogue = catalogue.Catalogue(self.store, context.principal)

    def __enter__(self) -> _Desk:
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
        return _version(self._catalogue, version)

    @contextlib.contextmanager
    def file(self, version: str) -> Iterator[Path]:
        """A version's bytes, checked, as a file that is called as the asset is."""
        found = _version(self._catalogue, version)
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
    def book(self, rules: str | None) -> Iterator[Path | str | None]:
        """A rulebook by its shipped name or its version; one of a version may extend shipped books only."""
        if rules is None or not rules.startswith("version-"):
            yield rules
            return
        from taihang.rules import rulebook

        # Asked again when it runs: what a schedule starts was submitted long ago.
        holds.usable(self._catalogue, _version(self._catalogue, rules))
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

        known = _version(self._catalogue, version)

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
        if kind != "profile":
            self._ticketed(known)
        return kinds.Result(
            inputs=(report.asset.sha256,),
            versions={one.name: one.version for one in report.produced_by},
            summary={"exit_code": exit_code, "findings": len(report.findings), "report": told, "version": known.id},
        )

    def content(self, version: str) -> str:
        """The hash of a version's bytes."""
        return str(_version(self._catalogue, version).asset.sha256)

    def number(self, version: str) -> int:
        """Which of its asset's versions this is, by which tickets order them."""
        return _version(self._catalogue, version).number

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


def _version(known: catalogue.Catalogue, name: str) -> cataloguing.Version:
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
