"""Quality: is this data good enough: overview, dimensions, trend, and from a rule to its bad rows."""

from __future__ import annotations

import functools
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from nicegui import ui

from taihang.app.console import builder, cells, charts, frame, moments, registry, uploading, visit
from taihang.app.console.pages import findings
from taihang.core import errors
from taihang.rules import rulebook

_ACCEPT = ".parquet,.pq,.csv,.tsv,.json,.jsonl,.ndjson,.arrow,.feather,.xlsx,.xls,.ods"
_LARGEST, _READ, _SHOWN, _PAGE = 64 << 20, 20_000, 50, 40


@registry.page("/quality", key="quality", icon="fact_check", order=20, action="asset:read")
async def overview(looking: visit.Visit) -> None:
    """Every table with how it stands and how that went."""
    t = looking.t
    with frame.heading(looking, t("quality.title"), t("quality.note")):
        if looking.may("upload:create"):

            async def opened(version: str) -> None:
                ui.navigate.to(f"/quality/{version}")

            uploading.field(looking, _ACCEPT, "table", opened, label=t("quality.upload"))
    page = await looking.api.get("assets", kind="table", after=looking.query.get("after"), limit=25)
    if not page["items"]:
        with frame.card():
            frame.empty("fact_check", t("quality.none"), t("quality.none_hint"))
        return
    trends = [
        (one, (await looking.api.get(f"assets/{one['id']}/trend", kind="assess", limit=12))["items"])
        for one in page["items"]
    ]
    newest = [trend[-1] for _, trend in trends if trend]
    means = [mean for one in newest if (mean := _mean(one)) is not None]
    grave = sum(bool(one["counts"].get("red") or one["counts"].get("orange")) for one in newest)
    with ui.element("div").classes("th-tiles"):
        frame.tile(t("quality.tables"), str(len(trends)) + ("+" if page["next"] else ""), "/assets?kind=table")
        overall = f"{sum(means) / len(means):.1%}" if means else "—"
        frame.tile(t("quality.score"), overall, "/quality", t("quality.score_note"))
        frame.tile(t("quality.grave"), str(grave), "/findings?state=open", "", "red" if grave else "")
        frame.tile(t("quality.unassessed"), str(len(trends) - len(newest)), "/quality")
    with frame.card():
        heads = [t(f"quality.{name}") for name in ("name", "score", "trend", "findings", "versions", "assessed")]
        cells.table(heads, [_row(looking, one, trend) for one, trend in trends], t("quality.title"))
        if page["next"]:
            ui.link(t("later"), f"/quality?after={page['next']}").classes("self-end")


def _row(looking: visit.Visit, one: dict[str, Any], trend: list[dict[str, Any]]) -> tuple[object, ...]:
    newest = trend[-1] if trend else None
    mean = _mean(newest)
    line = [value for point in trend if (value := _mean(point)) is not None]
    return (
        cells.link(one["name"], cells.address("quality", one["latest"])),
        cells.text("") if mean is None else cells.bar(mean, f"{mean:.1%}"),
        cells.spark(line, looking.t("quality.trend")),
        frame.levels(looking, newest and newest["counts"]), one["versions"],
        cells.when(moments.at(str(newest["recorded"]) if newest else None)[:16]),
    )  # fmt: skip


@registry.page("/quality/{id}", key="quality.one", action="asset:read")
async def one_table(looking: visit.Visit) -> None:
    """One version of a table: its dimensions, its trend, its rules and their bad rows."""
    t = looking.t
    version = await looking.api.get(f"versions/{looking.path['id']}")
    reports = (await looking.api.get("reports", version=version["id"], kind="assess", limit=1))["items"]
    note = t("quality.version_note", number=version["number"], sha256=version["asset"]["sha256"][:12])
    with frame.heading(looking, version["asset"]["name"], note):
        if reports:
            _forms(looking, reports[0]["id"])
        if looking.may("job:create"):
            builder.run(looking, version)
    if not reports:
        with frame.card():
            frame.empty("fact_check", t("quality.not_yet"), t("quality.not_yet_hint"))
        return
    trend = (await looking.api.get(f"assets/{version['asset_id']}/trend", kind="assess", limit=24))["items"]
    scores = (await looking.api.get(f"reports/{reports[0]['id']}/scorecard"))["scores"]
    with ui.element("div").classes("th-halves"):
        with frame.card(t("quality.dimensions")):
            _dimensions(looking, scores)
        with frame.card(t("quality.trend")):
            _trend(looking, trend)
    with frame.card(t("quality.heat")):
        await _heat(looking, reports[0], trend)
    with frame.card(t("quality.rules")):
        await _Rules(looking, version, reports[0]["id"]).show()
    await _compared(looking, version)


def _forms(looking: visit.Visit, report: str) -> None:
    ui.link(looking.t("videos.report"), f"/api/v1/reports/{report}/files/report.html", new_tab=True).classes("th-more")


def _dimensions(looking: visit.Visit, scores: list[dict[str, Any]]) -> None:
    # Of each dimension the one number that sums it up, as the scorecard itself has it; unknown is said, not drawn.
    whole = {one["dimension"]: one["value"] for one in scores if one["metric"] == "rows.compliance"}
    known = {findings.dimension(looking, n): float(v) for n, v in whole.items() if v is not None and 0 <= v <= 1}
    if len(known) >= 3:
        told = ", ".join(f"{name} {value:.1%}" for name, value in known.items())
        charts.show(charts.radar(known), f"{looking.t('quality.dimensions')}: {told}")
    elif known:
        cells.table([looking.t("quality.dimensions"), looking.t("quality.score")],
                    [(name, cells.bar(value, f"{value:.2%}")) for name, value in known.items()])  # fmt: skip
    unknown = [findings.dimension(looking, name) for name, value in whole.items() if value is None]
    if unknown:
        ui.label(looking.t("quality.unknown", names=", ".join(unknown))).classes("th-note")


def _trend(looking: visit.Visit, trend: list[dict[str, Any]]) -> None:
    if len(trend) < 2:
        frame.calm("timeline", looking.t("quality.one_point"))
        return
    words = {level: looking.t(f"core:level.{level}") for level in frame.LEVELS}
    means = [_mean(point) for point in trend]
    option = charts.trend(
        _times(trend), [p.get("counts") or {} for p in trend], words, (looking.t("quality.score"), means)
    )
    charts.show(option, looking.t("quality.trend"))


async def _heat(looking: visit.Visit, report: dict[str, Any], trend: list[dict[str, Any]]) -> None:
    columns = await _columns(looking, report)
    shares: dict[str, dict[int, float]] = {}
    for time, point in enumerate(trend):
        for score in point["scores"]:
            rule = score["metric"].removeprefix("rule.")
            if rule == score["metric"] or score["value"] is None:
                continue
            for column in columns.get(rule) or (rule,):
                of = shares.setdefault(column, {})
                of[time] = max(of.get(time, 0.0), 1.0 - float(score["value"]))
    if not shares:
        frame.calm("grid_on", looking.t("quality.no_heat"))
        return
    worst = sorted(shares, key=lambda name: -max(shares[name].values()))[:30]
    made = [(time, y, share) for y, name in enumerate(worst) for time, share in sorted(shares[name].items())]
    ui.label(looking.t("quality.heat_note")).classes("th-note")
    charts.show(charts.heat(worst, _times(trend), made), looking.t("quality.heat"), 110 + 30 * len(worst))


async def _columns(looking: visit.Visit, report: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """The columns that each rule of the report's rulebook looks at; none where the rulebook is not known here."""
    try:
        job = await looking.api.get(f"jobs/{report['job_id']}")
        named = str(job["parameters"].get("rules") or "")
        if named.startswith("version-"):
            book: rulebook.Rulebook | None = rulebook.loads(
                (await looking.api.ask("GET", f"versions/{named}/content")).text, named
            )
        else:
            book = rulebook.load(named) if named in rulebook.shipped() else None
    except errors.TaihangError:
        return {}
    made: dict[str, tuple[str, ...]] = {}
    for one in book.rules if book else ():
        check = one.rule.check
        column, several = getattr(check, "column", None), getattr(check, "columns", None)
        made[one.rule.id] = (str(column),) if column else tuple(several) if isinstance(several, tuple | list) else ()
    return made


def _times(trend: list[dict[str, Any]]) -> list[str]:
    return [f"#{point['number']}\n{moments.at(str(point['recorded']))[5:16]}" for point in trend]


class _Rules:
    """Rules that are broken, a page at a time; each opens to its bad rows and its ticket."""

    def __init__(self, looking: visit.Visit, version: dict[str, Any], report: str) -> None:
        self._looking, self._version, self._report = looking, version, report
        self._body = ui.column().classes("w-full gap-0")

    async def show(self, after: str | None = None) -> None:
        """One page of them."""
        t = self._looking.t
        page = await self._looking.api.get(
            "findings", version=self._version["id"], report=self._report, after=after, limit=_PAGE
        )
        self._body.clear()
        with self._body:
            if not page["items"]:
                frame.empty("check_circle", t("quality.clean"))
                return
            for one in page["items"]:
                self._one(one)
            if page["next"]:
                ui.button(t("later"), on_click=frame.acting(self._looking, lambda: self.show(page["next"]))).props(
                    "flat no-caps"
                ).classes("self-end")

    def _one(self, one: dict[str, Any]) -> None:
        looking, body = self._looking, one["finding"]
        rows = next((e for e in body["evidence"] if e["kind"] == "rows"), None)
        share = body["measured"].get("share")
        with (
            ui.expansion(value=one["id"] == looking.query.get("finding"))
            .classes("w-full th-rule")
            .props("dense") as row
        ):
            with row.add_slot("header"):
                told = [findings.level(looking, one), cells.text(looking.both(body["rule"]["title"]), "th-strong"),
                        cells.text(findings.dimension(looking, one["dimension"]), "th-note")]  # fmt: skip
                if isinstance(share, int | float):
                    told.append(cells.text(looking.t("quality.bad_share", count=f"{body['measured'].get('rows', 0):,}",
                                                     share=f"{share:.2%}"), "th-note th-right"))  # fmt: skip
                ui.html(cells.joined(told, "th-line-of"), sanitize=False).classes("w-full")
            ui.label(looking.both(body["message"])).props("dir=auto")
            holder = ui.column().classes("w-full")
            with ui.row().classes("gap-2"):
                file = str((rows.get("digest") or {}).get("file") or "") if rows else ""
                if rows and file:
                    asked = functools.partial(self._rows, holder, file, one["rule"])
                    ui.button(
                        looking.t("quality.show_rows"), icon="table_rows", on_click=frame.acting(looking, asked)
                    ).props("outline dense no-caps")
                if looking.may("ticket:create"):
                    opening = functools.partial(self._ticket, one["id"])
                    ui.button(
                        looking.t("quality.ticket"), icon="assignment_late", on_click=frame.acting(looking, opening)
                    ).props("outline dense no-caps")
            if rows and not file:
                first = ", ".join(str(r) for r in rows["rows"][:20])
                ui.label(looking.t("quality.bad_rows", total=rows["total"], first=first)).classes("th-note th-mono")

    async def _ticket(self, finding: str) -> None:
        made = await self._looking.api.post("tickets", {"version": self._version["id"], "finding": finding})
        ui.navigate.to(f"/tickets/{made['id']}")

    async def _rows(self, holder: ui.column, file: str, rule: str) -> None:
        holder.clear()
        with holder:
            await bad_rows(self._looking, self._report, file, rule)


async def bad_rows(looking: visit.Visit, report: str, file: str, rule: str) -> None:
    """The first bad rows of a rule, as the exported file has them; what is personal is masked as the API masks it."""
    data = (await looking.api.ask("GET", f"reports/{report}/files/{file}")).content
    if len(data) > _LARGEST:
        raise errors.UserError("app.console:quality.large", most=_LARGEST)
    whole = pq.read_table(pa.BufferReader(data))
    rows = [row for row in whole.slice(0, _READ).to_pylist() if rule in row["_rules"]][:_SHOWN]
    names = [name for name in whole.schema.names if not name.startswith("_")][:12]
    cells.table(
        [looking.t("quality.row"), *names],
        [(row["_row"], *("—" if row[name] is None else str(row[name])[:200] for name in names)) for row in rows],
    )
    ui.link(looking.t("quality.all_rows"), f"/api/v1/reports/{report}/files/{file}").classes("th-more")


async def _compared(looking: visit.Visit, version: dict[str, Any]) -> None:
    t = looking.t
    versions = (await looking.api.get(f"assets/{version['asset_id']}/versions", limit=20))["items"]
    others = {
        one["id"]: f"#{one['number']} · {one['asset']['sha256'][:8]}"
        for one in versions
        if one["number"] < version["number"]
    }
    if not others:
        return
    with frame.card(t("quality.compare")):
        now = looking.query.get("since", "")
        chosen = ui.select(others, value=now if now in others else next(iter(others)), label=t("quality.since"))
        chosen.props("outlined dense").classes("w-64")
        body = ui.element("div").classes("th-quarters")

        async def show() -> None:
            found = await looking.api.get(f"versions/{version['id']}/changes", since=chosen.value, kind="assess")
            body.clear()
            with body:
                for name in ("new", "fixed", "persisting", "unverified"):
                    with ui.column().classes(f"gap-1 th-change th-change-{name}"):
                        ui.label(str(found[f"{name}_count"])).classes("th-number")
                        ui.label(t(f"quality.change.{name}")).classes("th-strong")
                        for one in found[name][:6]:
                            ui.label(looking.both(json.loads(one["body"])["rule"]["title"])).classes("th-note")

        async def changed() -> None:
            looking.state(since=chosen.value)
            await show()

        chosen.on_value_change(frame.acting(looking, changed))
        await show()


def _mean(point: dict[str, Any] | None) -> float | None:
    """The mean of the dimensions' compliance; None when none is known."""
    known = [
        float(one["value"])
        for one in (point or {}).get("scores") or []
        if one["metric"] == "rows.compliance" and one["value"] is not None and 0 <= one["value"] <= 1
    ]
    return sum(known) / len(known) if known else None
