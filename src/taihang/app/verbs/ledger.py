"""Verbs about the ledger: taihang ledger …"""

# ruff: noqa: PLC0415, PLR0917 - verbs import late on purpose, and have as many options as they have
from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from taihang.app.verbs import wording
from taihang.app.verbs.wording import Lang, t

app = wording.group("help.ledger")


@app.command("verify", help=t("help.ledger_verify"))
def _ledger_verify(
    path: Annotated[Path, typer.Argument(metavar="PATH", help=t("help.ledger_path"))],
    key: Annotated[str, typer.Option("--key", help=t("help.ledger_key"))],
    witness: Annotated[list[str] | None, typer.Option("--witness", help=t("help.ledger_witness"))] = None,
    need: Annotated[int | None, typer.Option("--need", min=0, help=t("help.ledger_need"))] = None,
    since: Annotated[Path | None, typer.Option("--since", help=t("help.ledger_since"))] = None,
    report: Annotated[Path | None, typer.Option("--report", help=t("help.ledger_report"))] = None,
    lang: Lang = None,
) -> None:
    from taihang.app import ledger

    done = ledger.checked(path, ledger.policy(key, witness or (), need), since=since, report=report)
    typer.echo(ledger.said(done))


@app.command("show", help=t("help.ledger_show"))
def _ledger_show(
    path: Annotated[Path, typer.Argument(metavar="PATH", help=t("help.ledger_path"))],
    start: Annotated[int, typer.Option("--from", min=0, help=t("help.ledger_from"))] = 0,
    count: Annotated[int | None, typer.Option("--count", min=0, help=t("help.ledger_count"))] = None,
    lang: Lang = None,
) -> None:
    from taihang.app import ledger

    for line in ledger.lines(path, start, count):
        typer.echo(line)
    typer.echo(t("ledger.unverified"), err=True)
