"""Alerts: what edge nodes warn of, as they report it; the newest first."""

from __future__ import annotations

import datetime
import json
from typing import Any

from starlette.responses import Response

from taihang.app import alerting
from taihang.app.api import caller, forms, gate, paging, sight
from taihang.catalog import words
from taihang.core import words as core
from taihang.trust.access import masking

router = gate.router("alerts")


class Kept(forms.Answer):
    """Where an alert went; `ticket` is empty where none was opened."""

    report: str
    version: str
    finding: str
    ticket: str


class Live(forms.Answer):
    """An alert: when the violation was seen (`at`) and reported, by which node on which stream; `finding` as in
    `report.json`, in the time of the clip. `clip`: its version holds pictures; `synthetic`: rendered ones."""

    id: str
    node: str
    stream: str
    at: datetime.datetime
    recorded: datetime.datetime
    level: core.Level
    rule: str
    state: words.State
    version_id: str
    finding_id: str
    clip: bool
    synthetic: bool
    ticket: str
    finding: dict[str, Any]


@router.post("/alerts", status_code=201)
def report_alert(body: alerting.Alert, who: caller.Who, key: gate.Key = None) -> Kept:
    """Keep an alert of an edge node with its clip; a ticket is opened by the default policy where the caller may."""
    for action in ("asset:create", "blob:create", "report:create"):
        who.may(action)
    made = alerting.take(who.platform, who.who, body, ticket=who.can("ticket:create"))
    return Kept.model_validate(made)


@router.get("/alerts", response_model=paging.Page[Live])
def list_alerts(who: caller.Who, after: paging.After = None, limit: paging.Limit = 50) -> Response:
    """Alerts of edge nodes, the last reported first."""
    who.may("finding:read")
    found, following = alerting.listed(who.platform, who.who, after=after, limit=limit)
    hidden = sight.hidden(who, "finding:read", (one.found.asset_id for one in found))
    masker = masking.Masker(who.platform.guard, who.who)
    items = ",".join(_json(one, masker) for one in found if one.found.asset_id not in hidden)
    return Response(f'{{"items":[{items}],"next":{json.dumps(following)}}}', media_type="application/json")


def _json(one: alerting.Listed, masker: masking.Masker) -> str:
    node, _, stream = one.about.asset.name.partition("/")
    plain = {
        "id": one.report.id,
        "node": node,
        "stream": stream,
        "at": one.report.made.isoformat(),
        "recorded": one.report.recorded.isoformat(),
        "level": one.found.level,
        "rule": one.found.rule,
        "state": one.found.state,
        "version_id": one.about.id,
        "finding_id": one.found.id,
        "clip": one.about.asset.kind == "video",
        "synthetic": one.about.asset.synthetic,
        "ticket": one.ticket,
    }
    return f'{json.dumps(plain, ensure_ascii=False)[:-1]},"finding":{masker.finding(one.found.body)}}}'
