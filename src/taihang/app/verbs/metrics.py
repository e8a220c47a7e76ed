"""The verb about metrics: taihang metrics."""

# ruff: noqa: PLC0415 - verbs import late on purpose
from __future__ import annotations

from typing import Annotated

import typer

from taihang.app.verbs.wording import AsJson, Lang, t

app = typer.Typer()


@app.command("metrics", help=t("help.metrics"))
def _metrics(
    name: Annotated[str | None, typer.Argument(metavar="METRIC|MODALITY", help=t("help.metrics_name"))] = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    from taihang.app import metrics

    for line in metrics.told(name, as_json=as_json):
        typer.echo(line)
