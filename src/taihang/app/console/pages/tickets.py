"""Tickets: a queue that its owner works to verified."""

from __future__ import annotations

import datetime
import functools
from typing import Any

from nicegui import ui

from taihang.app.console import frame, moments, registry, visit
from taihang.core import errors, ticket

_VIEWS = ("mine", "open", "overdue", "all")


@registry.page("/tickets", key="tickets", icon="assignment_late", order=30, action="ticket:read")
async def tickets(looking: visit.Visit) -> None:
    """Whose turn it is; the view stands in the address."""
    t = looking.t
    frame.heading(looking, t("tickets.title"), t("tickets.note"))
    now = looking.query.get("view", "open")
    with ui.row().classes("items-center gap-3"):
        view = ui.toggle(
            {name: t(f"tickets.view.{name}") for name in _VIEWS}, value=now if now in _VIEWS else "open"
        ).props("no-caps unelevated toggle-color=primary")
        levels = {"": t("tickets.any_level"), **{name: t(f"core:level.{name}") for name in frame.LEVELS}}
        level = ui.select(levels, value=looking.query.get("level", "")).props(
            f'dense outlined options-dense aria-label="{t("tickets.level")}"'
        )
    with frame.card():
        body = ui.column().classes("w-full gap-0")

    async def show(after: str | None = None) -> None:
        views: dict[str, dict[str, Any]] = {
            "mine": {"owner": (looking.me or {}).get("id"), "open": True},
            "open": {"open": True},
            "overdue": {"overdue": True},
        }
        only = {"level": level.value, "after": after, "limit": 50, **views.get(str(view.value), {})}
        page = await looking.api.get("tickets", **only)
        body.clear()
        with body:
            _table(looking, page["items"])
            if page["next"]:
                ui.button(t("later"), on_click=frame.acting(looking, lambda: show(page["next"]))).props(
                    "flat no-caps"
                ).classes("self-end")

    async def changed() -> None:
        looking.state(view=view.value, level=level.value)
        await show()

    for control in (view, level):
        control.on_value_change(frame.acting(looking, changed))
    await show()


def _table(looking: visit.Visit, items: list[dict[str, Any]]) -> None:
    if not items:
        frame.empty("task_alt", looking.t("tickets.none"), looking.t("tickets.none_hint"))
        return
    with ui.element("table").classes("th-table"):
        with ui.element("thead"), ui.element("tr"):
            for name in ("level", "name", "column_state", "owner", "due"):
                with ui.element("th").props('scope="col"'):
                    ui.label(looking.t(f"tickets.{name}"))
        with ui.element("tbody"):
            for one in items:
                with ui.element("tr"):
                    with ui.element("td"):
                        frame.level(looking, one["level"])
                    with ui.element("td"):
                        ui.link(_title(looking, one), f"/tickets/{one['id']}")
                    with ui.element("td"):
                        _state(looking, one["state"])
                    with ui.element("td"):
                        ui.label(looking.person(one["owner"]) or "—")
                    with ui.element("td"):
                        _due(looking, one)


@registry.page("/tickets/{id}", key="tickets.one", action="ticket:read")
async def one_ticket(looking: visit.Visit) -> None:
    """One ticket: what it is about, what was done, and the next step."""
    page = _One(looking, looking.path["id"])
    await page.load()


class _One:
    def __init__(self, looking: visit.Visit, id: str) -> None:
        self._looking, self._id = looking, id
        self._card: dict[str, Any] = {}
        self._body = ui.column().classes("w-full gap-4")

    async def load(self) -> None:
        """Everything, as it stands now."""
        api = self._looking.api
        self._card = await api.get(f"tickets/{self._id}")
        history = (await api.get(f"tickets/{self._id}/history"))["items"]
        found = (await api.get(f"tickets/{self._id}/findings"))["items"]
        self._body.clear()
        with self._body:
            self._show(history, found)

    def _show(self, history: list[dict[str, Any]], found: list[dict[str, Any]]) -> None:
        looking, t, card = self._looking, self._looking.t, self._card
        with frame.heading(looking, _title(looking, card), card["id"]):
            frame.level(looking, card["level"])
            _state(looking, card["state"])
            _due(looking, card)
        with ui.element("div").classes("th-two"):
            with ui.column().classes("w-full gap-4"):
                with frame.card(t("tickets.findings", count=len(found))):
                    for one in found[:50]:
                        place = one["place"]
                        where = moments.clock(float(place["start_s"])) if place.get("start_s") is not None else ""
                        with ui.row().classes("items-center gap-2 w-full no-wrap"):
                            frame.level(looking, one["level"])
                            ui.label(looking.both(one["message"]))
                            ui.space()
                            ui.label(where).classes("th-note")
                    if len(found) > 50:
                        ui.label(t("tickets.more", count=len(found) - 50)).classes("th-note")
                with frame.card(t("tickets.history")):
                    for event in reversed(history):
                        self._event(event)
            with frame.card(t("tickets.next")):
                self._steps()

    def _event(self, event: dict[str, Any]) -> None:
        t = self._looking.t
        with ui.column().classes("gap-0 w-full th-event"):
            what = (
                t(f"tickets.state.{event['to_state']}")
                if event["from_state"] != event["to_state"]
                else event["note"] or ""
            )
            ui.label(f"{what}").classes("font-medium")
            if event["reason"]:
                ui.label(event["reason"])
            ui.label(f"{moments.at(event['at'])} · {self._looking.person(event['who'])}").classes("th-note")

    def _steps(self) -> None:
        looking, t, state = self._looking, self._looking.t, self._card["state"]
        if not looking.may("ticket:update"):
            ui.label(t("tickets.only_read")).classes("th-note")
            return
        self._reason = (
            ui.textarea(label=t("tickets.say")).props("outlined dense autogrow maxlength=4000").classes("w-full")
        )
        following = [one for one in ticket.NEXT[state] if one in {"acknowledged", "assigned", "resolved", "closed"}]
        with ui.row().classes("gap-2"):
            for to in following:
                label = t("tickets.take" if to == "assigned" else f"tickets.do.{to}")
                ui.button(label, on_click=frame.acting(looking, functools.partial(self._move, to))).props(
                    "unelevated no-caps"
                )
            ui.button(t("tickets.comment"), on_click=frame.acting(looking, self._comment)).props("outline no-caps")
        if state == "resolved" and looking.may("ticket:verify"):
            ui.separator()
            ui.label(t("tickets.verify_note")).classes("th-note")
            version = ui.input(t("tickets.version"), value="").props("outlined dense").classes("w-full")
            rules = ui.input(t("tickets.rules"), value=_book(self._card)).props("outlined dense").classes("w-full")

            async def verify() -> None:
                await self._verify(version.value or "", rules.value or "")

            ui.button(t("tickets.verify"), on_click=frame.acting(looking, verify)).props("unelevated no-caps")

    async def _move(self, to: str) -> None:
        reason = (self._reason.value or "").strip()
        if to == "resolved" and not reason:
            raise errors.UserError("app.console:tickets.reason_needed")
        body: dict[str, Any] = {"to": to}
        if reason:
            body["reason"] = reason
        if to == "assigned":
            body["owner"] = (self._looking.me or {}).get("id")
        try:
            await self._looking.api.post(f"tickets/{self._id}/moves", body, revision=self._card["version"])
        except errors.Conflict as error:
            # Somebody was quicker: show what stands there now, and keep what was typed.
            self._looking.complain(error)
            await self.load()
            self._reason.value = reason
            return
        await self.load()

    async def _comment(self) -> None:
        text = (self._reason.value or "").strip()
        if not text:
            raise errors.UserError("app.console:tickets.reason_needed")
        await self._looking.api.post(f"tickets/{self._id}/comments", {"text": text})
        await self.load()

    async def _verify(self, version: str, rules: str) -> None:
        job = await self._looking.api.post(f"tickets/{self._id}/verification", {"version": version, "rules": rules})
        ui.navigate.to(f"/jobs/{job['id']}")


def _book(card: dict[str, Any]) -> str:
    """The rulebook of the ticket's first rule."""
    return next((str(one.get("rulebook", "")) for one in card["rules"]), "")


def _title(looking: visit.Visit, one: dict[str, Any]) -> str:
    title = one.get("title")
    return looking.both(title) if isinstance(title, dict) else str(title or one["id"])


def _state(looking: visit.Visit, state: str) -> None:
    ui.label(looking.t(f"tickets.state.{state}")).classes(f"th-state th-ticket-{state}")


def _due(looking: visit.Visit, one: dict[str, Any]) -> None:
    if not one.get("due"):
        return
    due = datetime.datetime.fromisoformat(one["due"])
    late = due < datetime.datetime.now(datetime.UTC) and one["state"] not in {"verified", "closed"}
    key = "tickets.overdue" if late else "tickets.due_at"
    ui.label(looking.t(key, at=moments.at(one["due"])[:16])).classes("text-negative" if late else "th-note")
