"""Tickets: list, look at, take the next step, comment, history; verified only by running the rules again."""

from __future__ import annotations

import datetime
from typing import Annotated, Any, Literal

import pydantic
from starlette.responses import Response

from taihang.app.api import caller, forms, gate, paging, sight
from taihang.app.api.routes import jobs
from taihang.catalog.tickets import desk, policy, words
from taihang.core import errors, ticket
from taihang.core import words as core

router = gate.router("tickets")


class Move(forms.Form):
    """The next step: `acknowledged`, `assigned` to `owner`, `resolved` with a `reason`, or `closed`."""

    to: Literal["acknowledged", "assigned", "resolved", "closed"]
    reason: forms.Words | None = None
    owner: forms.Line | None = None


class Opening(forms.Form):
    """The finding that somebody must see to, and the version that it was found in."""

    version: Annotated[str, pydantic.StringConstraints(pattern=r"^version-[0-9a-f]{16}$")]
    finding: Annotated[str, pydantic.StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$")]


class Comment(forms.Form):
    """Something to say about a ticket."""

    text: forms.Words


class Check(forms.Form):
    """The new version that the ticket's rules are run on, and the rulebook they stand in."""

    version: Annotated[str, pydantic.StringConstraints(pattern=r"^version-[0-9a-f]{16}$")]
    rules: Annotated[str, pydantic.StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")]
    table: Annotated[str, pydantic.StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")] | None = None


class Event(forms.Answer):
    """One line of a ticket's history, without gaps."""

    number: int
    at: datetime.datetime
    who: str
    kind: words.Kind
    from_state: str
    to_state: ticket.State
    reason: str
    note: str | None = None
    body: dict[str, Any]


@router.get("/tickets")
def list_tickets(
    who: caller.Who,
    *,
    state: ticket.State | None = None,
    open: bool | None = None,
    level: core.Level | None = None,
    owner: forms.Word = None,
    overdue: bool | None = None,
    asset: forms.Word = None,
    after: paging.After = None,
    limit: paging.Limit = 50,
) -> paging.Page[words.Card]:
    """Tickets, the newest first."""
    who.may("ticket:read")
    only = words.Filter(state=state, open=open, level=level, owner=owner, overdue=overdue, asset=asset)
    page = _desk(who).list(only, after=after, limit=limit)
    return paging.Page(items=list(page.items), next=page.next)


@router.post("/tickets", status_code=201)
def open_ticket(body: Opening, who: caller.Who, key: gate.Key = None) -> forms.Ref:
    """The ticket of a finding, by the default policy; opened when there is none yet."""
    who.may("ticket:create")
    known = who.platform.catalogue(who.who)
    version = sight.version(who, "finding:read", body.version)
    about = known.asset(version.asset_id)
    found = known.finding(version.id, body.finding).finding
    subject = words.Subject(
        asset=about.name, kind=about.kind, version=version.asset.sha256, number=version.number, owner=about.owner,
        tags=about.tags,
    )  # fmt: skip
    made = _desk(who).open_by_policy([found], policy.load("default"), subject)
    for ident in (*made.opened, *made.joined, *made.returned, *made.reopened, *made.unchanged):
        return forms.Ref(id=ident)
    raise errors.Conflict("app.api:no_ticket", level=found.level.value)


@router.get("/tickets/{id}")
def get_ticket(id: forms.Id, who: caller.Who, response: Response) -> words.Card:
    """A ticket as it stands; its ETag is its version."""
    return _told(_seen(who, id, "ticket:read"), response)


@router.post("/tickets/{id}/moves")
def move_ticket(
    id: forms.Id, body: Move, who: caller.Who, response: Response, *, key: gate.Key = None, match: gate.Match = None
) -> words.Card:
    """Take the next step; with If-Match only if nobody was quicker."""
    _seen(who, id, "ticket:update")
    if body.to == "assigned" and body.owner not in {None, who.who.name}:
        who.may("ticket:grant", id)
    try:
        card = _desk(who).move(
            id, body.to, reason=body.reason or "", owner=body.owner or "", expected_version=gate.revision(match)
        )
    except errors.Conflict as error:
        raise (gate.refuse_unmet(error) if match else error) from None
    return _told(card, response)


@router.post("/tickets/{id}/comments", status_code=201)
def comment_ticket(
    id: forms.Id, body: Comment, who: caller.Who, response: Response, key: gate.Key = None
) -> words.Card:
    """Say something about a ticket."""
    _seen(who, id, "ticket:update")
    return _told(_desk(who).comment(id, body.text), response)


@router.post("/tickets/{id}/verification", status_code=202)
def verify_ticket(id: forms.Id, body: Check, who: caller.Who, key: gate.Key = None) -> jobs.Job:
    """Run a resolved ticket's rules again on a new version, as a job; the outcome decides."""
    _seen(who, id, "ticket:verify")
    given = {"ticket": id, **body.model_dump(exclude_none=True)}
    return jobs.submitted(who, "verify-ticket", given, key)


@router.get("/tickets/{id}/history")
def ticket_history(id: forms.Id, who: caller.Who) -> forms.Listed[Event]:
    """All events, first to last."""
    _seen(who, id, "ticket:read")
    return forms.Listed(items=[_event(one) for one in _desk(who).history(id)])


@router.get("/tickets/{id}/findings")
def ticket_findings(id: forms.Id, who: caller.Who) -> forms.Listed[dict[str, Any]]:
    """What the ticket is about, as it was last found."""
    _seen(who, id, "ticket:read")
    who.may("finding:read", sensitivity="internal")
    found = _desk(who).findings(id)
    return forms.Listed(items=[{"id": one.id, **one.model_dump(mode="json")} for one in found])


def _desk(who: caller.Caller) -> desk.Desk:
    return who.platform.desk(who.who)


def _seen(who: caller.Caller, id: str, action: str) -> words.Card:
    found = _desk(who).get(id)
    who.may(action, id, owner=found.owner or None)
    return found


def _told(card: words.Card, response: Response) -> words.Card:
    response.headers["ETag"] = gate.etag(card.version)
    return card


def _event(one: words.Event) -> Event:
    plain = one.model_dump(exclude={"note"})
    return Event(**plain, note=one.note.in_() if one.note else None)
