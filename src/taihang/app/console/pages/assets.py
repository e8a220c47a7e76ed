"""Assets: what the tenant has, its versions, where each came from, and what was found in it."""

from __future__ import annotations

import functools
from typing import Any

from nicegui import ui

from taihang.app.console import frame, moments, registry, visit
from taihang.app.console.pages import quality

_KINDS = ("video", "table", "dataset", "rulebook", "model", "contract", "report")
_SENSITIVITY = ("public", "internal", "sensitive", "important", "core")


@registry.page("/assets", key="assets", icon="inventory_2", order=40, action="asset:read")
async def assets(looking: visit.Visit) -> None:
    """Search by words, kind and tag; the search stands in the address."""
    t = looking.t
    frame.heading(looking, t("assets.title"))
    with ui.row().classes("items-center gap-3"):
        words = ui.input(placeholder=t("search"), value=looking.query.get("q", "")).props(
            f'dense outlined clearable debounce=400 aria-label="{t("search")}"'
        )
        kinds = {"": t("assets.any"), **{kind: t(f"assets.kind.{kind}") for kind in _KINDS}}
        kind = ui.select(
            kinds, value=looking.query.get("kind", "") if looking.query.get("kind", "") in kinds else ""
        ).props(f'dense outlined options-dense aria-label="{t("assets.column_kind")}"')
    with frame.card():
        body = ui.column().classes("w-full gap-0")

    async def show(after: str | None = None) -> None:
        page = await looking.api.get("assets", q=words.value, kind=kind.value, after=after, limit=50)
        body.clear()
        with body:
            if not page["items"]:
                frame.empty("inventory_2", t("assets.none"), t("assets.none_hint"))
                return
            heads = ("name", "column_kind", "sensitivity", "owner", "versions", "changed")
            quality.table(
                looking,
                [t(f"assets.{name}") for name in heads],
                [functools.partial(_row, looking, one) for one in page["items"]],
            )
            if page["next"]:
                ui.button(t("later"), on_click=frame.acting(looking, lambda: show(page["next"]))).props(
                    "flat no-caps"
                ).classes("self-end")

    async def changed() -> None:
        looking.state(q=words.value, kind=kind.value)
        await show()

    for control in (words, kind):
        control.on_value_change(frame.acting(looking, changed))
    await show()


def _row(looking: visit.Visit, one: dict[str, Any]) -> None:
    with ui.element("td"):
        ui.link(one["name"], f"/assets/{one['id']}")
        for tag in one["tags"]:
            ui.label(tag).classes("th-state")
    values = (
        looking.t(f"assets.kind.{one['kind']}"), looking.t(f"assets.level.{one['sensitivity']}"),
        looking.person(one["owner"]), one["versions"], moments.at(one["changed"])[:16],
    )  # fmt: skip
    for value in values:
        with ui.element("td"):
            ui.label(str(value))


@registry.page("/assets/{id}", key="assets.one", action="asset:read")
async def one_asset(looking: visit.Visit) -> None:
    """One asset: description, versions, lineage of the newest, findings."""
    t = looking.t
    found = await looking.api.get(f"assets/{looking.path['id']}")
    versions = (await looking.api.get(f"assets/{found['id']}/versions", limit=50))["items"]
    with frame.heading(looking, found["name"], found["id"]):
        if found["kind"] == "video":
            ui.link(t("videos.one.title"), f"/videos/{found['latest']}")
        elif found["kind"] == "table":
            ui.link(t("quality.title"), f"/quality/{found['latest']}")
        if looking.may("asset:update"):
            _describe(looking, found)
    with ui.element("div").classes("th-two"):
        with ui.column().classes("w-full gap-4"):
            with frame.card(t("assets.versions_of", count=found["versions"])):
                heads = [t(f"assets.{name}") for name in ("number", "hash", "size", "origin", "added")]
                quality.table(looking, heads, [functools.partial(_version, looking, one) for one in versions])
            with frame.card(t("assets.lineage")):
                await _lineage(looking, found["latest"])
        with frame.card(t("assets.about")):
            with ui.element("dl").classes("th-pairs"):
                for name in ("owner", "licence", "sensitivity", "description", "created"):
                    value = t(f"assets.level.{found[name]}") if name == "sensitivity" else looking.person(found[name])
                    with ui.element("dt"):
                        ui.label(t(f"assets.{name}"))
                    with ui.element("dd"):
                        ui.label(moments.at(value) if name == "created" else str(value or "—"))
            counts = await looking.api.get("findings/levels", asset=found["id"])
            with ui.row().classes("gap-1"):
                for level in frame.LEVELS:
                    if counts.get(level):
                        frame.level(looking, level, count=counts[level])


def _version(looking: visit.Visit, one: dict[str, Any]) -> None:
    asset = one["asset"]
    origin = looking.t("assets.synthetic") if asset["synthetic"] else looking.t("assets.real")
    with ui.element("td"):
        ui.label(str(one["number"]))
    with ui.element("td"):
        if one["stored"]:
            ui.link(asset["sha256"][:16], f"/api/v1/versions/{one['id']}/content").classes("th-mono")
        else:
            ui.label(asset["sha256"][:16]).classes("th-mono")
    for value in (f"{asset['size']:,}", origin, moments.at(one["recorded"])[:16]):
        with ui.element("td"):
            ui.label(value)


async def _lineage(looking: visit.Visit, version: str) -> None:
    graphs = [await looking.api.get(f"lineage/nodes/{version}", direction=way, depth=5) for way in ("up", "down")]
    names: dict[str, str] = {one["id"]: str(one["name"]) for graph in graphs for one in graph["nodes"]}
    names |= {one["id"]: str(one["job"]) for graph in graphs for one in graph["runs"]}
    links = {(one["node"], one["run_id"], one["way"]) for graph in graphs for one in graph["links"]}
    if not links:
        ui.label(looking.t("assets.no_lineage")).classes("th-note")
        return
    runs = {run for _, run, _ in links}
    series = {
        "type": "graph", "layout": "force", "roam": True, "draggable": True, "edgeSymbol": ["none", "arrow"],
        "force": {"repulsion": 300, "edgeLength": 120}, "label": {"show": True, "position": "bottom", "fontSize": 11},
        "data": [{"id": id, "name": name[:40], "symbolSize": 26 if id == version else 16,
                  "symbol": "rect" if id in runs else "circle",
                  "itemStyle": {"color": "#e36414" if id == version else "#5f6b76" if id in runs else "#0f4c5c"}}
                 for id, name in names.items()],
        "links": [{"source": node if way == "in" else run, "target": run if way == "in" else node}
                  for node, run, way in links],
    }  # fmt: skip
    ui.echart({"tooltip": {}, "series": [series]}).classes("w-full h-72")


def _describe(looking: visit.Visit, found: dict[str, Any]) -> None:
    t = looking.t
    with ui.dialog() as dialog, ui.card().classes("w-96"):
        owner = (
            ui.input(t("assets.owner"), value=found["owner"]).props("outlined dense maxlength=200").classes("w-full")
        )
        licence = (
            ui.input(t("assets.licence"), value=found["licence"])
            .props("outlined dense maxlength=200")
            .classes("w-full")
        )
        levels = {name: t(f"assets.level.{name}") for name in _SENSITIVITY}
        sensitivity = (
            ui.select(levels, label=t("assets.sensitivity"), value=found["sensitivity"])
            .props("outlined dense")
            .classes("w-full")
        )
        text = (
            ui.textarea(t("assets.description"), value=found["description"])
            .props("outlined dense maxlength=4000")
            .classes("w-full")
        )

        async def save() -> None:
            body = {
                "owner": owner.value,
                "licence": licence.value,
                "sensitivity": sensitivity.value,
                "description": text.value,
            }
            given = {name: value for name, value in body.items() if value}
            await looking.api.ask(
                "PATCH", f"assets/{found['id']}", json=given, headers={"If-Match": f'"{found["revision"]}"'}
            )
            ui.navigate.reload()

        ui.button(t("save"), on_click=frame.acting(looking, save)).props("unelevated no-caps")
    ui.button(t("assets.describe"), icon="edit", on_click=dialog.open).props("outline no-caps")
