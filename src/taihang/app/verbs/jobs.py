"""Verbs about jobs: taihang jobs …, taihang worker."""

# ruff: noqa: PLC0415, PLR0917 - verbs import late on purpose, and have as many options as they have
from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from taihang.app.verbs.wording import AsJson, Lang
from taihang.core import i18n

if TYPE_CHECKING:
    from taihang.app.jobs import service
    from taihang.core import job as words
    from taihang.core import principal


def _t(key: str, **values: object) -> str:
    return i18n.text(f"app.jobs:{key}", None, **values)


app = typer.Typer(help=_t("help.jobs"), no_args_is_help=True, rich_markup_mode=None)
worker = typer.Typer()
Id = Annotated[str, typer.Argument(metavar="JOB", help=_t("help.id"))]
Tenant = Annotated[str, typer.Option("--tenant", envvar="TAIHANG_TENANT", help=_t("help.tenant"))]
_POLL_S = 0.5


@app.command("submit", help=_t("help.submit"))
def _submit(
    kind: Annotated[str, typer.Argument(metavar="KIND", help=_t("help.kind"))],
    files: Annotated[list[str] | None, typer.Argument(metavar="FILE…", help=_t("help.files"))] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help=_t("help.set"))] = None,
    key: Annotated[str | None, typer.Option("--key", help=_t("help.key"))] = None,
    watch: Annotated[bool, typer.Option("--watch", help=_t("help.watch_option"))] = False,
    tenant: Tenant = "default",
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    from taihang.app.jobs import kinds

    jobs, who = opened(tenant)
    parameters = given(set_)
    if files:
        parameters[next(iter(kinds.get(kind).paths), "files")] = files
    job = jobs.submit(kind, parameters, who, key=key)
    if watch:
        _watched(jobs, who, job.id, as_json=as_json)
    else:
        _show(job, as_json=as_json)


@app.command("list", help=_t("help.list"))
def _list(
    state: Annotated[str | None, typer.Option("--state", help=_t("help.state"))] = None,
    kind: Annotated[str | None, typer.Option("--kind", help=_t("help.kind"))] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help=_t("help.limit"))] = 50,
    after: Annotated[str | None, typer.Option("--after", help=_t("help.after"))] = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    jobs, who = opened(tenant)
    for job in jobs.list(who, state=_state(state), kind=kind, after=after, limit=limit):
        _show(job, as_json=as_json)


@app.command("show", help=_t("help.show"))
def _detail(id: Id, tenant: Tenant = "default", as_json: AsJson = False, lang: Lang = None) -> None:
    jobs, who = opened(tenant)
    found = jobs.history(id, who)
    if as_json:
        typer.echo(found.model_dump_json())
        return
    _show(found.job, as_json=False)
    if found.job.reason:
        typer.echo(found.job.reason.in_())
    typer.echo(_t("shown.parameters", parameters=json.dumps(found.job.parameters, ensure_ascii=False)))
    for one in found.attempts:
        typer.echo(
            _t(
                "shown.attempt",
                number=one.number,
                outcome=_t(f"outcome.{one.outcome or 'running'}"),
                worker=one.worker,
                version=one.taihang,
                started=one.started.isoformat(timespec="seconds"),
                cpu="–" if one.cpu_s is None else f"{one.cpu_s:.1f}",
                memory="–" if one.peak_rss is None else f"{one.peak_rss / 2**20:.0f}",
            )
        )
    for name, version in found.versions.items():
        typer.echo(_t("shown.version", name=name, version=version))
    for digest in found.job.inputs:
        typer.echo(_t("shown.input", sha256=digest))
    if found.job.state == "done":
        typer.echo(_t("shown.output", path=jobs.folder(id, who)))


@app.command("cancel", help=_t("help.cancel"))
def _cancel(id: Id, tenant: Tenant = "default", as_json: AsJson = False, lang: Lang = None) -> None:
    jobs, who = opened(tenant)
    _show(jobs.cancel(id, who), as_json=as_json)


@app.command("retry", help=_t("help.retry"))
def _retry(id: Id, tenant: Tenant = "default", as_json: AsJson = False, lang: Lang = None) -> None:
    jobs, who = opened(tenant)
    _show(jobs.retry(id, who), as_json=as_json)


@app.command("watch", help=_t("help.watch"))
def _watch(id: Id, tenant: Tenant = "default", as_json: AsJson = False, lang: Lang = None) -> None:
    jobs, who = opened(tenant)
    _watched(jobs, who, id, as_json=as_json)


@worker.command("worker", help=_t("help.worker"))
def _worker(lang: Lang = None) -> None:
    import os

    from taihang.app import places as placing
    from taihang.app import platform
    from taihang.app.jobs import worker as workers

    where = placing.current()
    # A job's own process finds the same places, whatever its working folder and home are.
    os.environ |= {"TAIHANG_STORE": where.store, "TAIHANG_BLOBS": where.blobs}
    whole = platform.open_platform(where)
    platform.prepare(whole)
    whole.close()
    raise typer.Exit(workers.serve(where.store, where.home, platform.JOB_MODULES))


def opened(tenant: str) -> tuple[service.Jobs, principal.Principal]:
    """The jobs of this machine's platform, and whoever sits before it."""
    import getpass

    from taihang.app import places as placing
    from taihang.app import platform
    from taihang.app.jobs import service
    from taihang.core import principal
    from taihang.engines.store import opening

    where = placing.current()
    jobs = service.Jobs(opening.open_store(where.store), where.home, modules=platform.JOB_MODULES)
    whole = platform.open_platform(where)
    platform.prepare(whole)
    whole.close()
    return jobs, principal.Principal(name=getpass.getuser(), tenant=tenant)


def _watched(jobs: service.Jobs, who: principal.Principal, id: str, *, as_json: bool) -> None:
    """Say what happens until the job is over; the exit code is 0 when it is done, else that of its end."""
    from taihang.core import errors

    seen = 0
    if not jobs.workers():
        typer.echo(_t("no_worker"), err=True)
    while True:
        job = jobs.get(id, who)
        for event in jobs.events(id, who, seen):
            seen = event.number
            if as_json:
                plain = {"number": seen, "at": event.at.isoformat(), "stage": event.stage}
                message = event.message.both().model_dump() if event.message else None
                typer.echo(
                    json.dumps(
                        plain | {"done": event.done, "total": event.total, "message": message}, ensure_ascii=False
                    )
                )
            else:
                share = f" {100 * event.done / event.total:.0f}%" if event.total else ""
                typer.echo(f"{i18n.text(event.stage)}{share}" + (f" · {event.message.in_()}" if event.message else ""))
        if job.over:
            break
        time.sleep(_POLL_S)
    if job.state == "cancelled":
        raise typer.Exit(errors.Cancelled.exit_code)
    if job.state == "failed":
        raise typer.Exit(errors.Failure.exit_code)


def _show(job: words.Job, *, as_json: bool) -> None:
    if as_json:
        typer.echo(job.model_dump_json())
        return
    stage = f" · {i18n.text(job.stage)} {100 * job.done:.0f}%" if job.state == "running" and job.stage else ""
    at = job.submitted.isoformat(timespec="seconds") if job.submitted else ""
    typer.echo(f"{job.id}  {job.kind}  {_t(f'state.{job.state}')}{stage}  {job.owner}  {at}")


def _state(given: str | None) -> words.State | None:
    from typing import get_args

    from taihang.core import errors
    from taihang.core import job as words

    known = get_args(words.State)
    if given is not None and given not in known:
        raise errors.UserError("app.jobs:unknown_state", state=given, known=", ".join(known))
    found: words.State | None = given  # type: ignore[assignment]
    return found


def given(pairs: list[str] | None) -> dict[str, Any]:
    """The parameters of --set. A worker runs elsewhere: a rulebook's file is named by its whole path."""
    from pathlib import Path

    found = dict(pair(one) for one in pairs or ())
    rules = found.get("rules")
    if isinstance(rules, str) and Path(rules).is_file():
        found["rules"] = str(Path(rules).absolute())
    return found


def pair(given: str) -> tuple[str, Any]:
    """`NAME=VALUE`; a value that is JSON is read as such, else it is a text."""
    from taihang.core import errors

    name, equals, value = given.partition("=")
    if not equals:
        raise errors.UserError("app.jobs:pair", given=given)
    try:
        return name, json.loads(value)
    except (ValueError, RecursionError):
        return name, value
