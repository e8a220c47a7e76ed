"""Verbs about rulebooks: rules, schema."""

# ruff: noqa: PLC0415 - verbs import late on purpose, and have as many options as they have
from __future__ import annotations

from typing import Annotated, Literal

import typer

from taihang.app.verbs.wording import Lang, t

app = typer.Typer()


@app.command("rules", help=t("help.rules_verb"))
def _rules(
    rulebook: Annotated[str | None, typer.Argument(metavar="RULEBOOK", help=t("help.rulebook"))] = None,
    lang: Lang = None,
) -> None:
    from taihang.app import books, terminal

    terminal.books(books.shipped() if rulebook is None else [books.checked(rulebook)])


@app.command("schema", help=t("help.schema"))
def _schema(
    what: Annotated[Literal["report", "rulebook"], typer.Argument(help=t("help.schema_what"))],
) -> None:
    from taihang.app import books

    typer.echo(books.schema(what))
