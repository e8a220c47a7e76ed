"""The verb that masks: taihang mask."""

# ruff: noqa: PLC0415, PLR0917 - verbs import late on purpose, and have as many options as they have
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from taihang.app.verbs.wording import Lang, Server, remember, t
from taihang.core import i18n

if TYPE_CHECKING:
    from taihang.catalog import catalogue

app = typer.Typer()
Method = Literal["drop", "hash", "format", "generalise"]


@app.command("mask", help=t("help.mask"))
def _mask(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help=t("help.mask_source"))],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help=t("help.mask_out"))],
    policy: Annotated[Path | None, typer.Option("--policy", metavar="P.yaml", help=t("help.mask_policy"))] = None,
    method: Annotated[Method | None, typer.Option("--method", help=t("help.mask_method"))] = None,
    column: Annotated[
        list[str] | None, typer.Option("--column", metavar="COLUMN=METHOD", help=t("help.mask_column"))
    ] = None,
    secret: Annotated[str | None, typer.Option("--secret", metavar="env:NAME", help=t("help.mask_secret"))] = None,
    person: Annotated[str | None, typer.Option("--person", metavar="COLUMN", help=t("help.mask_person"))] = None,
    quasi: Annotated[str | None, typer.Option("--quasi", metavar="A,B", help=t("help.mask_quasi"))] = None,
    sensitive: Annotated[
        str | None, typer.Option("--sensitive", metavar="COLUMN", help=t("help.mask_sensitive"))
    ] = None,
    k: Annotated[int | None, typer.Option("--k", min=2, help=t("help.mask_k"))] = None,
    role: Annotated[str | None, typer.Option("--role", help=t("help.mask_role"))] = None,
    server: Server = None,
    lang: Lang = None,
) -> None:
    from taihang.app import mask as masking
    from taihang.app import terminal
    from taihang.data.masking import policy as policies

    rules = policies.load(policy) if policy is not None else policies.Policy()
    given: dict[str, Any] = {"method": method, "person": person, "sensitive": sensitive, "k": k}
    said = {name: value for name, value in given.items() if value is not None}
    if quasi is not None:
        said["quasi"] = tuple(name.strip() for name in quasi.split(",") if name.strip())
    if column:
        said["columns"] = {**rules.columns, **dict(policies.option(one) for one in column)}
    rules = rules.model_copy(update=said)
    if server is not None:
        from taihang.app import remote

        remote.refuse(server, secret=secret is not None)
        plain = rules.model_dump(mode="json", exclude_defaults=True)
        with terminal.Progress() as progress:
            result = remote.mask(server, source, out, policy=plain, role=role, progress=progress)
        typer.echo(i18n.text("app:remote.masked", None, **{**result, "path": out}))
        raise typer.Exit(int(result["exit_code"]))
    with terminal.Progress() as progress:
        done = masking.mask(source, out=out, rules=rules, secret=secret, role=role, lang=lang, progress=progress)

    def record(known: catalogue.Catalogue) -> object:
        from taihang.app import cataloguing  # only where there is one

        return cataloguing.masked(known, done)

    made = remember(record)
    terminal.masked(done, str(made or ""))
    raise typer.Exit(done.exit_code)
