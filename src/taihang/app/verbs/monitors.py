"""Verb about histories: monitor."""

# ruff: noqa: PLC0415, PLR0917 - verbs import late on purpose, and have as many options as they have
from __future__ import annotations

import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from taihang.app.verbs.users import Tenant
from taihang.app.verbs.wording import FORMATS, Formats, Lang, Level, Server
from taihang.core import errors, i18n

app = typer.Typer()


def _t(key: str) -> str:
    return i18n.text(f"app.verbs:{key}")


@app.command("monitor", help=_t("monitor.help"))
def _monitor(
    out: Annotated[Path, typer.Option("--out", help=_t("monitor.out"))],
    history: Annotated[str | None, typer.Argument(metavar="HISTORY", help=_t("monitor.history"))] = None,
    asset: Annotated[str | None, typer.Option("--asset", help=_t("monitor.asset"))] = None,
    time: Annotated[str | None, typer.Option("--time", metavar="COLUMN", help=_t("monitor.time"))] = None,
    zone: Annotated[str, typer.Option("--zone", help=_t("monitor.zone"))] = "Asia/Shanghai",
    calendar: Annotated[str, typer.Option("--calendar", help=_t("monitor.calendar"))] = "china",
    model: Annotated[Literal["seasonal", "learned"], typer.Option("--model", help=_t("monitor.model"))] = "seasonal",
    budget: Annotated[float, typer.Option("--budget", help=_t("monitor.budget"))] = 1.0,
    last: Annotated[int, typer.Option("--last", min=1, metavar="N", help=_t("monitor.last"))] = 1,
    since: Annotated[datetime.datetime | None, typer.Option("--since", help=_t("monitor.since"))] = None,
    feedback: Annotated[Path | None, typer.Option("--feedback", metavar="F.csv", help=_t("monitor.feedback"))] = None,
    tickets: Annotated[bool, typer.Option("--tickets", help=_t("monitor.tickets"))] = False,
    rules: Annotated[str, typer.Option("--rules", help=_t("monitor.rules"))] = "monitors",
    fail_on: Annotated[Level | None, typer.Option("--fail-on", help=_t("monitor.fail_on"))] = None,
    formats: Formats = FORMATS,
    tenant: Tenant = "default",
    server: Server = None,
    lang: Lang = None,
) -> None:
    from taihang.app import monitor, terminal, watching
    from taihang.report import bundle

    if history is None and asset is None:
        raise errors.UserError("app:monitor.nothing")
    if server is not None:
        from taihang.app import remote

        if history is not None or asset is None:
            raise errors.UserError("app:remote.monitor", server=server)
        remote.refuse(
            server, time=time is not None, since=since is not None, feedback=feedback is not None,
            rules=rules != "monitors", format=formats != FORMATS, calendar=calendar not in {"china", "none"},
        )  # fmt: skip
        more = {"zone": zone, "calendar": calendar, "model": model, "budget": budget, "last": last, "fail_on": fail_on}
        with terminal.Progress() as progress:
            far = remote.monitor(server, asset, out, progress=progress, **more)
        terminal.remote(far)
        raise typer.Exit(max(one.exit_code for one in far))
    options = monitor.Options(
        asset=asset, time=time, zone=zone, calendar=calendar, model=model, budget=budget, last=last, since=since,
        feedback=feedback, rules=rules, formats=bundle.asked(formats),
    )  # fmt: skip
    if history is not None and not tickets:
        done = monitor.monitor(history, out=out, lang=lang, fail_on=fail_on, options=options)
    else:
        with watching.opened(tenant) as at:
            past = history if history is not None else watching.history(at, asset or "")
            newest = watching.newest(at, asset or "") if history is None else None
            done = monitor.monitor(
                past, out=out, lang=lang, fail_on=fail_on, options=options,
                told=lambda name: watching.feedback(at.desk, name), subject=newest.asset if newest else None,
            )  # fmt: skip
            if newest is not None:
                watching.recorded(at, newest, done.report, done.page.parent)
    terminal.monitored(done)
    raise typer.Exit(done.exit_code)
