"""The verb that starts the platform: up."""

# ruff: noqa: PLC0415 - verbs import late on purpose
from __future__ import annotations

from typing import Annotated

import typer

from taihang.app.verbs.wording import Lang, t

app = typer.Typer()


@app.command("up", help=t("help.up"))
def _up(
    host: Annotated[str, typer.Option("--host", help=t("help.up_host"))] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help=t("help.up_port"))] = 8765,
    workers: Annotated[int, typer.Option("--workers", min=0, max=256, help=t("help.up_workers"))] = 1,
    lang: Lang = None,
) -> None:
    from taihang.app import up
    from taihang.core import i18n

    if lang is not None:
        i18n.use(lang)
    up.up(up.Plan(host, port, workers, typer.echo))
