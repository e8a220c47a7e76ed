"""Jobs: what runs, what waits, what failed and why; progress as it comes."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from taihang.app.console import frame, moments, registry, visit

_STATES = ("queued", "running", "done", "failed", "cancelled")
_LIVE_S = 1.5


@registry.page("/jobs", key="jobs", icon="pending_actions", order=50, action="job:read")
async def jobs(looking: visit.Visit) -> None:
    """The newest first; the filter stands in the address."""
    frame.heading(looking, looking.t("jobs.title"))
    with ui.row().classes("items-center gap-2"):
        chosen = ui.toggle(
            {"": looking.t("jobs.all"), **{state: looking.t(f"jobs.state.{state}") for state in _STATES}},
            value=looking.query.get("state", "") if looking.query.get("state") in _STATES else "",
        ).props("no-caps unelevated toggle-color=primary")
    with frame.card():
        listed = _Listed(looking)
        await listed.first()
    chosen.on_value_change(frame.acting(looking, lambda: listed.filter(str(chosen.value or ""))))


class _Listed:
    """A list that looks again while something in it still moves."""

    def __init__(self, looking: visit.Visit) -> None:
        self._looking = looking
        self._after: list[str] = []
        self._next: str | None = None
        self._body = ui.column().classes("w-full gap-0")
        ui.timer(_LIVE_S * 2, frame.acting(looking, self._again))
        self._items: list[dict[str, Any]] = []

    async def first(self) -> None:
        """The first page."""
        self._after = []
        await self._load()

    async def filter(self, state: str) -> None:
        """Other jobs."""
        self._looking.state(state=state)
        await self.first()

    async def _load(self) -> None:
        after = self._after[-1] if self._after else None
        page = await self._looking.api.get("jobs", state=self._looking.query.get("state"), after=after, limit=25)
        if page["items"] == self._items and self._body.default_slot.children:
            return
        self._items, self._next = page["items"], page["next"]
        self._body.clear()
        with self._body:
            self._show()

    async def _again(self) -> None:
        if not self._after:
            await self._load()

    def _show(self) -> None:
        t = self._looking.t
        if not self._items:
            frame.empty("pending_actions", t("jobs.none"), t("jobs.none_hint"))
            return
        with ui.element("table").classes("th-table"):
            with ui.element("thead"), ui.element("tr"):
                for name in ("column_kind", "column_state", "progress", "owner", "submitted", "took"):
                    with ui.element("th").props('scope="col"'):
                        ui.label(t(f"jobs.{name}"))
            with ui.element("tbody"):
                for one in self._items:
                    self._row(one)
        with ui.row().classes("w-full justify-end"):
            if self._after:
                ui.button(t("earlier"), on_click=frame.acting(self._looking, self._back)).props("flat no-caps")
            if self._next:
                ui.button(t("later"), on_click=frame.acting(self._looking, self._on)).props("flat no-caps")

    def _row(self, one: dict[str, Any]) -> None:
        with ui.element("tr"):
            with ui.element("td"):
                ui.link(kind_name(self._looking, one["kind"]), f"/jobs/{one['id']}")
            with ui.element("td"):
                state_chip(self._looking, one["state"])
            with ui.element("td"):
                if one["state"] == "running":
                    ui.linear_progress(one["done"], show_value=False).props(f'aria-label="{one["done"]:.0%}"')
                ui.label(one["reason"] or one["stage"] or "").classes("th-note th-clip")
            for text in (
                self._looking.person(one["owner"]),
                moments.at(one["submitted"]),
                moments.span(one["started"], one["ended"]),
            ):
                with ui.element("td"):
                    ui.label(str(text))

    async def _on(self) -> None:
        self._after.append(str(self._next))
        await self._load()

    async def _back(self) -> None:
        self._after.pop()
        await self._load()


@registry.page("/jobs/{id}", key="jobs.one", action="job:read")
async def job(looking: visit.Visit) -> None:
    """One job: how far it is, what it said, what came out, what it cost."""
    whole = _One(looking, looking.path["id"])
    await whole.look()
    ui.timer(_LIVE_S, frame.acting(looking, whole.look))


class _One:
    def __init__(self, looking: visit.Visit, id: str) -> None:
        self._looking, self._id = looking, id
        self._seen: dict[str, Any] = {}
        self._body = ui.column().classes("w-full gap-4")

    async def look(self) -> None:
        """Ask again while it moves."""
        if self._seen.get("state") in {"done", "failed", "cancelled"}:
            return
        found = await self._looking.api.get(f"jobs/{self._id}")
        if found == self._seen:
            return
        history = await self._looking.api.get(f"jobs/{self._id}/history")
        self._seen = found
        self._body.clear()
        with self._body:
            self._show(found, history)

    def _show(self, found: dict[str, Any], history: dict[str, Any]) -> None:
        looking, t = self._looking, self._looking.t
        with frame.heading(looking, kind_name(looking, found["kind"]), found["id"]):
            if found["state"] in {"queued", "running"} and looking.may("job:cancel"):
                ui.button(t("jobs.cancel"), on_click=frame.acting(looking, self._cancel)).props(
                    "outline no-caps color=negative"
                )
            if found["state"] in {"failed", "cancelled"} and looking.may("job:run"):
                ui.button(t("jobs.retry"), on_click=frame.acting(looking, self._retry)).props("unelevated no-caps")
        with frame.card():
            with ui.row().classes("items-center gap-3 w-full"):
                state_chip(looking, found["state"])
                ui.label(found["stage"] or "").classes("th-note")
                ui.space()
                ui.label(moments.span(found["started"], found["ended"])).classes("th-note")
            ui.linear_progress(1.0 if found["state"] == "done" else found["done"], show_value=False).props(
                f'aria-label="{found["done"]:.0%}"'
            )
            if found["reason"]:
                ui.label(found["reason"]).classes("text-negative").props('role="alert"')
            result = found["result"] or {}
            if result.get("report"):
                ui.link(t("jobs.report"), f"/api/v1/reports/{result['report']}/files/report.html", new_tab=True)
        with ui.element("div").classes("th-grid"):
            with frame.card(t("jobs.asked")):
                _pairs(
                    {
                        t("jobs.owner"): looking.person(found["owner"]),
                        t("jobs.submitted"): moments.at(found["submitted"]),
                        **found["parameters"],
                    }
                )
            with frame.card(t("jobs.history")):
                _tree(history)

    async def _cancel(self) -> None:
        await self._looking.api.post(f"jobs/{self._id}/cancel")
        self._looking.say("jobs.cancelling")

    async def _retry(self) -> None:
        self._seen = {}
        await self._looking.api.post(f"jobs/{self._id}/retry")
        await self.look()


def kind_name(looking: visit.Visit, kind: str) -> str:
    """A kind of job in words; one that a plug-in brought keeps its own name."""
    base = kind.removesuffix("-asset")
    return looking.t(f"jobs.kind.{base}") if base in {"inspect", "assess", "profile", "verify"} else kind


def state_chip(looking: visit.Visit, state: str) -> None:
    """A job's state, by word and colour."""
    ui.label(looking.t(f"jobs.state.{state}")).classes(f"th-state th-state-{state}")


def _pairs(values: dict[str, Any]) -> None:
    with ui.element("dl").classes("th-pairs"):
        for name, value in values.items():
            if value in (None, "", [], {}):
                continue
            with ui.element("dt"):
                ui.label(str(name))
            with ui.element("dd"):
                ui.label(str(value))


def _tree(values: dict[str, Any]) -> None:
    plain = {k: v for k, v in values.items() if not isinstance(v, dict | list)}
    _pairs(plain)
    for name, value in values.items():
        if isinstance(value, dict | list) and value:
            with ui.expansion(name).classes("w-full").props("dense"):
                for one in value if isinstance(value, list) else [value]:
                    _pairs(one if isinstance(one, dict) else {"": one})
