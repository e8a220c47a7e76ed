"""Verbs about people: taihang users …, taihang tenants …"""

# ruff: noqa: PLC0415, PLR0917 - verbs import late on purpose, and have as many options as they have
from __future__ import annotations

import datetime
import json
from typing import TYPE_CHECKING, Annotated

import typer

from taihang.app.verbs.wording import AsJson, Lang
from taihang.core import i18n

if TYPE_CHECKING:
    from taihang.trust.identity import links, members, tenants


def _t(key: str, **values: object) -> str:
    return i18n.text(f"app.verbs:{key}", None, **values)


users = typer.Typer(help=_t("users.group"), no_args_is_help=True, rich_markup_mode=None)
places = typer.Typer(help=_t("tenants.group"), no_args_is_help=True, rich_markup_mode=None)
User = Annotated[str, typer.Argument(metavar="USER", help=_t("users.user"))]
Tenant = Annotated[str, typer.Option("--tenant", envvar="TAIHANG_TENANT", help=_t("people.tenant"))]
Url = Annotated[str, typer.Option("--url", help=_t("people.url"))]
Roles = Annotated[list[str], typer.Option("--role", help=_t("users.role"))]
TenantId = Annotated[str, typer.Argument(metavar="TENANT", help=_t("tenants.id"))]
_HERE = "http://127.0.0.1:8765"


@users.command("list", help=_t("users.list"))
def _list(tenant: Tenant = "default", as_json: AsJson = False, lang: Lang = None) -> None:
    from taihang.app import people

    with people.desk(tenant) as desk:
        after = ""
        while found := desk.accounts.members.list(desk.who, after=after):
            for member in found:
                _show(member, as_json=as_json)
            after = found[-1].account_id


@users.command("invite", help=_t("users.invite"))
def _invite(
    login: Annotated[str, typer.Argument(metavar="LOGIN", help=_t("users.login"))],
    roles: Roles,
    name: Annotated[str, typer.Option("--name", help=_t("users.name"))] = "",
    email: Annotated[str, typer.Option("--email", help=_t("users.email"))] = "",
    url: Url = _HERE,
    tenant: Tenant = "default",
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    from taihang.app import people

    with people.desk(tenant) as desk:
        _link(desk.accounts.invite(desk.who, login, roles=roles, name=name, email=email), url, as_json=as_json)


@users.command("first-link", help=_t("users.first_link"))
def _first(url: Url = _HERE, as_json: AsJson = False, lang: Lang = None) -> None:
    from taihang.app import people
    from taihang.core import errors
    from taihang.trust.identity import first

    with people.desk("default") as desk:
        link = first.admin_link(desk.store)
        if link is None:
            raise errors.Conflict("app.verbs:users.has_first")
        _link(link, url, as_json=as_json)


@users.command("reset", help=_t("users.reset"))
def _reset(
    user: User, url: Url = _HERE, tenant: Tenant = "default", as_json: AsJson = False, lang: Lang = None
) -> None:
    from taihang.app import people

    with people.desk(tenant) as desk:
        _link(desk.accounts.reset(desk.who, desk.member(user).account_id), url, as_json=as_json)


@users.command("grant", help=_t("users.grant"))
def _grant(user: User, roles: Roles, tenant: Tenant = "default", as_json: AsJson = False, lang: Lang = None) -> None:
    from taihang.app import people

    with people.desk(tenant) as desk:
        found = desk.accounts.members.grant(desk.who, desk.member(user).account_id, roles)
        _show(found, as_json=as_json)


@users.command("remove", help=_t("users.remove"))
def _remove(user: User, tenant: Tenant = "default", lang: Lang = None) -> None:
    from taihang.app import people

    with people.desk(tenant) as desk:
        desk.accounts.members.remove(desk.who, desk.member(user).account_id)


@users.command("disable", help=_t("users.disable"))
def _disable(user: User, tenant: Tenant = "default", lang: Lang = None) -> None:
    _everywhere("disable", user, tenant)


@users.command("enable", help=_t("users.enable"))
def _enable(user: User, tenant: Tenant = "default", lang: Lang = None) -> None:
    _everywhere("enable", user, tenant)


@users.command("erase", help=_t("users.erase"))
def _erase(user: User, tenant: Tenant = "default", lang: Lang = None) -> None:
    _everywhere("erase", user, tenant)


@users.command("sign-out", help=_t("users.sign_out"))
def _sign_out(user: User, tenant: Tenant = "default", lang: Lang = None) -> None:
    from taihang.app import people

    with people.desk(tenant) as desk:
        ended = desk.accounts.sessions.revoke(desk.who, desk.member(user).account_id)
        typer.echo(_t("users.ended", count=ended))


@places.command("list", help=_t("tenants.list"))
def _tenants(as_json: AsJson = False, lang: Lang = None) -> None:
    from taihang.app import people

    with people.desk("default") as desk:
        for one in desk.accounts.tenants.list():
            _place(one, as_json=as_json)


@places.command("create", help=_t("tenants.create"))
def _create(
    tenant: TenantId,
    name: Annotated[str, typer.Option("--name", help=_t("tenants.name"))] = "",
    admin: Annotated[str | None, typer.Option("--admin", metavar="LOGIN", help=_t("tenants.admin"))] = None,
    url: Url = _HERE,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    from taihang.app import people

    with people.desk("default") as desk:
        _place(desk.accounts.tenants.create(desk.who, tenant, name), as_json=as_json)
        if admin is not None:
            inside = desk.who.model_copy(update={"tenant": tenant})
            _link(desk.accounts.invite(inside, admin, roles=["admin"]), url, as_json=as_json)


@places.command("rename", help=_t("tenants.rename"))
def _rename(
    tenant: TenantId,
    name: Annotated[str, typer.Argument(metavar="NAME", help=_t("tenants.name"))],
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    from taihang.app import people

    with people.desk("default") as desk:
        _place(desk.accounts.tenants.rename(desk.who, tenant, name), as_json=as_json)


@places.command("disable", help=_t("tenants.disable"))
def _close(tenant: TenantId, as_json: AsJson = False, lang: Lang = None) -> None:
    from taihang.app import people

    with people.desk("default") as desk:
        _place(desk.accounts.tenants.disable(desk.who, tenant), as_json=as_json)


@places.command("enable", help=_t("tenants.enable"))
def _open(tenant: TenantId, as_json: AsJson = False, lang: Lang = None) -> None:
    from taihang.app import people

    with people.desk("default") as desk:
        _place(desk.accounts.tenants.enable(desk.who, tenant), as_json=as_json)


def _everywhere(change: str, user: str, tenant: str) -> None:
    """A change to the account itself: the platform's own tenant does it, wherever the member was named."""
    from taihang.app import people

    with people.desk(tenant) as desk:
        account_id = user if user.startswith("acc-") else desk.member(user).account_id
        by = desk.who.model_copy(update={"tenant": "default"})
        {
            "disable": desk.accounts.members.disable,
            "enable": desk.accounts.members.enable,
            "erase": desk.accounts.members.erase,
        }[change](by, account_id)


def _show(member: members.Member, *, as_json: bool) -> None:
    if as_json:
        plain = {
            "id": member.account_id,
            "login": member.login,
            "name": member.name,
            "email": member.email,
            "state": member.state,
            "roles": list(member.roles),
            "joined_at": member.joined_at.isoformat(),
        }
        typer.echo(json.dumps(plain, ensure_ascii=False))
        return
    state = _t(f"users.state.{member.state}")
    typer.echo(f"{member.account_id}  {member.login}  {member.name}  {', '.join(member.roles) or '–'}  {state}")


def _place(tenant: tenants.Tenant, *, as_json: bool) -> None:
    if as_json:
        plain = {"id": tenant.id, "name": tenant.name, "in_use": tenant.disabled_at is None}
        typer.echo(json.dumps(plain, ensure_ascii=False))
        return
    state = _t("users.state.active" if tenant.disabled_at is None else "users.state.disabled")
    typer.echo(f"{tenant.id}  {tenant.name}  {state}")


def _link(link: links.Link, base: str, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"url": link.url(base), "expires_at": link.expires_at.isoformat()}))
        return
    typer.echo(_t("people.link", url=link.url(base), until=local(link.expires_at)))


def local(at: datetime.datetime) -> str:
    """A time for people: of this machine's zone, to the minute."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M %z")
