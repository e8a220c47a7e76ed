"""Videos: what was uploaded, and a new one."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from taihang.app.console import frame, registry, uploading, visit

ACCEPT = "video/*,.mp4,.mkv,.avi,.mov,.ts,.m2ts,.mts,.webm,.flv,.wmv,.3gp,.gif"


@registry.page("/videos", key="videos", icon="videocam", order=10, action="asset:read")
async def videos(looking: visit.Visit) -> None:
    """Each video with what was found in its newest version."""
    with frame.heading(looking, looking.t("videos.title"), looking.t("videos.note")):
        if looking.may("upload:create"):
            uploading.field(
                looking, ACCEPT, "video", lambda version: _inspect(looking, version), label=looking.t("videos.upload")
            )
    search = ui.input(placeholder=looking.t("search"), value=looking.query.get("q", "")).props(
        f'dense outlined clearable debounce=400 aria-label="{looking.t("search")}"'
    ).classes("w-80")  # fmt: skip
    with frame.card():
        body = ui.column().classes("w-full")

    async def show() -> None:
        page = await looking.api.get(
            "assets", kind="video", q=looking.query.get("q"), after=looking.query.get("after"), limit=25
        )
        body.clear()
        with body:
            await _listed(looking, page)

    async def searched() -> None:
        looking.state(q=search.value, after=None)
        await show()

    search.on_value_change(frame.acting(looking, searched))
    await show()


async def _listed(looking: visit.Visit, page: dict[str, Any]) -> None:
    if not page["items"]:
        frame.empty("videocam", looking.t("videos.none"), looking.t("videos.none_hint"))
        return
    with ui.element("table").classes("th-table"):
        with ui.element("thead"), ui.element("tr"):
            for name in ("name", "findings", "owner"):
                with ui.element("th").props('scope="col"'):
                    ui.label(looking.t(f"videos.{name}"))
        with ui.element("tbody"):
            for one in page["items"]:
                versions = await looking.api.get(f"assets/{one['id']}/versions", limit=1)
                newest = versions["items"][0] if versions["items"] else None
                counts = await looking.api.get("findings/levels", version=newest["id"]) if newest else {}
                with ui.element("tr"):
                    with ui.element("td"):
                        ui.link(one["name"], f"/videos/{newest['id']}" if newest else f"/assets/{one['id']}")
                    with ui.element("td"), ui.row().classes("gap-1"):
                        for level in frame.LEVELS:
                            if counts.get(level):
                                frame.level(looking, level, count=counts[level])
                    with ui.element("td"):
                        ui.label(looking.person(one["owner"]))
    if page["next"]:
        ui.link(looking.t("later"), f"/videos?after={page['next']}").classes("self-end")


async def _inspect(looking: visit.Visit, version: str) -> None:
    job = await looking.api.post(
        "jobs", {"kind": "inspect-asset", "parameters": {"version": version, "lang": looking.language}}
    )
    ui.navigate.to(f"/videos/{version}?job={job['id']}")
