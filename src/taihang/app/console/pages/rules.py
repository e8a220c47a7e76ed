"""Rules: shipped and own rulebooks; edit with a live check, try on a sample, compare, keep as a version."""

from __future__ import annotations

import difflib
import functools
import json
from typing import Any

from nicegui import events, ui

from taihang.app.console import builder, cells, frame, moments, registry, visit
from taihang.core import errors

_PAUSED, _LOCKED = "taihang:paused", "taihang:locked"
_START = """taihang: rules/1
id: my-rules
version: "1"
title: {zh: 我的规则, en: My rules}
rules:
- {id: named, table: data, level: yellow, dimension: completeness, check: {kind: not_blank, column: name}}
"""


@registry.page("/rules", key="rules", icon="rule", order=60, action="rulebook:read")
async def rules(looking: visit.Visit) -> None:
    """All rulebooks that a job may name."""
    t = looking.t
    with frame.heading(looking, t("rules.title"), t("rules.note")):
        if looking.may("rulebook:create"):
            ui.button(t("rules.new"), icon="add", on_click=lambda: ui.navigate.to("/rules/edit")).props(
                "unelevated no-caps"
            )
    held_ = (await looking.api.get("rulebooks/own", limit=100))["items"]
    # Zones that were drawn on a video are kept as rulebooks too; they are drawn there, not written here.
    own = [one for one in held_ if not one["name"].endswith(".zones.yaml")]
    shipped = (await looking.api.get("rulebooks"))["items"]
    with frame.card(t("rules.own")):
        if own:
            heads = [t(f"assets.{name}") for name in ("name", "versions", "owner")]
            heads += [t("rules.state"), t("assets.changed"), t("admin.actions")]
            frame.table(heads, [functools.partial(_own, looking, one) for one in own])
        else:
            frame.empty("rule", t("rules.none"), t("rules.none_hint"))
    with frame.card(t("rules.shipped")):
        heads = [t("assets.name"), t("rules.version"), t("rules.count"), "SHA-256"]
        rows = [(f"{one['title']} ({one['id']})", one["version"], one["rules"],
                 cells.text(one["sha256"][:16], "th-mono"))
                for one in shipped]  # fmt: skip
        cells.table(heads, rows, t("rules.shipped"))


def _own(looking: visit.Visit, one: dict[str, Any]) -> None:
    t, paused, locked = looking.t, _PAUSED in one["tags"], _LOCKED in one["tags"]
    with ui.element("td"):
        ui.link(one["name"], cells.address("rules", "edit", asset=one["id"])).props("dir=auto")
    for value in (one["versions"], looking.person(one["owner"])):
        with ui.element("td"):
            ui.label(str(value))
    with ui.element("td"):
        chips = [cells.chip(t("rules.paused"), "th-state th-state-failed")] if paused else [
            cells.chip(t("rules.in_use"), "th-state th-state-done")
        ]  # fmt: skip
        chips += [cells.chip(t("rules.locked"), "th-state th-state-running")] if locked else []
        ui.html(cells.joined(chips), sanitize=False)
    with ui.element("td"):
        ui.label(moments.at(one["changed"])[:16])
    with ui.element("td"), ui.row().classes("gap-1 no-wrap"):
        if looking.may("rulebook:update"):
            held(looking, one, paused=paused, locked=locked)


def held(looking: visit.Visit, one: dict[str, Any], *, paused: bool, locked: bool) -> None:
    """Buttons that pause a rulebook or let it go on, lock it or unlock it."""

    async def hold(**marks: bool) -> None:
        await looking.api.ask("PATCH", f"rulebooks/own/{one['id']}", json=marks)
        ui.navigate.reload()

    for mark, on, icon in (("paused", paused, "play_arrow" if paused else "pause"),
                           ("locked", locked, "lock_open" if locked else "lock")):  # fmt: skip
        key = f"rules.{mark}_{'off' if on else 'on'}"
        ui.button(
            looking.t(key), icon=icon, on_click=frame.acting(looking, functools.partial(hold, **{mark: not on}))
        ).props("flat dense no-caps")


@registry.page("/rules/edit", key="rules.one", action="rulebook:read")
async def edit(looking: visit.Visit) -> None:
    """A rulebook as text; each pause in typing checks it."""
    await _Editor(looking).show()


class _Editor:
    def __init__(self, looking: visit.Visit) -> None:
        self._looking = looking
        self._kept = ""

    async def show(self) -> None:
        """Editor, check, trial, differences."""
        looking, t = self._looking, self._looking.t
        versions: list[dict[str, Any]] = []
        about: dict[str, Any] = {"tags": [], "name": "my-rules"}
        self._kept = _START
        if asset := looking.query.get("asset"):
            about = await looking.api.get(f"assets/{asset}")
            versions = (await looking.api.get(f"assets/{asset}/versions", limit=50))["items"]
            self._kept = await self._text(looking.query.get("version") or about["latest"])
        paused, locked = _PAUSED in about["tags"], _LOCKED in about["tags"]
        name = str(about["name"]).removesuffix(".rules.yaml")
        with frame.heading(looking, name, t("rules.locked_note") if locked else t("rules.edit_note")):
            if asset and looking.may("rulebook:update"):
                held(looking, about, paused=paused, locked=locked)
            self._name = ui.input(t("rules.name"), value=name).props("outlined dense maxlength=100 data-draft=name")
            if looking.may("rulebook:create"):
                ui.button(t("save"), icon="save", on_click=frame.acting(looking, self._save)).props(
                    "unelevated no-caps"
                ).set_enabled(not locked)
        with ui.element("div").classes("th-two"):
            with ui.column().classes("w-full gap-2"):
                self._told = ui.label("").classes("th-note").props('role="status"')
                self._code = ui.codemirror(self._kept, language="YAML", theme="githubLight", line_wrapping=True)
                self._code.classes("w-full th-code")
                self._code.on_value_change(frame.acting(looking, self._changed))
            with ui.column().classes("w-full gap-4"):
                with frame.card(t("rules.try")):
                    ui.label(t("rules.try_note")).classes("th-note")
                    self._table = ui.input(t("rules.table"), value="data").props("outlined dense maxlength=63")
                    self._rows = ui.textarea(value="name,age\n张三,30\n,200").props(
                        f'outlined dense rows=6 maxlength=100000 data-draft=rows aria-label="{t("rules.sample")}"'
                    ).classes("w-full th-mono")  # fmt: skip
                    ui.button(t("rules.run"), icon="science", on_click=frame.acting(looking, self._try)).props(
                        "outline no-caps"
                    )
                    self._outcome = ui.column().classes("w-full gap-1")
                if versions:
                    self._history(versions, str(about["latest"]), locked=locked)
        # The editor's own field has no name for those who do not see it.
        ui.run_javascript(
            f"""(async () => {{ let field;
            const wait = () => new Promise((done) => setTimeout(done, 50));
            while (!(field = document.querySelector(".th-code .cm-content"))) await wait();
            field.setAttribute('aria-label', {json.dumps(t("rules.one.title"))}); }})()"""
        )
        if len(versions) > 1:
            await self._compare()
        # What was typed before the connection was lost goes on from there.
        ui.on("rulebook-kept", frame.taking(looking, self._restored))
        ui.run_javascript(
            "const kept = taihang.kept('rulebook'); if (kept !== null) emitEvent('rulebook-kept', {kept})"
        )
        await self._check()

    async def _restored(self, event: events.GenericEventArguments) -> None:
        kept = str((event.args or {}).get("kept") or "")
        if kept and kept != self._kept:
            self._code.set_value(kept)
            self._looking.say("rules.restored")

    async def _text(self, version: str) -> str:
        return (await self._looking.api.ask("GET", f"versions/{version}/content")).text

    async def _check(self) -> None:
        text = self._code.value or ""
        try:
            found = await self._looking.api.post("rulebooks/check", {"text": text})
        except errors.UserError as error:
            self._told.set_text(error.message.in_(self._looking.language))
            self._told.classes(replace="text-negative")
            return
        self._told.set_text(self._looking.t("rules.fine", title=found["title"], count=found["rules"]))
        self._told.classes(replace="th-note")

    async def _changed(self) -> None:
        ui.run_javascript(f"taihang.keep('rulebook', {json.dumps(self._code.value or '')})")
        await self._check()

    async def _try(self) -> None:
        await builder.tried(
            self._looking, self._code.value or "", self._table.value or "data", self._rows.value or "", self._outcome
        )

    def _history(self, versions: list[dict[str, Any]], latest: str, *, locked: bool) -> None:
        looking, t = self._looking, self._looking.t
        with frame.card(t("rules.versions")):
            for one in versions[:20]:
                with ui.row().classes("items-center gap-2 w-full no-wrap"):
                    ui.link(
                        f"#{one['number']}", cells.address("rules", "edit", asset=one["asset_id"], version=one["id"])
                    )
                    ui.label(moments.at(one["recorded"])[:16]).classes("th-note")
                    ui.label(one["asset"]["sha256"][:8]).classes("th-mono")
                    ui.space()
                    if one["id"] == latest:
                        ui.html(cells.chip(t("rules.in_force"), "th-state th-state-done"), sanitize=False)
                    elif looking.may("rulebook:update"):
                        work = functools.partial(self._roll_back, one["asset_id"], one["id"])
                        ui.button(t("rules.roll_back"), icon="history", on_click=frame.acting(looking, work)).props(
                            "flat dense no-caps"
                        ).set_enabled(not locked)
        if len(versions) > 1:
            with frame.card(t("rules.compare")):
                listed = {one["id"]: f"#{one['number']} · {one['asset']['sha256'][:8]}" for one in versions}
                self._other = ui.select(listed, value=versions[-1]["id"], label=t("quality.since")).props(
                    "outlined dense"
                )
                self._lines = ui.column().classes("w-full gap-0 th-mono")
                self._other.on_value_change(frame.acting(looking, self._compare))

    async def _roll_back(self, asset: str, version: str) -> None:
        await self._looking.api.post(f"rulebooks/own/{asset}/roll-back", {"version": version})
        ui.navigate.to(cells.address("rules", "edit", asset=asset))

    async def _compare(self) -> None:
        other = await self._text(str(self._other.value))
        lines = difflib.unified_diff(other.splitlines(), (self._code.value or "").splitlines(), lineterm="", n=1)
        self._lines.clear()
        with self._lines:
            for line in list(lines)[2:400]:
                ui.label(line or " ").classes(
                    "th-added" if line.startswith("+") else "th-removed" if line.startswith("-") else "th-note"
                )

    async def _save(self) -> None:
        made = await self._looking.api.post(
            "rulebooks", {"name": self._name.value or "", "text": self._code.value or ""}
        )
        ui.run_javascript("taihang.forget('rulebook'); taihang.forget('rows'); taihang.forget('name')")
        self._looking.say("rules.saved")
        ui.navigate.to(cells.address("rules", "edit", asset=made["asset_id"]))
