"""Overview: what needs me."""

from __future__ import annotations

import asyncio
from typing import Any

from nicegui import ui

from taihang.app.console import cells, frame, moments, registry, visit
from taihang.app.console.pages import findings, jobs, tickets
from taihang.core import errors

_MOST = 200


@registry.page("/", key="overview", icon="space_dashboard", order=0)
async def overview(looking: visit.Visit) -> None:
    """My tickets, findings that nobody has looked at, jobs that failed or run; each number leads to its list."""
    t, me = looking.t, (looking.me or {}).get("id")
    frame.heading(looking, t("overview.title"), t("overview.note"))
    mine, late, open_, newest, failed, running, reports, waiting = await asyncio.gather(
        _asked(looking, "tickets", owner=me, open=True, limit=_MOST),
        _asked(looking, "tickets", overdue=True, limit=_MOST),
        _levels(looking),
        _asked(looking, "findings", state="open", limit=6),
        _asked(looking, "jobs", state="failed", limit=_MOST),
        _asked(looking, "jobs", state="running", limit=_MOST),
        _asked(looking, "reports", limit=6),
        _asked(looking, "jobs", state="queued", limit=_MOST),
    )
    total = sum(open_.values())
    with ui.element("div").classes("th-tiles"):
        frame.tile(t("overview.tickets"), _many(mine), "/tickets?view=mine", t("overview.tickets_note"))
        tone = "red" if late["items"] else ""
        frame.tile(t("overview.overdue"), _many(late), "/tickets?view=overdue", t("overview.overdue_note"), tone)
        frame.tile(t("overview.findings"), f"{total:,}", "/findings", t("overview.findings_note"))
        note = t("overview.jobs_note", running=len(running["items"]), queued=len(waiting["items"]))
        tone = "orange" if failed["items"] else ""
        frame.tile(t("overview.failed"), _many(failed), "/jobs?state=failed", note, tone)
    with ui.element("div").classes("th-halves"):
        with frame.card(t("overview.tickets"), link=(t("overview.all"), "/tickets?view=mine")):
            _mine(looking, mine["items"])
        with frame.card(t("overview.findings"), link=(t("overview.all"), "/findings")):
            if total:
                frame.spread(looking, open_)
            _newest(looking, newest["items"])
        with frame.card(t("overview.reports"), link=(t("overview.assets"), "/assets")):
            await _reports(looking, reports["items"])
        with frame.card(t("overview.jobs"), link=(t("overview.all"), "/jobs")):
            recent = await _asked(looking, "jobs", limit=6)
            _recent(looking, recent["items"])


def _mine(looking: visit.Visit, items: list[dict[str, Any]]) -> None:
    if not items:
        frame.calm("task_alt", looking.t("overview.no_tickets"))
        return
    due = sorted(items, key=lambda one: one.get("due") or "9")[:6]
    rows = [tickets.short(looking, one) for one in due]
    heads = [looking.t(f"tickets.{name}") for name in ("level", "name", "due")]
    cells.table(heads, rows, looking.t("overview.tickets"))


def _newest(looking: visit.Visit, items: list[dict[str, Any]]) -> None:
    if not items:
        frame.calm("check_circle", looking.t("overview.no_findings"))
        return
    rows = [
        (
            findings.level(looking, one),
            findings.title(looking, one),
            findings.place(one),
            cells.when(moments.at(one["recorded"])[5:16]),
        )
        for one in items
    ]
    heads = [looking.t(f"findings.{name}") for name in ("level", "rule", "place", "recorded")]
    cells.table(heads, rows, looking.t("overview.findings"))


async def _reports(looking: visit.Visit, items: list[dict[str, Any]]) -> None:
    if not items:
        frame.calm("description", looking.t("overview.no_reports"))
        return
    names = {one["asset_id"]: "" for one in items}
    for id in names:
        try:
            names[id] = str((await looking.api.get(f"assets/{id}"))["name"])
        except errors.UserError:
            names[id] = id
    rows = []
    for one in items:
        where = {"inspect": "videos", "assess": "quality"}.get(one["kind"])
        target = cells.address(where, one["version_id"]) if where else cells.address("assets", one["asset_id"])
        rows.append(
            (cells.link(names[one["asset_id"]], target), jobs.kind_name(looking, one["kind"]),
             frame.levels(looking, one["counts"]), cells.when(moments.at(one["recorded"])[5:16]))
        )  # fmt: skip
    heads = ("assets.name", "jobs.column_kind", "videos.findings", "findings.recorded")
    cells.table([looking.t(name) for name in heads], rows, looking.t("overview.reports"))


def _recent(looking: visit.Visit, items: list[dict[str, Any]]) -> None:
    if not items:
        frame.calm("pending_actions", looking.t("overview.no_jobs"))
        return
    rows = [
        (cells.link(jobs.kind_name(looking, one["kind"]), cells.address("jobs", one["id"])),
         jobs.state_cell(looking, one["state"]),
         cells.text("" if one["state"] == "done" else one["reason"] or one["stage"] or "", "th-clip"),
         cells.when(moments.span(one["started"], one["ended"])))
        for one in items
    ]  # fmt: skip
    heads = [looking.t(f"jobs.{name}") for name in ("column_kind", "column_state", "progress", "took")]
    cells.table(heads, rows, looking.t("overview.jobs"))


async def _asked(looking: visit.Visit, path: str, **only: Any) -> dict[str, Any]:
    try:
        found: dict[str, Any] = await looking.api.get(path, **only)
    except errors.Forbidden:  # a part that this visitor may not see is empty
        return {"items": [], "next": None}
    return found


async def _levels(looking: visit.Visit) -> dict[str, int]:
    try:
        found: dict[str, int] = await looking.api.get("findings/levels", state="open")
    except errors.Forbidden:
        return {}
    return found


def _many(page: dict[str, Any]) -> str:
    return f"{len(page['items'])}+" if page["next"] else str(len(page["items"]))
