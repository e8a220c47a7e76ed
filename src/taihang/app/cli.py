"""The command line: one verb a function, thin over `taihang.app` and the domains.

Imports of everything heavy stand inside the verbs, so that `--help` answers at once.
"""

# ruff: noqa: PLC0415, PLR0917 - verbs import late on purpose, and have as many options as they have
from __future__ import annotations

import datetime
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated, Literal, NoReturn

import typer

import taihang
from taihang.core import errors, i18n


def _language_first() -> None:
    """Help texts are made when the verbs are declared: find --lang before anything else."""
    words = sys.argv[1:]
    for i, word in enumerate(words):
        value = (
            word[7:] if word.startswith("--lang=") else words[i + 1] if word == "--lang" and i + 1 < len(words) else ""
        )
        if value in i18n.LANGUAGES:
            i18n.use(value)


_language_first()


def _t(key: str) -> str:
    return i18n.text(f"app:{key}")


app = typer.Typer(
    name="taihang",
    help=_t("help.taihang"),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


Lang = Annotated[i18n.Language | None, typer.Option("--lang", help=_t("help.lang"))]
Level = Literal["red", "orange", "yellow", "blue", "info"]


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"taihang {taihang.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help=_t("help.debug"))] = False,
    version: Annotated[
        bool, typer.Option("--version", help=_t("help.version"), is_eager=True, callback=_version)
    ] = False,
) -> None:
    _state["debug"] = debug


_state = {"debug": False}


@app.command("inspect", help=_t("help.inspect"))
def _inspect(
    videos: Annotated[list[Path], typer.Argument(metavar="VIDEO…", help=_t("help.video"))],
    out: Annotated[Path, typer.Option("--out", help=_t("help.out"))],
    rules: Annotated[str | None, typer.Option("--rules", help=_t("help.rules"))] = None,
    zones: Annotated[Path | None, typer.Option("--zones", help=_t("help.zones"))] = None,
    detector: Annotated[str, typer.Option("--detector", help=_t("help.detector"))] = "builtin",
    budget: Annotated[str, typer.Option("--budget", help=_t("help.budget"))] = "2%",
    fail_on: Annotated[Level | None, typer.Option("--fail-on", help=_t("help.fail_on"))] = None,
    lang: Lang = None,
) -> None:
    from taihang.app import inspect, terminal

    with terminal.Progress() as progress:
        done = inspect.inspect(
            *videos,
            rules=rules,
            zones=zones,
            detector=detector,
            budget=inspect.share(budget),
            fail_on=fail_on,
            lang=lang,
            out=out,
            progress=progress,
        )
    terminal.summary(done)
    raise typer.Exit(done.exit_code)


@app.command("profile", help=_t("help.profile"))
def _profile(
    sources: Annotated[list[str], typer.Argument(metavar="SOURCE…", help=_t("help.tables"))],
    out: Annotated[Path, typer.Option("--out", help=_t("help.out"))],
    baseline: Annotated[Path | None, typer.Option("--baseline", help=_t("help.baseline"))] = None,
    lang: Lang = None,
) -> None:
    from taihang.app import profile, terminal

    with terminal.Progress() as progress:
        done = profile.profile(*sources, out=out, baseline=baseline, lang=lang, progress=progress)
    terminal.profiled(done)


@app.command("assess", help=_t("help.assess"))
def _assess(
    tables: Annotated[list[str], typer.Argument(metavar="SOURCE…", help=_t("help.tables"))],
    out: Annotated[Path, typer.Option("--out", help=_t("help.out"))],
    rules: Annotated[str | None, typer.Option("--rules", help=_t("help.assess_rules"))] = None,
    as_of: Annotated[datetime.datetime | None, typer.Option("--as-of", help=_t("help.as_of"))] = None,
    fail_on: Annotated[Level | None, typer.Option("--fail-on", help=_t("help.fail_on"))] = None,
    lang: Lang = None,
) -> None:
    from taihang.app import assess, terminal

    moment = as_of.replace(tzinfo=datetime.UTC) if as_of is not None else None
    done = assess.assess(*tables, rules=rules, as_of=moment, fail_on=fail_on, lang=lang, out=out)
    terminal.assessed(done)
    raise typer.Exit(done.exit_code)


@app.command("sample", help=_t("help.sample"))
def _sample(
    out: Annotated[Path, typer.Argument(metavar="FILE.mp4", help=_t("help.sample_file"))],
    camera: Annotated[Literal["fixed", "worn"], typer.Option("--camera", help=_t("help.camera"))] = "fixed",
    seed: Annotated[int, typer.Option("--seed", min=0, max=2**31 - 1, help=_t("help.seed"))] = 0,
    lang: Lang = None,
) -> None:
    from taihang.app import sample, terminal

    with terminal.Progress() as progress:
        files = sample.sample(out, camera=camera, seed=seed, progress=progress)
    terminal.made(files)


@app.command("zones", help=_t("help.zones_verb"))
def _zones(
    video: Annotated[Path, typer.Argument(metavar="VIDEO", help=_t("help.video"))],
    out: Annotated[Path, typer.Option("--out", help=_t("help.zones_out"))],
    at: Annotated[float, typer.Option("--at", min=0, help=_t("help.at"))] = 0.0,
    lang: Lang = None,
) -> None:
    from taihang.app import sketch, terminal

    terminal.made(sketch.sketch(video, out, at_s=at))


@app.command("rules", help=_t("help.rules_verb"))
def _rules(
    rulebook: Annotated[str | None, typer.Argument(metavar="RULEBOOK", help=_t("help.rulebook"))] = None,
    lang: Lang = None,
) -> None:
    from taihang.app import books, terminal

    terminal.books(books.shipped() if rulebook is None else [books.checked(rulebook)])


@app.command("schema", help=_t("help.schema"))
def _schema(
    what: Annotated[Literal["report", "rulebook"], typer.Argument(help=_t("help.schema_what"))],
) -> None:
    from taihang.app import books

    typer.echo(books.schema(what))


_ledger = typer.Typer(help=_t("help.ledger"), no_args_is_help=True, rich_markup_mode=None)
app.add_typer(_ledger, name="ledger")


@_ledger.command("verify", help=_t("help.ledger_verify"))
def _ledger_verify(
    path: Annotated[Path, typer.Argument(metavar="PATH", help=_t("help.ledger_path"))],
    key: Annotated[str, typer.Option("--key", help=_t("help.ledger_key"))],
    witness: Annotated[list[str] | None, typer.Option("--witness", help=_t("help.ledger_witness"))] = None,
    need: Annotated[int | None, typer.Option("--need", min=0, help=_t("help.ledger_need"))] = None,
    since: Annotated[Path | None, typer.Option("--since", help=_t("help.ledger_since"))] = None,
    report: Annotated[Path | None, typer.Option("--report", help=_t("help.ledger_report"))] = None,
    lang: Lang = None,
) -> None:
    from taihang.app import ledger

    done = ledger.checked(path, ledger.policy(key, witness or (), need), since=since, report=report)
    typer.echo(ledger.said(done))


@_ledger.command("show", help=_t("help.ledger_show"))
def _ledger_show(
    path: Annotated[Path, typer.Argument(metavar="PATH", help=_t("help.ledger_path"))],
    start: Annotated[int, typer.Option("--from", min=0, help=_t("help.ledger_from"))] = 0,
    count: Annotated[int | None, typer.Option("--count", min=0, help=_t("help.ledger_count"))] = None,
    lang: Lang = None,
) -> None:
    from taihang.app import ledger

    for line in ledger.lines(path, start, count):
        typer.echo(line)
    typer.echo(_t("ledger.unverified"), err=True)


def main() -> NoReturn:
    """Run the command line: every error is one line, and the exit code is its kind's."""
    signal.signal(signal.SIGTERM, _terminated)
    try:
        code = app(standalone_mode=False) or 0
        if code == errors.Cancelled.exit_code:  # Ctrl-C, which Typer turns into this code without a word
            code = _say(errors.Cancelled("core:cancelled"))
    except (typer.Abort, KeyboardInterrupt):
        code = _say(errors.Cancelled("core:cancelled"))
    except typer.TyperException as error:
        code = _say(errors.UserError("app:usage", reason=error.format_message()))
    except errors.TaihangError as error:
        if _state["debug"]:
            raise
        code = _say(error)
    except MemoryError:
        code = _say(errors.Failure("app:memory"))
    except Exception as error:  # the last line of defence: a defect is one line too, unless --debug
        if _state["debug"]:
            raise
        code = _say(errors.Failure("app:defect", kind=type(error).__name__, reason=str(error)))
    sys.exit(int(code))


def _say(error: errors.TaihangError) -> int:
    typer.echo(str(error), err=True)
    return error.exit_code


def _terminated(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
