"""Verbs about live streams: edge run, edge cloud, edge open, edge answer, edge bound."""

# ruff: noqa: PLC0415, PLR0917 - verbs import late on purpose, and have as many options as they have
from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from taihang.app.verbs.wording import AsJson, Lang, group, t
from taihang.core import i18n

app = group("help.edge_group")


@app.command("run", help=t("help.edge_run"))
def _run(
    out: Annotated[Path, typer.Option("--out", help=t("help.edge_out"))],
    source: Annotated[
        list[str] | None, typer.Option("--source", metavar="rtsp://…|FILE|FOLDER", help=t("help.edge_source"))
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE.edge.yaml", help=t("help.edge_config"))
    ] = None,
    rules: Annotated[str | None, typer.Option("--rules", help=t("help.rules"))] = None,
    zones: Annotated[Path | None, typer.Option("--zones", help=t("help.zones"))] = None,
    detector: Annotated[str | None, typer.Option("--detector", help=t("help.detector"))] = None,
    alert: Annotated[
        list[str] | None, typer.Option("--alert", metavar="https://…|mqtt://…", help=t("help.edge_alert"))
    ] = None,
    alert_secret: Annotated[
        str | None, typer.Option("--alert-secret", metavar="env:NAME|file:PATH", help=t("help.edge_alert_secret"))
    ] = None,
    console: Annotated[str | None, typer.Option("--console", metavar="URL", help=t("help.edge_console"))] = None,
    console_token: Annotated[
        str | None, typer.Option("--console-token", metavar="env:NAME|file:PATH", help=t("help.edge_console_token"))
    ] = None,
    cloud: Annotated[str | None, typer.Option("--cloud", metavar="URL", help=t("help.edge_cloud_url"))] = None,
    cloud_secret: Annotated[
        str | None, typer.Option("--cloud-secret", metavar="env:NAME|file:PATH", help=t("help.edge_cloud_secret"))
    ] = None,
    queue_mb: Annotated[int | None, typer.Option("--queue-mb", min=1, help=t("help.edge_queue"))] = None,
    clip_mb: Annotated[int | None, typer.Option("--clip-mb", min=1, help=t("help.edge_clips"))] = None,
    fps: Annotated[float | None, typer.Option("--fps", min=0.5, max=30, help=t("help.edge_fps"))] = None,
    node: Annotated[str, typer.Option("--node", help=t("help.edge_node"))] = "",
    wait: Annotated[float, typer.Option("--wait", min=0, help=t("help.edge_wait"))] = 5.0,
    lang: Lang = None,
) -> None:
    from taihang.app import edge

    plan = edge.settings(
        source or (),
        config,
        zones,
        rules=rules,
        detector=detector,
        alerts=tuple(alert or ()),
        alert_secret=alert_secret,
        console=console,
        console_token=console_token,
        cloud=cloud,
        cloud_secret=cloud_secret,
        queue_bytes=None if queue_mb is None else queue_mb << 20,
        clip_bytes=None if clip_mb is None else clip_mb << 20,
        fps=fps,
    )
    done = edge.run(plan, out=out, node=node, wait_s=wait, say=lambda line: typer.echo(edge.said(line), err=True))
    typer.echo(edge.ended(done))
    raise typer.Exit(3 if done.failed else 0)


@app.command("cloud", help=t("help.edge_cloud"))
def _cloud(
    out: Annotated[Path, typer.Option("--out", help=t("help.edge_cloud_out"))],
    host: Annotated[str, typer.Option("--host", help=t("help.up_host"))] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help=t("help.up_port"))] = 8470,
    secret: Annotated[
        str | None, typer.Option("--secret", metavar="env:NAME|file:PATH", help=t("help.edge_cloud_secret"))
    ] = None,
    small: Annotated[
        str | None, typer.Option("--small", metavar="https://…/v1#MODEL", help=t("help.edge_small"))
    ] = None,
    large: Annotated[
        str | None, typer.Option("--large", metavar="https://…/v1#MODEL", help=t("help.edge_large"))
    ] = None,
    patience: Annotated[float, typer.Option("--patience", min=0.1, max=3600, help=t("help.edge_patience"))] = 60.0,
    lang: Lang = None,
) -> None:
    from taihang.app import edge_cloud

    models = edge_cloud.Models(small, large, patience)
    edge_cloud.serve(out, host=host, port=port, secret=secret, say=typer.echo, models=models)


@app.command("open", help=t("help.edge_open"))
def _open(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help=t("help.edge_cloud_out"))],
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    from taihang.app import edge
    from taihang.use.video.cascade import cloud

    rows = cloud.Cloud(folder, make=False).open()
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    for row in rows:
        asked = " ".join(f"{path}:{outcome}" for path, outcome in row["asked"].items())
        # A node need tell no more than id and level.
        names = (row.get(name, "-") for name in ("stream", "at", "rule"))
        told = (row["id"], f"{row['level']:<6}", *names, row["clip"], asked)
        typer.echo(edge.shown("  ".join(map(str, told)).rstrip()))
    typer.echo(i18n.text("app:edge.waiting", count=len(rows)), err=True)


@app.command("answer", help=t("help.edge_answer"))
def _answer(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help=t("help.edge_cloud_out"))],
    segment: Annotated[str, typer.Argument(metavar="SEGMENT", help=t("help.edge_segment"))],
    verdict: Annotated[Literal["violated", "clear", "unknown"], typer.Argument(help=t("help.edge_verdict"))],
    by: Annotated[str, typer.Option("--by", help=t("help.edge_by"))],
    text: Annotated[str, typer.Option("--text", help=t("help.edge_text"))] = "",
    lang: Lang = None,
) -> None:
    from taihang.app import terminal
    from taihang.use.video.cascade import cloud

    said = {"violated": True, "clear": False, "unknown": None}[verdict]
    terminal.made([cloud.Cloud(folder, make=False).answer(segment, violated=said, by=by, text=text)])


@app.command("bound", help=t("help.edge_bound"))
def _bound(
    source: Annotated[Path, typer.Argument(metavar="FILE.csv|FOLDER", help=t("help.edge_labelled"))],
    limit: Annotated[float, typer.Option("--limit", min=0.0001, max=0.9999, help=t("help.edge_limit"))] = 0.05,
    delta: Annotated[float, typer.Option("--delta", min=0.0001, max=0.9999, help=t("help.edge_delta"))] = 0.05,
    events: Annotated[bool, typer.Option("--events", help=t("help.edge_events"))] = False,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    import dataclasses

    from taihang.app import edge

    found = edge.bound(source, limit=limit, delta=delta, events=events)
    if as_json:
        typer.echo(json.dumps({name: dataclasses.asdict(one) for name, one in found.items()}, indent=1))
        return
    for name, one in found.items():
        typer.echo(edge.bound_line(name, one))
