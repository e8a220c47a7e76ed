"""Registry: every page of the console, added by one decorator; the navigation is made of what is here."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import urllib.parse
from collections.abc import Awaitable, Callable
from typing import Any

from nicegui import ui
from starlette.requests import Request
from starlette.responses import RedirectResponse

from taihang.app.console import frame, visit
from taihang.core import errors

Body = Callable[[visit.Visit], Awaitable[None]]


@dataclasses.dataclass(frozen=True, slots=True)
class Page:
    """A page: its path, the key of its name, and where it stands in the navigation (None: not there)."""

    path: str
    key: str
    icon: str
    order: int | None
    action: str


PAGES: dict[str, Page] = {}


def page(path: str, *, key: str, icon: str = "", order: int | None = None, action: str = "") -> Callable[[Body], Body]:
    """Add a page for signed-in visitors. `key.title` names it; `action` is what a visitor must be allowed to see it.

    The body is called inside the frame and may raise errors of the tree: they are shown as a state of
    the page.
    """

    def added(body: Body) -> Body:
        found = Page(path, key, icon, order, action)
        PAGES[path] = found

        async def show(request: Request) -> Any:
            looking = visit.Visit(request)
            if not await visit.enter(looking):
                back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
                return RedirectResponse(f"/sign-in?{urllib.parse.urlencode({'next': back})}")
            frame.document(looking, looking.t(f"{key}.title"))
            navigation = sorted((p for p in PAGES.values() if p.order is not None), key=lambda p: p.order or 0)
            with frame.shell(looking, found, navigation):
                try:
                    await looking.people()
                    await body(looking)
                except errors.TaihangError as error:
                    frame.trouble(looking, error)
            return None

        ui.page(path, response_timeout=30.0)(show)
        return body

    return added


def plain(path: str, *, key: str) -> Callable[[Body], Body]:
    """Add a page for whoever comes, without the frame: sign-in and one-time links."""

    def added(body: Body) -> Body:
        async def show(request: Request) -> None:
            looking = visit.Visit(request)
            frame.document(looking, looking.t(f"{key}.title"))
            await body(looking)

        ui.page(path)(show)
        return body

    return added


async def lost(request: Request) -> None:
    """What is shown for an address that no page has."""
    looking = visit.Visit(request)
    frame.document(looking, looking.t("lost.title"))
    with ui.element("main").classes("th-door th-main"), frame.card():
        frame.empty(
            "explore_off", looking.t("lost.title"), looking.t("lost.hint"),
            (looking.t("start"), lambda: ui.navigate.to("/")),
        )  # fmt: skip


def load() -> None:
    """Import every module of `pages`, which adds its pages."""
    package = importlib.import_module("taihang.app.console.pages")
    for found in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{found.name}")
