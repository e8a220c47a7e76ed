"""News: what the channels of a ticket hear of its events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from taihang.core import i18n
from taihang.engines.notify import deliveries
from taihang.engines.store import scope as scopes

_SAME = {"reassigned": "assigned"}


def tell(
    conn: sa.Connection,
    scope: scopes.Scope,
    ticket: Mapping[str, Any],
    event: Mapping[str, Any],
    note: i18n.Text | None,
) -> None:
    """Put a message for each channel that wants to hear of such an event, in the event's own transaction."""
    topic = _SAME.get(event["kind"], event["kind"])
    wanted = [one for one in json.loads(ticket["notify"]) if topic in one["on"]]
    if not wanted:
        return
    message = deliveries.Message(
        key=f"{ticket['id']}:{event['number']}",
        topic=f"ticket.{topic}",
        at=event["at"],
        subject=_text("subject", ticket, event, note),
        body=_text("body", ticket, event, note),
        facts={
            "ticket": {
                "id": ticket["id"],
                "version": event["number"],
                "title": json.loads(ticket["title"]),
                "asset": ticket["asset"],
                "level": ticket["level"],
                "state": event["to_state"],
                "owner": ticket["owner"],
                "due": ticket["due"].isoformat() if ticket["due"] else None,
                "reason": event["reason"],
                "who": event["who"],
            }
        },
    )
    for one in wanted:
        deliveries.put(conn, scope, one["name"], one["channel"], message)


def _text(part: str, ticket: Mapping[str, Any], event: Mapping[str, Any], note: i18n.Text | None) -> i18n.Text:
    told = {}
    for language in i18n.LANGUAGES:
        said = [note.in_(language) if note else "", event["reason"]]
        told[language] = i18n.text(
            f"catalog.tickets:mail.{part}",
            language,
            ticket=ticket["id"],
            title=i18n.Text.model_validate(json.loads(ticket["title"])),
            level=i18n.text(f"core:level.{ticket['level']}", language),
            kind=i18n.text(f"catalog.tickets:kind.{event['kind']}", language),
            state=i18n.text(f"catalog.tickets:state.{event['to_state']}", language),
            who=event["who"],
            owner=ticket["owner"] or "-",
            due=ticket["due"].isoformat(timespec="minutes") if ticket["due"] else "-",
            said=" ".join(s for s in said if s) or "-",
        )
    return i18n.Text(zh=told["zh"], en=told["en"])
