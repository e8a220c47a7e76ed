"""One video: look, step through findings with the keyboard, decide, correct a box, draw zones, run again."""

# ruff: noqa: E501 - scripts and pieces of pages
from __future__ import annotations

import contextlib
import json
from typing import Any

import yaml
from nicegui import events, ui

from taihang.app.console import cells, frame, moments, parts, registry, uploading, visit
from taihang.app.console.pages import jobs
from taihang.core import errors

_MOST = 2000
_SIDES = ("x0", "y0", "x1", "y1")
_BOOKS_PAGE, _BOOK = "rulebooks", "mine-inspection"


@registry.page("/videos/{id}", key="videos.one", action="asset:read")
async def video(looking: visit.Visit) -> None:
    """The player with its findings; `?finding=` chooses one, `?job=` watches a run."""
    ui.add_head_html('<script src="/console/video.js"></script>', shared=False)
    version = await looking.api.get(f"versions/{looking.path['id']}")
    # Of a video of an hour there are hundreds; the list says when it does not hold them all.
    found = [one async for one in looking.api.every("findings", _MOST, version=version["id"], order="gravest")]
    await _Page(looking, version, found).show()


class _Page:
    def __init__(self, looking: visit.Visit, version: dict[str, Any], found: list[dict[str, Any]]) -> None:
        self._looking, self._version = looking, version
        self._found = sorted(found, key=lambda one: _span(one)[0])
        self._chosen: dict[str, Any] | None = None
        self._zones: list[dict[str, Any]] = []
        self._drawn: dict[str, Any] = {}
        self._rows: dict[str, ui.html] = {}
        self._parts = parts.Parts(looking, version["id"], self._play)

    async def show(self) -> None:
        """All of the page."""
        looking, t = self._looking, self._looking.t
        asset = self._version["asset"]
        await self._former()
        with frame.heading(looking, asset["name"], t("videos.version", sha256=asset["sha256"][:12])):
            await self._reports()
            if looking.may("job:create"):
                self._again()
        if looking.query.get("job"):
            await self._watched(looking.query["job"])
        with ui.element("div").classes("th-two"):
            with ui.column().classes("gap-2 w-full"):
                self._parts.place()
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
            "zones": self._zones,
            "words": {},
        }
        names = {"chosen": self._on_chosen, "decide": self._on_decide, "zone": self._on_zone,
                 "corrected": self._on_corrected, "part": self._on_part, "draw": self._on_draw}  # fmt: skip
        for name, work in names.items():
            ui.on(f"video-{name}-{stage.id}", frame.taking(self._looking, work))
        start = json.dumps(self._looking.query.get("finding", ""))
        ui.run_javascript(
            f"""(async () => {{
            while (!window.taihangVideo || !window.did_handshake || !document.getElementById('c{stage.id}')) await new Promise((d) => setTimeout(d, 50));
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

                ui.button(t("videos.draw"), icon="polyline", on_click=self._draw).props("outline no-caps")
                ui.button(t("videos.close_zone"), on_click=lambda: self._call(stage, "close()")).props("flat no-caps")
                self._kind, self._name = kind, name
            ui.space()
            ui.html(t("videos.keys"), sanitize=False).classes("th-note")
        self._stage_root = stage

    def _draw(self) -> None:
        self._call(self._stage_root, f"draw({json.dumps(self._kind.value)}, {json.dumps(self._name.value or 'zone')})")
        self._looking.say("videos.draw_hint")

    async def _on_draw(self, _event: events.GenericEventArguments) -> None:
        if self._looking.may("job:create"):
            self._draw()

    def _list(self, stage: ui.element) -> None:
        if not self._found:
            frame.empty("check_circle", self._looking.t("videos.nothing"), self._looking.t("videos.nothing_hint"))
            return
        with (
            ui.element("div")
            .classes("th-scroll")
            .props(f'role=group aria-label="{self._looking.t("videos.timeline")}"')
        ):
            for one in self._found:
                item = ui.html(self._item(one), sanitize=False, tag="button").classes("th-item")
                item.on(
                    "click",
                    js_handler=f"() => document.getElementById('c{stage.id}').taihang.choose({json.dumps(one['id'])})",
                )
                self._rows[one["id"]] = item

    def _item(self, one: dict[str, Any]) -> str:
        start, end = _span(one)
        state = self._looking.t(f"videos.state.{one['state']}")
        sure = f" · {self._looking.t('core:verdict.insufficient')}" if one["verdict"] == "insufficient" else ""
        head = cells.joined([
            cells.chip(self._looking.t(f"core:level.{one['level']}"), f"th-level th-level-{one['level']}"),
            cells.text(self._looking.both(one["finding"]["rule"]["title"]), "th-strong"),
        ])  # fmt: skip
        note = cells.text(f"{moments.clock(start)} – {moments.clock(end)} · {state}{sure}", "th-note")
        return f"{head}{note}"

    def _show_panel(self) -> None:
        t = self._looking.t
        self._panel.clear()
        with self._panel:
            one = self._chosen
            if one is None:
                ui.label(t("videos.choose")).classes("th-note")
                return
            body = one["finding"]
            ui.label(self._looking.both(body["message"])).props("dir=auto")
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
            if one["boxes"]:
                ui.label(t("videos.boxes", count=len(one["boxes"]))).classes("th-note")
            if not self._looking.may("finding:review"):
                return
            self._reason = (
                ui.textarea(label=t("videos.reason"))
                .props(f"outlined dense autogrow maxlength=2000 data-draft=reason-{one['id']}")
                .classes("w-full")
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
        given = await frame.asked(
            self._looking, "videos.accept" if state == "accepted" else "videos.reject", "videos.reason"
        )
        if given is not None:
            await self._decide(state, given)

    async def _decide(self, state: str, reason: str | None = None, boxes: list[dict[str, Any]] | None = None) -> None:
        one = self._chosen
        if one is None:
            return
        said = (self._reason.value or "").strip() if reason is None else reason.strip()
        if not said:
            raise errors.UserError("app.console:videos.reason_needed")
        path = f"versions/{one['version_id']}/findings/{one['id']}"
        try:
            made = await self._looking.api.post(
                f"{path}/review", {"state": state, "reason": said, "boxes": boxes or []}, revision=one["revision"]
            )
        except errors.Conflict as error:
            # Somebody was quicker: show what stands there now, and keep what was typed.
            self._looking.complain(error)
            one.update(await self._looking.api.get(path))
            self._rows[one["id"]].set_content(self._item(one))
            self._call(self._stage_root, "revert()")
            self._show_panel()
            self._reason.value = said
            return
        one.update({name: made[name] for name in ("state", "revision", "reason", "reviewer", "boxes")})
        if boxes:
            self._call(self._stage_root, f"corrected({json.dumps(one['id'])}, {json.dumps(made['boxes'])})")
        self._call(self._stage_root, f"decided({json.dumps(one['id'])}, {json.dumps(state)})")
        ui.run_javascript(f"taihang.forget('reason-{one['id']}')")
        self._rows[one["id"]].set_content(self._item(one))
        self._show_panel()
        self._looking.say("videos.decided")

    async def _on_corrected(self, event: events.GenericEventArguments) -> None:
        """A box that was pulled: kept as the reviewer's word about the finding, with the new corners."""
        one, box = self._chosen, event.args
        if one is None or box.get("finding") != one["id"]:
            return
        corners = [round(float(box[side]), 1) for side in _SIDES]
        given = await frame.asked(self._looking, "videos.corrected", "videos.reason")
        if given is None or not given.strip():
            self._call(self._stage_root, "revert()")
            return
        made = {"number": int(box["frame"]), "index": int(box["index"]), **dict(zip(_SIDES, corners, strict=True))}
        await self._decide("accepted", given, [made])

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

    async def _on_part(self, event: events.GenericEventArguments) -> None:
        await self._parts.ask(float(event.args.get("time") or 0.0))

    def _play(self, made: dict[str, Any], address: str) -> None:
        given = json.dumps([made["part"], address, made["start_s"], made["end_s"], made["duration_s"]])
        self._call(self._stage_root, f"play(...{given})")

    async def _former(self) -> None:
        """The zones that the last inspection went by, so that they are seen and go on being used."""
        page = await self._looking.api.get("reports", version=self._version["id"], kind="inspect", limit=1)
        with contextlib.suppress(errors.TaihangError, yaml.YAMLError, KeyError, TypeError, ValueError):
            job = await self._looking.api.get(f"jobs/{page['items'][0]['job_id']}") if page["items"] else None
            if job and job["parameters"].get("zones"):
                text = (await self._looking.api.ask("GET", f"versions/{job['parameters']['zones']}/content")).text
                book = yaml.safe_load(text[:200_000])
                self._drawn = {k: v for k, v in book["frame"].items() if k in {"time_s", "width", "height"}}
                self._zones = [{"kind": z["kind"], "name": z["name"], "points": z["points"]} for z in book["zones"]]

    async def _reports(self) -> None:
        page = await self._looking.api.get("reports", version=self._version["id"], limit=1)
        if page["items"]:
            report = page["items"][0]
            files = await self._looking.api.get(f"reports/{report['id']}/files")
            names = {one["name"] for one in files["items"]}
            # An alert's report has no files.
            if "report.html" in names:
                page_of = f"/api/v1/reports/{report['id']}/files/report.html"
                ui.link(self._looking.t("videos.report"), page_of, new_tab=True)
            if "report.docx" in names:
                ui.link("DOCX", f"/api/v1/reports/{report['id']}/files/report.docx")

    def _again(self) -> None:
        looking, t = self._looking, self._looking.t
        with ui.dialog() as dialog, ui.card().classes("w-96 th-dialog"):
            ui.html(f"<h2>{t('videos.options')}</h2>", sanitize=False)
            rules = ui.select({}, label=t("videos.rules")).props("outlined dense").classes("w-full")
            budget = ui.input(t("videos.budget"), value="2%").props("outlined dense maxlength=9").classes("w-full")
            ui.button(
                t("videos.run"), on_click=frame.acting(looking, lambda: self._run(rules.value, budget.value))
            ).props("unelevated no-caps")

        async def opened() -> None:
            books = (await looking.api.get(_BOOKS_PAGE))["items"]
            names = {one["id"]: f"{one['title']} ({one['id']})" for one in books if one["rules"]}
            rules.set_options(names, value=_BOOK if _BOOK in names else next(iter(names), None))
            dialog.open()

        with ui.row().classes("gap-1 no-wrap"):
            ui.button(
                t("videos.run"), icon="play_arrow", on_click=frame.acting(looking, lambda: self._run(_BOOK, "2%"))
            ).props("unelevated no-caps")
            ui.button(icon="tune", on_click=frame.acting(looking, opened)).props(
                f'flat dense aria-label="{t("videos.options")}"'
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
                ui.html(jobs.state_cell(self._looking, found["state"]), sanitize=False)
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
    right = {(box["number"], box["index"]): {**box, "corrected": True} for box in one["boxes"]}
    return {
        "id": one["id"], "rule": one["rule"], "title": looking.both(one["finding"]["rule"]["title"]), "level": one["level"],
        "state": one["state"], "start": start, "end": end,
        "width": frames[0]["width"] if frames else None, "height": frames[0]["height"] if frames else None,
        "frames": [{"time": f["time_s"], "number": f["number"],
                    "boxes": [{**box, **right.get((f["number"], index), {})} for index, box in enumerate(f["boxes"])],
                    "outlines": [o["points"] for o in f["outlines"]]} for f in frames],
    }  # fmt: skip
