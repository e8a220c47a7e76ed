"""Verbs about what programs and roles may do: taihang tokens …, taihang policies …"""

# ruff: noqa: PLC0415, PLR0917 - verbs import late on purpose, and have as many options as they have
from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from taihang.app.verbs.users import Tenant, User, local
from taihang.app.verbs.wording import AsJson, Lang
from taihang.core import i18n

if TYPE_CHECKING:
    from taihang.trust.access import policies as kept
    from taihang.trust.identity import tokens as issued


def _t(key: str, **values: object) -> str:
    return i18n.text(f"app.verbs:{key}", None, **values)


tokens = typer.Typer(help=_t("tokens.group"), no_args_is_help=True, rich_markup_mode=None)
policies = typer.Typer(help=_t("policies.group"), no_args_is_help=True, rich_markup_mode=None)
File = Annotated[Path, typer.Argument(metavar="FILE.cedar", help=_t("policies.file"))]
Cases = Annotated[Path | None, typer.Option("--cases", metavar="FILE.json", help=_t("policies.cases"))]
Own = Annotated[list[str] | None, typer.Option("--role", help=_t("policies.role"))]
Number = Annotated[int, typer.Argument(metavar="VERSION", min=0, help=_t("policies.version"))]


@tokens.command("list", help=_t("tokens.list"))
def _list(tenant: Tenant = "default", as_json: AsJson = False, lang: Lang = None) -> None:
    from taihang.app import people

    with people.desk(tenant) as desk:
        for token in desk.accounts.tokens.list(desk.who):
            _token(token, as_json=as_json)


@tokens.command("issue", help=_t("tokens.issue"))
def _issue(
    user: User,
    name: Annotated[str, typer.Argument(metavar="NAME", help=_t("tokens.name"))],
    scopes: Annotated[list[str], typer.Option("--scope", help=_t("tokens.scope"))],
    days: Annotated[int, typer.Option("--days", min=1, max=3650, help=_t("tokens.days"))] = 90,
    tenant: Tenant = "default",
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    from taihang.app import people

    with people.desk(tenant) as desk:
        made = desk.accounts.tokens.issue(desk.as_member(user), name, scopes, datetime.timedelta(days=days))
        if as_json:
            plain = {"id": made.token.id, "secret": made.secret, "expires_at": made.token.expires_at.isoformat()}
            typer.echo(json.dumps(plain))
            return
        # The secret alone goes to standard output, so that it can be caught in a variable or a file.
        typer.echo(_t("tokens.once", id=made.token.id, until=local(made.token.expires_at)), err=True)
        typer.echo(made.secret)


@tokens.command("revoke", help=_t("tokens.revoke"))
def _revoke(
    token: Annotated[str, typer.Argument(metavar="TOKEN", help=_t("tokens.id"))],
    tenant: Tenant = "default",
    lang: Lang = None,
) -> None:
    from taihang.app import people

    with people.desk(tenant) as desk:
        desk.accounts.tokens.revoke(desk.who, token)


@policies.command("list", help=_t("policies.list"))
def _versions(tenant: Tenant = "default", as_json: AsJson = False, lang: Lang = None) -> None:
    from taihang.app import people

    with people.desk(tenant) as desk:
        for version in desk.policies.list(desk.who):
            _version(version, as_json=as_json)


@policies.command("show", help=_t("policies.show"))
def _show(version: Number, tenant: Tenant = "default", lang: Lang = None) -> None:
    from taihang.app import people
    from taihang.trust.access import guard

    if version == 0:
        typer.echo(guard.text(), nl=False)
        return
    with people.desk(tenant) as desk:
        typer.echo(desk.policies.get(desk.who, version).text)


@policies.command("check", help=_t("policies.check"))
def _check(file: File, cases: Cases = None, roles: Own = None, as_json: AsJson = False, lang: Lang = None) -> None:
    from taihang.app import people
    from taihang.trust.access import policies as access

    asked = people.cases(cases)
    answers = access.checked(people.text(file), roles or (), asked)
    wrong = 0
    for case, answer in zip(asked, answers, strict=True):
        right = answer == case.allowed
        wrong += not right
        if as_json:
            typer.echo(json.dumps({**case.model_dump(), "came_out": answer}, ensure_ascii=False))
        else:
            said = _t("policies.allowed" if answer else "policies.denied")
            mark = _t("policies.as_said" if right else "policies.not_as_said")
            typer.echo(f"{mark}  {', '.join(case.roles) or '–'}  {case.action}  {said}")
    if not asked and not as_json:
        typer.echo(_t("policies.fits"))
    raise typer.Exit(1 if wrong else 0)


@policies.command("draft", help=_t("policies.draft"))
def _draft(
    file: File,
    cases: Cases = None,
    roles: Own = None,
    note: Annotated[str, typer.Option("--note", help=_t("policies.note"))] = "",
    tenant: Tenant = "default",
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    from taihang.app import people

    with people.desk(tenant) as desk:
        text, asked = people.text(file), people.cases(cases)
        _version(desk.policies.draft(desk.who, text, roles=roles or (), cases=asked, note=note), as_json=as_json)


@policies.command("activate", help=_t("policies.activate"))
def _activate(version: Number, tenant: Tenant = "default", lang: Lang = None) -> None:
    from taihang.app import people

    with people.desk(tenant) as desk:
        desk.policies.activate(desk.who, version)


@policies.command("table", help=_t("policies.table"))
def _table(as_json: AsJson = False, lang: Lang = None) -> None:
    from taihang.trust.access import guard, matrix

    if not as_json:
        typer.echo(matrix.table())
        return
    for action, answers in matrix.rows():
        typer.echo(json.dumps({"action": action, **dict(zip(guard.roles(), answers, strict=True))}))


def _token(token: issued.Token, *, as_json: bool) -> None:
    if as_json:
        plain = {
            "id": token.id,
            "account": token.account_id,
            "name": token.name,
            "scopes": list(token.scopes),
            "expires_at": token.expires_at.isoformat(),
            "used_at": token.used_at.isoformat() if token.used_at else None,
            "revoked": token.revoked_at is not None,
        }
        typer.echo(json.dumps(plain, ensure_ascii=False))
        return
    state = _t("tokens.revoked") if token.revoked_at else _t("tokens.until", until=local(token.expires_at))
    typer.echo(f"{token.id}  {token.account_id}  {token.name}  {' '.join(token.scopes)}  {state}")


def _version(version: kept.Version, *, as_json: bool) -> None:
    if as_json:
        plain = {
            "version": version.version,
            "in_force": version.in_force,
            "roles": list(version.roles),
            "cases": len(version.cases),
            "note": version.note,
            "created_at": version.created_at.isoformat(),
        }
        typer.echo(json.dumps(plain, ensure_ascii=False))
        return
    state = _t("policies.in_force" if version.in_force else "policies.kept")
    typer.echo(f"{version.version}  {local(version.created_at)}  {state}  {version.note}")
