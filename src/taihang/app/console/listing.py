"""Listing: a long list of the API's, a page at a time, its filters and its place in the address."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nicegui import ui

from taihang.app.console import cells, frame, visit
from taihang.core import errors

Row = Callable[[dict[str, Any]], Sequence[object]]
SIZE = 50


class Listing:
    """One table. `only` gives the API's parameters now; `row` the cells of an item; `none` shows an empty list.

    A cursor in the address that is none any more, or that somebody made up, starts the list anew.
    """

    def __init__(
        self,
        looking: visit.Visit,
        path: str,
        heads: Sequence[str],
        row: Row,
        *,
        only: Callable[[], Mapping[str, Any]] = dict,
        none: Callable[[], None],
        size: int = SIZE,
        label: str = "",
    ) -> None:
        self._looking, self._path, self._heads, self._row = looking, path, heads, row
        self._only, self._none, self._size, self._label = only, none, size, label
        self._before: list[str | None] = []
        self._after: str | None = looking.query.get("after") or None
        self._shown: dict[str, Any] = {}
        self._body = ui.column().classes("w-full gap-0")

    async def show(self) -> None:
        """The page at the place that the address says."""
        try:
            page = await self._page()
        except errors.UserError:
            if self._after is None:
                raise
            self._after = None
            self._looking.state(after=None)
            page = await self._page()
        self._put(page)

    def _put(self, page: dict[str, Any]) -> None:
        self._shown = page
        self._body.clear()
        with self._body:
            if not page["items"] and self._after is None:
                self._none()
                return
            cells.table(self._heads, [self._row(one) for one in page["items"]], self._label)
            self._steps(page["next"])

    async def again(self) -> None:
        """Look again at the first page, and change what is shown only when it changed."""
        if self._after is None:
            page = await self._page()
            if page != self._shown:
                self._put(page)

    async def anew(self, **state: Any) -> None:
        """Another filter: from the first page on."""
        self._before, self._after = [], None
        self._looking.state(**state, after=None)
        await self.show()

    async def _page(self) -> dict[str, Any]:
        found: dict[str, Any] = await self._looking.api.get(
            self._path, **self._only(), after=self._after, limit=self._size
        )
        return found

    def _steps(self, following: str | None) -> None:
        if not (following or self._after):
            return
        t = self._looking.t
        with ui.row().classes("w-full items-center justify-end gap-2 th-steps"):
            ui.label(t("page", number=len(self._before) + 1)).classes("th-note")
            back = ui.button(t("earlier"), icon="chevron_left", on_click=frame.acting(self._looking, self._back))
            back.props("flat dense no-caps").set_enabled(self._after is not None)
            on = ui.button(
                t("later"), on_click=frame.acting(self._looking, lambda: self._to(following, keep=True))
            ).props("flat dense no-caps icon-right=chevron_right")
            on.set_enabled(following is not None)

    async def _back(self) -> None:
        await self._to(self._before.pop() if self._before else None, keep=False)

    async def _to(self, after: str | None, *, keep: bool) -> None:
        if keep:
            self._before.append(self._after)
        self._after = after
        self._looking.state(after=after)
        await self.show()
