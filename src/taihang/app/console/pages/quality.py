"""Quality: is this data good enough: overview, dimensions, trend, and from a rule to its bad rows."""

from __future__ import annotations

import functools
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from nicegui import ui

from taihang.app.console import frame, moments, registry, uploading, visit
from taihang.core import errors

_ACCEPT = ".parquet,.pq,.csv,.tsv,.json,.jsonl,.ndjson,.arrow,.feather,.xlsx,.xls,.ods"
_LARGEST, _READ, _SHOWN = 64 << 20, 20_000, 50
_FORMS = ("not_null", "unique", "range", "pattern", "one_of", "length")


@registry.page("/quality", key="quality", icon="fact_check", order=20, action="asset:read")
async def overview(looking: visit.Visit) -> None:
    """Every table with how it stands."""
    t = looking.t
    with frame.heading(looking, t("quality.title"), t("quality.note")):
        if looking.may("upload:create"):

            async def opened(version: str) -> None:
                ui.navigate.to(f"/quality/{version}")

            uploading.field(looking, _ACCEPT, "table", opened, label=t("quality.upload"))
    page = await looking.api.get("assets", kind="table", after=looking.query.get("after"), limit=25)
    with frame.card():
        if not page["items"]:
            frame.empty("fact_check", t("quality.none"), t("quality.none_hint"))
            return
        rows = []
        for one in page["items"]:
            trend = (await looking.api.get(f"assets/{one['id']}/trend", kind="assess", limit=12))["items"]
            rows.append(functools.partial(_row, looking, one, trend))
        table(looking, [t(f"quality.{name}") for name in ("name", "findings", "score", "versions", "assessed")], rows)
        if page["next"]:
            ui.link(t("later"), f"/quality?after={page['next']}").classes("self-end")


def _row(looking: visit.Visit, one: dict[str, Any], trend: list[dict[str, Any]]) -> None:
    newest = trend[-1] if trend else None
    with ui.element("td"):
        ui.link(one["name"], f"/quality/{one['latest']}")
    with ui.element("td"), ui.row().classes("gap-1"):
        for level in frame.LEVELS:
            count = ((newest or {}).get("counts") or {}).get(level)
            if count:
                frame.level(looking, level, count=count)
    with ui.element("td"):
        ui.label(_mean(newest))
    with ui.element("td"):
        ui.label(str(one["versions"]))
    with ui.element("td"):
        ui.label(moments.at(_made(newest))[:16])


@registry.page("/quality/{id}", key="quality.one", action="asset:read")
async def one_table(looking: visit.Visit) -> None:
    """One version of a table: its dimensions, its trend, its rules and their bad rows."""
    t = looking.t
    version = await looking.api.get(f"versions/{looking.path['id']}")
    reports = (await looking.api.get("reports", version=version["id"], kind="assess", limit=1))["items"]
    with frame.heading(looking, version["asset"]["name"], t("videos.version", sha256=version["asset"]["sha256"][:12])):
        if reports:
            ui.link(t("videos.report"), f"/api/v1/reports/{reports[0]['id']}/files/report.html", new_tab=True)
        if looking.may("job:create"):
            _run(looking, version)
    trend = (await looking.api.get(f"assets/{version['asset_id']}/trend", kind="assess", limit=30))["items"]
    if not reports:
        with frame.card():
            frame.empty("fact_check", t("quality.not_yet"), t("quality.not_yet_hint"))
        return
    scores = (await looking.api.get(f"reports/{reports[0]['id']}/scorecard"))["scores"]
    with ui.element("div").classes("th-grid"):
        with frame.card(t("quality.dimensions")):
            _radar(looking, scores)
        with frame.card(t("quality.trend")):
            _trend(looking, trend)
    with frame.card(t("quality.rules")):
        found = [
            one async for one in looking.api.every("findings", 2000, version=version["id"], report=reports[0]["id"])
        ]
        _rules(looking, found, functools.partial(_bad_rows, looking, reports[0]["id"]))
    await _compared(looking, version, trend)


def table(looking: visit.Visit, heads: Sequence[str], rows: Sequence[Callable[[], None]]) -> None:
    """A table of the frame's form; each row is a function that makes its cells."""
    with ui.element("table").classes("th-table"):
        with ui.element("thead"), ui.element("tr"):
            for head in heads:
                with ui.element("th").props('scope="col"'):
                    ui.label(head)
        with ui.element("tbody"):
            for row in rows:
                with ui.element("tr"):
                    row()


def _radar(looking: visit.Visit, scores: list[dict[str, Any]]) -> None:
    # Of each dimension the one number that sums it up, as the scorecard itself has it.
    shown = {
        one["dimension"]: float(one["value"])
        for one in scores
        if one["metric"] == "rows.compliance" and one["value"] is not None and 0 <= one["value"] <= 1
    }
    if len(shown) >= 3:
        axes = [{"name": _dimension(looking, name), "max": 1} for name in shown]
        data = [{"value": [round(v, 4) for v in shown.values()], "areaStyle": {"opacity": 0.2}}]
        ui.echart(
            {"radar": {"indicator": axes}, "series": [{"type": "radar", "data": data}], "color": ["#0f4c5c"]}
        ).classes("w-full h-64")
    with ui.element("dl").classes("th-pairs"):
        for name, value in shown.items():
            with ui.element("dt"):
                ui.label(_dimension(looking, name))
            with ui.element("dd"):
                ui.label(f"{value:.2%}")


def _trend(looking: visit.Visit, trend: list[dict[str, Any]]) -> None:
    points = trend
    if len(points) < 2:
        ui.label(looking.t("quality.one_point")).classes("th-note")
        return
    colours = {"red": "#b3261e", "orange": "#f4a261", "yellow": "#e0b43a", "blue": "#7cb4e0", "info": "#a0aab2"}
    series = [
        {"type": "bar", "stack": "n", "name": looking.t(f"core:level.{level}"), "itemStyle": {"color": colours[level]},
         "data": [(p.get("counts") or {}).get(level, 0) for p in points]}
        for level in frame.LEVELS
    ]  # fmt: skip
    names = [moments.at(_made(p))[5:16] for p in points]
    chart = {
        "xAxis": {"type": "category", "data": names},
        "yAxis": {"type": "value", "minInterval": 1},
        "legend": {"bottom": 0},
        "tooltip": {"trigger": "axis"},
        "grid": {"top": 16, "bottom": 56},
        "series": series,
    }
    ui.echart(chart).classes("w-full h-72")


def _rules(looking: visit.Visit, found: list[dict[str, Any]], rows_of: Callable[[str, str], Awaitable[None]]) -> None:
    if not found:
        frame.empty("check_circle", looking.t("quality.clean"))
        return
    for one in found:
        body = one["finding"]
        with ui.expansion().classes("w-full th-rule").props("dense") as row:
            with row.add_slot("header"), ui.row().classes("items-center gap-2 w-full no-wrap"):
                frame.level(looking, one["level"])
                ui.label(looking.both(body["rule"]["title"])).classes("font-medium")
                ui.space()
                ui.label(_dimension(looking, one["dimension"])).classes("th-note")
            ui.label(looking.both(body["message"]))
            rows = next((e for e in body["evidence"] if e["kind"] == "rows"), None)
            if rows:
                first = ", ".join(str(r) for r in rows["rows"][:20])
                ui.label(looking.t("quality.bad_rows", total=rows["total"], first=first)).classes("th-note th-mono")
                holder = ui.column().classes("w-full")
                file = str((rows.get("digest") or {}).get("file") or "")
                if file:
                    asked = functools.partial(_filled, holder, functools.partial(rows_of, file, one["rule"]))
                    ui.button(looking.t("quality.show_rows"), on_click=frame.acting(looking, asked)).props(
                        "flat dense no-caps"
                    )
            for name, value in body["measured"].items():
                ui.label(f"{name}: {value}").classes("th-note th-mono")


async def _filled(holder: ui.column, work: Callable[[], Awaitable[None]]) -> None:
    holder.clear()
    with holder:
        await work()


async def _bad_rows(looking: visit.Visit, report: str, file: str, rule: str) -> None:
    """The first bad rows of a rule, as the exported file has them; what is personal is masked as the API masks it."""
    data = (await looking.api.ask("GET", f"reports/{report}/files/{file}")).content
    if len(data) > _LARGEST:
        raise errors.UserError("app.console:quality.large", most=_LARGEST)
    whole = pq.read_table(pa.BufferReader(data))
    rows = [row for row in whole.slice(0, _READ).to_pylist() if rule in row["_rules"]][:_SHOWN]
    names = [name for name in whole.schema.names if not name.startswith("_")][:12]
    table(looking, [looking.t("quality.row"), *names], [functools.partial(_cells, names, row) for row in rows])
    ui.link(looking.t("quality.all_rows"), f"/api/v1/reports/{report}/files/{file}").classes("th-note")


def _cells(names: list[str], row: dict[str, Any]) -> None:
    for value in (row["_row"], *(row[name] for name in names)):
        with ui.element("td"):
            ui.label("—" if value is None else str(value)[:200])


async def _compared(looking: visit.Visit, version: dict[str, Any], trend: list[dict[str, Any]]) -> None:
    t = looking.t
    versions = (await looking.api.get(f"assets/{version['asset_id']}/versions", limit=20))["items"]
    others = {
        one["id"]: f"{one['number']} · {one['asset']['sha256'][:8]}"
        for one in versions
        if one["number"] < version["number"]
    }
    if not others:
        return
    with frame.card(t("quality.compare")):
        chosen = (
            ui.select(others, value=next(iter(others)), label=t("quality.since"))
            .props("outlined dense")
            .classes("w-64")
        )
        body = ui.column().classes("w-full gap-1")

        async def show() -> None:
            found = await looking.api.get(f"versions/{version['id']}/changes", since=chosen.value, kind="assess")
            body.clear()
            with body:
                for name in ("new", "fixed", "persisting", "unverified"):
                    ui.label(t(f"quality.change.{name}", count=found[f"{name}_count"])).classes("font-medium")
                    for one in found[name][:10]:
                        ui.label(looking.both(json.loads(one["body"])["rule"]["title"])).classes("th-note")

        chosen.on_value_change(frame.acting(looking, show))
        await show()


def _run(looking: visit.Visit, version: dict[str, Any]) -> None:
    """Assess again: by a shipped or own rulebook, or by rules that are put together here."""
    t = looking.t
    columns = [one["name"] for one in version.get("columns") or []]
    made: list[dict[str, Any]] = []
    with ui.dialog() as dialog, ui.card().classes("w-[560px] max-w-full"):
        ui.label(t("quality.run")).classes("text-lg")
        books = ui.select({}, label=t("quality.book"), clearable=True).props("outlined dense").classes("w-full")
        ui.label(t("quality.build")).classes("th-note")
        with ui.row().classes("items-center gap-2 w-full"):
            column = (
                ui.select(columns, label=t("quality.column"), value=columns[0]).props("outlined dense")
                if columns else ui.input(t("quality.column")).props("outlined dense")
            )  # fmt: skip
            form = ui.select(
                {f: t(f"quality.form.{f}") for f in _FORMS}, value="not_null", label=t("quality.kind")
            ).props("outlined dense")
            value = ui.input(t("quality.value"), placeholder=t("quality.value_hint")).props("outlined dense")
            listed = ui.column().classes("w-full gap-0")

            def add() -> None:
                rule = _built(str(column.value or ""), str(form.value), str(value.value or ""), len(made) + 1)
                made.append(rule)
                with listed:
                    ui.label(f"{rule['title']['zh' if looking.language == 'zh' else 'en']}").classes("th-note")

            ui.button(t("quality.add"), on_click=_telling(looking, add)).props("outline no-caps")

        async def start() -> None:
            given: dict[str, Any] = {"version": version["id"], "lang": looking.language}
            if made:
                given |= {"rules": await _kept(looking, version, made), "table": "data"}
            elif books.value:
                given["rules"] = books.value
            job = await looking.api.post("jobs", {"kind": "assess-asset", "parameters": given})
            ui.navigate.to(f"/jobs/{job['id']}")

        ui.button(t("quality.run"), on_click=frame.acting(looking, start)).props("unelevated no-caps")

    async def opened() -> None:
        own = (await looking.api.get("rulebooks/own", limit=100))["items"]
        shipped = (await looking.api.get("rulebooks"))["items"]
        books.set_options(
            {**{one["latest"]: one["name"] for one in own}, **{one["id"]: one["title"] for one in shipped}}
        )
        dialog.open()

    ui.button(t("quality.run"), icon="play_arrow", on_click=frame.acting(looking, opened)).props("unelevated no-caps")


def _telling(looking: visit.Visit, work: Callable[[], None]) -> Callable[[], None]:
    def done() -> None:
        try:
            work()
        except errors.TaihangError as error:
            looking.complain(error)

    return done


def _built(column: str, form: str, value: str, number: int) -> dict[str, Any]:
    """A rule of a form, as it stands in a rulebook. Raises errors.UserError for a value that does not fit."""
    if not column:
        raise errors.UserError("app.console:quality.no_column")
    check: dict[str, Any] = {"column": column}
    parts = [part.strip() for part in value.replace("，", ",").split(",") if part.strip()]
    try:
        if form == "not_null":
            check |= {"kind": "not_null"}
        elif form == "unique":
            check = {"kind": "unique", "columns": [column]}
        elif form == "range":
            check |= {"kind": "range", "min": float(parts[0]), "max": float(parts[1])}
        elif form == "length":
            check |= {"kind": "length", "min": int(parts[0]), "max": int(parts[1])}
        elif form == "pattern":
            check |= {"kind": "regex", "pattern": value or ".*"}
        else:
            check |= {"kind": "in_set", "values": parts}
    except (IndexError, ValueError):
        raise errors.UserError("app.console:quality.two_numbers") from None
    dimension = {"not_null": "completeness", "unique": "uniqueness"}.get(form, "validity")
    return {
        "id": f"built-{number}",
        "title": {"zh": f"{column}：{form} {value}".strip(), "en": f"{column}: {form} {value}".strip()},
        "level": "yellow", "dimension": dimension, "table": "data", "check": check,
    }  # fmt: skip


async def _kept(looking: visit.Visit, version: dict[str, Any], rules: list[dict[str, Any]]) -> str:
    name = (
        "".join(c if c.isascii() and c.isalnum() else "-" for c in version["asset"]["name"].lower()).strip("-")[:60]
        or "table"
    )
    book = {"taihang": "rules/1", "id": f"{name}-built", "version": "1",
            "title": {"zh": version["asset"]["name"], "en": version["asset"]["name"]}, "rules": rules}  # fmt: skip
    text = yaml.safe_dump(book, allow_unicode=True, sort_keys=False)
    made = await looking.api.post("rulebooks", {"name": f"{name}-built", "text": text})
    return str(made["id"])


def _mean(point: dict[str, Any] | None) -> str:
    values = [s["value"] for s in (point or {}).get("scores") or [] if s["value"] is not None and 0 <= s["value"] <= 1]
    return f"{sum(values) / len(values):.1%}" if values else "—"


def _made(point: dict[str, Any] | None) -> str | None:
    return None if point is None else str(point["recorded"])


def _dimension(looking: visit.Visit, name: str) -> str:
    try:
        return looking.t(f"report:dimension.{name}")
    except KeyError:
        return name
