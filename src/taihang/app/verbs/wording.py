"""Wording: what all verbs share, which is their help texts and the options that mean the same everywhere."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from taihang.core import errors, i18n

if TYPE_CHECKING:
    from taihang.catalog import catalogue


def _language_first() -> None:
    """Help texts are made when the verbs are declared: find --lang before anything else."""
    words = sys.argv[1:]
    for i, word in enumerate(words):
        value = (
            word[7:] if word.startswith("--lang=") else words[i + 1] if word == "--lang" and i + 1 < len(words) else ""
        )
        if value in i18n.LANGUAGES:
            i18n.use(value)


def t(key: str) -> str:
    """A text of the command line in the current language."""
    return i18n.text(f"app:{key}")


def group(key: str) -> typer.Typer:
    """A group of verbs below one word, such as `taihang ledger`, with its help."""
    return typer.Typer(help=t(key), no_args_is_help=True, rich_markup_mode=None)


def remember(record: Callable[[catalogue.Catalogue], object]) -> object:
    """Put what a verb did into this machine's catalogue, when there is one; what it wrote stands in any case.

    Without one, nothing that a catalogue needs is loaded: that is a third of what a verb needs to start.
    """
    from taihang.app import places  # noqa: PLC0415 - verbs import late on purpose

    try:
        if not places.there():
            return None
        from taihang.app import cataloguing  # noqa: PLC0415

        return cataloguing.when_there(record)
    except errors.TaihangError as error:
        typer.echo(i18n.text("app:not_catalogued", None, reason=str(error)), err=True)
        return None


_language_first()
Lang = Annotated[i18n.Language | None, typer.Option("--lang", help=t("help.lang"))]
Server = Annotated[str | None, typer.Option("--server", envvar="TAIHANG_SERVER", help=t("help.server"))]
AsJson = Annotated[bool, typer.Option("--json", help=t("help.json"))]
Level = Literal["red", "orange", "yellow", "blue", "info"]
Formats = Annotated[str, typer.Option("--format", metavar="html,json,docx,pdf,xlsx,md", help=t("help.format"))]
FORMATS = "html,json,docx"  # the default of --format
