"""Verbs about the ledger: taihang ledger …"""

# ruff: noqa: PLC0415, PLR0917 - verbs import late on purpose, and have as many options as they have
from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from taihang.app.verbs import wording
from taihang.app.verbs.wording import AsJson, Lang, t
from taihang.core import i18n

app = wording.group("help.ledger")
Key = Annotated[str, typer.Option("--key", help=t("help.ledger_key"))]
Place = Annotated[str, typer.Argument(metavar="PATH", help=t("help.ledger_path"))]
Own = Annotated[Path, typer.Argument(metavar="LEDGER", help=t("help.ledger_own"))]
Signer = Annotated[Path, typer.Option("--signer", help=t("help.ledger_signer"))]
Roots = Annotated[Path, typer.Option("--roots", help=t("help.ledger_roots"))]


@app.command("verify", help=t("help.ledger_verify"))
def _verify(
    key: Key,
    path: Annotated[str | None, typer.Argument(metavar="PATH", help=t("help.ledger_path"))] = None,
    witness: Annotated[list[str] | None, typer.Option("--witness", help=t("help.ledger_witness"))] = None,
    need: Annotated[int | None, typer.Option("--need", min=0, help=t("help.ledger_need"))] = None,
    since: Annotated[Path | None, typer.Option("--since", help=t("help.ledger_since"))] = None,
    report: Annotated[Path | None, typer.Option("--report", help=t("help.ledger_report"))] = None,
    roots: Annotated[Path | None, typer.Option("--roots", help=t("help.ledger_stamp"))] = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    from taihang.app import ledger
    from taihang.core import errors

    whom = ledger.policy(key, witness or (), need)
    done = ledger.checked(path, whom, since=since, report=report)
    stamp = None
    if roots is not None:
        if path is None or report is not None:
            raise errors.UserError("app:ledger.stamp_place")
        stamp = ledger.stamped(path, whom, roots)
    if as_json:
        typer.echo(ledger.told(done, stamp))
        return
    typer.echo(ledger.said(done))
    if stamp is not None:
        at, authority = stamp.stamp.at.isoformat(), stamp.stamp.authority
        typer.echo(i18n.text("app:ledger.stamped", size=stamp.size, at=at, authority=authority))


@app.command("show", help=t("help.ledger_show"))
def _show(
    path: Place,
    start: Annotated[int, typer.Option("--from", min=0, help=t("help.ledger_from"))] = 0,
    count: Annotated[int | None, typer.Option("--count", min=0, help=t("help.ledger_count"))] = None,
    lang: Lang = None,
) -> None:
    from taihang.app import ledger

    for line in ledger.lines(path, start, count):
        typer.echo(line)
    typer.echo(t("ledger.unverified"), err=True)


@app.command("prove", help=t("help.ledger_prove"))
def _prove(
    path: Place,
    key: Key,
    index: Annotated[int | None, typer.Option("--index", min=0, help=t("help.ledger_index"))] = None,
    report: Annotated[Path | None, typer.Option("--report", help=t("help.ledger_prove_report"))] = None,
    out: Annotated[Path | None, typer.Option("--out", help=t("help.ledger_proof_out"))] = None,
    witnessed: Annotated[bool, typer.Option("--witnessed", help=t("help.ledger_witnessed"))] = False,
    lang: Lang = None,
) -> None:
    from taihang.app import ledger
    from taihang.engines import stages

    text = ledger.proved(path, key, index=index, report=report, witnessed=witnessed)
    place = out if out is not None or report is None else report.with_name(ledger.PROOF)
    if place is None:
        typer.echo(text, nl=False)
    else:
        stages.write_bytes(place, text.encode())
        typer.echo(str(place))


@app.command("keygen", help=t("help.ledger_keygen"))
def _keygen(
    name: Annotated[str, typer.Argument(metavar="NAME", help=t("help.ledger_name"))],
    out: Annotated[Path, typer.Option("--out", help=t("help.ledger_key_out"))],
    kind: Annotated[Literal["log", "witness", "sm2"], typer.Option("--kind", help=t("help.ledger_kind"))] = "log",
    lang: Lang = None,
) -> None:
    from taihang.app import ledger

    typer.echo(ledger.keygen(name, out, kind))


@app.command("seal", help=t("help.ledger_seal"))
def _seal(
    path: Own,
    reports: Annotated[list[Path], typer.Argument(metavar="REPORT…", help=t("help.ledger_reports"))],
    signer: Signer,
    lang: Lang = None,
) -> None:
    from taihang.app import ledger

    for made in ledger.sealed(path, signer, reports):
        typer.echo(str(made))


@app.command("cosign", help=t("help.ledger_cosign"))
def _cosign(
    path: Own,
    signer: Signer,
    witness: Annotated[str, typer.Option("--witness", help=t("help.ledger_one_witness"))],
    url: Annotated[str, typer.Option("--url", help=t("help.ledger_witness_url"))],
    lang: Lang = None,
) -> None:
    from taihang.app import ledger

    typer.echo(i18n.text("app:ledger.cosigned", size=ledger.cosigned(path, signer, witness, url)))


@app.command("anchor", help=t("help.ledger_anchor"))
def _anchor(
    path: Own,
    signer: Signer,
    url: Annotated[str, typer.Option("--url", help=t("help.ledger_stamp_url"))],
    roots: Roots,
    lang: Lang = None,
) -> None:
    from taihang.app import ledger

    typer.echo(i18n.text("app:ledger.anchored", size=ledger.anchored(path, signer, url, roots)))


@app.command("witness", help=t("help.ledger_witness_verb"))
def _witness(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help=t("help.ledger_witness_folder"))],
    signer: Signer,
    log: Annotated[list[str], typer.Option("--log", help=t("help.ledger_log"))],
    host: Annotated[str, typer.Option("--host", help=t("help.ledger_host"))] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help=t("help.ledger_port"))] = 7777,
    lang: Lang = None,
) -> None:
    from taihang.app import ledger

    server = ledger.witness_server(folder, signer, log, host, port)
    with server:
        typer.echo(i18n.text("app:ledger.witnessing", url=f"http://{host}:{server.server_address[1]}"))
        server.serve_forever()
