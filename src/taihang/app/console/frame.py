"""Frame: what every page stands in, and the states that any page may be in: empty, busy, in trouble."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from nicegui import ui

from taihang.app.console import visit
from taihang.core import errors

if TYPE_CHECKING:
    from taihang.app.console import registry

LEVELS = ("red", "orange", "yellow", "blue", "info")


def document(looking: visit.Visit, title: str) -> None:
    """The page's head: title, language, style."""
    ui.page_title(f"{title} · {looking.t('name')}")
    ui.add_head_html('<link rel="stylesheet" href="/console/console.css">')
    ui.run_javascript(f"document.documentElement.lang = {json.dumps('zh-CN' if looking.language == 'zh' else 'en')}")
    ui.colors(primary="#0f4c5c", secondary="#5f6b76", accent="#e36414", positive="#2e7d4f", negative="#b3261e")


@contextmanager
def shell(looking: visit.Visit, here: registry.Page, pages: Sequence[registry.Page]) -> Iterator[None]:
    """Header, navigation, and the page inside."""
    with ui.header().classes("th-header").props("height-hint=48"):
        menu = ui.button(icon="menu").props(f'flat dense round color=white aria-label="{looking.t("menu")}"')
        ui.link(looking.t("name"), "/").classes("th-brand")
        ui.space()
        _tenant(looking)
        _language(looking)
        _visitor(looking)
    with ui.left_drawer(value=True, fixed=True, bordered=True).classes("th-drawer").props("width=208") as drawer:  # noqa: SIM117
        with ui.element("nav").props(f'aria-label="{looking.t("navigation")}"'):
            for one in pages:
                if one.action and not looking.may(one.action):
                    continue
                active = " th-here" if one.path == here.path or here.key.split(".")[0] == one.key else ""
                with ui.link(target=one.path).classes("th-nav" + active).props('aria-current="page"' if active else ""):
                    ui.icon(one.icon).props('aria-hidden="true"')
                    ui.label(looking.t(f"{one.key}.title"))
    menu.on_click(drawer.toggle)
    with ui.element("main").classes("th-main"):
        yield


def heading(looking: visit.Visit, title: str, note: str = "") -> ui.row:
    """The page's title; what is added to the row stands at its right."""
    with ui.row().classes("th-heading w-full items-center"):
        with ui.column().classes("gap-0"):
            ui.html(f"<h1>{_escaped(title)}</h1>", sanitize=False)
            if note:
                ui.label(note).classes("th-note")
        ui.space()
        return ui.row().classes("items-center gap-2")


@contextmanager
def card(title: str = "", classes: str = "") -> Iterator[ui.column]:
    """A bordered part of a page."""
    with ui.column().classes(f"th-card {classes}") as found:
        if title:
            ui.html(f"<h2>{_escaped(title)}</h2>", sanitize=False)
        yield found


def empty(icon: str, title: str, hint: str = "", action: tuple[str, Callable[[], Any]] | None = None) -> None:
    """Nothing is here, and what one can do about it."""
    with ui.column().classes("th-empty"):
        ui.icon(icon, size="40px").props('aria-hidden="true"')
        ui.label(title).classes("th-empty-title")
        if hint:
            ui.label(hint).classes("th-note")
        if action:
            ui.button(action[0], on_click=action[1]).props("unelevated no-caps")


def trouble(looking: visit.Visit, error: errors.TaihangError) -> None:
    """What went wrong, in the place of what was asked for."""
    with ui.column().classes("th-empty").props('role="alert"'):
        ui.icon("error_outline", size="40px").classes("text-negative").props('aria-hidden="true"')
        ui.label(error.message.in_(looking.language)).classes("th-empty-title")
        ui.button(looking.t("again"), on_click=ui.navigate.reload).props("outline no-caps")


@contextmanager
def busy(looking: visit.Visit) -> Iterator[None]:
    """A sign of work while the block runs."""
    with ui.row().classes("th-busy items-center").props('role="status"') as sign:
        ui.spinner(size="sm")
        ui.label(looking.t("busy"))
    try:
        yield
    finally:
        sign.delete()


def level(looking: visit.Visit, name: str, count: int | None = None) -> ui.label:
    """A warning level as a chip: colour and word, so that nobody depends on the colour."""
    shown = looking.t(f"core:level.{name}")
    return ui.label(shown if count is None else f"{shown} {count}").classes(
        f"th-level th-level-{name if name in LEVELS else 'info'}"
    )


def acting(looking: visit.Visit, work: Callable[[], Any]) -> Callable[[], Any]:
    """An event handler that shows what goes wrong instead of losing it."""

    async def done() -> None:
        try:
            await work()
        except errors.TaihangError as error:
            looking.complain(error)
        except Exception as error:
            # A defect is shown too, and goes on to the log.
            looking.complain(errors.Failure("app:defect", kind=type(error).__name__, reason=""))
            raise

    return done


def taking(looking: visit.Visit, work: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
    """The same for a handler that takes its event."""

    async def done(event: Any) -> None:
        try:
            await work(event)
        except errors.TaihangError as error:
            looking.complain(error)

    return done


def _tenant(looking: visit.Visit) -> None:
    me = looking.me or {}
    places = me.get("tenants") or []
    if len(places) < 2:
        ui.label(next((p["name"] for p in places), me.get("tenant", ""))).classes("th-tenant")
        return
    shown = ui.select({p["id"]: p["name"] for p in places}, value=me.get("tenant")).props(
        "dense dark borderless options-dense"
    )
    shown.classes("th-tenant").props(f'aria-label="{looking.t("tenant")}"')
    shown.on_value_change(lambda event: _browser("session/tenant", "POST", {"tenant": event.value}, looking.api.csrf))


def _language(looking: visit.Visit) -> None:
    other = "en" if looking.language == "zh" else "zh"
    ui.button(
        "English" if other == "en" else "中文",
        on_click=lambda: ui.run_javascript(
            f"document.cookie = '{visit.LANGUAGE_COOKIE}={other};path=/;max-age=31536000;samesite=strict'; "
            "location.reload()"
        ),
    ).props("flat dense no-caps color=white").mark("language")


def _visitor(looking: visit.Visit) -> None:
    me = looking.me or {}
    with (
        ui.button(icon="account_circle").props(f'flat dense round color=white aria-label="{looking.t("account")}"'),
        ui.menu(),
    ):
        ui.menu_item(str(me.get("name") or me.get("login") or me.get("id", ""))).props("disable")
        ui.menu_item(
            ", ".join(looking.t(f"role.{role}") if role in ROLES else role for role in me.get("roles", []))
        ).props("disable")
        ui.separator()
        ui.menu_item(looking.t("sign_out"), on_click=lambda: _browser("session", "DELETE", None, looking.api.csrf))


ROLES = ("viewer", "inspector", "steward", "engineer", "admin", "auditor")


def _browser(path: str, method: str, body: Any, csrf: str) -> None:
    """A call that the browser itself makes, for it changes the browser's cookie; the page is loaded anew."""
    given = json.dumps(
        {"method": method, "headers": {"Content-Type": "application/json", "X-CSRF-Token": csrf},
         **({} if body is None else {"body": json.dumps(body)})}
    )  # fmt: skip
    ui.run_javascript(f"fetch('/api/v1/{path}', {given}).then(() => location.assign('/'))")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
