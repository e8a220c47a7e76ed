"""Verbs about rulebooks: taihang rules …, schema."""

# ruff: noqa: PLC0415 - verbs import late on purpose
from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer
import typer.core

from taihang.app.verbs.wording import Lang, t


class _Shelf(typer.core.TyperGroup):
    """`taihang rules` and `taihang rules R.yaml` are short for `taihang rules check …`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] != "--help"):
            args = ["check", *args]
        return super().parse_args(ctx, args)


app = typer.Typer()
shelf = typer.Typer(cls=_Shelf, help=t("help.rules_verb"), rich_markup_mode=None)
app.add_typer(shelf, name="rules")
Book = Annotated[Path, typer.Argument(metavar="R.rules.yaml", help=t("help.rulebook_file"))]


@shelf.command("check", help=t("help.rules_verb"))
def _check(
    rulebooks: Annotated[list[str] | None, typer.Argument(metavar="RULEBOOK", help=t("help.rulebook"))] = None,
    lang: Lang = None,
) -> None:
    from taihang.app import books, terminal

    terminal.books([books.checked(one) for one in rulebooks] if rulebooks else books.shipped())


@shelf.command("import", help=t("help.rules_import"))
def _import(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=t("help.rules_file"))],
    form: Annotated[
        Literal["great-expectations", "soda", "dbt", "odcs"], typer.Option("--from", help=t("help.rules_from"))
    ],
    out: Annotated[Path, typer.Option("--out", metavar="R.rules.yaml", help=t("help.rules_out"))],
    table: Annotated[str | None, typer.Option("--table", help=t("help.rules_table"))] = None,
    lang: Lang = None,
) -> None:
    from taihang.app import books

    for line in books.imported(file, form, out, table):
        typer.echo(line)


@shelf.command("export", help=t("help.rules_export"))
def _export(
    rulebook: Annotated[str, typer.Argument(metavar="RULEBOOK", help=t("help.rulebook"))],
    out: Annotated[Path, typer.Option("--out", metavar="F.odcs.yaml", help=t("help.rules_export_out"))],
    form: Annotated[Literal["odcs"], typer.Option("--to", help=t("help.rules_to"))] = "odcs",
    lang: Lang = None,
) -> None:
    from taihang.app import books

    for line in books.exported(rulebook, out):
        typer.echo(line)


@shelf.command("diff", help=t("help.rules_diff"))
def _diff(
    before: Annotated[str, typer.Argument(metavar="A", help=t("help.rulebook"))],
    after: Annotated[str, typer.Argument(metavar="B", help=t("help.rulebook"))],
    lang: Lang = None,
) -> None:
    from taihang.app import books

    lines = books.compared(before, after)
    for line in lines:
        typer.echo(line)
    raise typer.Exit(1 if lines else 0)


@shelf.command("lock", help=t("help.rules_lock"))
def _lock(rulebook: Book, lang: Lang = None) -> None:
    from taihang.app import books

    typer.echo(books.locked(rulebook))


@shelf.command("rollback", help=t("help.rules_rollback"))
def _rollback(
    rulebook: Book,
    version: Annotated[str, typer.Option("--to", metavar="VERSION", help=t("help.rules_version"))],
    lang: Lang = None,
) -> None:
    from taihang.app import books

    typer.echo(books.rolled_back(rulebook, version))


@app.command("schema", help=t("help.schema"))
def _schema(
    what: Annotated[Literal["report", "rulebook", "causes"], typer.Argument(help=t("help.schema_what"))],
) -> None:
    from taihang.app import books

    typer.echo(books.schema(what))
