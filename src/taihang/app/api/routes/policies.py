"""Policies: a tenant's own Cedar policies beside the shipped ones, in versions, tried before they are in force."""

from __future__ import annotations

import datetime
from typing import Annotated

import fastapi
import pydantic

from taihang.app.api import caller, forms, gate
from taihang.trust.access import guard
from taihang.trust.access import policies as access

router = gate.router("policies")
Number = Annotated[int, fastapi.Path(ge=0, le=2**31 - 1)]


class Draft(forms.Form):
    """Cedar text, the roles of one's own that it speaks of, and cases that must come out as said."""

    text: forms.Book
    roles: Annotated[list[forms.Line], pydantic.Field(max_length=100)] = []
    cases: Annotated[list[access.Case], pydantic.Field(max_length=200)] = []
    note: forms.Line | None = None


class Trial(forms.Form):
    """A text, and cases to decide under it."""

    text: forms.Book
    cases: Annotated[list[access.Case], pydantic.Field(min_length=1, max_length=200)]


class InForce(forms.Form):
    """The version to put in force; 0 is the shipped policies alone."""

    version: Annotated[pydantic.StrictInt, pydantic.Field(ge=0, le=2**31 - 1), forms.WHOLE]


class Version(forms.Answer):
    """One version of a tenant's own policies."""

    version: int
    text: str
    roles: list[str]
    cases: list[access.Case]
    note: str
    created_by: str
    created_at: datetime.datetime
    in_force: bool


class Shipped(forms.Answer):
    """The policies that come with this release, and the tenant's own versions, newest first."""

    shipped: str
    items: list[Version]


class Decision(forms.Answer):
    """How a case came out, and the policies that decided it."""

    allowed: bool
    reasons: list[str]
    failed: bool


@router.get("/policies")
def list_policies(who: caller.Who) -> Shipped:
    """The shipped policies and the tenant's own versions."""
    who.may("policy:read")
    found = who.platform.policies.list(who.who)
    return Shipped(shipped=guard.text(), items=[Version.model_validate(one) for one in found])


@router.post("/policies", status_code=201)
def draft_policy(body: Draft, who: caller.Who) -> Version:
    """Keep a new version; it is not in force yet."""
    who.may("policy:create")
    made = who.platform.policies.draft(who.who, body.text, roles=body.roles, cases=body.cases, note=body.note or "")
    return Version.model_validate(made)


@router.post("/policies/trial")
def try_policy(body: Trial, who: caller.Who) -> forms.Listed[Decision]:
    """How cases come out under a text, without keeping it."""
    who.may("policy:run")
    found = who.platform.policies.simulate(who.who, body.text, body.cases)
    return forms.Listed(items=[Decision.model_validate(one) for one in found])


@router.put("/policies-in-force")
def activate_policy(body: InForce, who: caller.Who) -> Shipped:
    """Put a version in force, if all its cases come out as said and no administrator is locked out."""
    who.may("policy:update")
    who.platform.policies.activate(who.who, body.version)
    return list_policies(who)


@router.get("/policies/{version}")
def get_policy(version: Number, who: caller.Who) -> Version:
    """One version."""
    who.may("policy:read")
    return Version.model_validate(who.platform.policies.get(who.who, version))
