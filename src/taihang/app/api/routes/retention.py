"""Retention: how long versions stay, what holds them, and how they go, with the proof that they are gone."""

from __future__ import annotations

from typing import Annotated, Literal

import fastapi
import pydantic

from taihang.app import cataloguing, retiring
from taihang.app.api import caller, forms, gate, paging, sight
from taihang.app.api.routes import jobs
from taihang.catalog import words as catalogued
from taihang.catalog.retention import retention, words
from taihang.core import asset as assets
from taihang.core import errors

router = gate.router("retention")
Target = Annotated[str, pydantic.StringConstraints(pattern=r"^(asset|version)-[0-9a-f]{16}$")]
_Days = Annotated[pydantic.StrictInt, pydantic.Field(ge=0, le=365_000), forms.WHOLE]


class NewRule(forms.Form):
    """Versions of assets of this kind and sensitivity (None: of any) stay `keep_days` and go after `delete_days`."""

    kind: assets.Kind | None = None
    sensitivity: catalogued.Sensitivity | None = None
    keep_days: _Days = 0
    delete_days: _Days | None = None


class Rule(forms.Answer):
    """A retention rule; there is one for a kind and a sensitivity."""

    id: str
    kind: assets.Kind | None
    sensitivity: catalogued.Sensitivity | None
    keep_days: int
    delete_days: int | None


class NewHold(forms.Form):
    """What must not go, and why; `key` is the number of the certificate that rests on it."""

    target: Target
    reason: forms.Words
    kind: words.Held = "legal"
    key: Annotated[str, pydantic.StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=200)] = ""


class Release(forms.Form):
    """Why a hold is lifted."""

    reason: forms.Words


class Deletion(forms.Form):
    """Why a version goes; `early` is before its rule's time."""

    cause: Literal["retention", "request", "error"]
    early: pydantic.StrictBool = False


@router.get("/retention/rules")
def list_retention_rules(who: caller.Who) -> forms.Listed[Rule]:
    """All rules, the closest first."""
    who.may("retention:read")
    return forms.Listed(items=[Rule.model_validate(one) for one in _keeping(who).rules()])


@router.put("/retention/rules")
def set_retention_rule(body: NewRule, who: caller.Who) -> Rule:
    """Set a rule, in place of the one for the same kind and sensitivity."""
    who.may("retention:update")
    if body.delete_days is not None and body.delete_days < body.keep_days:
        raise errors.UserError("app.api:days_order")
    rule = words.Rule(**body.model_dump())
    _keeping(who).set_rule(rule)
    return Rule.model_validate(rule)


@router.delete("/retention/rules/{id}", status_code=204)
def remove_retention_rule(id: forms.Id, who: caller.Who) -> None:
    """Take a rule away; what it kept or let go follows the others from now on."""
    who.may("retention:update")
    _keeping(who).remove_rule(id)


@router.get("/retention/due")
def list_due(who: caller.Who, after: paging.After = None, limit: paging.Limit = 50) -> paging.Page[catalogued.Version]:
    """Versions whose time is over and that nothing holds, the oldest first."""
    who.may("retention:read")
    page = _keeping(who).due(after=after, limit=limit)
    hidden = sight.hidden(who, "asset:read", (one.asset_id for one in page.items))
    return paging.Page(items=[one for one in page.items if one.asset_id not in hidden], next=page.next)


@router.post("/retention/runs", status_code=202)
def apply_retention(who: caller.Who, key: gate.Key = None) -> jobs.Job:
    """Delete what is due, as a job. A schedule of the kind `apply-retention` does it every night."""
    who.may("retention:run")
    return jobs.submitted(who, retiring.APPLY, {}, key)


@router.get("/holds")
def list_holds(
    who: caller.Who, target: Annotated[Target | None, fastapi.Query()] = None, released: bool = False
) -> forms.Listed[words.Hold]:
    """What holds anything, the oldest first; with `released` also what was lifted."""
    who.may("retention:read")
    targets = () if target is None else (target,)
    found = _keeping(who).holds(*targets, released=released)
    if not who.can("asset:read", sensitivity=sight.GRAVEST):
        found = tuple(one for one in found if _seen(who, one.target))
    return forms.Listed(items=list(found))


@router.post("/holds", status_code=201)
def place_hold(body: NewHold, who: caller.Who, key: gate.Key = None) -> words.Hold:
    """Forbid the deletion of a version, or of all versions of an asset."""
    who.may("retention:update")
    _sight(who, body.target)
    return _keeping(who).hold(body.target, reason=body.reason, kind=body.kind, key=body.key)


@router.post("/holds/{id}/release")
def release_hold(id: forms.Id, body: Release, who: caller.Who, key: gate.Key = None) -> words.Hold:
    """Lift a hold; the reason is kept with it."""
    who.may("retention:update")
    at = _keeping(who)
    _sight(who, at.held(id).target)
    return at.release(id, reason=body.reason)


@router.get("/versions/{id}/terms")
def version_terms(id: forms.Id, who: caller.Who) -> words.Terms:
    """Until when a version must stay, when it is due, and what holds it."""
    sight.version(who, "asset:read", id)
    who.may("retention:read")
    return _keeping(who).terms(id)


@router.post("/versions/{id}/deletion", status_code=202)
def delete_version(id: forms.Id, body: Deletion, who: caller.Who, key: gate.Key = None) -> jobs.Job:
    """Delete a version and all that is known of it, as a job; what holds or keeps it is told at once."""
    sight.version(who, "asset:delete", id)
    if body.early:
        who.may("retention:run")
    _keeping(who).check(id, early=body.early)
    return jobs.submitted(who, retiring.DELETE, {"version": id, **body.model_dump()}, key)


@router.get("/deletions")
def list_deletions(who: caller.Who, after: paging.After = None, limit: paging.Limit = 50) -> paging.Page[words.Proof]:
    """What was deleted, the last begun first, and what a search of the disk found of it."""
    who.may("retention:read")
    page = _keeping(who).proofs(after=after, limit=limit)
    return paging.Page(items=list(page.items), next=page.next)


@router.get("/deletions/{version_id}")
def get_deletion(version_id: forms.Id, who: caller.Who) -> words.Proof:
    """The proof that a version is gone."""
    who.may("retention:read")
    return _keeping(who).proof(version_id)


def _keeping(who: caller.Caller) -> retention.Retention:
    return cataloguing.keeping(who.platform.catalogue(who.who), who.platform.places)


def _sight(who: caller.Caller, target: str) -> None:
    """Nothing when the caller may see what this is about. Raises errors.NotFound, errors.Forbidden."""
    (sight.asset if target.startswith("asset-") else sight.version)(who, "asset:read", target)


def _seen(who: caller.Caller, target: str) -> bool:
    try:
        _sight(who, target)
    except (errors.Forbidden, errors.NotFound):
        return False
    return True
