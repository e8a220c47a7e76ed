"""Deliveries: what was told to programs and people outside, how far it is, and once more."""

from __future__ import annotations

import datetime
import re
from typing import Any

from taihang.app.api import caller, forms, gate, paging
from taihang.core import errors
from taihang.engines.notify import deliveries

router = gate.router("deliveries")
_ID = re.compile(r"[\x21-\x7e]{1,80}")


class Delivery(forms.Answer):
    """A message on its way: `name` is its channel's, `reason` why it is not there yet."""

    id: str
    name: str
    topic: str
    state: deliveries.State
    attempts: int
    created: datetime.datetime
    next_at: datetime.datetime
    sent_at: datetime.datetime | None = None
    reason: str


@router.get("/deliveries")
def list_deliveries(
    who: caller.Who,
    state: deliveries.State | None = None,
    after: paging.After = None,
    limit: paging.Limit = 50,
) -> paging.Page[Delivery]:
    """The tenant's messages, the newest first."""
    who.may("delivery:read")
    found = deliveries.listed(who.platform.store, who.who.tenant, state=state, limit=limit, after=_after(after))
    following = paging.cursor(found[-1].created.isoformat(), found[-1].id) if len(found) == limit else None
    return paging.Page(items=[Delivery.model_validate(one) for one in found], next=following)


@router.get("/deliveries/{id}")
def get_delivery(id: forms.Id, who: caller.Who) -> Delivery:
    """One message."""
    who.may("delivery:read", id)
    return Delivery.model_validate(_one(who, id))


@router.post("/deliveries/{id}/retry")
def retry_delivery(id: forms.Id, who: caller.Who, key: gate.Key = None) -> Delivery:
    """Try a message once more that was put aside."""
    who.may("delivery:run", id)
    if _one(who, id).state != "failed":
        raise errors.Conflict("app.api:not_aside", id=id)
    deliveries.again(who.platform.store, who.who.tenant, id, datetime.datetime.now(datetime.UTC))
    return Delivery.model_validate(_one(who, id))


def _one(who: caller.Caller, id: str) -> deliveries.Delivery:
    return deliveries.one(who.platform.store, who.who.tenant, id)


def _after(cursor: str | None) -> tuple[datetime.datetime, str] | None:
    """The place in a cursor. Raises errors.UserError."""
    found: tuple[Any, ...] | None = paging.key(cursor, 2)
    if found is None:
        return None
    when, ident = found
    try:
        moment = datetime.datetime.fromisoformat(str(when)).astimezone(datetime.UTC)
    except (ValueError, OverflowError):
        raise errors.UserError("app.api:cursor") from None
    if not isinstance(ident, str) or _ID.fullmatch(ident) is None:
        raise errors.UserError("app.api:cursor")
    return moment, ident
