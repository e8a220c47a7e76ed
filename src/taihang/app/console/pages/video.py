"""One video: look, step through findings with the keyboard, decide, correct a box, draw zones, run again."""

# ruff: noqa: E501 - scripts and pieces of pages
from __future__ import annotations

import contextlib
import json
from typing import Any

import yaml
from nicegui import events, ui

from taihang.app.console import frame, moments, registry, uploading, visit
from taihang.app.console.pages import jobs
from taihang.core import errors

_MOST = 2000
_BOOKS_PAGE = "rulebooks"


@registry.page("/videos/{id}", key="videos.one", action="asset:read")
async def video(looking: visit.Visit) -> None:
    """The player with its findings; `?finding=` chooses one, `?job=` watches a run."""
    ui.add_head_html('<script src="/console/video.js"></script>', shared=False)
    version = await looking.api.get(f"versions/{looking.path['id']}")
    found = [one async for one in looking.api.every("findings", _MOST, version=version["id"], order="gravest")]
    await _Page(looking, version, found).show()


class _Page:
    def __init__(self, looking: visit.Visit, version: dict[str, Any], found: list[dict[str, Any]]) -> None:
        self._looking, self._version = looking, version
        self._found = sorted(found, key=lambda one: _span(one)[0])
        self._chosen: dict[str, Any] | None = None
        self._zones: list[dict[str, Any]] = []
        self._drawn: dict[str, Any] = {}
        self._rows: dict[str, ui.element] = {}

    async def show(self) -> None:
        """All of the page."""
        looking, t = self._looking, self._looking.t
        asset = self._version["asset"]
        with frame.heading(looking, asset["name"], t("videos.version", sha256=asset["sha256"][:12])):
            await self._reports()
            if looking.may("job:create"):
                self._again()
        if looking.query.get("job"):
            await self._watched(looking.query["job"])
        with ui.element("div").classes("th-two"):
            with ui.column().classes("gap-2 w-full"):
                stage = self._stage()
                self._tools(stage)
            with ui.column().classes("gap-3 w-full"):
                with frame.card(t("videos.findings_of", count=len(self._found))):
                    self._list(stage)
                with frame.card(t("videos.decide")):
                    self._panel = ui.column().classes("w-full gap-2")
        self._show_panel()
        self._connect(stage)

    def _stage(self) -> ui.element:
        with ui.element("div").classes("w-full") as root:
            ui.html(
                f"""<div class="th-stage"><video controls preload="metadata" playsinline
                src="/api/v1/versions/{self._version["id"]}/content" aria-label="{self._looking.t("videos.player")}"></video>
                <svg class="th-boxes" preserveAspectRatio="xMidYMid meet" style="pointer-events:none"></svg></div>
                <div class="th-line" style="margin-top:8px" role="group" aria-label="{self._looking.t("videos.timeline")}"></div>""",
                sanitize=False,
            ).classes("w-full")
        return root

    def _connect(self, stage: ui.element) -> None:
        facts = {
            "findings": [_plain(self._looking, one) for one in self._found],
            "fps": 25,
            "zones": [],
            "words": {},
        }
        names = {"chosen": self._on_chosen, "decide": self._on_decide, "zone": self._on_zone,
                 "corrected": self._on_corrected, "unplayable": self._on_unplayable}  # fmt: skip
        for name, work in names.items():
            ui.on(f"video-{name}-{stage.id}", frame.taking(self._looking, work))
        start = json.dumps(self._looking.query.get("finding", ""))
        ui.run_javascript(
            f"""(async () => {{
            while (!window.taihangVideo || !document.getElementById('c{stage.id}')) await new Promise((d) => setTimeout(d, 50));
            const at = taihangVideo(document.getElementById('c{stage.id}'), {{...{json.dumps(facts)},
              emit: (name, value) => emitEvent(`video-${{name}}-{stage.id}`, value)}});
            if ({start}) at.choose({start});
            }})()"""
        )

    def _call(self, stage: ui.element, script: str) -> None:
        ui.run_javascript(f"document.getElementById('c{stage.id}').taihang.{script}")

    def _tools(self, stage: ui.element) -> None:
        t = self._looking.t
        with ui.row().classes("items-center gap-2 w-full"):
            if self._looking.may("job:create"):
                kind = ui.select(
                    {name: t(f"videos.zone.{name}") for name in ("restricted", "post", "equipment", "area")},
                    value="restricted",
                ).props(f'dense outlined options-dense aria-label="{t("videos.zone_kind")}"')
                name = ui.input(value=t("videos.zone_name", number=1)).props(
                    f'dense outlined aria-label="{t("videos.name")}"'
                )

                def draw() -> None:
                    self._call(stage, f"draw({json.dumps(kind.value)}, {json.dumps(name.value or 'zone')})")
                    self._looking.say("videos.draw_hint")

                ui.button(t("videos.draw"), icon="polyline", on_click=draw).props("outline no-caps")
                ui.button(t("videos.close_zone"), on_click=lambda: self._call(stage, "close()")).props("flat no-caps")
                self._name = name
            ui.space()
            ui.html(t("videos.keys"), sanitize=False).classes("th-note")
        self._stage_root = stage

    def _list(self, stage: ui.element) -> None:
        if not self._found:
            frame.empty("check_circle", self._looking.t("videos.nothing"), self._looking.t("videos.nothing_hint"))
            return
        with ui.element("div").classes("th-scroll"):
            for one in self._found:
                start, end = _span(one)
                item = ui.element("button").classes("th-item")
                item.on(
                    "click",
                    js_handler=f"() => document.getElementById('c{stage.id}').taihang.choose({json.dumps(one['id'])})",
                )
                with item:
                    with ui.row().classes("items-center gap-2 w-full no-wrap"):
                        frame.level(self._looking, one["level"])
                        ui.label(self._looking.both(one["finding"]["rule"]["title"]))
                    state = self._looking.t(f"videos.state.{one['state']}")
                    ui.label(f"{moments.clock(start)} – {moments.clock(end)} · {state}").classes("th-note")
                self._rows[one["id"]] = item

    def _show_panel(self) -> None:
        t = self._looking.t
        self._panel.clear()
        with self._panel:
            one = self._chosen
            if one is None:
                ui.label(t("videos.choose")).classes("th-note")
                return
            body = one["finding"]
            ui.label(self._looking.both(body["message"]))
            if one["verdict"] == "insufficient":
                ui.label(self._looking.t("core:verdict.insufficient")).classes("th-state")
            clause = body["rule"].get("clause")
            if clause:
                ui.label(f"{clause['document']} {clause['number']}").classes("th-note")
            state = t(f"videos.state.{one['state']}")
            ui.label(
                t(
                    "videos.now",
                    state=state,
                    reviewer=self._looking.person(one["reviewer"]) or "—",
                    reason=one["reason"] or "—",
                )
            ).classes("th-note")
            if not self._looking.may("finding:review"):
                return
            self._reason = (
                ui.textarea(label=t("videos.reason")).props("outlined dense autogrow maxlength=2000").classes("w-full")
            )
            with ui.row().classes("gap-2"):
                ui.button(
                    t("videos.accept"),
                    icon="check",
                    on_click=frame.acting(self._looking, lambda: self._decide("accepted")),
                ).props("unelevated no-caps color=positive")
                ui.button(
                    t("videos.reject"),
                    icon="close",
                    on_click=frame.acting(self._looking, lambda: self._decide("rejected")),
                ).props("unelevated no-caps color=negative")

    async def _on_chosen(self, event: events.GenericEventArguments) -> None:
        self._chosen = next((one for one in self._found if one["id"] == event.args.get("id")), None)
        for id, row in self._rows.items():
            row.props(f'aria-current="{str(self._chosen is not None and id == self._chosen["id"]).lower()}"')
        if self._chosen:
            self._looking.state(finding=self._chosen["id"])
        self._show_panel()

    async def _on_decide(self, event: events.GenericEventArguments) -> None:
        state = str(event.args.get("state"))
        if self._chosen is None or state not in {"accepted", "rejected"} or not self._looking.may("finding:review"):
            return
        with ui.dialog() as dialog, ui.card():
            ui.label(self._looking.t("videos.accept" if state == "accepted" else "videos.reject"))
            reason = (
                ui.textarea(label=self._looking.t("videos.reason"))
                .props("outlined autofocus maxlength=2000")
                .classes("w-80")
            )
            ui.button(self._looking.t("videos.confirm"), on_click=lambda: dialog.submit(reason.value or "")).props(
                "unelevated no-caps"
            )
        given = await dialog
        if given is not None:
            await self._decide(state, given)

    async def _decide(self, state: str, reason: str | None = None) -> None:
        one = self._chosen
        if one is None:
            return
        said = (self._reason.value or "").strip() if reason is None else reason.strip()
        if not said:
            raise errors.UserError("app.console:videos.reason_needed")
        made = await self._looking.api.post(
            f"versions/{one['version_id']}/findings/{one['id']}/review",
            {"state": state, "reason": said},
            revision=one["revision"],
        )
        one.update({name: made[name] for name in ("state", "revision", "reason", "reviewer")})
        self._call(self._stage_root, f"decided({json.dumps(one['id'])}, {json.dumps(state)})")
        self._show_panel()
        self._looking.say("videos.decided")

    async def _on_corrected(self, event: events.GenericEventArguments) -> None:
        """A box that was pulled: kept as the reviewer's word about the finding, with the new corners."""
        one, box = self._chosen, event.args
        if one is None or box.get("finding") != one["id"]:
            return
        corners = [round(float(box[side]), 1) for side in ("x0", "y0", "x1", "y1")]
        with ui.dialog() as dialog, ui.card():
            ui.label(self._looking.t("videos.corrected"))
            reason = (
                ui.textarea(label=self._looking.t("videos.reason"))
                .props("outlined autofocus maxlength=1500")
                .classes("w-80")
            )
            ui.button(self._looking.t("videos.confirm"), on_click=lambda: dialog.submit(reason.value or "")).props(
                "unelevated no-caps"
            )
        given = await dialog
        if given is not None and given.strip():
            note = self._looking.t("videos.box_note", frame=int(box["frame"]), corners=corners)
            await self._decide("accepted", f"{given.strip()} [{note}]")

    async def _on_zone(self, event: events.GenericEventArguments) -> None:
        zone = event.args["zone"]
        self._zones.append(zone)
        self._drawn = {
            "time_s": float(event.args["time"]),
            "width": int(event.args["width"]),
            "height": int(event.args["height"]),
        }
        self._name.value = self._looking.t("videos.zone_name", number=len(self._zones) + 1)
        self._looking.say("videos.zone_kept", name=zone["name"])

    async def _on_unplayable(self, _event: events.GenericEventArguments) -> None:
        self._looking.complain(errors.UserError("app.console:videos.unplayable"))

    async def _reports(self) -> None:
        page = await self._looking.api.get("reports", version=self._version["id"], limit=1)
        if page["items"]:
            report = page["items"][0]
            ui.link(self._looking.t("videos.report"), f"/api/v1/reports/{report['id']}/files/report.html", new_tab=True)
            files = await self._looking.api.get(f"reports/{report['id']}/files")
            names = {one["name"] for one in files["items"]}
            if "report.docx" in names:
                ui.link("DOCX", f"/api/v1/reports/{report['id']}/files/report.docx")

    def _again(self) -> None:
        looking, t = self._looking, self._looking.t
        with ui.dialog() as dialog, ui.card().classes("w-96"):
            ui.label(t("videos.run")).classes("text-lg")
            rules = ui.select({}, label=t("videos.rules")).props("outlined dense").classes("w-full")
            budget = ui.input(t("videos.budget"), value="2%").props("outlined dense").classes("w-full")
            ui.button(
                t("videos.run"), on_click=frame.acting(looking, lambda: self._run(rules.value, budget.value))
            ).props("unelevated no-caps")

        async def opened() -> None:
            books = (await looking.api.get(_BOOKS_PAGE))["items"]
            names = {one["id"]: f"{one['title']} ({one['id']})" for one in books}
            rules.set_options(
                names, value=next(iter(n for n in names if n == "mine-inspection"), next(iter(names), None))
            )
            dialog.open()

        ui.button(t("videos.run"), icon="play_arrow", on_click=frame.acting(looking, opened)).props(
            "unelevated no-caps"
        )

    async def _run(self, rules: str | None, budget: str | None) -> None:
        given: dict[str, Any] = {
            "version": self._version["id"],
            "lang": self._looking.language,
            "budget": budget or "2%",
        }
        if rules:
            given["rules"] = rules
        if self._zones:
            frame_of = {**self._drawn, "video": self._version["asset"]["sha256"]}
            book = {"taihang": "zones/1", "frame": frame_of, "zones": self._zones}
            shown = yaml.safe_dump(book, allow_unicode=True, sort_keys=False)
            given["zones"] = await uploading.text(
                self._looking, f"{self._version['asset']['name']}.zones.yaml", shown, "rulebook"
            )
        job = await self._looking.api.post("jobs", {"kind": "inspect-asset", "parameters": given})
        ui.navigate.to(f"/videos/{self._version['id']}?job={job['id']}")

    async def _watched(self, id: str) -> None:
        with frame.card():
            row = ui.row().classes("items-center gap-3 w-full")
            bar = ui.linear_progress(0, show_value=False).props(f'aria-label="{self._looking.t("jobs.progress")}"')

        async def look() -> None:
            found = await self._looking.api.get(f"jobs/{id}")
            row.clear()
            with row:
                jobs.state_chip(self._looking, found["state"])
                ui.label(found["reason"] or found["stage"] or "").classes("th-note")
                ui.space()
                ui.link(self._looking.t("jobs.one.title"), f"/jobs/{id}")
            bar.set_value(1.0 if found["state"] == "done" else found["done"])
            if found["state"] in {"done", "failed", "cancelled"}:
                timer.deactivate()
                if found["state"] == "done":
                    ui.navigate.to(f"/videos/{self._version['id']}")

        timer = ui.timer(1.0, frame.acting(self._looking, look))
        with contextlib.suppress(errors.TaihangError):
            await look()


def _span(one: dict[str, Any]) -> tuple[float, float]:
    place = one["finding"]["place"]
    start = float(place.get("start_s") or 0.0)
    return start, float(place.get("end_s") or start)


def _plain(looking: visit.Visit, one: dict[str, Any]) -> dict[str, Any]:
    start, end = _span(one)
    frames = [e for e in one["finding"]["evidence"] if e["kind"] == "frame"]
    return {
        "id": one["id"], "rule": one["rule"], "title": looking.both(one["finding"]["rule"]["title"]), "level": one["level"],
        "state": one["state"], "start": start, "end": end,
        "width": frames[0]["width"] if frames else None, "height": frames[0]["height"] if frames else None,
        "frames": [{"time": f["time_s"], "number": f["number"], "boxes": f["boxes"],
                    "outlines": [o["points"] for o in f["outlines"]]} for f in frames],
    }  # fmt: skip
