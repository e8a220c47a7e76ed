"""Frame: what every page stands in, and the states that any page may be in: empty, busy, in trouble."""

from __future__ import annotations

import copy
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from nicegui import ui

from taihang.app.console import cells, visit
from taihang.core import errors

if TYPE_CHECKING:
    from taihang.app.console import registry

LEVELS = cells.LEVELS


def document(looking: visit.Visit, title: str) -> None:
    """The page's head: title, language, style."""
    client = ui.context.client
    # The framework's page is one for all visitors; its own words (a lost connection, an empty choice) are this one's.
    client.page = copy.copy(client.page)
    client.page.language = "zh-CN" if looking.language == "zh" else "en-US"
    ui.page_title(f"{title} · {looking.t('name')}")
    ui.add_head_html('<link rel="stylesheet" href="/console/console.css"><script src="/console/console.js"></script>')
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
def card(title: str = "", classes: str = "", link: tuple[str, str] | None = None) -> Iterator[ui.column]:
    """A bordered part of a page; `link` stands at its head and leads to all of it."""
    with ui.column().classes(f"th-card {classes}") as found:
        if title:
            with ui.row().classes("w-full items-center no-wrap"):
                ui.html(f"<h2>{_escaped(title)}</h2>", sanitize=False)
                if link:
                    ui.space()
                    ui.link(*link).classes("th-more")
        yield found


def calm(icon: str, text: str) -> None:
    """Nothing to do in a part of a page, in one line."""
    with ui.row().classes("th-calm items-center gap-2 w-full"):
        ui.icon(icon, size="20px").props('aria-hidden="true"')
        ui.label(text)


def choice(looking: visit.Visit, name: str, options: dict[str, str], every: str, label: str) -> ui.select:
    """A filter whose value stands in the address as `name`; what is not among the options is as good as none."""
    given = {"": every, **options} if every else options
    now = looking.query.get(name, "")
    shown = ui.select(given, value=now if now in given else next(iter(given)))
    shown.props(f'dense outlined options-dense aria-label="{label}"').classes("th-choice")
    return shown


def empty(icon: str, title: str, hint: str = "", action: tuple[str, Callable[[], Any]] | None = None) -> None:
    """Nothing is here, and what one can do about it."""
    with ui.column().classes("th-empty"):
        ui.icon(icon, size="40px").props('aria-hidden="true"')
        ui.label(title).classes("th-empty-title")
        if hint:
            ui.label(hint).classes("th-note")
        if action:
            ui.button(action[0], on_click=action[1]).props("unelevated no-caps")


def tile(label: str, value: str, target: str, note: str = "", tone: str = "") -> None:
    """A number that leads to what it counts; `tone`: a level's name when it asks for attention."""
    with ui.link(target=target).classes("th-tile" + (f" th-tile-{tone}" if tone else "")):
        ui.label(label).classes("th-note")
        ui.label(value).classes("th-number")
        ui.label(note or " ").classes("th-note")


def spread(looking: visit.Visit, counts: dict[str, int]) -> None:
    """How many there are of each level, as one bar and as words."""
    total = sum(counts.get(level, 0) for level in LEVELS)
    parts = "".join(
        f'<span class="th-level-{level}" style="flex-grow:{counts[level]}" title="'
        f'{looking.t(f"core:level.{level}")} {counts[level]:,}"></span>'
        for level in LEVELS
        if counts.get(level)
    )
    if total:
        ui.html(f'<span class="th-spread" aria-hidden="true">{parts}</span>', sanitize=False).classes("w-full")
    ui.html(
        cells.joined(
            cells.chip(f"{looking.t(f'core:level.{level}')} {counts.get(level, 0):,}", f"th-level th-level-{level}")
            for level in LEVELS
            if counts.get(level)
        ),
        sanitize=False,
    )


def levels(looking: visit.Visit, counts: dict[str, int] | None) -> cells.Markup:
    """A cell of chips, one for each level that occurs."""
    return cells.joined(
        cells.chip(f"{looking.t(f'core:level.{level}')} {counts[level]:,}", f"th-level th-level-{level}")
        for level in LEVELS
        if counts and counts.get(level)
    )


def table(heads: Sequence[str], rows: Sequence[Callable[[], None]]) -> None:
    """A table whose cells hold controls; each row is a function that makes them. `cells.table` is for mere text."""
    with ui.element("table").classes("th-table th-controls"):
        with ui.element("thead"), ui.element("tr"):
            for head in heads:
                with ui.element("th").props('scope="col"'):
                    ui.label(head)
        with ui.element("tbody"):
            for row in rows:
                with ui.element("tr"):
                    row()


def pairs(values: dict[str, Any]) -> None:
    """Names and what they are; what is empty is left out."""
    with ui.element("dl").classes("th-pairs"):
        for name, value in values.items():
            if value in (None, "", [], {}):
                continue
            with ui.element("dt"):
                ui.label(str(name))
            with ui.element("dd"):
                ui.label(str(value)).props("dir=auto")


def trouble(looking: visit.Visit, error: errors.TaihangError) -> None:
    """What went wrong, in the place of what was asked for."""
    with ui.column().classes("th-empty").props('role="alert"'):
        ui.icon("error_outline", size="40px").classes("text-negative").props('aria-hidden="true"')
        ui.label(error.message.in_(looking.language)).classes("th-empty-title")
        with ui.row().classes("gap-2"):
            ui.button(looking.t("again"), on_click=ui.navigate.reload).props("outline no-caps")
            ui.button(looking.t("start"), on_click=lambda: ui.navigate.to("/")).props("flat no-caps")


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


async def asked(looking: visit.Visit, title: str, label: str) -> str | None:
    """What a visitor answers to a question of one line, Enter sends it; None when the question is closed."""
    with ui.dialog() as dialog, ui.card().classes("w-96 th-dialog"):
        ui.html(f"<h2>{_escaped(looking.t(title))}</h2>", sanitize=False)
        said = ui.input(label=looking.t(label)).props("outlined autofocus maxlength=1500").classes("w-full")
        said.on("keydown.enter", lambda: dialog.submit(said.value or ""))
        with ui.row().classes("w-full justify-end gap-2"):
            ui.button(looking.t("cancel"), on_click=dialog.close).props("flat no-caps")
            ui.button(looking.t("videos.confirm"), on_click=lambda: dialog.submit(said.value or "")).props(
                "unelevated no-caps"
            )
    given = await dialog
    dialog.delete()
    return None if given is None else str(given)


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
