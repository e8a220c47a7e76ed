"""Verb about causes: taihang causes."""

# ruff: noqa: PLC0415, PLR0917 - verbs import late on purpose, and have as many options as they have
from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from taihang.app.verbs.wording import FORMATS, Formats, Lang, Server, remember
from taihang.core import i18n

app = typer.Typer()


def _t(key: str) -> str:
    return i18n.text(f"app.verbs:{key}")


@app.command("causes", help=_t("causes.help"))
def _causes(
    sources: Annotated[list[Path], typer.Argument(metavar="SOURCE…", help=_t("causes.source"))],
    out: Annotated[Path, typer.Option("--out", help=_t("causes.out"))],
    constraints: Annotated[
        str, typer.Option("--constraints", metavar="F.causes.yaml", help=_t("causes.constraints"))
    ] = "mine",
    vlm: Annotated[str | None, typer.Option("--vlm", metavar="URL|hf:PATH", help=_t("causes.vlm"))] = None,
    judges: Annotated[
        Literal["statistical", "both"], typer.Option("--judges", help=_t("causes.judges"))
    ] = "statistical",
    formats: Formats = FORMATS,
    server: Server = None,
    lang: Lang = None,
) -> None:
    from taihang.app import causes, terminal
    from taihang.report import bundle

    if server is not None:
        from taihang.app import remote

        remote.refuse(server, format=formats != FORMATS)
        more = {"judges": judges, "vlm": vlm}
        with terminal.Progress() as progress:
            far = remote.causes(server, sources, out, constraints=constraints, progress=progress, **more)
        terminal.remote(far)
        return
    with terminal.Progress() as progress:
        done = causes.causes(
            *sources,
            out=out,
            constraints=constraints,
            vlm=vlm,
            judges=judges,
            lang=lang,
            formats=bundle.asked(formats),
            progress=progress,
        )
    from taihang.app import cataloguing  # after the work, whose memory it would add to

    remember(lambda known: cataloguing.caused(known, done))
    terminal.caused(done)
    raise typer.Exit(done.exit_code)
