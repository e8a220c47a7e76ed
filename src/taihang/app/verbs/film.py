"""Verbs about videos: inspect, sample, zones."""

# ruff: noqa: PLC0415, PLR0917 - verbs import late on purpose, and have as many options as they have
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from taihang.app.verbs.wording import FORMATS, Formats, Lang, Level, Server, remember, t

if TYPE_CHECKING:
    from taihang.catalog import catalogue

app = typer.Typer()


@app.command("inspect", help=t("help.inspect"))
def _inspect(
    videos: Annotated[list[Path], typer.Argument(metavar="VIDEO…", help=t("help.video"))],
    out: Annotated[Path, typer.Option("--out", help=t("help.out"))],
    rules: Annotated[str | None, typer.Option("--rules", help=t("help.rules"))] = None,
    zones: Annotated[Path | None, typer.Option("--zones", help=t("help.zones"))] = None,
    detector: Annotated[str, typer.Option("--detector", help=t("help.detector"))] = "builtin",
    vlm: Annotated[str | None, typer.Option("--vlm", metavar="URL|hf:PATH", help=t("help.vlm"))] = None,
    temporal: Annotated[Path | None, typer.Option("--temporal", metavar="FOLDER", help=t("help.temporal"))] = None,
    budget: Annotated[str, typer.Option("--budget", help=t("help.budget"))] = "2%",
    fail_on: Annotated[Level | None, typer.Option("--fail-on", help=t("help.fail_on"))] = None,
    formats: Formats = FORMATS,
    server: Server = None,
    lang: Lang = None,
) -> None:
    from taihang.app import inspect, terminal
    from taihang.report import bundle

    if server is not None:
        from taihang.app import remote

        remote.refuse(server, detector=detector != "builtin", formats=formats != FORMATS, temporal=temporal is not None)
        more = {"budget": f"{100 * inspect.share(budget):g}%", "fail_on": fail_on, "vlm": vlm}
        with terminal.Progress() as progress:
            far = remote.inspect(server, videos, out, rules=rules, zones=zones, progress=progress, **more)
        terminal.remote(far)
        raise typer.Exit(max(one.exit_code for one in far))
    with terminal.Progress() as progress:
        done = inspect.inspect(
            *videos,
            rules=rules,
            zones=zones,
            detector=detector,
            vlm=vlm,
            temporal=temporal,
            budget=inspect.share(budget),
            fail_on=fail_on,
            lang=lang,
            out=out,
            formats=bundle.asked(formats),
            progress=progress,
        )

    def record(known: catalogue.Catalogue) -> object:
        from taihang.app import cataloguing  # only where there is one

        return cataloguing.inspected(known, done)

    remember(record)
    terminal.summary(done)
    raise typer.Exit(done.exit_code)


@app.command("sample", help=t("help.sample"))
def _sample(
    out: Annotated[Path, typer.Argument(metavar="FILE.mp4", help=t("help.sample_file"))],
    camera: Annotated[Literal["fixed", "worn"], typer.Option("--camera", help=t("help.camera"))] = "fixed",
    seed: Annotated[int, typer.Option("--seed", min=0, max=2**31 - 1, help=t("help.seed"))] = 0,
    lang: Lang = None,
) -> None:
    from taihang.app import sample, terminal

    with terminal.Progress() as progress:
        files = sample.sample(out, camera=camera, seed=seed, progress=progress)
    terminal.made(files)


@app.command("zones", help=t("help.zones_verb"))
def _zones(
    video: Annotated[Path, typer.Argument(metavar="VIDEO", help=t("help.video"))],
    out: Annotated[Path, typer.Option("--out", help=t("help.zones_out"))],
    at: Annotated[float, typer.Option("--at", min=0, help=t("help.at"))] = 0.0,
    lang: Lang = None,
) -> None:
    from taihang.app import sketch, terminal

    terminal.made(sketch.sketch(video, out, at_s=at))
