"""Jobs: what runs, what waits, what failed and why; progress as it comes."""

from __future__ import annotations

import html
from typing import Any

from nicegui import ui

from taihang.app.console import cells, frame, listing, moments, registry, visit

_STATES = ("queued", "running", "done", "failed", "cancelled")
_OVER = frozenset({"done", "failed", "cancelled"})
_WITH = ("version", "zones", "rules", "budget", "lang", "table", "part", "ticket")
_NAMED = frozenset({"inspect", "assess", "profile", "verify", "clip", "text", "mask", "monitor", "certify", "causes"})
_LIVE_S, _LOG = 1.5, 400


@registry.page("/jobs", key="jobs", icon="pending_actions", order=50, action="job:read")
async def jobs(looking: visit.Visit) -> None:
    """The newest first; the filter stands in the address, and what moves is shown as it moves."""
    t = looking.t
    frame.heading(looking, t("jobs.title"), t("jobs.note"))
    now = looking.query.get("state", "")
    states = {"": t("jobs.all"), **{state: t(f"jobs.state.{state}") for state in _STATES}}
    chosen = ui.toggle(states, value=now if now in states else "").props("no-caps unelevated toggle-color=primary")

    def none() -> None:
        frame.empty("pending_actions", t("jobs.none"), t("jobs.none_hint"))

    heads = [t(f"jobs.{name}") for name in ("column_kind", "column_state", "progress", "owner", "submitted", "took")]
    with frame.card():
        listed = listing.Listing(
            looking, "jobs", heads, lambda one: _row(looking, one), only=lambda: {"state": chosen.value}, none=none,
            size=25, label=t("jobs.title"),
        )  # fmt: skip
        await listed.show()
    chosen.on_value_change(frame.acting(looking, lambda: listed.anew(state=chosen.value)))
    ui.timer(_LIVE_S * 2, frame.acting(looking, listed.again))


def _row(looking: visit.Visit, one: dict[str, Any]) -> tuple[object, ...]:
    said = cells.text("" if one["state"] == "done" else one["reason"] or one["stage"] or "", "th-clip")
    share = cells.bar(one["done"], f"{one['done']:.0%}") if one["state"] == "running" else cells.Markup("")
    return (
        cells.link(kind_name(looking, one["kind"]), cells.address("jobs", one["id"])),
        state_cell(looking, one["state"]),
        cells.joined([share, said], "th-stack"), looking.person(one["owner"]), cells.when(moments.at(one["submitted"])),
        cells.when(moments.span(one["started"], one["ended"])),
    )  # fmt: skip


@registry.page("/jobs/{id}", key="jobs.one", action="job:read")
async def job(looking: visit.Visit) -> None:
    """One job: how far it is, what it said, what came out, what it cost."""
    whole = _One(looking, looking.path["id"])
    await whole.look()
    ui.timer(_LIVE_S, frame.acting(looking, whole.look))


class _One:
    """The parts are made once and filled anew as the job moves, so that nothing jumps under a visitor's hand."""

    def __init__(self, looking: visit.Visit, id: str) -> None:
        self._looking, self._id = looking, id
        self._seen: dict[str, Any] = {}
        self._lines: list[dict[str, Any]] = []
        self._head = ui.column().classes("w-full gap-4")
        with ui.element("div").classes("th-two"):
            with frame.card(looking.t("jobs.log")):
                self._log = ui.html("", sanitize=False).classes("w-full")
                self._log.props(f'role=log tabindex=0 aria-label="{looking.t("jobs.log")}"')
            self._side = ui.column().classes("w-full gap-4")

    async def look(self) -> None:
        """Ask again while it moves."""
        if self._seen.get("state") in _OVER:
            return
        found = await self._looking.api.get(f"jobs/{self._id}")
        after = self._lines[-1]["number"] if self._lines else 0
        more = (await self._looking.api.get(f"jobs/{self._id}/log", after=after))["items"]
        if more:
            self._lines = [*self._lines, *more][-_LOG:]
            self._log.set_content(_log(self._lines))
        if found == self._seen:
            return
        self._seen = found
        self._head.clear()
        with self._head:
            self._show(found)
        history = await self._looking.api.get(f"jobs/{self._id}/history")
        self._side.clear()
        with self._side:
            self._about(found, history)

    def _show(self, found: dict[str, Any]) -> None:
        looking, t = self._looking, self._looking.t
        with frame.heading(looking, kind_name(looking, found["kind"]), found["id"]):
            if found["state"] in {"queued", "running"} and looking.may("job:cancel"):
                ui.button(t("jobs.cancel"), icon="stop", on_click=frame.acting(looking, self._cancel)).props(
                    "outline no-caps color=negative"
                )
            if found["state"] in {"failed", "cancelled"} and looking.may("job:run"):
                ui.button(t("jobs.retry"), icon="replay", on_click=frame.acting(looking, self._retry)).props(
                    "unelevated no-caps"
                )
        with frame.card():
            with ui.row().classes("items-center gap-3 w-full"):
                ui.html(state_cell(looking, found["state"]), sanitize=False)
                ui.label(found["stage"] or "").classes("th-note")
                ui.space()
                ui.label(moments.span(found["started"], found["ended"])).classes("th-note")
            done = 1.0 if found["state"] == "done" else found["done"]
            ui.linear_progress(done, show_value=False).props(f'aria-label="{done:.0%}" rounded')
            if found["reason"]:
                ui.label(found["reason"]).classes("text-negative").props('role="alert" dir=auto')
            self._result(found)

    def _result(self, found: dict[str, Any]) -> None:
        t, result = self._looking.t, found["result"] or {}
        with ui.row().classes("gap-4"):
            if result.get("report"):
                ui.link(t("jobs.report"), f"/api/v1/reports/{result['report']}/files/report.html", new_tab=True)
            where = {"inspect-asset": "videos", "assess-asset": "quality"}.get(found["kind"])
            version = result.get("version") or found["parameters"].get("version")
            if where and version and found["state"] == "done":
                ui.link(t("jobs.open"), cells.address(where, str(version)))
            if result.get("ticket"):
                ui.link(t("tickets.one.title"), cells.address("tickets", str(result["ticket"])))

    def _about(self, found: dict[str, Any], history: dict[str, Any]) -> None:
        t, looking = self._looking.t, self._looking
        with frame.card(t("jobs.asked")):
            frame.pairs({t("jobs.owner"): looking.person(found["owner"]),
                         t("jobs.submitted"): moments.at(found["submitted"]),
                         t("jobs.attempts"): found["attempts"], **_asked(looking, found["parameters"])})  # fmt: skip
        with frame.card(t("jobs.used")):
            peak = history.get("peak_rss")
            frame.pairs({t("jobs.cpu"): f"{history.get('cpu_s') or 0:.1f} s",
                         t("jobs.memory"): f"{peak / 1e6:,.0f} MB" if peak else "—",
                         **history.get("versions", {})})  # fmt: skip
        tried = history.get("attempts") or []
        if len(tried) > 1:
            with frame.card(t("jobs.history")):
                cells.table(
                    [t("jobs.attempt"), t("jobs.column_state"), t("jobs.took")],
                    [
                        (one["number"], one["outcome"] or "…", cells.when(moments.span(one["started"], one["ended"])))
                        for one in tried
                    ],
                )

    async def _cancel(self) -> None:
        await self._looking.api.post(f"jobs/{self._id}/cancel")
        self._looking.say("jobs.cancelling")

    async def _retry(self) -> None:
        self._seen = {}
        await self._looking.api.post(f"jobs/{self._id}/retry")
        await self.look()


def _asked(looking: visit.Visit, parameters: dict[str, Any]) -> dict[str, Any]:
    """What was asked in words, for those that a console asks; others keep their names."""
    return {looking.t(f"jobs.with.{name}") if name in _WITH else name: value for name, value in parameters.items()}


def _log(lines: list[dict[str, Any]]) -> str:
    def line(one: dict[str, Any]) -> str:
        share = f" {one['done'] / one['total']:.0%}" if one["total"] else ""
        said = f" · {html.escape(one['message'])}" if one["message"] else ""
        clock = moments.at(one["at"])[11:]
        return f"<div><time>{clock}</time> {html.escape(one['text'] or one['stage'] or '')}{share}{said}</div>"

    return f'<div class="th-log th-mono">{"".join(map(line, lines))}</div>'


def kind_name(looking: visit.Visit, kind: str) -> str:
    """A kind of job in words; one that a plug-in brought keeps its own name."""
    base = kind.removesuffix("-asset").removesuffix("-ticket").removesuffix("-reports")
    return looking.t(f"jobs.kind.{base}") if base in _NAMED else kind


def state_cell(looking: visit.Visit, state: str) -> cells.Markup:
    """A job's state, by word and colour."""
    return cells.chip(looking.t(f"jobs.state.{state}"), f"th-state th-state-{state}")
