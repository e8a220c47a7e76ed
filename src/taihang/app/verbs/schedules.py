"""Verbs about schedules: taihang schedules …: jobs that start by the time of day, a new file, or a new version."""

# ruff: noqa: PLC0415, PLR0917 - verbs import late on purpose, and have as many options as they have
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from taihang.app.verbs import jobs as verbs
from taihang.app.verbs.wording import AsJson, Lang
from taihang.core import i18n

if TYPE_CHECKING:
    from taihang.app.jobs import schedules, triggers


def _t(key: str, **values: object) -> str:
    return i18n.text(f"app.jobs:{key}", None, **values)


app = typer.Typer(help=_t("help.schedules"), no_args_is_help=True, rich_markup_mode=None)
Id = Annotated[str, typer.Argument(metavar="SCHEDULE", help=_t("help.schedule_id"))]


@app.command("add", help=_t("help.schedule_add"))
def _add(
    name: Annotated[str, typer.Argument(metavar="NAME", help=_t("help.schedule_name"))],
    kind: Annotated[str, typer.Argument(metavar="KIND", help=_t("help.kind"))],
    files: Annotated[list[str] | None, typer.Argument(metavar="FILE…", help=_t("help.schedule_files"))] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help=_t("help.set"))] = None,
    cron: Annotated[str | None, typer.Option("--cron", metavar="'30 2 * * 1-5'", help=_t("help.cron"))] = None,
    zone: Annotated[str, typer.Option("--zone", help=_t("help.zone"))] = "Asia/Shanghai",
    folder: Annotated[str | None, typer.Option("--folder", metavar="DIR", help=_t("help.folder"))] = None,
    pattern: Annotated[str, typer.Option("--pattern", metavar="'*.parquet'", help=_t("help.pattern"))] = "*",
    settle: Annotated[float, typer.Option("--settle", min=0, metavar="SECONDS", help=_t("help.settle"))] = 10.0,
    asset: Annotated[str | None, typer.Option("--asset", metavar="KIND/NAME", help=_t("help.asset"))] = None,
    tenant: verbs.Tenant = "default",
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    from taihang.app.jobs import kinds

    trigger = _trigger(cron, zone, folder, pattern, settle, asset)
    service, who = verbs.opened(tenant)
    parameters = verbs.given(set_)
    if files:
        parameters[next(iter(kinds.get(kind).paths), "files")] = files
    made, _ = service.schedules.add(name, trigger, kind, parameters, who)
    _show(made, as_json=as_json)
    if not service.workers():
        typer.echo(_t("no_worker"), err=True)


@app.command("list", help=_t("help.schedule_list"))
def _list(tenant: verbs.Tenant = "default", as_json: AsJson = False, lang: Lang = None) -> None:
    service, who = verbs.opened(tenant)
    for one in service.schedules.list(who):
        _show(one, as_json=as_json)


@app.command("pause", help=_t("help.schedule_pause"))
def _pause(id: Id, tenant: verbs.Tenant = "default", as_json: AsJson = False, lang: Lang = None) -> None:
    service, who = verbs.opened(tenant)
    _show(service.schedules.enable(id, who, enabled=False), as_json=as_json)


@app.command("resume", help=_t("help.schedule_resume"))
def _resume(id: Id, tenant: verbs.Tenant = "default", as_json: AsJson = False, lang: Lang = None) -> None:
    service, who = verbs.opened(tenant)
    _show(service.schedules.enable(id, who), as_json=as_json)


@app.command("remove", help=_t("help.schedule_remove"))
def _remove(id: Id, tenant: verbs.Tenant = "default", lang: Lang = None) -> None:
    service, who = verbs.opened(tenant)
    service.schedules.remove(id, who)
    typer.echo(_t("schedule_removed", id=id))


def _trigger(
    cron: str | None, zone: str, folder: str | None, pattern: str, settle: float, asset: str | None
) -> dict[str, Any]:
    """The one trigger that was named. Raises errors.UserError for none and for several."""
    from taihang.core import errors

    if sum(one is not None for one in (cron, folder, asset)) != 1:
        raise errors.UserError("app.jobs:one_trigger")
    if cron is not None:
        return {"on": "cron", "expression": cron, "zone": zone}
    if folder is not None:
        return {"on": "folder", "path": folder, "pattern": pattern, "settle_s": settle}
    kind, _, name = str(asset).partition("/")
    return {"on": "asset", "kind": kind, "name": name}


def _show(one: schedules.Schedule, *, as_json: bool) -> None:
    if as_json:
        typer.echo(one.model_dump_json())
        return
    state = _t("schedule_on" if one.enabled else "schedule_off")
    given = json.dumps(one.parameters, ensure_ascii=False)
    typer.echo(f"{one.id}  {one.name}  {state}  {_when(one.trigger)}  {one.kind} {given}")
    if one.fault is not None:
        typer.echo(_t("schedule_fault", reason=one.fault.in_()))


def _when(trigger: triggers.Trigger) -> str:
    plain = trigger.model_dump()
    return _t(f"when.{plain.pop('on')}", **plain)
