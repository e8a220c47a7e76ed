"""Audit: the ledger's decisions, and whether a report or a decision really stands in it."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any

from nicegui import ui

from taihang.app import ledger
from taihang.app.console import frame, moments, registry, visit
from taihang.app.console.pages import jobs
from taihang.core import errors
from taihang.trust.ledger import verify

_KINDS = (
    "report", "ticket-state", "finding-review", "policy", "rulebook", "deletion", "hold", "hold-release",
    "retention-rule", "sign-in", "job-submitted", "job-ended", "job-cancelled", "job-retried",
)  # fmt: skip


@registry.page("/audit", key="audit", icon="verified_user", order=70, action="ledger:read")
async def audit(looking: visit.Visit) -> None:
    """The newest decisions first; every one can be verified here, and offline by anybody who has the key."""
    t = looking.t
    key = (await looking.api.ask("GET", "ledger/key")).text.strip()
    frame.heading(looking, t("audit.title"), t("audit.note"))
    with ui.element("div").classes("th-halves"):
        with frame.card(t("audit.state")):
            await _state(looking)
        with frame.card(t("audit.key")):
            ui.label(key).classes("th-mono th-key")
            ui.label(t("audit.offline")).classes("th-note")
    with frame.card(t("audit.reports")):
        told = ui.column().classes("w-full gap-0")
    with frame.card(t("audit.decisions")):
        subject = ui.input(t("audit.subject"), value=looking.query.get("subject", "")[:200]).props(
            "outlined dense clearable debounce=400 maxlength=200"
        )
        body = ui.column().classes("w-full gap-0")

    async def show(after: str | None = None) -> None:
        page = await looking.api.get("ledger/decisions", subject=subject.value, after=after, limit=25)
        body.clear()
        with body:
            if not page["items"]:
                frame.empty("verified_user", t("audit.none"))
                return
            heads = [t(f"audit.{name}") for name in ("position", "at", "kind", "subject", "check")]
            frame.table(heads, [functools.partial(_row, looking, one, key) for one in page["items"]])
            _on(looking, page, show)

    async def changed() -> None:
        looking.state(subject=subject.value)
        await show()

    subject.on_value_change(frame.acting(looking, changed))
    await _reports(looking, told, key)
    await show()


async def _reports(looking: visit.Visit, body: ui.column, key: str, after: str | None = None) -> None:
    """Every report, the newest first, ten at a time: an older one can be asked about as well."""
    page = await looking.api.get("reports", after=after, limit=10)
    body.clear()
    with body:
        if not page["items"]:
            frame.calm("description", looking.t("audit.no_reports"))
            return
        heads = [looking.t(f"audit.{name}") for name in ("kind", "hash", "at", "check")]
        frame.table(heads, [functools.partial(_report, looking, one, key) for one in page["items"]])
        _on(looking, page, lambda following: _reports(looking, body, key, following))


def _on(looking: visit.Visit, page: dict[str, Any], show: Callable[[str], Awaitable[None]]) -> None:
    """A button to what follows a page, where anything does."""
    if page["next"]:
        button = ui.button(looking.t("later"), on_click=frame.acting(looking, lambda: show(page["next"])))
        button.props("flat no-caps").classes("self-end")


async def _state(looking: visit.Visit) -> None:
    """The newest signed checkpoint: how many entries the ledger has, and the hash over all of them."""
    try:
        lines = (await looking.api.ask("GET", "ledger/checkpoint")).text.splitlines()
    except errors.UserError:
        frame.calm("hourglass_empty", looking.t("audit.none"))
        return
    origin, size, root = [*lines, "", "", ""][:3]
    frame.pairs({looking.t("audit.origin"): origin, looking.t("audit.size"): size, looking.t("audit.root"): root})
    ui.link(looking.t("audit.checkpoint"), "/api/v1/ledger/checkpoint").classes("th-more")


def _report(looking: visit.Visit, one: dict[str, Any], key: str) -> None:
    for value in (jobs.kind_name(looking, one["kind"]), one["sha256"][:16], moments.at(one["recorded"])):
        with ui.element("td"):
            ui.label(value)
    with ui.element("td"), ui.row().classes("items-center gap-2 no-wrap"):
        _button(looking, f"reports/{one['id']}/proof", key)
        ui.link(looking.t("audit.proof"), f"/api/v1/reports/{one['id']}/proof").classes("th-more")


def _row(looking: visit.Visit, one: dict[str, Any], key: str) -> None:
    place = looking.t("audit.waiting") if one["position"] is None else str(one["position"])
    kind = one["kind"] if one["kind"] not in _KINDS else looking.t(f"audit.what.{one['kind']}")
    for value in (place, moments.at(one["at"]), kind, one["subject"]):
        with ui.element("td"):
            ui.label(value)
    with ui.element("td"):
        _button(looking, f"ledger/decisions/{one['id']}/proof", key)


def _button(looking: visit.Visit, path: str, key: str) -> None:
    t = looking.t
    told = ui.label("").props('role="status"')

    async def check() -> None:
        text = (await looking.api.ask("GET", path)).text
        # The same check that anybody makes offline: the proof and the key, and nothing of this server.
        verify.bundle(text, ledger.policy(key))
        told.set_text(t("audit.holds"))
        told.classes(replace="th-state th-state-done")

    ui.button(t("audit.verify"), on_click=frame.acting(looking, check)).props("flat dense no-caps")
