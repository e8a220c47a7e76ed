"""People: tenants, members and their roles, invitations, tokens, sessions."""

from __future__ import annotations

import datetime
from typing import Annotated

import fastapi
import pydantic

from taihang.app.api import caller, forms, gate, paging
from taihang.trust.access import actions, guard
from taihang.trust.identity import links

router = gate.router("people")
Roles = Annotated[list[forms.Line], pydantic.Field(max_length=20)]


class Tenant(forms.Answer):
    """A tenant; its id never changes."""

    id: str
    name: str
    created_at: datetime.datetime
    disabled_at: datetime.datetime | None = None


class NewTenant(forms.Form):
    """`id`: small letters, digits, hyphens inside."""

    id: forms.Tenant
    name: forms.Line | None = None


class TenantChange(forms.Form):
    """A new name, or in use or not."""

    name: forms.Line | None = None
    disabled: pydantic.StrictBool | None = None


class Member(forms.Answer):
    """An account as its tenant sees it."""

    account_id: str
    login: str
    name: str
    email: str
    state: str
    roles: list[str]
    joined_at: datetime.datetime


class Invitation(forms.Form):
    """Who is to join this tenant, and in which roles."""

    login: forms.Line
    roles: Roles
    name: forms.Line | None = None
    email: forms.Line | None = None


class Grant(forms.Form):
    """Exactly these roles from now on."""

    roles: Roles


class Link(forms.Answer):
    """A one-time link to hand over; nobody can show it again."""

    kind: str
    url: str
    expires_at: datetime.datetime


class Roster(forms.Answer):
    """Roles that may be granted here, and every action that a scope may name."""

    roles: list[str]
    actions: list[str]


@router.get("/tenants")
def list_tenants(who: caller.Who) -> forms.Listed[Tenant]:
    """All tenants to the platform's own administrators; to others the one they are in."""
    who.may("tenant:read")
    tenants = who.platform.accounts.tenants
    found = tenants.list() if who.can("tenant:create") else [tenants.get(who.who.tenant)]
    return forms.Listed(items=[Tenant.model_validate(one) for one in found])


@router.post("/tenants", status_code=201)
def create_tenant(body: NewTenant, who: caller.Who, key: gate.Key = None) -> Tenant:
    """A new tenant, by the platform's administrators."""
    who.may("tenant:create")
    return Tenant.model_validate(who.platform.accounts.tenants.create(who.who, body.id, body.name or ""))


@router.patch("/tenants/{id}")
def change_tenant(id: forms.Id, body: TenantChange, who: caller.Who) -> Tenant:
    """Rename, disable or enable a tenant: the platform any, others rename their own."""
    tenants = who.platform.accounts.tenants
    who.may("tenant:update" if id == who.who.tenant and body.disabled is None else "tenant:create")
    found = tenants.get(id)
    if body.name is not None:
        found = tenants.rename(who.who, id, body.name)
    if body.disabled is not None:
        found = tenants.disable(who.who, id) if body.disabled else tenants.enable(who.who, id)
    return Tenant.model_validate(found)


@router.get("/users")
def list_users(who: caller.Who, after: paging.After = None, limit: paging.Limit = 50) -> paging.Page[Member]:
    """Members of the tenant."""
    who.may("user:read")
    last = paging.key(after, 1)
    found = who.platform.accounts.members.list(who.who, after="" if last is None else str(last[0]), limit=limit)
    following = paging.cursor(found[-1].account_id) if len(found) == limit else None
    return paging.Page(items=[Member.model_validate(one) for one in found], next=following)


@router.post("/invitations", status_code=201)
def invite_user(body: Invitation, who: caller.Who, request: fastapi.Request) -> Link:
    """A link with which its holder joins the tenant."""
    who.may("user:create")
    if body.roles:
        who.may("role:grant")
    made = who.platform.accounts.invite(
        who.who, body.login, roles=body.roles, name=body.name or "", email=body.email or ""
    )
    return _link(made, request)


@router.get("/users/{id}")
def get_user(id: forms.Id, who: caller.Who) -> Member:
    """One member."""
    who.may("user:read", id, owner=id)
    return Member.model_validate(who.platform.accounts.members.get(who.who, id))


@router.put("/users/{id}/roles")
def grant_roles(id: forms.Id, body: Grant, who: caller.Who) -> Member:
    """Set a member's roles; a tenant never loses its last administrator."""
    who.may("role:grant")
    return Member.model_validate(who.platform.accounts.members.grant(who.who, id, body.roles))


@router.delete("/users/{id}", status_code=204)
def remove_user(id: forms.Id, who: caller.Who) -> None:
    """The account belongs to this tenant no longer."""
    who.may("user:delete", id)
    who.platform.accounts.members.remove(who.who, id)


@router.post("/users/{id}/reset", status_code=201)
def reset_password(id: forms.Id, who: caller.Who, request: fastapi.Request) -> Link:
    """A link with which its holder sets the account's password anew."""
    who.may("user:update", id)
    return _link(who.platform.accounts.reset(who.who, id), request)


@router.get("/roles")
def list_roles(who: caller.Who) -> Roster:
    """Roles and actions."""
    who.may("role:read")
    own = who.platform.accounts.members.own_roles(who.who.tenant)
    return Roster(roles=[*guard.roles(), *own], actions=list(actions.names()))


def _link(made: links.Link, request: fastapi.Request) -> Link:
    return Link(kind=made.kind, url=made.url(str(request.base_url)), expires_at=made.expires_at)
