"""Verbs about the light classifier: temporal train, temporal card."""

# ruff: noqa: PLC0415, PLR0917 - verbs import late on purpose, and have as many options as they have
from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from taihang.app.verbs.wording import Lang, group, t

app = group("help.temporal_group")


@app.command("train", help=t("help.temporal_train"))
def _train(
    clips: Annotated[Path, typer.Argument(metavar="FOLDER", help=t("help.temporal_clips"))],
    out: Annotated[Path, typer.Option("--out", help=t("help.temporal_out"))],
    rounds: Annotated[int, typer.Option("--rounds", min=1, max=1_000_000, help=t("help.temporal_rounds"))] = 1200,
    presence: Annotated[str | None, typer.Option("--presence", metavar="A,B", help=t("help.temporal_presence"))] = None,
    checkpoint: Annotated[Path | None, typer.Option("--checkpoint", help=t("help.temporal_checkpoint"))] = None,
    teacher: Annotated[
        Path | None, typer.Option("--teacher", metavar="FOLDER", help=t("help.temporal_teacher"))
    ] = None,
    synthetic: Annotated[bool, typer.Option("--synthetic", help=t("help.temporal_synthetic"))] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, max=2**31 - 1, help=t("help.seed_training"))] = 0,
    lang: Lang = None,
) -> None:
    from taihang.app import temporal, terminal

    chosen = None if presence is None else tuple(name.strip() for name in presence.split(",") if name.strip())
    with terminal.Progress() as progress:
        done = temporal.train(
            clips, out=out, rounds=rounds, presence=chosen, checkpoint=checkpoint, teacher=teacher,
            synthetic=synthetic, seed=seed, progress=progress,
        )  # fmt: skip
    terminal.made([done.folder / "temporal.onnx", done.page])


@app.command("card", help=t("help.temporal_card"))
def _card(
    model: Annotated[Path, typer.Argument(metavar="FOLDER", help=t("help.temporal_model"))],
    lang: Lang = None,
) -> None:
    from taihang.app import temporal

    typer.echo(temporal.card(model, lang), nl=False)
