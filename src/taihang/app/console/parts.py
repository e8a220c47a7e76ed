"""Parts: a video that the browser cannot play, made playable a minute at a time by a job that can be cancelled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nicegui import ui

from taihang.app.console import frame, visit
from taihang.core import errors

PART_S = 60
_OVER = frozenset({"done", "failed", "cancelled"})


class Parts:
    """Asks for the part that holds a moment, shows how far it is, and hands it to the player."""

    def __init__(self, looking: visit.Visit, version: str, play: Callable[[dict[str, Any], str], None]) -> None:
        self._looking, self._version, self._play = looking, version, play
        self._job = ""

    def place(self) -> None:
        """Where progress is shown; call it once, above the player."""
        self._row = ui.row().classes("th-card items-center gap-3 w-full no-wrap").props('role="status"')
        self._row.set_visibility(False)
        self._timer = ui.timer(1.0, frame.acting(self._looking, self._look), active=False)

    async def ask(self, time_s: float) -> None:
        """Begin with the part of this moment; one that was made before is there at once."""
        number = int(max(0.0, time_s) // PART_S)
        given = {"kind": "clip-asset", "parameters": {"version": self._version, "part": number}}
        # The key makes it the same job for everybody who asks again: what was made once is not made twice.
        job = await self._looking.api.post("jobs", given, key=f"clip-{self._version}-{number}")
        job = await self._looking.api.get(f"jobs/{job['id']}")
        if job["state"] in {"failed", "cancelled"}:
            job = await self._looking.api.post(f"jobs/{job['id']}/retry")
        self._job = job["id"]
        self._show(job)

    async def _look(self) -> None:
        self._show(await self._looking.api.get(f"jobs/{self._job}"))

    def _show(self, job: dict[str, Any]) -> None:
        if self._timer.active == (job["state"] in _OVER):
            self._timer.active = job["state"] not in _OVER
        self._row.clear()
        self._row.set_visibility(job["state"] != "done")
        if job["state"] == "done":
            made = job["result"]
            self._play(made, f"/api/v1/versions/{self._version}/clips/{made['part']}")
            return
        with self._row:
            ui.icon("movie_filter", size="22px").props('aria-hidden="true"')
            ui.label(self._said(job)).classes("th-note")
            if job["state"] in _OVER:
                number = int(job["parameters"]["part"])
                again = frame.acting(self._looking, lambda: self.ask(number * PART_S))
                ui.button(self._looking.t("jobs.retry"), on_click=again).props("flat dense no-caps")
                return
            ui.linear_progress(job["done"], show_value=False).classes("w-40").props(
                f'aria-label="{self._looking.t("jobs.progress")}"'
            )
            ui.button(self._looking.t("cancel"), on_click=frame.acting(self._looking, self._cancel)).props(
                "flat dense no-caps"
            )

    def _said(self, job: dict[str, Any]) -> str:
        if job["state"] in _OVER:
            return self._looking.t("videos.no_part", reason=job["reason"] or "")
        return self._looking.t("videos.part")

    async def _cancel(self) -> None:
        try:
            await self._looking.api.post(f"jobs/{self._job}/cancel")
        except errors.Conflict:
            return  # it had ended meanwhile
        self._show(await self._looking.api.get(f"jobs/{self._job}"))
