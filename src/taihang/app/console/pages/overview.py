"""Overview: what needs me."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from taihang.app.console import frame, registry, visit
from taihang.app.console.pages import jobs as kinds


@registry.page("/", key="overview", icon="space_dashboard", order=0)
async def overview(looking: visit.Visit) -> None:
    """My tickets, findings that nobody has looked at, jobs that failed or run."""
    frame.heading(looking, looking.t("overview.title"), looking.t("overview.note"))
    with ui.element("div").classes("th-grid"):
        await _part(looking, "tickets", "tickets", "/tickets", {"limit": 5})
        await _part(looking, "findings", "findings", "/videos", {"limit": 5, "state": "open"})
        await _part(looking, "jobs", "jobs", "/jobs", {"limit": 5})


async def _part(looking: visit.Visit, key: str, path: str, target: str, only: dict[str, Any]) -> None:
    with frame.card(looking.t(f"overview.{key}")):
        items = (await looking.api.get(path, **only))["items"]
        if not items:
            ui.label(looking.t(f"overview.no_{key}")).classes("th-note")
        for one in items:
            with ui.row().classes("w-full items-center gap-2 no-wrap"):
                if "level" in one:
                    frame.level(looking, str(one["level"]))
                _line(looking, key, one)
        ui.link(looking.t("overview.all"), target).classes("th-note")


def _line(looking: visit.Visit, key: str, one: dict[str, Any]) -> None:
    if key == "jobs":
        ui.link(kinds.kind_name(looking, one["kind"]), f"/jobs/{one['id']}")
        kinds.state_chip(looking, one["state"])
    elif key == "tickets":
        ui.link(
            looking.both(one["title"]) if isinstance(one["title"], dict) else str(one["title"]), f"/tickets/{one['id']}"
        )
    else:
        ui.link(looking.both(one["finding"]["rule"]["title"]), f"/videos/{one['version_id']}?finding={one['id']}")
