"""Verbs: the long verbs on files as jobs. Their parameters are the functions', without `out`."""

# ruff: noqa: PLC0415 - the service reads the parameters' models; only a job's own process needs the engines
from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import pydantic

from taihang.app.jobs import kinds
from taihang.core import i18n, words

if TYPE_CHECKING:
    from taihang.app import assess, cataloguing, causes, monitor
    from taihang.catalog import catalogue
    from taihang.catalog import words as catalogued

FORMATS = ("html", "json", "docx")
"""What a report is written as unless told: see `report.bundle`."""


class Parameters(pydantic.BaseModel):
    """Base of parameters: nothing unknown is accepted."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", str_max_length=4096)


class Inspect(Parameters):
    """See `taihang.app.inspect.inspect`."""

    videos: tuple[str, ...] = pydantic.Field(min_length=1, max_length=1000)
    rules: str | None = None
    zones: str | None = None
    detector: str = "builtin"
    vlm: str | None = None
    temporal: str | None = None
    budget: str | float = "2%"
    lang: i18n.Language | None = None
    fail_on: words.Level | None = None
    formats: tuple[str, ...] = pydantic.Field(default=FORMATS, max_length=20)


class Profile(Parameters):
    """See `taihang.app.profile.profile`."""

    sources: tuple[str, ...] = pydantic.Field(min_length=1, max_length=1000)
    baseline: str | None = None
    lang: i18n.Language | None = None


class Assess(Parameters):
    """See `taihang.app.assess.assess`."""

    sources: tuple[str, ...] = pydantic.Field(min_length=1, max_length=1000)
    rules: str | None = None
    lang: i18n.Language | None = None
    fail_on: words.Level | None = None
    as_of: datetime.datetime | None = None
    incremental: bool = False
    formats: tuple[str, ...] = pydantic.Field(default=FORMATS, max_length=20)


class Text(Parameters):
    """See `taihang.app.text.text`."""

    source: str
    column: str | None = None
    rules: str | None = None
    words_list: str | None = None
    reference: str | None = None
    lang: i18n.Language | None = None
    fail_on: words.Level | None = None


class Mask(Parameters):
    """See `taihang.app.mask.mask`; `name` is the file's, `policy` a masking policy's values, `secret` a reference."""

    source: str
    name: str = pydantic.Field(pattern=r"^[A-Za-z0-9_-]{1,80}\.(parquet|csv|jsonl)$")
    policy: dict[str, Any] = {}
    secret: str | None = pydantic.Field(default=None, pattern=r"^(env:|file:).+$")
    lang: i18n.Language | None = None


class Monitor(Parameters):
    """See `taihang.app.monitor.monitor`; `history` is a folder of reports or a table over time.

    It is of many versions, so its report belongs to none; `monitor-asset` is about one of the catalogue.
    """

    history: str
    asset: str | None = None
    time: str | None = None
    zone: str = "Asia/Shanghai"
    calendar: str = "china"
    model: Literal["seasonal", "learned"] = "seasonal"
    budget: float = pydantic.Field(default=1.0, gt=0, le=1000)
    last: int = pydantic.Field(default=1, ge=1, le=5000)
    lang: i18n.Language | None = None
    fail_on: words.Level | None = None
    formats: tuple[str, ...] = pydantic.Field(default=FORMATS, max_length=20)


class Causes(Parameters):
    """See `taihang.app.causes.causes`; `sources` are folders of reports, or tables of events."""

    sources: tuple[str, ...] = pydantic.Field(min_length=1, max_length=1000)
    constraints: str = pydantic.Field(default="mine", pattern=r"^[a-z0-9][a-z0-9-]{0,99}$")
    vlm: str | None = None
    judges: Literal["statistical", "both"] = "statistical"
    lang: i18n.Language | None = None
    formats: tuple[str, ...] = pydantic.Field(default=FORMATS, max_length=20)


class Distil(Parameters):
    """See `taihang.app.distil.run` and its `Options`; on a schedule it is the loop, which learns from what is new.

    `model`: the folder of the student's versions. `size`: width and height.
    """

    samples: str
    teacher: str
    held: str
    model: str
    called: dict[str, str] = {}
    answers: dict[str, str] = {}
    classes: tuple[str, ...] | None = pydantic.Field(default=None, max_length=100)
    protect: tuple[str, ...] | None = pydantic.Field(default=None, max_length=100)
    size: tuple[int, int] | None = None
    rounds: int = pydantic.Field(default=500, ge=1, le=1_000_000)
    width: int = pydantic.Field(default=12, ge=4, le=64)
    views: int = pydantic.Field(default=6, ge=1, le=100)
    wait_s: float = pydantic.Field(default=60.0, gt=0, le=3600)
    margin: float = pydantic.Field(default=0.02, ge=0, le=0.5)
    floor: float | None = pydantic.Field(default=None, gt=0, le=1)
    seed: int = pydantic.Field(default=0, ge=0, lt=2**31)
    synthetic: bool = False
    roll_out: bool = False


@kinds.kind("inspect", parameters=Inspect, paths=("videos", "zones", "temporal"))
def _inspect(given: Inspect, context: kinds.Context) -> kinds.Result:
    from taihang.app import inspect

    done = inspect.inspect(
        *given.videos,
        rules=given.rules,
        zones=given.zones,
        detector=given.detector,
        vlm=inspect.allowed(given.vlm),
        temporal=given.temporal,
        budget=given.budget,
        lang=given.lang,
        fail_on=given.fail_on,
        formats=given.formats,
        out=context.folder,
        progress=context.progress,
    )
    from taihang.app import cataloguing

    _remembered(context, lambda known, into: cataloguing.inspected(known, done, job_id=context.job, into=into))
    reports = [one.report for one in done.videos]
    return kinds.Result(
        inputs=tuple(report.asset.sha256 for report in reports),
        versions=_versions(*(report.produced_by for report in reports)),
        summary={
            "exit_code": done.exit_code,
            "findings": sum(len(report.findings) for report in reports),
            "assets": [report.asset.name for report in reports],
        },
    )


@kinds.kind("profile", parameters=Profile, paths=("sources", "baseline"))
def _profile(given: Profile, context: kinds.Context) -> kinds.Result:
    from taihang.app import profile

    done = profile.profile(
        *given.sources, baseline=given.baseline, lang=given.lang, out=context.folder, progress=context.progress
    )
    from taihang.app import cataloguing

    _remembered(context, lambda known, into: cataloguing.profiled(known, done, job_id=context.job, into=into))
    return kinds.Result(
        inputs=tuple(one.profile.asset.sha256 for one in done),
        summary={
            "rows": sum(one.profile.rows for one in done),
            "assets": [one.profile.asset.name for one in done],
            "suggested": sum(one.suggested for one in done),
        },
    )


@kinds.kind("assess", parameters=Assess, paths=("sources",))
def _assess(given: Assess, context: kinds.Context) -> kinds.Result:
    from taihang.app import assess

    done = assess.assess(
        *given.sources,
        rules=given.rules,
        lang=given.lang,
        fail_on=given.fail_on,
        as_of=given.as_of,
        out=context.folder,
        options=assess.Options(formats=given.formats, incremental=given.incremental, progress=context.progress),
    )
    from taihang.app import cataloguing

    _remembered(context, lambda known, into: (cataloguing.assessed(known, done, job_id=context.job, into=into),))
    return _judged(done)


def _remembered(
    context: kinds.Context, record: Callable[[catalogue.Catalogue, cataloguing.Into], Sequence[catalogued.Told]]
) -> None:
    """What the job found belongs to the versions that it read: one report of each, however often the job ran."""
    from taihang.app import cataloguing
    from taihang.catalog import catalogue

    known = catalogue.Catalogue(context.store, context.principal)
    # The folder is the output's once the job is done.
    into = cataloguing.Into(context.folder, context.folder.with_name("out"))
    for told in record(known, into):
        cataloguing.as_recorded(known, told, into)


@kinds.kind("text", parameters=Text, paths=("source", "words_list", "reference"))
def _text(given: Text, context: kinds.Context) -> kinds.Result:
    from taihang.app import text

    done = text.text(
        given.source,
        column=given.column,
        rules=given.rules,
        words_list=given.words_list,
        reference=given.reference,
        lang=given.lang,
        fail_on=given.fail_on,
        out=context.folder,
        progress=context.progress,
    )
    from taihang.app import cataloguing

    _remembered(
        context, lambda known, into: (cataloguing.assessed(known, done, "text", job_id=context.job, into=into),)
    )
    return _judged(done)


@kinds.kind("mask", parameters=Mask, paths=("source",))
def _mask(given: Mask, context: kinds.Context) -> kinds.Result:
    from taihang.app import mask
    from taihang.data.masking import policy

    done = mask.mask(
        given.source,
        out=context.folder / given.name,
        rules=policy.read(given.policy, "policy"),
        secret=given.secret,
        lang=given.lang,
        progress=context.progress,
    )
    from taihang.app import cataloguing
    from taihang.catalog import catalogue

    known = catalogue.Catalogue(context.store, context.principal)
    made = cataloguing.masked(known, done, job_id=context.job, kept=context.folder.with_name("out") / given.name)
    return kinds.Result(
        inputs=(done.inputs.sha256,),
        summary={
            "exit_code": done.exit_code,
            "rows": done.rows,
            "masked": done.checked.found,
            "output": given.name,
            "version": made,
        },
    )


@kinds.kind("monitor", parameters=Monitor, paths=("history",))
def _monitor(given: Monitor, context: kinds.Context) -> kinds.Result:
    from taihang.app import monitor

    done = monitor.monitor(
        given.history,
        out=context.folder,
        lang=given.lang,
        fail_on=given.fail_on,
        options=monitor.Options(
            asset=given.asset, time=given.time, zone=given.zone, calendar=given.calendar, model=given.model,
            budget=given.budget, last=given.last, formats=given.formats,
        ),
    )  # fmt: skip
    return _judged(done)


@kinds.kind("causes", parameters=Causes, paths=("sources",))
def _causes(given: Causes, context: kinds.Context) -> kinds.Result:
    from taihang.app import causes, inspect

    done = causes.causes(
        *given.sources,
        constraints=given.constraints,
        vlm=inspect.allowed(given.vlm),
        judges=given.judges,
        lang=given.lang,
        formats=given.formats,
        out=context.folder,
        progress=context.progress,
    )
    from taihang.app import cataloguing

    _remembered(context, lambda known, into: (cataloguing.caused(known, done, job_id=context.job, into=into),))
    return _judged(done)


@kinds.kind("distil", parameters=Distil, paths=("samples", "held", "model"), running_of_tenant=1)
def _distil(given: Distil, context: kinds.Context) -> kinds.Result:
    from taihang.app import distil
    from taihang.catalog import catalogue

    told = given.model_dump(exclude={"samples", "teacher", "held", "model", "size"})
    size = None if given.size is None else (given.size[1], given.size[0])
    done = distil.run(
        given.samples,
        teacher=given.teacher,
        held=given.held,
        model=given.model,
        options=distil.Options(**told, size=size),
        progress=context.progress,
    )
    summary: dict[str, Any] = {"exit_code": int(done.state == "refused"), "state": done.state}
    summary |= {"learnt": done.learnt, "lost": dict(done.lost)}
    summary |= {"confirmed": done.confirmed, "withdrawn": done.withdrawn}
    if done.verdict is None:
        return kinds.Result(summary=summary)
    distil.written(done.verdict, context.folder)
    if done.rolled_out is not None:
        known = catalogue.Catalogue(context.store, context.principal)
        version = distil.catalogued(known, given.model, done.rolled_out, job_id=context.job)
        summary |= {"rolled_out": done.rolled_out.sha256, "version": version}
    summary["refused"] = [one.name for one in done.verdict.refused]
    return kinds.Result(inputs=(done.verdict.held,), versions={"student": done.verdict.student}, summary=summary)


def _judged(done: assess.Assessed | monitor.Monitored | causes.Caused) -> kinds.Result:
    report = done.report
    return kinds.Result(
        inputs=(report.asset.sha256,),
        versions=_versions(report.produced_by),
        summary={"exit_code": done.exit_code, "findings": len(report.findings), "assets": [report.asset.name]},
    )


def _versions(*groups: tuple[words.Producer, ...]) -> dict[str, str]:
    return {one.name: one.version for group in groups for one in group}
