"""Administration: people and their roles, tenants, API tokens, sessions."""

from __future__ import annotations

import functools
from typing import Any

from nicegui import ui

from taihang.app.console import frame, moments, registry, roles, visit

_TABS = ("users", "policies", "tenants", "tokens", "sessions")
_SCOPES = ("*:*", "asset:read", "upload:create", "job:*", "finding:read", "report:read", "ticket:read")


@registry.page("/admin", key="admin", icon="admin_panel_settings", order=80)
async def admin(looking: visit.Visit) -> None:
    """One tab at a time; the tab stands in the address."""
    t = looking.t
    frame.heading(looking, t("admin.title"), t("admin.note"))
    now = looking.query.get("tab", "users")
    chosen = ui.toggle({name: t(f"admin.{name}") for name in _TABS}, value=now if now in _TABS else "users").props(
        "no-caps unelevated toggle-color=primary"
    )
    with frame.card():
        body = ui.column().classes("w-full gap-3")
    shows = {"users": _users, "policies": roles.show, "tenants": _tenants, "tokens": _tokens, "sessions": _sessions}

    async def show() -> None:
        body.clear()
        with body:
            await shows[str(chosen.value)](looking)

    async def changed() -> None:
        looking.state(tab=chosen.value)
        await show()

    chosen.on_value_change(frame.acting(looking, changed))
    await show()


async def _users(looking: visit.Visit) -> None:
    t = looking.t
    people = (await looking.api.get("users", limit=200))["items"]
    known = (await looking.api.get("roles"))["roles"]
    names = {role: t(f"role.{role}") if role in frame.ROLES else role for role in known}
    with ui.row().classes("items-end gap-2"):
        login = ui.input(t("entry.login")).props("outlined dense maxlength=200")
        given = (
            ui.select(names, value=["viewer"], multiple=True, label=t("admin.roles"))
            .props("outlined dense use-chips")
            .classes("w-64")
        )

        async def invite() -> None:
            made = await looking.api.post("invitations", {"login": login.value or "", "roles": given.value})
            _shown_once(looking, t("admin.invited"), made["url"])

        ui.button(t("admin.invite"), icon="person_add", on_click=frame.acting(looking, invite)).props(
            "unelevated no-caps"
        )
    frame.table(
        [t(f"admin.{name}") for name in ("login", "name", "roles", "joined", "actions")],
        [functools.partial(_user, looking, one, names) for one in people],
    )  # fmt: skip


def _user(looking: visit.Visit, one: dict[str, Any], names: dict[str, str]) -> None:
    t = looking.t
    for value in (one["login"], one["name"]):
        with ui.element("td"):
            ui.label(value)
    with ui.element("td"):
        chosen = ui.select(names, value=[r for r in one["roles"] if r in names], multiple=True).props(
            f'dense borderless use-chips aria-label="{t("admin.roles")}"'
        )
    with ui.element("td"):
        ui.label(moments.at(one["joined_at"])[:16])
    with ui.element("td"), ui.row().classes("gap-1"):

        async def grant() -> None:
            await looking.api.ask("PUT", f"users/{one['account_id']}/roles", json={"roles": chosen.value})
            looking.say("admin.saved")

        async def reset() -> None:
            made = await looking.api.post(f"users/{one['account_id']}/reset")
            _shown_once(looking, t("admin.reset_link"), made["url"])

        async def remove() -> None:
            await looking.api.ask("DELETE", f"users/{one['account_id']}")
            ui.navigate.reload()

        ui.button(t("save"), on_click=frame.acting(looking, grant)).props("flat dense no-caps")
        ui.button(t("admin.reset"), on_click=frame.acting(looking, reset)).props("flat dense no-caps")
        ui.button(
            t("admin.remove"), on_click=lambda: _sure(looking, t("admin.sure_user", name=one["login"]), remove)
        ).props("flat dense no-caps color=negative")


async def _tenants(looking: visit.Visit) -> None:
    t = looking.t
    found = (await looking.api.get("tenants"))["items"]
    with ui.row().classes("items-end gap-2"):
        id = ui.input(t("admin.id")).props("outlined dense maxlength=63")
        name = ui.input(t("admin.name")).props("outlined dense maxlength=200")

        async def add() -> None:
            body = {"id": id.value or "", **({"name": name.value} if name.value else {})}
            await looking.api.post("tenants", body)
            ui.navigate.reload()

        ui.button(t("admin.add_tenant"), icon="add", on_click=frame.acting(looking, add)).props("unelevated no-caps")
    heads = [t(f"admin.{name}") for name in ("id", "name", "created", "actions")]
    frame.table(heads, [functools.partial(_tenant, looking, one) for one in found])


def _tenant(looking: visit.Visit, one: dict[str, Any]) -> None:
    t = looking.t
    for value in (one["id"], one["name"], moments.at(one["created_at"])[:16]):
        with ui.element("td"):
            ui.label(value)
    with ui.element("td"):
        off = one.get("disabled_at") is not None

        async def switch() -> None:
            await looking.api.ask("PATCH", f"tenants/{one['id']}", json={"disabled": not off})
            ui.navigate.reload()

        ui.button(t("admin.enable" if off else "admin.disable"), on_click=frame.acting(looking, switch)).props(
            "flat dense no-caps"
        )


async def _tokens(looking: visit.Visit) -> None:
    t = looking.t
    found = (await looking.api.get("tokens", limit=200))["items"]
    with ui.row().classes("items-end gap-2"):
        name = ui.input(t("admin.name")).props("outlined dense maxlength=200")
        scopes = ui.select(
            list(_SCOPES), value=["asset:read"], multiple=True, label=t("admin.scopes"), new_value_mode="add-unique"
        )
        scopes.props("outlined dense use-chips").classes("w-72")
        days = (
            ui.number(t("admin.days"), value=30, min=1, max=3650, format="%d").props("outlined dense").classes("w-24")
        )

        async def issue() -> None:
            body = {"name": name.value or "", "scopes": scopes.value, "days": int(days.value or 30)}
            made = await looking.api.post("tokens", body)
            _shown_once(looking, t("admin.token_once"), made["secret"])

        ui.button(t("admin.issue"), icon="vpn_key", on_click=frame.acting(looking, issue)).props("unelevated no-caps")
    if not found:
        frame.empty("vpn_key", t("admin.no_tokens"))
        return
    heads = [t(f"admin.{name}") for name in ("name", "scopes", "expires", "used", "actions")]
    frame.table(heads, [functools.partial(_token, looking, one) for one in found])


def _token(looking: visit.Visit, one: dict[str, Any]) -> None:
    t = looking.t
    for value in (
        one["name"],
        ", ".join(one["scopes"]),
        moments.at(one["expires_at"])[:16],
        moments.at(one["used_at"])[:16],
    ):
        with ui.element("td"):
            ui.label(value)
    with ui.element("td"):

        async def revoke() -> None:
            await looking.api.ask("DELETE", f"tokens/{one['id']}")
            ui.navigate.reload()

        if one.get("revoked_at"):
            ui.label(t("admin.revoked")).classes("th-note")
        else:
            ui.button(
                t("admin.revoke"), on_click=lambda: _sure(looking, t("admin.sure_token", name=one["name"]), revoke)
            ).props("flat dense no-caps color=negative")


async def _sessions(looking: visit.Visit) -> None:
    t = looking.t
    found = (await looking.api.get("sessions"))["items"]
    heads = [t(f"admin.{name}") for name in ("agent", "seen", "expires", "actions")]
    frame.table(heads, [functools.partial(_session, looking, one) for one in found])


def _session(looking: visit.Visit, one: dict[str, Any]) -> None:
    for value in (one["agent"][:80], moments.at(one["seen_at"])[:16], moments.at(one["expires_at"])[:16]):
        with ui.element("td"):
            ui.label(value)
    with ui.element("td"):

        async def end() -> None:
            await looking.api.ask("DELETE", f"sessions/{one['id']}")
            ui.navigate.reload()

        ui.button(looking.t("admin.end"), on_click=frame.acting(looking, end)).props("flat dense no-caps")


def _shown_once(looking: visit.Visit, title: str, secret: str) -> None:
    with ui.dialog().props("persistent") as dialog, ui.card().classes("w-dialog max-w-full th-dialog"):
        ui.label(title)
        ui.input(value=secret).props("outlined dense readonly").classes("w-full th-mono")
        ui.label(looking.t("admin.once")).classes("th-note")
        ui.button(looking.t("admin.copied"), on_click=ui.navigate.reload).props("unelevated no-caps")
    dialog.open()


def _sure(looking: visit.Visit, question: str, work: Any) -> None:
    with ui.dialog() as dialog, ui.card():
        ui.label(question)
        with ui.row().classes("gap-2"):
            ui.button(looking.t("cancel"), on_click=dialog.close).props("flat no-caps")
            ui.button(looking.t("videos.confirm"), on_click=frame.acting(looking, work)).props(
                "unelevated no-caps color=negative"
            )
    dialog.open()
