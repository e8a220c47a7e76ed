"""The verb about texts: taihang text."""

# ruff: noqa: PLC0415, PLR0917 - verbs import late on purpose, and have as many options as they have
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from taihang.app.verbs.wording import FORMATS, Formats, Lang, Level, Server, remember, t

if TYPE_CHECKING:
    from taihang.catalog import catalogue

app = typer.Typer()


@app.command("text", help=t("help.text"))
def _text(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help=t("help.text_source"))],
    out: Annotated[Path, typer.Option("--out", help=t("help.out"))],
    column: Annotated[str | None, typer.Option("--column", help=t("help.text_column"))] = None,
    rules: Annotated[str | None, typer.Option("--rules", help=t("help.text_rules"))] = None,
    words: Annotated[Path | None, typer.Option("--words", metavar="F.txt", help=t("help.text_words"))] = None,
    reference: Annotated[
        str | None, typer.Option("--reference", metavar="SOURCE", help=t("help.text_reference"))
    ] = None,
    fail_on: Annotated[Level | None, typer.Option("--fail-on", help=t("help.fail_on"))] = None,
    formats: Formats = FORMATS,
    judge: Annotated[str | None, typer.Option("--judge", metavar="URL", help=t("help.judge"))] = None,
    model: Annotated[str, typer.Option("--judge-model", help=t("help.judge_model"))] = "",
    key: Annotated[str, typer.Option("--judge-key", metavar="env:NAME", help=t("help.judge_key"))] = "",
    size: Annotated[int, typer.Option("--judge-sample", min=2, help=t("help.judge_sample"))] = 200,
    tokens: Annotated[int | None, typer.Option("--judge-tokens", min=1, help=t("help.judge_tokens"))] = None,
    money: Annotated[float | None, typer.Option("--judge-money", min=0, help=t("help.judge_money"))] = None,
    price: Annotated[tuple[float, float], typer.Option("--judge-price", help=t("help.judge_price"))] = (0.0, 0.0),
    labels: Annotated[
        Path | None, typer.Option("--judge-labels", metavar="F.jsonl", help=t("help.judge_labels"))
    ] = None,
    server: Server = None,
    lang: Lang = None,
) -> None:
    from taihang.app import assess, opinions, terminal
    from taihang.app import text as texts
    from taihang.report import bundle

    if server is not None:
        from taihang.app import remote

        remote.refuse(server, formats=formats != FORMATS, judge=judge is not None)
        files = {"word_list": words, "reference": Path(reference) if reference else None}
        more = {"column": column, "fail_on": fail_on}
        with terminal.Progress() as progress:
            far = remote.text(server, source, out, rules=rules, files=files, progress=progress, **more)
        terminal.remote(far)
        raise typer.Exit(max(one.exit_code for one in far))
    options = assess.Options(formats=bundle.asked(formats))
    opinion = None
    if judge is not None:
        opinion = opinions.Options(judge, model, key, size, tokens, money, price, labels)
    with terminal.judged_all_the_same(), terminal.Progress() as progress:
        done = texts.text(
            source, out=out, column=column, rules=rules, words_list=words, reference=reference, lang=lang,
            fail_on=fail_on, opinion=opinion, options=options, progress=progress,
        )  # fmt: skip

    def record(known: catalogue.Catalogue) -> object:
        from taihang.app import cataloguing  # only where there is one

        return cataloguing.assessed(known, done, "text")

    remember(record)
    terminal.assessed(done)
    raise typer.Exit(done.exit_code)
