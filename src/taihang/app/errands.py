"""Errands: text, mask, causes and certify as jobs on what the catalogue has; what they make stands beside it."""

# ruff: noqa: PLC0415 - the service reads the parameters' models; only a job's own process needs the engines
from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import pydantic

from taihang.app import desks
from taihang.app.jobs import kinds
from taihang.core import i18n, settings, words

if TYPE_CHECKING:
    from taihang.catalog import catalogue

CERTIFY = "certify-reports"
_Line = Annotated[str, pydantic.StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$")]


class Masking(settings.Section):
    """`[masking]`: a reference to the secret (`env:NAME`, `file:PATH`) under which jobs of callers keep formats."""

    name: ClassVar[str] = "masking"
    secret: str = ""


class Text(desks.OfVersion):
    """`column` names the texts of a table; `word_list` and `reference` are versions too. See `taihang.app.text`."""

    column: _Line | None = None
    rules: desks.Book | None = None
    word_list: desks.Version | None = None
    reference: desks.Version | None = None
    fail_on: words.Level | None = None


class Mask(desks.OfVersion):
    """The masked table becomes an asset of its own. `policy` as in `taihang mask --policy`; see `taihang.app.mask`.

    Formats are kept under the platform's secret (`[masking] secret`), never under one that a caller names.
    """

    format: Literal["parquet", "csv", "jsonl"] = "parquet"
    policy: Annotated[dict[str, Any], pydantic.Field(max_length=20)] = {}
    role: Annotated[str, pydantic.StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,49}$")] | None = None


class Certify(desks.Parameters):
    """A certificate about reports of `assess` by one rulebook, signed by the platform; see `taihang.app.certify`."""

    reports: Annotated[tuple[desks.Report, ...], pydantic.Field(min_length=1, max_length=20)]
    grades: desks.Book = "data-quality"
    minimum: Annotated[str, pydantic.StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,40}$")] | None = None
    days: Annotated[int, pydantic.Field(ge=1, le=3660)] | None = None
    scope: _Line = ""
    lang: i18n.Language | None = None


class Causes(desks.Parameters):
    """Causes among the events of tables (`versions`, or uploaded `report.json`) and of recorded reports of inspect.

    `constraints`: shipped ones by name, or the version of a *.causes.yaml. See `taihang.app.causes`.
    """

    versions: Annotated[tuple[desks.Version, ...], pydantic.Field(max_length=100)] = ()
    reports: Annotated[tuple[desks.Report, ...], pydantic.Field(max_length=100)] = ()
    constraints: desks.Book = "mine"
    judges: Literal["statistical", "both"] = "statistical"
    vlm: str | None = None
    lang: i18n.Language | None = None

    @pydantic.model_validator(mode="after")
    def _something(self) -> Causes:
        if not self.versions and not self.reports:
            raise ValueError("versions or reports must name at least one")
        return self


KINDS: dict[str, type[desks.Parameters]] = {
    "text-asset": Text, "mask-asset": Mask, "causes-asset": Causes, CERTIFY: Certify
}  # fmt: skip


def check_reports(given: Certify, known: catalogue.Catalogue, may: Callable[..., None]) -> None:
    """Nothing when the caller may certify, and read every report. Raises errors.NotFound, errors.Forbidden."""
    may("report:certify")
    readable(given.reports, known, may)


def readable(reports: tuple[str, ...], known: catalogue.Catalogue, may: Callable[..., None]) -> None:
    """Nothing when the caller may read every report. Raises errors.NotFound, errors.Forbidden."""
    for id in reports:
        about = known.asset(known.report(id).asset_id)
        may("report:read", id, owner=about.owner or None, sensitivity=about.sensitivity)


@kinds.kind("text-asset", parameters=Text)
def _text(given: Text, context: kinds.Context) -> kinds.Result:
    from taihang.app import text

    with desks.Desk(context) as desk, contextlib.ExitStack() as files:
        source = files.enter_context(desk.file(given.version))
        word_list = files.enter_context(desk.file(given.word_list)) if given.word_list else None
        reference = files.enter_context(desk.file(given.reference)) if given.reference else None
        done = text.text(
            source,
            column=given.column,
            rules=files.enter_context(desk.book(given.rules)),
            words_list=word_list,
            reference=reference,
            lang=given.lang,
            fail_on=given.fail_on,
            out=context.folder,
            progress=context.progress,
        )
        return desk.recorded(given.version, "text", done.exit_code)


@kinds.kind("mask-asset", parameters=Mask)
def _mask(given: Mask, context: kinds.Context) -> kinds.Result:
    from taihang.app import cataloguing, mask
    from taihang.data.masking import policy

    with desks.Desk(context) as desk, desk.file(given.version) as source:
        of = desk.version(given.version)
        name = f"{Path(source.name).stem}.masked.{given.format}"
        done = mask.mask(
            source,
            out=context.folder / name,
            rules=policy.read(given.policy, "policy"),
            secret=Masking.current().secret or None,
            role=given.role,
            lang=given.lang,
            progress=context.progress,
        )
        desk.blobs.put(context.principal.tenant, done.file)
        made = cataloguing.masked(desk.catalogue, done, job_id=context.job, of=of)
    summary = {"exit_code": done.exit_code, "rows": done.rows, "masked": done.checked.found, "version": made}
    return kinds.Result(inputs=(of.asset.sha256,), summary=summary)


@kinds.kind("causes-asset", parameters=Causes)
def _causes(given: Causes, context: kinds.Context) -> kinds.Result:
    from taihang.app import cataloguing, causes, inspect

    with desks.Desk(context) as desk, contextlib.ExitStack() as files:
        held = [files.enter_context(desk.file(version)) for version in given.versions]
        done = causes.causes(
            *held,
            *files.enter_context(desk.reports(given.reports, evidence=True)),
            constraints=files.enter_context(desk.constraints(given.constraints)),
            judges=given.judges,
            vlm=inspect.allowed(given.vlm),
            lang=given.lang,
            out=context.folder,
            progress=context.progress,
        )
        known = desk.catalogue
        parts = [cataloguing.cleaned(one) for one in done.sources]
        whole = cataloguing.gathered(known, cataloguing.cleaned(done.report.asset), parts, job_id=context.job)
        return desk.recorded(whole.id, "causes", done.exit_code)


@kinds.kind(CERTIFY, parameters=Certify, running_of_tenant=1)
def _certify(given: Certify, context: kinds.Context) -> kinds.Result:
    from taihang.app import certify, issuing

    with desks.Desk(context) as desk:
        told = [desk.catalogue.report(id) for id in given.reports]
        with desk.reports(given.reports) as folders:
            try:
                of = issuing.issue(
                    folders,
                    context.folder,
                    issuing.key(context.platform, context.principal.tenant),
                    certify.Terms(policy=given.grades, days=given.days, scope=given.scope, minimum=given.minimum),
                    given.lang,
                    lambda text: context.effect("issued", lambda _: text),
                )
            except certify.NotEarned as verdict:
                # Not to earn a grade is a verdict, as a finding is: the job did what it was asked for.
                said = verdict.message.both().model_dump()
                return kinds.Result(summary={"exit_code": verdict.exit_code, "earned": False, "reason": said})
        made = desk.recorded(told[0].version_id, "certify", 0)
        versions = {one.version_id for one in told}
        context.effect("certificate", lambda conn: issuing.noted(conn, context.principal, desk.store, of, versions))
    more = {"earned": True, "number": of.number, "grade": of.grade.id}
    return kinds.Result(
        inputs=tuple(one.sha256 for one in told), versions=made.versions, summary={**made.summary, **more}
    )
