"""Videos: what was uploaded, and a new one."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from taihang.app.console import cells, frame, moments, registry, uploading, visit

ACCEPT = "video/*,.mp4,.mkv,.avi,.mov,.ts,.m2ts,.mts,.webm,.flv,.wmv,.3gp,.gif"


@registry.page("/videos", key="videos", icon="videocam", order=10, action="asset:read")
async def videos(looking: visit.Visit) -> None:
    """Each video with what was found in its newest version."""
    with frame.heading(looking, looking.t("videos.title"), looking.t("videos.note")):
        if looking.may("upload:create"):
            uploading.field(
                looking, ACCEPT, "video", lambda version: _inspect(looking, version), label=looking.t("videos.upload")
            )
    with ui.row().classes("th-filters"):
        search = ui.input(placeholder=looking.t("videos.search"), value=looking.query.get("q", "")[:200]).props(
            f'dense outlined clearable debounce=400 maxlength=200 aria-label="{looking.t("videos.search")}"'
        ).classes("w-80")  # fmt: skip
    with frame.card():
        body = ui.column().classes("w-full")

    async def show() -> None:
        page = await looking.api.get(
            "assets", kind="video", q=looking.query.get("q"), after=looking.query.get("after"), limit=25
        )
        rows = [await _row(looking, one) for one in page["items"]]
        body.clear()
        with body:
            if not rows:
                frame.empty("videocam", looking.t("videos.none"), looking.t("videos.none_hint"))
                return
            heads = ("name", "findings", "open", "inspected", "owner")
            cells.table([looking.t(f"videos.{name}") for name in heads], rows, looking.t("videos.title"))
            if page["next"]:
                ui.link(looking.t("later"), cells.address("videos", after=page["next"])).classes("self-end")

    async def searched() -> None:
        looking.state(q=search.value, after=None)
        await show()

    search.on_value_change(frame.acting(looking, searched))
    await show()


async def _row(looking: visit.Visit, one: dict[str, Any]) -> tuple[object, ...]:
    api, version = looking.api, str(one["latest"])
    counts = await api.get("findings/levels", version=version)
    waiting = sum((await api.get("findings/levels", version=version, state="open")).values())
    reports = (await api.get("reports", version=version, kind="inspect", limit=1))["items"]
    when = moments.at(reports[0]["recorded"])[:16] if reports else looking.t("videos.not_yet")
    return (
        cells.link(one["name"], cells.address("videos", version)), frame.levels(looking, counts), f"{waiting:,}", when,
        looking.person(one["owner"]),
    )  # fmt: skip


async def _inspect(looking: visit.Visit, version: str) -> None:
    job = await looking.api.post(
        "jobs", {"kind": "inspect-asset", "parameters": {"version": version, "lang": looking.language}}
    )
    ui.navigate.to(f"/videos/{version}?job={job['id']}")
