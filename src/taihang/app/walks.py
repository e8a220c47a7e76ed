"""Walks: inspect, profile, assess, monitor and what follows from them, as jobs on catalogued versions."""

# ruff: noqa: PLC0415 - the service reads the parameters' models; only a job's own process needs the engines
from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pydantic

from taihang.app import desks, errands, holds, playing
from taihang.app.jobs import kinds
from taihang.core import errors, words

if TYPE_CHECKING:
    from taihang.catalog import catalogue


class Inspect(desks.OfVersion):
    """`rules`: a shipped rulebook's name, or the version of one that was uploaded; `zones` a version too.

    `vlm`: one of those that the operator lists in the settings (`[vlm] allowed`), word for word.
    """

    rules: desks.Book | None = None
    zones: desks.Version | None = None
    budget: Annotated[str, pydantic.StringConstraints(pattern=r"^[0-9]{1,3}(\.[0-9]{1,4})?%$")] = "2%"
    fail_on: words.Level | None = None
    vlm: str | None = None


class Profile(desks.OfVersion):
    """A table's profile."""


class Assess(desks.OfVersion):
    """`table` is the name by which the rules speak of the version's rows."""

    rules: desks.Book | None = None
    table: Annotated[str, pydantic.StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")] | None = None
    fail_on: words.Level | None = None
    as_of: pydantic.AwareDatetime | None = None


class Monitor(desks.OfVersion):
    """The history of the asset that a version belongs to; see `taihang.app.monitor.Options`."""

    zone: Annotated[str, pydantic.StringConstraints(pattern=r"^[A-Za-z0-9_+/-]{1,60}$")] = "Asia/Shanghai"
    calendar: Literal["china", "none"] = "china"
    model: Literal["seasonal", "learned"] = "seasonal"
    budget: Annotated[float, pydantic.Field(gt=0, le=1000)] = 1.0
    last: Annotated[int, pydantic.Field(ge=1, le=5000)] = 1
    fail_on: words.Level | None = None


class Verify(desks.OfVersion):
    """Run a resolved ticket's rules on a version, which decides whether it is verified."""

    ticket: Annotated[str, pydantic.StringConstraints(pattern=r"^[a-z0-9-]{1,80}$")]
    rules: desks.Book
    table: Annotated[str, pydantic.StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")] | None = None


class Play(desks.OfVersion):
    """`part`: which minute of the video is made playable, from 0."""

    part: Annotated[int, pydantic.Field(ge=0, le=playing.MOST_PARTS)]


_BOOKS = ("rules", "constraints")
_VERSIONS = (*_BOOKS, "version", "zones", "word_list", "reference")
# What callers may submit as they like; tickets are verified by their own route.
KINDS: dict[str, type[desks.Parameters]] = {
    "inspect-asset": Inspect, "profile-asset": Profile, "assess-asset": Assess, "monitor-asset": Monitor,
    "clip-asset": Play, **errands.KINDS,
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
    if isinstance(given, errands.Certify):
        errands.check_reports(given, known, may)
        return
    if isinstance(given, errands.Causes):
        errands.readable(given.reports, known, may)
    named = [(field, getattr(given, field, None)) for field in _VERSIONS]
    for field, name in (*named, *(("versions", one) for one in getattr(given, "versions", ()))):
        if name is None or (field in _BOOKS and not name.startswith("version-")):
            continue
        if name == desks.LATEST and scheduled:
            continue
        found = desks.version_of(known, name)
        if field in _BOOKS:
            holds.usable(known, found)
        about = known.asset(found.asset_id)
        may("asset:read", about.id, owner=about.owner or None, sensitivity=about.sensitivity)
        if not found.stored:
            raise errors.UserError("app.api:not_stored", id=name)


@kinds.kind("inspect-asset", parameters=Inspect)
def _inspect(given: Inspect, context: kinds.Context) -> kinds.Result:
    from taihang.app import inspect

    with desks.Desk(context) as desk, desk.file(given.version) as video, desk.book(given.rules) as book:
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

    with desks.Desk(context) as desk, desk.file(given.version) as table:
        profile.profile(str(table), lang=given.lang, out=context.folder, progress=context.progress)
        return desk.recorded(given.version, "profile", 0)


@kinds.kind("assess-asset", parameters=Assess)
def _assess(given: Assess, context: kinds.Context) -> kinds.Result:
    from taihang.app import assess

    with desks.Desk(context) as desk, desk.file(given.version) as table, desk.book(given.rules) as book:
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

    with desks.Desk(context) as desk, desk.file(given.version) as video:
        sha256 = desk.content(given.version)
        made = playing.part(video, given.part, playing.kept(home.folder(), sha256, given.part), context.progress)
    told = {"part": given.part, "start_s": made.start_s, "end_s": made.end_s, "duration_s": made.duration_s}
    return kinds.Result(inputs=(sha256,), summary=told)


@kinds.kind("monitor-asset", parameters=Monitor)
def _monitor(given: Monitor, context: kinds.Context) -> kinds.Result:
    from taihang.app import monitor, watching
    from taihang.catalog.tickets import desk as tickets

    with desks.Desk(context) as desk:
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

    with desks.Desk(context) as desk, desk.file(given.version) as path, desk.book(given.rules) as book:
        assert book is not None
        source = str(path) if given.table is None else f"{given.table}={path}"
        card = closing.verify(
            tickets.Desk(desk.store, context.principal),
            given.ticket,
            closing.Version((source,), book, desk.number(given.version)),
        )
    return kinds.Result(summary={"ticket": card.id, "state": card.state})
