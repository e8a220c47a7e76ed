"""Verbs about a platform elsewhere: taihang remote …"""

# ruff: noqa: PLC0415 - verbs import late on purpose
from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from taihang.app.verbs import wording
from taihang.app.verbs.wording import Lang, t

app = wording.group("help.remote")
Needed = Annotated[str, typer.Option("--server", envvar="TAIHANG_SERVER", help=t("help.server"))]
Job = Annotated[str, typer.Argument(metavar="JOB", help=t("help.remote_job"))]


@app.command("join", help=t("help.remote_join"))
def _join(
    link: Annotated[str, typer.Argument(metavar="LINK", help=t("help.remote_link"))],
    login: Annotated[str, typer.Option("--login", help=t("help.remote_login"))],
    token_file: Annotated[Path, typer.Option("--token-file", help=t("help.remote_token_file"))],
    days: Annotated[int, typer.Option("--days", min=1, max=365, help=t("help.remote_days"))] = 30,
    lang: Lang = None,
) -> None:
    from taihang.app.client import client as clients
    from taihang.core import errors, i18n

    base = link.partition("/welcome")[0]
    if token_file.exists():
        raise errors.UserError("app:remote.token_file", path=token_file)
    given = os.environ.get("TAIHANG_PASSWORD")
    password = given or typer.prompt(t("remote.password"), hide_input=True, confirmation_prompt=True)
    with clients.Client(base) as client:
        client.join(link, password, login=login)
        secret = client.new_token("taihang remote", days=days)
    handle = os.open(token_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(secret + "\n")
    typer.echo(i18n.text("app:remote.joined", server=base, path=token_file))


@app.command("jobs", help=t("help.remote_jobs"))
def _jobs(server: Needed, lang: Lang = None) -> None:
    from taihang.app import remote

    with remote.connected(server) as client:
        for job in client.jobs():
            typer.echo(f"{job.id}\t{job.kind}\t{job.state}\t{job.done:.0%}\t{job.reason or ''}")


@app.command("watch", help=t("help.remote_watch"))
def _watch(server: Needed, job: Job, lang: Lang = None) -> None:
    from taihang.app import remote

    with remote.connected(server) as client:
        for event in client.watch(job):
            share = f" {event.done / event.total:.0%}" if event.total else ""
            typer.echo(f"{event.number}\t{event.text or event.stage}{share}\t{event.message or ''}")


@app.command("cancel", help=t("help.remote_cancel"))
def _cancel(server: Needed, job: Job, lang: Lang = None) -> None:
    from taihang.app import remote

    with remote.connected(server) as client:
        typer.echo(client.cancel(job).state)


@app.command("report", help=t("help.remote_report"))
def _report(
    server: Needed,
    report: Annotated[str, typer.Argument(metavar="REPORT", help=t("help.remote_report_id"))],
    out: Annotated[Path, typer.Option("--out", help=t("help.out"))],
    lang: Lang = None,
) -> None:
    from taihang.app import remote, terminal

    with remote.connected(server) as client:
        masked, withheld = remote.fetch(client, report, out)
    typer.echo(str(out / "report.html"))
    terminal.unclear(masked, withheld)


@app.command("quarantine", help=t("help.remote_quarantine"))
def _quarantine(
    server: Needed,
    version: Annotated[str, typer.Argument(metavar="VERSION", help=t("help.remote_version"))],
    rows: Annotated[Path | None, typer.Option("--rows", help=t("help.remote_rows"))] = None,
    lang: Lang = None,
) -> None:
    from taihang.app import remote

    with remote.connected(server) as client:
        for mark in client.quarantine(version):
            spans = " ".join(f"{start:g}–{end:g}" for start, end in mark.spans[:20])
            typer.echo(f"{mark.ticket}\t{mark.table}\t{mark.rule}\t{mark.kind}\t{mark.count}\t{spans}")
        if rows is not None:
            client.quarantined_rows(version, rows)
            typer.echo(str(rows))


@app.command("deliveries", help=t("help.remote_deliveries"))
def _deliveries(
    server: Needed,
    state: Annotated[
        Literal["waiting", "sent", "failed"] | None, typer.Option("--state", help=t("help.remote_delivery_state"))
    ] = None,
    lang: Lang = None,
) -> None:
    from taihang.app import remote

    with remote.connected(server) as client:
        for one in client.deliveries(state=state):
            typer.echo(f"{one.id}\t{one.name}\t{one.topic}\t{one.state}\t{one.attempts}\t{one.reason}")


@app.command("deliver-again", help=t("help.remote_deliver_again"))
def _deliver_again(
    server: Needed,
    delivery: Annotated[str, typer.Argument(metavar="DELIVERY", help=t("help.remote_delivery"))],
    lang: Lang = None,
) -> None:
    from taihang.app import remote

    with remote.connected(server) as client:
        typer.echo(client.deliver_again(delivery).state)


@app.command("certificates", help=t("help.remote_certificates"))
def _certificates(server: Needed, lang: Lang = None) -> None:
    from taihang.app import remote

    with remote.connected(server) as client:
        for one in client.certificates():
            typer.echo(f"{one.id}\t{one.version_id}")


@app.command("issuer", help=t("help.remote_issuer"))
def _issuer(server: Needed, lang: Lang = None) -> None:
    from taihang.app import remote

    with remote.connected(server) as client:
        typer.echo(client.certificate_key())


@app.command("revocations", help=t("help.remote_revocations"))
def _revocations(
    server: Needed,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help=t("help.remote_revocations_out"))],
    lang: Lang = None,
) -> None:
    from taihang.app import remote
    from taihang.engines import stages

    with remote.connected(server) as client:
        stages.write_bytes(out, client.revocations())
    typer.echo(str(out))


@app.command("revoke", help=t("help.remote_revoke"))
def _revoke(
    server: Needed,
    report: Annotated[str, typer.Argument(metavar="REPORT", help=t("help.remote_report_id"))],
    reason: Annotated[str, typer.Option("--reason", help=t("help.remote_reason"))],
    lang: Lang = None,
) -> None:
    from taihang.app import remote
    from taihang.core import i18n

    with remote.connected(server) as client:
        made = client.revoke(report, reason)
    typer.echo(i18n.text("app:remote.revoked", None, number=made.number, count=made.count))
