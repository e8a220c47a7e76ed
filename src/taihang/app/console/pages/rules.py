"""Rules: shipped and own rulebooks; edit with a live check, try on a sample, compare, keep as a version."""

from __future__ import annotations

import csv
import difflib
import functools
import io
import json
from typing import Any

from nicegui import ui

from taihang.app.console import frame, registry, visit
from taihang.app.console.pages import quality
from taihang.core import errors

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
    own = (await looking.api.get("rulebooks/own", limit=100))["items"]
    shipped = (await looking.api.get("rulebooks"))["items"]
    with frame.card(t("rules.own")):
        if own:
            heads = [t(f"assets.{name}") for name in ("name", "versions", "owner")]
            quality.table(looking, heads, [functools.partial(_own, one) for one in own])
        else:
            frame.empty("rule", t("rules.none"), t("rules.none_hint"))
    with frame.card(t("rules.shipped")):
        heads = [t("assets.name"), t("rules.version"), t("rules.count"), "SHA-256"]
        quality.table(looking, heads, [functools.partial(_shipped, one) for one in shipped])


def _own(one: dict[str, Any]) -> None:
    with ui.element("td"):
        ui.link(one["name"], f"/rules/edit?asset={one['id']}")
    for value in (one["versions"], one["owner"]):
        with ui.element("td"):
            ui.label(str(value))


def _shipped(one: dict[str, Any]) -> None:
    for value in (f"{one['title']} ({one['id']})", one["version"], one["rules"], one["sha256"][:16]):
        with ui.element("td"):
            ui.label(str(value))


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
        self._kept = _START
        name = "my-rules"
        if asset := looking.query.get("asset"):
            found = await looking.api.get(f"assets/{asset}")
            name = str(found["name"]).removesuffix(".rules.yaml")
            versions = (await looking.api.get(f"assets/{asset}/versions", limit=50))["items"]
            self._kept = await self._text(looking.query.get("version") or found["latest"])
        with frame.heading(looking, name):
            self._name = ui.input(t("rules.name"), value=name).props("outlined dense maxlength=100")
            if looking.may("rulebook:create"):
                ui.button(t("save"), icon="save", on_click=frame.acting(looking, self._save)).props(
                    "unelevated no-caps"
                )
        with ui.element("div").classes("th-two"):
            with ui.column().classes("w-full gap-2"):
                self._told = ui.label("").classes("th-note").props('role="status"')
                self._code = ui.codemirror(self._kept, language="YAML", theme="githubLight").classes("w-full th-code")
                self._code.on_value_change(frame.acting(looking, self._check))
            with ui.column().classes("w-full gap-4"):
                with frame.card(t("rules.try")):
                    ui.label(t("rules.try_note")).classes("th-note")
                    self._table = ui.input(t("rules.table"), value="data").props("outlined dense")
                    self._rows = ui.textarea(value="name,age\n张三,30\n,200").props(
                        f'outlined dense rows=6 maxlength=100000 aria-label="{t("rules.sample")}"'
                    ).classes("w-full th-mono")  # fmt: skip
                    ui.button(t("rules.run"), on_click=frame.acting(looking, self._try)).props("outline no-caps")
                    self._outcome = ui.column().classes("w-full gap-1")
                if len(versions) > 1:
                    with frame.card(t("rules.compare")):
                        listed = {one["id"]: f"{one['number']} · {one['asset']['sha256'][:8]}" for one in versions}
                        self._other = ui.select(listed, value=versions[-1]["id"], label=t("quality.since")).props(
                            "outlined dense"
                        )
                        self._lines = ui.column().classes("w-full gap-0 th-mono")
                        self._other.on_value_change(frame.acting(looking, self._compare))
                        await self._compare()
        # The editor's own field has no name for those who do not see it.
        ui.run_javascript(
            f"""(async () => {{ let field;
            const wait = () => new Promise((done) => setTimeout(done, 50));
            while (!(field = document.querySelector(".th-code .cm-content"))) await wait();
            field.setAttribute('aria-label', {json.dumps(t("rules.one.title"))}); }})()"""
        )
        await self._check()

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

    async def _try(self) -> None:
        rows = list(csv.DictReader(io.StringIO(self._rows.value or "")))[:1000]
        plain = [{name: _cell(value) for name, value in row.items() if name} for row in rows]
        body = {"text": self._code.value or "", "tables": {self._table.value or "data": plain}}
        found = (await self._looking.api.post("rulebooks/dry-run", body))["items"]
        self._outcome.clear()
        with self._outcome:
            for one in found:
                with ui.row().classes("items-center gap-2 w-full no-wrap"):
                    frame.level(self._looking, one["level"])
                    ui.label(one["title"])
                    ui.space()
                    shown = ", ".join(str(row) for row in one["rows"][:10])
                    ui.label(
                        self._looking.t("rules.outcome", bad=one["bad"], judged=one["judged"], rows=shown)
                    ).classes("th-note")

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
        self._looking.say("rules.saved")
        ui.navigate.to(f"/rules/edit?asset={made['asset_id']}")


def _cell(value: str | None) -> str | int | float | None:
    if value is None or value == "":
        return None
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value
