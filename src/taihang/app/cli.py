"""The command line: the verbs of `app/verbs` put together, and how an error becomes one line.

A verb is one function, thin over `taihang.app` and the domains. Imports of everything heavy stand
inside the verbs, so that `--help` answers at once.
"""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import Annotated, NoReturn

import typer

import taihang
from taihang.app import configuration
from taihang.app.verbs import (
    access,
    causes,
    certificates,
    distil,
    edge,
    film,
    jobs,
    keeping,
    ledger,
    mask,
    metrics,
    monitors,
    remote,
    rules,
    schedules,
    tables,
    temporal,
    text,
    tickets,
    up,
    users,
)
from taihang.app.verbs.wording import t
from taihang.core import errors

app = typer.Typer(
    name="taihang",
    help=t("help.taihang"),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"taihang {taihang.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help=t("help.debug"))] = False,
    version: Annotated[
        bool, typer.Option("--version", help=t("help.version"), is_eager=True, callback=_version)
    ] = False,
) -> None:
    _state["debug"] = debug
    configuration.load()


_state = {"debug": False}


# A group under a word of its own, or (None) verbs at the top.
for _name, _group in (
    (None, film),
    (None, causes),
    (None, tables),
    (None, rules),
    (None, metrics),
    (None, monitors),
    (None, text),
    (None, mask),
    (None, up),
    ("jobs", jobs),
    ("schedules", schedules),
    ("ledger", ledger),
    ("catalog", keeping),
    ("certificate", certificates),
    ("tickets", tickets),
    ("remote", remote),
    ("temporal", temporal),
    ("edge", edge),
    ("distil", distil),
):
    app.add_typer(_group.app, name=_name)
app.add_typer(jobs.worker)
app.add_typer(tickets.top)
app.add_typer(certificates.top)
app.add_typer(users.users, name="users")
app.add_typer(users.places, name="tenants")
app.add_typer(access.tokens, name="tokens")
app.add_typer(access.policies, name="policies")


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
