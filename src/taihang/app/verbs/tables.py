"""Verbs about tables: profile, assess."""

# ruff: noqa: PLC0415, PLR0917 - verbs import late on purpose, and have as many options as they have
from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from taihang.app.verbs.wording import FORMATS, Formats, Lang, Level, Server, remember, t

if TYPE_CHECKING:
    from collections.abc import Sequence

    from taihang.app import assess as assessing
    from taihang.app import profile as profiles
    from taihang.catalog import catalogue

app = typer.Typer()
Tasks = Annotated[str | None, typer.Option("--tasks", metavar="local|ray|ray://HOST:PORT", help=t("help.tasks"))]


@app.command("profile", help=t("help.profile"))
def _profile(
    sources: Annotated[list[str], typer.Argument(metavar="SOURCE…", help=t("help.tables"))],
    out: Annotated[Path, typer.Option("--out", help=t("help.out"))],
    baseline: Annotated[Path | None, typer.Option("--baseline", help=t("help.baseline"))] = None,
    tasks: Tasks = None,
    server: Server = None,
    lang: Lang = None,
) -> None:
    from taihang.app import profile, terminal
    from taihang.engines import memory

    if server is not None:
        from taihang.app import remote

        remote.refuse(server, baseline=baseline is not None, tasks=tasks is not None)
        with terminal.Progress() as progress:
            terminal.remote(remote.profile(server, sources, out, progress=progress))
        return
    memory.frugal()
    with terminal.Progress() as progress:
        done = profile.profile(*sources, out=out, baseline=baseline, lang=lang, progress=progress, tasks=tasks)
    remember(lambda known: _profiled(known, done))
    terminal.profiled(done)


@app.command("assess", help=t("help.assess"))
def _assess(
    tables: Annotated[list[str], typer.Argument(metavar="SOURCE…", help=t("help.tables"))],
    out: Annotated[Path, typer.Option("--out", help=t("help.out"))],
    rules: Annotated[str | None, typer.Option("--rules", help=t("help.assess_rules"))] = None,
    as_of: Annotated[datetime.datetime | None, typer.Option("--as-of", help=t("help.as_of"))] = None,
    fail_on: Annotated[Level | None, typer.Option("--fail-on", help=t("help.fail_on"))] = None,
    formats: Formats = FORMATS,
    junit: Annotated[Path | None, typer.Option("--junit", metavar="F.xml", help=t("help.junit"))] = None,
    sarif: Annotated[Path | None, typer.Option("--sarif", metavar="F.json", help=t("help.sarif"))] = None,
    annotations: Annotated[Literal["github"] | None, typer.Option("--annotations", help=t("help.annotations"))] = None,
    sample: Annotated[int | None, typer.Option("--sample", min=1, metavar="N", help=t("help.sample_rows"))] = None,
    by_time: Annotated[list[str] | None, typer.Option("--by-time", metavar="COLUMN", help=t("help.by_time"))] = None,
    standard: Annotated[list[str] | None, typer.Option("--standard", help=t("help.standard"))] = None,
    show_values: Annotated[bool, typer.Option("--show-values", help=t("help.show_values"))] = False,
    engine: Annotated[str, typer.Option("--engine", metavar="ENGINE", help=t("help.engine"))] = "auto",
    incremental: Annotated[bool, typer.Option("--incremental", help=t("help.incremental"))] = False,
    taken: Annotated[Literal["series", "trajectory"] | None, typer.Option("--as", help=t("help.taken"))] = None,
    tasks: Tasks = None,
    server: Server = None,
    lang: Lang = None,
) -> None:
    from taihang.app import assess, gate, terminal
    from taihang.engines import memory
    from taihang.report import bundle

    moment = as_of.replace(tzinfo=datetime.UTC) if as_of is not None else None
    if server is not None:
        from taihang.app import remote

        remote.refuse(
            server, formats=formats != FORMATS, junit=bool(junit), sarif=bool(sarif), annotations=bool(annotations),
            sample=bool(sample), by_time=bool(by_time),
            standard=bool(standard), show_values=show_values, engine=engine != "auto", tasks=tasks is not None,
            **{"as": taken is not None},
        )  # fmt: skip
        more = {"fail_on": fail_on, "as_of": moment.isoformat() if moment else None}
        with terminal.Progress() as progress:
            far = remote.assess(server, tables, out, rules=rules, progress=progress, **more)
        terminal.remote(far)
        raise typer.Exit(max(one.exit_code for one in far))
    memory.frugal()
    with terminal.judged_all_the_same(), terminal.Progress() as progress:
        options = assess.Options(
            formats=bundle.asked(formats),
            show_values=show_values,
            by_time=by_time or (),
            sample=sample,
            standards=standard or (),
            gate=gate.Gate(junit=junit, sarif=sarif, annotations=annotations),
            engine=engine,
            incremental=incremental,
            progress=progress,
            taken=taken,
            tasks=tasks,
        )
        done = assess.assess(*tables, rules=rules, as_of=moment, fail_on=fail_on, lang=lang, out=out, options=options)
    remember(lambda known: _assessed(known, done))
    terminal.assessed(done)
    raise typer.Exit(done.exit_code)


def _profiled(known: catalogue.Catalogue, done: Sequence[profiles.Profiled]) -> object:
    from taihang.app import cataloguing  # only where there is a catalogue

    return cataloguing.profiled(known, done)


def _assessed(known: catalogue.Catalogue, done: assessing.Assessed) -> object:
    from taihang.app import cataloguing  # only where there is a catalogue

    return cataloguing.assessed(known, done)
