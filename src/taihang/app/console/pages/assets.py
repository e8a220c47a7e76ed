"""Assets: what the tenant has, its versions, where each came from, and what was found in it."""

from __future__ import annotations

import functools
from typing import Any

from nicegui import ui

from taihang.app.console import cells, charts, frame, listing, moments, registry, visit
from taihang.app.console.pages import jobs

_KINDS = ("video", "table", "dataset", "rulebook", "model", "contract", "report")
# What can be asked of a table without saying more; assessing it asks for rules, and has a page of its own.
_JOBS = ("profile-asset", "monitor-asset", "text-asset", "mask-asset")
_SENSITIVITY = ("public", "internal", "sensitive", "important", "core")


@registry.page("/assets", key="assets", icon="inventory_2", order=40, action="asset:read")
async def assets(looking: visit.Visit) -> None:
    """Search by words, kind and tag; the search stands in the address."""
    t = looking.t
    frame.heading(looking, t("assets.title"), t("assets.note"))
    with ui.row().classes("items-center gap-2 th-filters"):
        words = ui.input(placeholder=t("assets.search"), value=looking.query.get("q", "")[:200]).props(
            f'dense outlined clearable debounce=400 maxlength=200 aria-label="{t("assets.search")}"'
        ).classes("w-80")  # fmt: skip
        kinds = {kind: t(f"assets.kind.{kind}") for kind in _KINDS}
        kind = frame.choice(looking, "kind", kinds, t("assets.any"), t("assets.column_kind"))

    def none() -> None:
        frame.empty("inventory_2", t("assets.none"), t("assets.none_hint"))

    heads = ("name", "column_kind", "sensitivity", "owner", "versions", "changed")
    with frame.card():
        listed = listing.Listing(
            looking, "assets", [t(f"assets.{name}") for name in heads], lambda one: _row(looking, one),
            only=lambda: {"q": words.value, "kind": kind.value}, none=none, label=t("assets.title"),
        )  # fmt: skip
        await listed.show()

    async def changed() -> None:
        await listed.anew(q=words.value, kind=kind.value)

    for control in (words, kind):
        control.on_value_change(frame.acting(looking, changed))


def _row(looking: visit.Visit, one: dict[str, Any]) -> tuple[object, ...]:
    tags = [cells.chip(tag, "th-state") for tag in one["tags"] if not tag.startswith("taihang:")]
    name = cells.link(one["name"], cells.address("assets", one["id"]))
    return (
        cells.joined([name, *tags]), looking.t(f"assets.kind.{one['kind']}"),
        looking.t(f"assets.level.{one['sensitivity']}"), looking.person(one["owner"]), one["versions"],
        cells.when(moments.at(one["changed"])[:16]),
    )  # fmt: skip


@registry.page("/assets/of/{version}", key="assets.one", action="asset:read")
async def of_version(looking: visit.Visit) -> None:
    """The asset of a version: where a graph of versions leads to."""
    found = await looking.api.get(f"versions/{looking.path['version']}")
    ui.navigate.to(cells.address("assets", found["asset_id"]))


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
        if found["kind"] == "table" and looking.may("job:create"):
            _start(looking, found["latest"])
        if looking.may("asset:update"):
            _describe(looking, found)
    with ui.element("div").classes("th-two"):
        with ui.column().classes("w-full gap-4"):
            with frame.card(t("assets.lineage")):
                await _lineage(looking, found["latest"])
            with frame.card(t("assets.versions_of", count=found["versions"])):
                heads = [t(f"assets.{name}") for name in ("number", "hash", "size", "origin", "added")]
                cells.table(heads, [_version(looking, one, found["latest"]) for one in versions])
        with frame.card(t("assets.about")):
            frame.pairs({
                t("assets.column_kind"): t(f"assets.kind.{found['kind']}"),
                t("assets.owner"): looking.person(found["owner"]), t("assets.licence"): found["licence"] or "—",
                t("assets.sensitivity"): t(f"assets.level.{found['sensitivity']}"),
                t("assets.description"): found["description"] or "—", t("assets.created"): moments.at(found["created"]),
            })  # fmt: skip
            counts = await looking.api.get("findings/levels", asset=found["id"])
            if sum(counts.values()):
                frame.spread(looking, counts)
                ui.link(t("overview.all"), cells.address("findings", asset=found["id"])).classes("th-more")


def _version(looking: visit.Visit, one: dict[str, Any], latest: str) -> tuple[object, ...]:
    asset, short = one["asset"], one["asset"]["sha256"][:16]
    origin = looking.t("assets.synthetic") if asset["synthetic"] else looking.t("assets.real")
    where = {"video": "videos", "table": "quality"}.get(asset["kind"])
    number: object = f"#{one['number']}"
    if where:
        number = cells.link(number, cells.address(where, one["id"]))
    told = [cells.text(number) if not isinstance(number, cells.Markup) else number]
    if one["id"] == latest:
        told.append(cells.chip(looking.t("assets.latest"), "th-state th-state-done"))
    content = (
        cells.link(short, f"/api/v1/versions/{one['id']}/content") if one["stored"] else cells.text(short, "th-mono")
    )
    return cells.joined(told), content, f"{asset['size']:,}", origin, cells.when(moments.at(one["recorded"])[:16])


async def _lineage(looking: visit.Visit, version: str) -> None:
    graphs = [await looking.api.get(f"lineage/nodes/{version}", direction=way, depth=5) for way in ("up", "down")]
    nodes = [one for graph in graphs for one in graph["nodes"]]
    reports = {one["id"]: one["name"].partition("/")[2] for one in nodes if one["name"].startswith("report/")}
    names: dict[str, str] = {one["id"]: _named(looking, one) for one in nodes}
    names |= {one["id"]: str(one["job"]) for graph in graphs for one in graph["runs"]}
    links = {(one["node"], one["run_id"], one["way"]) for graph in graphs for one in graph["links"]}
    if not links:
        ui.label(looking.t("assets.no_lineage")).classes("th-note")
        return
    runs = {run for _, run, _ in links}
    kinds = {id: jobs.kind_name(looking, name) for id, name in names.items() if id in runs}
    ways = sorted((node, run) if way == "in" else (run, node) for node, run, way in links)
    targets = {id: cells.address("jobs", id) if id in runs else cells.address("assets", "of", id) for id in names}
    targets |= {id: cells.address("api", "v1", "reports", name, "files", "report.html") for id, name in reports.items()}
    drawn = charts.lineage({**names, **kinds}, targets, runs, ways, version)
    ui.html(drawn, sanitize=False).classes("w-full th-wide").props(
        f'role=group aria-label="{looking.t("assets.lineage")}"'
    )
    ui.label(looking.t("assets.lineage_note")).classes("th-note")


def _named(looking: visit.Visit, node: dict[str, Any]) -> str:
    """A node in the graph by its own name; the kind, which stands before it, is told by how it is drawn."""
    if node["gone"]:
        return looking.t("assets.gone")
    whole = str(node["name"])
    kind, _, rest = whole.partition("/")
    if kind == "report":
        return looking.t("assets.kind.report")
    return rest if kind in _KINDS and rest else whole


def _start(looking: visit.Visit, version: str) -> None:
    with ui.dropdown_button(looking.t("assets.start"), icon="play_arrow", auto_close=True).props("outline no-caps"):
        for kind in _JOBS:
            started = frame.acting(looking, functools.partial(_started, looking, version, kind))
            ui.item(jobs.kind_name(looking, kind), on_click=started)


async def _started(looking: visit.Visit, version: str, kind: str) -> None:
    given = {"version": version, "lang": looking.language}
    job = await looking.api.post("jobs", {"kind": kind, "parameters": given})
    ui.navigate.to(cells.address("jobs", job["id"]))


def _describe(looking: visit.Visit, found: dict[str, Any]) -> None:
    t = looking.t
    with ui.dialog() as dialog, ui.card().classes("w-96 th-dialog"):
        ui.html(f"<h2>{t('assets.describe')}</h2>", sanitize=False)
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
