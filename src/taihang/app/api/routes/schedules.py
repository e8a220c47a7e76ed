"""Schedules: jobs that start by the time of day, by a new version of an asset, or by a call from outside."""

from __future__ import annotations

import datetime
from typing import Annotated, Any, Literal

import fastapi
import pydantic

from taihang.app import retiring, walks
from taihang.app.api import caller, forms, gate
from taihang.app.jobs import schedules, triggers
from taihang.core import errors

router = gate.router("schedules")


class Cron(triggers.Cron):
    """By the time of day."""

    on: Literal["cron"]
    expression: forms.Line


class AssetVersion(triggers.AssetVersion):
    """By a new version of an asset."""

    on: Literal["asset"]
    name: forms.Long


class Webhook(triggers.Webhook):
    """By a call from outside."""

    on: Literal["webhook"]


Trigger = Annotated[Cron | AssetVersion | Webhook, pydantic.Field(discriminator="on")]


class NewSchedule(forms.Form):
    """What starts which job; in `parameters`, `$version` stands for the new version."""

    name: forms.Line
    trigger: Trigger
    kind: Annotated[str, pydantic.StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,49}$")]
    parameters: dict[str, Any]


class Switch(forms.Form):
    """On or off."""

    enabled: pydantic.StrictBool


class Schedule(forms.Answer):
    """A schedule; `fault` says why it could not start its last job. `hook` is shown once, for a webhook."""

    id: str
    name: str
    kind: str
    parameters: dict[str, Any]
    owner: str
    trigger: dict[str, Any]
    enabled: bool
    created: datetime.datetime
    fault: str | None = None
    hook: str | None = None


class Started(forms.Answer):
    """The job that a call started; None when this delivery had started one already."""

    job: str | None = None


@router.get("/schedules")
def list_schedules(who: caller.Who) -> forms.Listed[Schedule]:
    """The tenant's schedules, by name."""
    who.may("schedule:read")
    return forms.Listed(items=[_shown(one) for one in who.platform.jobs.schedules.list(who.who)])


@router.post("/schedules", status_code=201)
def create_schedule(body: NewSchedule, who: caller.Who) -> Schedule:
    """A new schedule; its jobs are its maker's. The kind `apply-retention` deletes what is due."""
    if body.kind == retiring.APPLY:
        who.may("retention:run")
    elif body.kind in walks.KINDS:
        who.may("schedule:create")
        who.may("job:create")
        walks.check(body.kind, body.parameters, who.platform.catalogue(who.who), who.may, scheduled=True)
    else:
        who.may("schedule:create")
        raise errors.UserError("app.api:no_kind", kind=body.kind, known=", ".join((*walks.KINDS, retiring.APPLY)))
    made, token = who.platform.jobs.schedules.add(body.name, body.trigger, body.kind, body.parameters, who.who)
    return _shown(made).model_copy(update={"hook": None if token is None else f"/api/v1/hooks/{token}"})


@router.get("/schedules/{id}")
def get_schedule(id: forms.Id, who: caller.Who) -> Schedule:
    """One schedule."""
    return _shown(_seen(who, id, "schedule:read"))


@router.patch("/schedules/{id}")
def switch_schedule(id: forms.Id, body: Switch, who: caller.Who) -> Schedule:
    """Switch a schedule on or off; what it misses while it is off stays missed."""
    _seen(who, id, "schedule:update")
    return _shown(who.platform.jobs.schedules.enable(id, who.who, enabled=body.enabled))


@router.delete("/schedules/{id}", status_code=204)
def remove_schedule(id: forms.Id, who: caller.Who) -> None:
    """Take a schedule away; its jobs stay."""
    _seen(who, id, "schedule:delete")
    who.platform.jobs.schedules.remove(id, who.who)


@router.post("/hooks/{token}", status_code=202, openapi_extra=gate.PUBLIC)
def call_hook(
    token: Annotated[str, fastapi.Path(pattern=r"^[A-Za-z0-9_.-]{1,120}$")],
    request: fastapi.Request,
    delivery: Annotated[str | None, fastapi.Header(alias="X-Delivery", pattern=r"^[\x21-\x7e]{1,128}$")] = None,
) -> Started:
    """Start a webhook's job; the same delivery starts one only. The address is the secret."""
    service = request.app.state.service
    where = caller.address(request)
    service.tries.check(where)
    try:
        started = service.platform.jobs.schedules.webhook(token, delivery=delivery)
    except errors.NotFound:
        service.tries.wrong(where)
        raise
    return Started(job=started.id if started else None)


def _seen(who: caller.Caller, id: str, action: str) -> schedules.Schedule:
    found = who.platform.jobs.schedules.get(id, who.who)
    if found.kind == retiring.APPLY and action != "schedule:read":
        who.may("retention:run")
    else:
        who.may(action, id, owner=found.owner or None)
    return found


def _shown(one: schedules.Schedule) -> Schedule:
    plain = one.model_dump(mode="json", exclude={"fault"})
    return Schedule(**plain, fault=one.fault.in_() if one.fault else None)
