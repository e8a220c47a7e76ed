"""Cataloguing: what inspect, profile and assess did goes into the catalogue: assets, reports, lineage."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import getpass
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from taihang.app import places
from taihang.app import places as placing
from taihang.app.jobs import attempts, service
from taihang.app.migrations import upgrade
from taihang.catalog import catalogue, text, words
from taihang.catalog.lineage import names, sql
from taihang.catalog.lineage import words as lines
from taihang.catalog.retention import deletion, forgetting, retention
from taihang.core import asset as assets
from taihang.core import errors, ids, principal
from taihang.core import words as core
from taihang.engines import stages
from taihang.engines.blobs import opening as blob_stores
from taihang.engines.store import opening as stores
from taihang.report import bundle, document
from taihang.report import json as reporting

if TYPE_CHECKING:
    from taihang.app import assess, causes, certify, inspect, mask
    from taihang.app import profile as profiles
    from taihang.data.profile import profile as measured


_SECRECY: tuple[words.Sensitivity, ...] = ("public", "internal", "sensitive", "important", "core")


@contextlib.contextmanager
def opened(name: str = "", tenant: str = "default") -> Iterator[catalogue.Catalogue]:
    """The catalogue of this machine's user on the store of the settings."""
    store = stores.open_store(placing.current().store)
    try:
        upgrade.upgrade(store)
        yield catalogue.Catalogue(store, principal.Principal(name=name or getpass.getuser(), tenant=tenant))
    finally:
        store.close()


def keeping(known: catalogue.Catalogue, where: placing.Places | None = None) -> retention.Retention:
    """Retention over all that the platform keeps of a tenant: store, blobs, jobs' folders, cached stages."""
    where = where or placing.current()
    own = attempts.tenant_home(where.home, known.scope.tenant)
    roots = (where.home / "jobs", where.home / "stages", own)
    places = deletion.Places(
        blobs=blob_stores.open_blobs(where.blobs),
        roots=roots,
        searched=(own,) if own.is_dir() else (),
        cached=lambda sha256: [home / "stages" / sha256[:16] for home in (where.home, own)],
        of_job=lambda job: [service.output(where.home, job).parent],
    )
    return retention.Retention(known.store, known.principal, places, also=(forgetting.tickets,))


@dataclasses.dataclass(frozen=True, slots=True)
class Into:
    """Reports that were written below `written` will lie below `kept`."""

    written: Path
    kept: Path

    def kept_at(self, folder: Path) -> Path:
        """Where a folder of reports will be."""
        return self.kept / folder.absolute().relative_to(self.written.absolute())

    def written_at(self, folder: Path) -> Path:
        """Where it is now."""
        return self.written / folder.relative_to(self.kept)


def inspected(
    known: catalogue.Catalogue, done: inspect.Inspection, *, job_id: str = "", into: Into | None = None
) -> tuple[words.Told, ...]:
    """Register the videos of an inspection and record their reports, each once."""
    return tuple(
        _recorded(known, one.report, "inspect", job_id=job_id, folder=one.page.parent, into=into) for one in done.videos
    )


def profiled(
    known: catalogue.Catalogue, done: Sequence[profiles.Profiled], *, job_id: str = "", into: Into | None = None
) -> tuple[words.Told, ...]:
    """Register the tables of a profile with their columns, and record the reports beside them."""
    made = []
    for one in done:
        report = reporting.load((one.page.parent / reporting.NAME).read_bytes())
        columns = [
            words.Column(name=text.cleaned(c.name, 500) or "-", type=text.cleaned(c.type, 500))
            for c in one.profile.columns
        ]
        made.append(
            _recorded(
                known, report, "profile", job_id=job_id, folder=one.page.parent, into=into, columns=columns,
                metrics=_metrics(one.profile), source=one.profile.source,
            )
        )  # fmt: skip
    return tuple(made)


def assessed(
    known: catalogue.Catalogue,
    done: assess.Assessed,
    verb: str = "assess",
    *,
    job_id: str = "",
    into: Into | None = None,
) -> words.Told:
    """Register the tables of an assessment, record the report, and say which rules held."""
    told = [
        lines.Assertion(rule=o.compiled.rule.id, success=not o.broken, level=o.compiled.rule.level)
        for o in done.found.outcomes
        if o.judged
    ]
    folder = done.page.parent
    return _recorded(known, done.report, verb, job_id=job_id, folder=folder, into=into, assertions=told)


def caused(
    known: catalogue.Catalogue, done: causes.Caused, *, job_id: str = "", into: Into | None = None
) -> words.Told:
    """Register what causes were judged from and record the report; several sources are one data set made of them."""
    gathered(known, cleaned(done.report.asset), [cleaned(one) for one in done.sources], job_id=job_id)
    return _recorded(known, done.report, "causes", job_id=job_id, folder=done.page.parent, into=into)


def gathered(
    known: catalogue.Catalogue, whole: assets.Asset, parts: Sequence[assets.Asset], *, job_id: str = ""
) -> words.Version:
    """The version of a data set that was put together from others, as secret as the most secret of them."""
    if [one.sha256 for one in parts] == [whole.sha256]:
        return known.register(whole, job_id=job_id)
    held = [_known(known, one, job_id) for one in parts]
    secret = max((known.asset(one.asset_id).sensitivity for one in held), key=_SECRECY.index)
    made = known.register(whole, job_id=job_id, sensitivity=secret)
    if _SECRECY.index(known.asset(made.asset_id).sensitivity) < _SECRECY.index(secret):
        known.describe(made.asset_id, sensitivity=secret)
    now = datetime.datetime.now(datetime.UTC)
    run = lines.Run(
        id=ids.content_id("gather", [made.id, [one.id for one in held]]),
        job="gather",
        began=now,
        ended=now,
        inputs=tuple(lines.End(version=id) for id in dict.fromkeys(one.id for one in held)),
        outputs=(lines.End(version=made.id),),
    )
    known.lineage.record(run)
    return made


def _known(known: catalogue.Catalogue, asset: assets.Asset, job_id: str) -> words.Version:
    """The version that has this content, whatever it is called there; registered where there is none."""
    found = known.versions(sha256=asset.sha256, limit=1).items
    return found[0] if found else known.register(asset, job_id=job_id)


def as_recorded(known: catalogue.Catalogue, told: words.Told, into: Into) -> None:
    """Let `report.json` say what was recorded, to the letter.

    A job that was killed between the record and its end writes the same findings once more, an hour later: the
    record, which the ledger vouches for, is that of the first time.
    """
    path = into.written_at(Path(told.folder)) / reporting.NAME
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() == told.sha256:
        return
    recorded = known.report_json(told.id)
    stages.write_bytes(path, recorded)
    sums = path.with_name(bundle.SUMS)
    old, new = (hashlib.sha256(one).hexdigest().encode() for one in (data, recorded))
    stages.write_bytes(sums, sums.read_bytes().replace(old, new))


def masked(
    known: catalogue.Catalogue,
    done: mask.Masked,
    *,
    job_id: str = "",
    of: words.Version | None = None,
    kept: Path | None = None,
) -> str:
    """Register a table and its masked version, and that one was made of the other; gives the new version's id.

    `of`: the version that was masked, when the catalogue has it; then the masked one's bytes are kept too. `kept`:
    where the file will lie.
    """
    names = [text.cleaned(one.column, 500) or "-" for one in done.treatments]
    columns = [words.Column(name=name, type="") for name in dict.fromkeys(names)]
    source = of or known.register(cleaned(done.inputs), columns=columns, job_id=job_id)
    output = done.output.model_copy(update={"synthetic": source.asset.synthetic})
    place = "" if of else str((kept or done.file).absolute())[:4000]
    made = known.register(
        cleaned(output), columns=columns, source=place, job_id=job_id, stored=of is not None, tags=("masked",)
    )
    edges = tuple(
        lines.ColumnEdge(
            output=0, output_column=name, input=0, input_column=name, masking=one.method != "keep",
            effect="IDENTITY" if one.method == "keep" else "TRANSFORMATION",
        )
        for name, one in zip(names, done.treatments, strict=True)
    )  # fmt: skip
    now = datetime.datetime.now(datetime.UTC)
    run = lines.Run(
        id=job_id or ids.content_id("mask", [source.id, made.id]),
        job="mask",
        began=now,
        ended=now,
        inputs=(lines.End(version=source.id),),
        outputs=(lines.End(version=made.id),),
        columns=edges,
    )
    known.lineage.record(run)
    return made.id


def certified(known: catalogue.Catalogue, done: certify.Certified) -> words.Told | None:
    """Record a certificate's page with the version that it is about; None when the catalogue does not have that."""
    report = reporting.load((done.page.parent / reporting.NAME).read_bytes())
    found = known.versions(sha256=report.asset.sha256, limit=1).items
    if not found:
        return None
    folder = str(done.page.parent.absolute())
    told = known.record(report, found[0].id, kind="certify", folder=folder)
    traced(known, told, report)
    return told


def when_there(record: Callable[[catalogue.Catalogue], object], tenant: str = "") -> object:
    """What `record` gave, when this machine has a platform's store; None when it has none: then there are just files.

    Raises errors.UserError, errors.Failure for a store that cannot be used.
    """
    if not places.there():
        return None
    with opened(tenant=tenant or os.environ.get("TAIHANG_TENANT") or "default") as known:
        return record(known)


def traced(known: catalogue.Catalogue, told: words.Told, report: document.Report, end: lines.End | None = None) -> None:
    """Lineage of a recorded report: its job read the version and wrote the report.

    `end` is the version with what was measured of it; without one, the rules that the report found broken.
    """
    if end is None:
        broken = {f.rule.id: f.level for f in report.findings if f.verdict == "violated"}
        failed = [lines.Assertion(rule=rule, success=False, level=level) for rule, level in sorted(broken.items())]
        end = lines.End(version=told.version_id, assertions=tuple(failed))
    space = names.namespace(known.scope.tenant)
    run = lines.Run(
        id=told.job_id or told.id,
        job=told.kind,
        began=told.made,
        ended=max(told.made, told.recorded),
        inputs=(end,),
        outputs=(lines.End(namespace=space, name=f"report/{told.id}"),),
    )
    known.lineage.record(run)


def derived(
    known: catalogue.Catalogue, query: bytes, inputs: Mapping[str, str], output: str, *, dialect: str = "duckdb"
) -> tuple[str, sql.Derived]:
    """Record that version `output` was made by a query over versions (name in the query → version).

    Gives the run's id; the same again is the same run. Raises errors.UserError for SQL that is not followed.
    """
    try:
        told = query.decode()
    except UnicodeDecodeError:
        raise errors.UserError("catalog:sql.syntax", line=1, near="UTF-8") from None
    run = ids.content_id("query", [told, dict(inputs), output])
    now = datetime.datetime.now(datetime.UTC)
    at = lines.Run(id=run, job="query", began=now, ended=now)
    return run, known.lineage.record_sql(at, told, inputs, output, dialect=dialect)


def pair(text_: str) -> tuple[str, str]:
    """`NAME=VERSION` in two. Raises errors.UserError."""
    name, equals, version = text_.partition("=")
    if not equals or not name:
        raise errors.UserError("app.verbs:catalog.pair", given=text_)
    return name, version


def cleaned(asset: assets.Asset) -> assets.Asset:
    """The asset by a name that can be kept; file names may hold anything."""
    name = text.cleaned(asset.name, 300) or "-"
    return asset.model_copy(update={"name": name, "media_type": text.cleaned(asset.media_type, 200)})


def _recorded(
    known: catalogue.Catalogue,
    report: document.Report,
    verb: str,
    *,
    job_id: str,
    folder: Path,
    into: Into | None = None,
    columns: Sequence[words.Column] = (),
    source: str = "",
    metrics: lines.Metrics | None = None,
    assertions: Sequence[lines.Assertion] | None = None,
) -> words.Told:
    version = known.register(cleaned(report.asset), columns=columns, source=text.cleaned(source, 4000), job_id=job_id)
    kept = folder.absolute() if into is None else into.kept_at(folder)
    told = known.record(report, version.id, kind=verb, job_id=job_id, folder=str(kept))
    whole = metrics is not None or assertions is not None
    end = lines.End(version=version.id, metrics=metrics, assertions=tuple(assertions or ()))
    traced(known, told, report, end if whole else None)
    return told


def _metrics(found: measured.Profile) -> lines.Metrics:
    # The least and the greatest telephone number are telephone numbers.
    personal = {p.column for p in found.personal} | {c.name for c in found.columns if c.semantic and c.semantic.pii}
    columns = {text.cleaned(c.name, 500): _column(c, personal=c.name in personal) for c in found.columns}
    return lines.Metrics(rows=found.rows, size=found.asset.size, columns=columns)


def _column(found: measured.Column, *, personal: bool) -> lines.ColumnMetrics:
    # An estimate is not a count.
    distinct = found.distinct.count if found.distinct is not None and found.distinct.error == 0 else None
    if personal:
        return lines.ColumnMetrics(nulls=found.nulls, distinct=distinct)
    quantiles = found.numbers.quantiles if found.numbers is not None else {}
    return lines.ColumnMetrics(
        nulls=found.nulls, distinct=distinct, min=_number(found.min), max=_number(found.max), quantiles=dict(quantiles)
    )


def _number(value: core.Scalar) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
