"""Verbs about certificates: certify, and taihang certificate …"""

# ruff: noqa: PLC0415, PLR0917 - verbs import late on purpose, and have as many options as they have
from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from taihang.app.verbs.wording import FORMATS, AsJson, Formats, Lang, Server, remember
from taihang.core import errors, i18n

if TYPE_CHECKING:
    from taihang.catalog import catalogue


def _t(key: str, **values: object) -> str:
    return i18n.text(f"app.verbs:{key}", None, **values)


top = typer.Typer()
app = typer.Typer(help=_t("certificate.help"), no_args_is_help=True, rich_markup_mode=None)
Key = Annotated[list[Path], typer.Option("--key", help=_t("certificate.key"))]
Public = Annotated[list[str], typer.Option("--key", help=_t("certificate.public"))]
File = Annotated[Path, typer.Argument(metavar="CERTIFICATE", help=_t("certificate.file"))]
Ledger = Annotated[Path | None, typer.Option("--ledger", help=_t("certificate.ledger"))]
Signer = Annotated[Path | None, typer.Option("--signer", help=_t("certificate.signer"))]
Moment = Annotated[datetime.datetime | None, typer.Option("--at", help=_t("certificate.at"))]


@top.command("certify", help=_t("certificate.certify"))
def _certify(
    reports: Annotated[list[Path], typer.Argument(metavar="REPORT…", help=_t("certificate.reports"))],
    out: Annotated[Path, typer.Option("--out", help=_t("certificate.out"))],
    key: Annotated[list[Path] | None, typer.Option("--key", help=_t("certificate.key"))] = None,
    grades: Annotated[str, typer.Option("--grades", help=_t("certificate.grades"))] = "data-quality",
    minimum: Annotated[str | None, typer.Option("--minimum", metavar="GRADE", help=_t("certificate.minimum"))] = None,
    days: Annotated[int | None, typer.Option("--days", min=1, max=3660, help=_t("certificate.days"))] = None,
    scope: Annotated[str, typer.Option("--scope", help=_t("certificate.scope"))] = "",
    attested: Annotated[
        Path | None, typer.Option("--attested", metavar="F.yaml", help=_t("certificate.attested"))
    ] = None,
    ledger: Ledger = None,
    signer: Signer = None,
    formats: Formats = FORMATS,
    server: Server = None,
    lang: Lang = None,
) -> None:
    from taihang.app import certify
    from taihang.report import bundle

    if server is not None:
        from taihang.app import remote, terminal

        remote.refuse(
            server, key=bool(key), attested=attested is not None, ledger=ledger is not None, format=formats != FORMATS
        )
        more = {"grades": grades, "minimum": minimum, "days": days, "scope": scope}
        with terminal.Progress() as progress:
            far = remote.certify(server, [str(one) for one in reports], out, progress=progress, **more)
        terminal.remote([far])
        return
    terms = certify.Terms(policy=grades, days=days, scope=scope, attested=attested, minimum=minimum)
    done = certify.certify(
        *reports,
        key=key or [],
        out=out,
        terms=terms,
        ledger=_ledger(ledger, signer),
        lang=lang,
        formats=bundle.asked(formats),
    )

    def record(known: catalogue.Catalogue) -> object:
        from taihang.app import cataloguing  # only where there is one

        return cataloguing.certified(known, done)

    remember(record)
    of = done.certificate
    typer.echo(_said(of.number, of.grade.title, of.grade.id, of.expires))
    typer.echo(_t("certificate.made", path=done.file, page=done.page))


@app.command("verify", help=_t("certificate.verify"))
def _verify(
    file: File,
    key: Public,
    asset: Annotated[list[str] | None, typer.Option("--asset", metavar="SOURCE", help=_t("certificate.asset"))] = None,
    rules: Annotated[str | None, typer.Option("--rules", help=_t("certificate.rules"))] = None,
    report: Annotated[Path | None, typer.Option("--report", help=_t("certificate.report"))] = None,
    revocations: Annotated[Path | None, typer.Option("--revocations", help=_t("certificate.revocations"))] = None,
    at: Moment = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    from taihang.app import certify

    moment = at.replace(tzinfo=at.tzinfo or datetime.UTC) if at is not None else None
    against = certify.Against(asset or (), rules, report, revocations, moment)
    found = certify.verify(file, key, against)
    if as_json:
        typer.echo(found.model_dump_json())
        return
    of = found.certificate
    typer.echo(_t("certificate.holds", by=found.key) + " " + _said(of.number, of.grade.title, of.grade.id, of.expires))
    typer.echo(_t("certificate.subject", names=", ".join(f"{s.name} {s.sha256[:16]}" for s in of.subjects)))
    counts = {s: sum(m.standing == s for m in of.measures) for s in ("checked", "attested", "unknown")}
    typer.echo(_t("certificate.counts", open=len(of.open), **counts))
    if of.synthetic:
        typer.echo(_t("certificate.synthetic"))
    if not asset:
        typer.echo(_t("certificate.no_asset"))
    if rules is None:
        typer.echo(_t("certificate.no_rules"))
    if revocations is None:
        typer.echo(_t("certificate.no_list"))


@app.command("show", help=_t("certificate.show"))
def _show(
    file: File,
    out: Annotated[Path | None, typer.Option("--out", help=_t("certificate.show_out"))] = None,
    formats: Formats = FORMATS,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    from taihang.app import certify
    from taihang.report import bundle

    of, page = certify.shown(file, out, bundle.asked(formats))
    typer.echo(of.model_dump_json() if as_json else _said(of.number, of.grade.title, of.grade.id, of.expires))
    if page is not None:
        typer.echo(_t("certificate.page", page=page))
    typer.echo(_t("certificate.unverified"), err=True)


@app.command("revoke", help=_t("certificate.revoke"))
def _revoke(
    files: Annotated[list[Path], typer.Argument(metavar="CERTIFICATE…", help=_t("certificate.file"))],
    key: Key,
    reason: Annotated[str, typer.Option("--reason", help=_t("certificate.reason"))],
    out: Annotated[Path, typer.Option("--list", help=_t("certificate.list"))],
    days: Annotated[int, typer.Option("--days", min=1, max=3660, help=_t("certificate.list_days"))] = 30,
    ledger: Ledger = None,
    signer: Signer = None,
    lang: Lang = None,
) -> None:
    from taihang.app import certify

    made = certify.revoke(*files, key=key, out=out, reason=reason, days=days, ledger=_ledger(ledger, signer))
    until = made.until.isoformat(timespec="seconds")
    typer.echo(_t("certificate.listed", path=out, number=made.number, count=len(made.revoked), until=until))


def _ledger(folder: Path | None, signer: Path | None) -> tuple[Path, Path] | None:
    if (folder is None) != (signer is None):
        raise errors.UserError("app:certify.ledger")
    return None if folder is None or signer is None else (folder, signer)


def _said(number: str, title: i18n.Text, grade: str, expires: datetime.datetime) -> str:
    until = expires.isoformat(timespec="seconds")
    return _t("certificate.said", number=number, title=title, grade=grade, until=until)
