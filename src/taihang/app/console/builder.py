"""Builder: rules put together by form, tried on rows that were typed or pasted, and kept as a rulebook."""

from __future__ import annotations

import csv
import functools
import io
from collections.abc import Callable
from typing import Any

import yaml
from nicegui import ui

from taihang.app.console import cells, frame, visit
from taihang.core import errors

FORMS = ("not_null", "unique", "range", "pattern", "one_of", "length")
_MOST_ROWS = 1000


def run(looking: visit.Visit, version: dict[str, Any]) -> None:
    """A button that assesses the version again, by a rulebook or by rules that are put together here."""
    t = looking.t
    with ui.dialog() as dialog, ui.card().classes("w-wide max-w-full th-dialog"):
        ui.html(f"<h2>{t('quality.run')}</h2>", sanitize=False)
        books = ui.select({}, label=t("quality.book"), clearable=True).props("outlined dense").classes("w-full")
        made = _Made(looking, version)
        made.show()

        async def start() -> None:
            given: dict[str, Any] = {"version": version["id"], "lang": looking.language}
            if made.rules:
                given |= {"rules": await made.kept(), "table": "data"}
            elif books.value:
                given["rules"] = books.value
                if str(books.value).startswith("version-"):
                    given["table"] = "data"
            job = await looking.api.post("jobs", {"kind": "assess-asset", "parameters": given})
            ui.navigate.to(f"/jobs/{job['id']}")

        with ui.row().classes("w-full justify-end gap-2"):
            ui.button(t("cancel"), on_click=dialog.close).props("flat no-caps")
            ui.button(t("quality.start"), icon="play_arrow", on_click=frame.acting(looking, start)).props(
                "unelevated no-caps"
            ).mark("start")

    async def opened() -> None:
        own = (await looking.api.get("rulebooks/own", limit=100))["items"]
        shipped = (await looking.api.get("rulebooks"))["items"]
        usable = [one for one in own if "taihang:paused" not in one["tags"]]
        books.set_options(
            {**{one["latest"]: one["name"] for one in usable}, **{one["id"]: one["title"] for one in shipped}}
        )
        dialog.open()

    ui.button(t("quality.run"), icon="play_arrow", on_click=frame.acting(looking, opened)).props("unelevated no-caps")


class _Made:
    """The rules so far; each can be taken away again."""

    def __init__(self, looking: visit.Visit, version: dict[str, Any]) -> None:
        self._looking, self._version = looking, version
        self.rules: list[dict[str, Any]] = []

    def show(self) -> None:
        """Form, list, trial."""
        looking, t = self._looking, self._looking.t
        columns = [one["name"] for one in self._version.get("columns") or []]
        ui.label(t("quality.build")).classes("th-note")
        with ui.row().classes("items-center gap-2 w-full"):
            column = (
                ui.select(columns, label=t("quality.column"), value=columns[0]).props("outlined dense")
                if columns else ui.input(t("quality.column")).props("outlined dense maxlength=200")
            ).classes("w-36")  # fmt: skip
            form = ui.select({f: t(f"quality.form.{f}") for f in FORMS}, value="not_null", label=t("quality.kind"))
            form.props("outlined dense").classes("w-36")
            value = ui.input(t("quality.value"), placeholder=t("quality.value_hint")).props(
                "outlined dense maxlength=2000"
            ).classes("w-44")  # fmt: skip

            async def add() -> None:
                rule = built(str(column.value or ""), str(form.value), str(value.value or ""), len(self.rules) + 1)
                self.rules.append(rule)
                self._listed()

            ui.button(t("quality.add"), icon="add", on_click=frame.acting(looking, add)).props("outline no-caps")
        self._list = ui.column().classes("w-full gap-0")
        with ui.expansion(t("rules.try"), icon="science").classes("w-full").props("dense"):
            ui.label(t("rules.try_note")).classes("th-note")
            self._rows = ui.textarea(value="name,age\n张三,30\n,200").props(
                f'outlined dense rows=4 maxlength=100000 aria-label="{t("rules.sample")}"'
            ).classes("w-full th-mono")  # fmt: skip
            ui.button(t("rules.run"), on_click=frame.acting(looking, self._try)).props("outline no-caps dense")
            self._outcome = ui.column().classes("w-full gap-0")

    def _listed(self) -> None:
        self._list.clear()
        with self._list:
            for one in self.rules:
                with ui.row().classes("items-center gap-2 w-full no-wrap"):
                    ui.icon("rule", size="18px").props('aria-hidden="true"')
                    ui.label(one["title"][self._looking.language]).props("dir=auto").classes("th-wrap")
                    ui.space()
                    ui.button(icon="close", on_click=functools.partial(self._away, one)).props(
                        f'flat dense round size=sm aria-label="{self._looking.t("admin.remove")}"'
                    )

    def _away(self, one: dict[str, Any]) -> None:
        self.rules.remove(one)
        self._listed()

    async def _try(self) -> None:
        if not self.rules:
            raise errors.UserError("app.console:quality.no_rules")
        await tried(self._looking, self._text(), "data", self._rows.value or "", self._outcome)

    def _text(self) -> str:
        name = self._version["asset"]["name"]
        book = {"taihang": "rules/1", "id": f"{_slug(name)}-built", "version": "1", "title": {"zh": name, "en": name},
                "rules": self.rules}  # fmt: skip
        return yaml.safe_dump(book, allow_unicode=True, sort_keys=False)

    async def kept(self) -> str:
        """The id of the version that keeps the rules."""
        name = f"{_slug(self._version['asset']['name'])}-built"
        made = await self._looking.api.post("rulebooks", {"name": name, "text": self._text()})
        return str(made["id"])


async def tried(looking: visit.Visit, text: str, name: str, rows: str, into: ui.column) -> None:
    """Show what a rulebook says of a few rows of CSV. Raises errors.UserError."""
    given = list(csv.DictReader(io.StringIO(rows)))[:_MOST_ROWS]
    plain = [{key: cell(value) for key, value in row.items() if key} for row in given]
    found = (await looking.api.post("rulebooks/dry-run", {"text": text, "tables": {name: plain}}))["items"]
    into.clear()
    with into:
        cells.table(
            [looking.t(f"rules.{head}") for head in ("rule", "bad", "judged", "which")],
            [(cells.joined([cells.chip(looking.t(f"core:level.{one['level']}"), f"th-level th-level-{one['level']}"),
                            cells.text(one["title"])]),
              one["bad"], one["judged"], ", ".join(str(row) for row in one["rows"][:10])) for one in found],
        )  # fmt: skip


def cell(value: object) -> str | int | float | None:
    """A cell of CSV as the number that it may be."""
    if not isinstance(value, str) or value == "":
        return None
    kinds: tuple[Callable[[str], int | float], ...] = (int, float)
    for kind in kinds:
        try:
            return kind(value)
        except ValueError:
            continue
    return value


def built(column: str, form: str, value: str, number: int) -> dict[str, Any]:
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


def _slug(name: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in name.lower()).strip("-")[:60] or "table"
