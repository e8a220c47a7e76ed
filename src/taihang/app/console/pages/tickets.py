"""Tickets: a queue that its owner works to verified."""

from __future__ import annotations

import contextlib
import datetime
import functools
from typing import Any

from nicegui import ui

from taihang.app.console import cells, frame, listing, moments, registry, visit
from taihang.core import errors, ticket

_VIEWS = ("mine", "open", "overdue", "all")


@registry.page("/tickets", key="tickets", icon="assignment_late", order=30, action="ticket:read")
async def tickets(looking: visit.Visit) -> None:
    """Whose turn it is; the view stands in the address."""
    t = looking.t
    frame.heading(looking, t("tickets.title"), t("tickets.note"))
    now = looking.query.get("view", "open")
    with ui.row().classes("items-center gap-3 th-filters"):
        view = ui.toggle(
            {name: t(f"tickets.view.{name}") for name in _VIEWS}, value=now if now in _VIEWS else "open"
        ).props("no-caps unelevated toggle-color=primary")
        levels = {name: t(f"core:level.{name}") for name in frame.LEVELS}
        level = frame.choice(looking, "level", levels, t("tickets.any_level"), t("tickets.level"))

    def only() -> dict[str, Any]:
        views: dict[str, dict[str, Any]] = {
            "mine": {"owner": (looking.me or {}).get("id"), "open": True},
            "open": {"open": True},
            "overdue": {"overdue": True},
        }
        return {"level": level.value, **views.get(str(view.value), {})}

    def none() -> None:
        frame.empty("task_alt", t("tickets.none"), t("tickets.none_hint"))

    heads = [t(f"tickets.{name}") for name in ("level", "name", "due", "column_state", "owner")]
    with frame.card():
        listed = listing.Listing(
            looking, "tickets", heads, lambda one: _row(looking, one), only=only, none=none, label=t("tickets.title")
        )
        await listed.show()

    async def changed() -> None:
        await listed.anew(view=view.value, level=level.value)

    for control in (view, level):
        control.on_value_change(frame.acting(looking, changed))


def _row(looking: visit.Visit, one: dict[str, Any]) -> tuple[object, ...]:
    return (*short(looking, one), _state(looking, one["state"]), looking.person(one["owner"]) or "—")


def short(looking: visit.Visit, one: dict[str, Any]) -> tuple[cells.Markup, ...]:
    """Level, title and due time as cells."""
    level = cells.chip(looking.t(f"core:level.{one['level']}"), f"th-level th-level-{one['level']}")
    return level, cells.link(_title(looking, one), cells.address("tickets", one["id"])), _due(looking, one)


@registry.page("/tickets/{id}", key="tickets.one", action="ticket:read")
async def one_ticket(looking: visit.Visit) -> None:
    """One ticket: what it is about, what was done, and the next step."""
    page = _One(looking, looking.path["id"])
    await page.load()


class _One:
    def __init__(self, looking: visit.Visit, id: str) -> None:
        self._looking, self._id = looking, id
        self._card: dict[str, Any] = {}
        self._table = ""
        self._versions: list[dict[str, Any]] = []
        self._books: list[dict[str, Any]] = []
        self._body = ui.column().classes("w-full gap-4")

    async def load(self) -> None:
        """Everything, as it stands now."""
        api = self._looking.api
        self._card = await api.get(f"tickets/{self._id}")
        history = (await api.get(f"tickets/{self._id}/history"))["items"]
        found = (await api.get(f"tickets/{self._id}/findings"))["items"]
        self._table = str(found[0]["place"].get("table") or "") if found else ""
        await self._known()
        self._body.clear()
        with self._body:
            self._show(history, found)

    def _show(self, history: list[dict[str, Any]], found: list[dict[str, Any]]) -> None:
        looking, t, card = self._looking, self._looking.t, self._card
        with frame.heading(looking, _title(looking, card), card["id"]):
            self._judged(found)
            frame.level(looking, card["level"])
            ui.html(cells.joined([_state(looking, card["state"]), _due(looking, card)]), sanitize=False)
        _steps_of(looking, card["state"])
        with ui.element("div").classes("th-two"):
            with ui.column().classes("w-full gap-4"):
                with frame.card(t("tickets.findings", count=len(found))):
                    rows = [
                        (cells.chip(t(f"core:level.{one['level']}"), f"th-level th-level-{one['level']}"),
                         cells.text(looking.both(one["message"])), _where(one)) for one in found[:50]
                    ]  # fmt: skip
                    cells.table([t(f"findings.{name}") for name in ("level", "message", "place")], rows)
                    if len(found) > 50:
                        ui.label(t("tickets.more", count=len(found) - 50)).classes("th-note")
                with frame.card(t("tickets.history")):
                    for event in reversed(history):
                        self._event(event)
            with frame.card(t("tickets.next")):
                self._steps()

    def _judged(self, found: list[dict[str, Any]]) -> None:
        """A way to what the findings are about, while it is there."""
        seen = {str(mark.get("asset")) for one in found for mark in one.get("evidence") or []}
        held = next((one for one in self._versions if one["asset"]["sha256"] in seen), None)
        where = {"video": "videos", "table": "quality"}.get(str(self._card["kind"]))
        if held and where:
            ui.link(self._looking.t("jobs.open"), cells.address(where, held["id"])).classes("th-more")

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
                ui.label(event["reason"]).props("dir=auto").classes("th-wrap")
            ui.label(f"{moments.at(event['at'])} · {self._looking.person(event['who'])}").classes("th-note")

    def _steps(self) -> None:
        looking, t, state = self._looking, self._looking.t, self._card["state"]
        if not looking.may("ticket:update"):
            ui.label(t("tickets.only_read")).classes("th-note")
            return
        self._reason = (
            ui.textarea(label=t("tickets.say"))
            .props("outlined dense autogrow maxlength=4000 data-draft=say")
            .classes("w-full")
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
            self._check()

    def _check(self) -> None:
        looking, t = self._looking, self._looking.t
        ui.separator()
        ui.label(t("tickets.verify_note")).classes("th-note")
        named = {one["id"]: f"#{one['number']} · {one['asset']['sha256'][:8]}" for one in self._versions}
        version = ui.select(named, value=next(iter(named), None), label=t("tickets.version"))
        version.props("outlined dense").classes("w-full")
        books = {one["latest"]: one["name"] for one in self._books if one["name"].startswith(_book(self._card))}
        books |= {_book(self._card): _book(self._card)} if _book(self._card) and not books else {}
        rules = ui.select(books, value=next(iter(books), None), label=t("tickets.rules"))
        rules.props("outlined dense").classes("w-full")

        async def verify() -> None:
            given = {"version": version.value or "", "rules": rules.value or ""}
            if self._card["kind"] == "table" and self._table:
                given["table"] = self._table
            job = await looking.api.post(f"tickets/{self._id}/verification", given)
            ui.navigate.to(f"/jobs/{job['id']}")

        ui.button(t("tickets.verify"), icon="verified", on_click=frame.acting(looking, verify)).props(
            "unelevated no-caps"
        )

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
        ui.run_javascript("taihang.forget('say')")
        await self.load()

    async def _comment(self) -> None:
        text = (self._reason.value or "").strip()
        if not text:
            raise errors.UserError("app.console:tickets.reason_needed")
        await self._looking.api.post(f"tickets/{self._id}/comments", {"text": text})
        ui.run_javascript("taihang.forget('say')")
        await self.load()

    async def _known(self) -> None:
        """What a fix may be verified on: versions of the ticket's asset, and rulebooks."""
        api, name = self._looking.api, str(self._card["asset"])
        self._versions, self._books = [], []
        if not self._looking.may("asset:read"):
            return
        with contextlib.suppress(errors.TaihangError):  # without it there is nothing to open; the ticket stands
            for one in (await api.get("assets", kind=self._card["kind"], q=name[:200], limit=20))["items"]:
                if one["name"] == name:
                    self._versions = (await api.get(f"assets/{one['id']}/versions", limit=20))["items"]
        if self._card["state"] != "resolved" or not self._looking.may("ticket:verify"):
            return
        self._books = (await api.get("rulebooks/own", limit=200))["items"]


def _steps_of(looking: visit.Visit, state: str) -> None:
    """The way of a ticket, with where it stands."""
    way = ("new", "acknowledged", "assigned", "resolved", "verified")
    at = way.index(state) if state in way else len(way)
    items = "".join(
        f'<li class="{"th-done" if n < at else "th-now" if n == at else ""}"{" aria-current=step" if n == at else ""}>'
        f"{looking.t(f'tickets.state.{name}')}</li>"
        for n, name in enumerate(way)
    )
    ui.html(f'<ol class="th-way">{items}</ol>', sanitize=False).classes("w-full")


def _where(one: dict[str, Any]) -> str:
    at = one["place"]
    if at.get("start_s") is not None:
        return moments.clock(float(at["start_s"]))
    return str(at.get("table") or "")


def _book(card: dict[str, Any]) -> str:
    """The rulebook of the ticket's first rule."""
    return next((str(one.get("rulebook", "")) for one in card["rules"]), "")


def _title(looking: visit.Visit, one: dict[str, Any]) -> str:
    title = one.get("title")
    return looking.both(title) if isinstance(title, dict) else str(title or one["id"])


def _state(looking: visit.Visit, state: str) -> cells.Markup:
    return cells.chip(looking.t(f"tickets.state.{state}"), f"th-state th-ticket-{state}")


def _due(looking: visit.Visit, one: dict[str, Any]) -> cells.Markup:
    if not one.get("due"):
        return cells.text("")
    due = datetime.datetime.fromisoformat(one["due"])
    late = due < datetime.datetime.now(datetime.UTC) and one["state"] not in {"verified", "closed"}
    key = "tickets.overdue" if late else "tickets.due_at"
    return cells.text(
        looking.t(key, at=moments.at(one["due"])[5:16]), f"th-when {'text-negative th-strong' if late else 'th-note'}"
    )
