"""Roles: what the tenant's own policies add to the shipped ones; written as Cedar, tried, then put in force."""

from __future__ import annotations

import functools
import html
import json
import re
from typing import Any

from nicegui import ui

from taihang.app.console import cells, frame, moments, visit
from taihang.core import errors

Case = dict[str, Any]  # roles, action, allowed: what a policy must answer before it comes into force

_NAME = re.compile(r"[a-z][a-z0-9-]{0,49}")


async def show(looking: visit.Visit) -> None:
    """Add a role by form; versions of the tenant's policies; the text itself, and a trial of it."""
    t = looking.t
    found = await looking.api.get("policies")
    known = await looking.api.get("roles")
    newest = found["items"][0] if found["items"] else None
    ui.label(t("roles.note")).classes("th-note")
    with ui.row().classes("items-end gap-2 w-full"):
        name = ui.input(t("roles.name")).props("outlined dense maxlength=50")
        allowed = ui.select(known["actions"], multiple=True, label=t("roles.actions"), with_input=True)
        allowed.props("outlined dense use-chips").classes("w-96")

        async def add() -> None:
            await _kept(looking, *_extended(newest, (name.value or "").strip(), list(allowed.value or [])))

        ui.button(t("roles.add"), icon="add_moderator", on_click=frame.acting(looking, add)).props("unelevated no-caps")
    if found["items"]:
        heads = [t(f"roles.{head}") for head in ("version", "own", "by", "at", "state")]
        frame.table(heads, [functools.partial(_version, looking, one) for one in found["items"]])
        if any(one["in_force"] for one in found["items"]):
            ui.button(
                t("roles.shipped_only"), on_click=frame.acting(looking, functools.partial(_activate, looking, 0))
            ).props("flat dense no-caps")
    else:
        frame.calm("shield", t("roles.none"))
    with ui.expansion(t("roles.text"), icon="code").classes("w-full").props("dense"):
        _text(looking, newest)
    with ui.expansion(t("roles.shipped"), icon="verified_user").classes("w-full").props("dense"):
        shipped = html.escape(found["shipped"])
        ui.html(f'<pre class="th-mono th-pre" tabindex="0">{shipped}</pre>', sanitize=False).classes("w-full")


def _version(looking: visit.Visit, one: dict[str, Any]) -> None:
    t = looking.t
    for value in (one["version"], ", ".join(one["roles"]) or "—", looking.person(one["created_by"]),
                  moments.at(one["created_at"])[:16]):  # fmt: skip
        with ui.element("td"):
            ui.label(str(value))
    with ui.element("td"):
        if one["in_force"]:
            ui.html(cells.chip(t("roles.in_force"), "th-state th-state-done"), sanitize=False)
        else:
            work = functools.partial(_activate, looking, one["version"])
            ui.button(t("roles.activate"), on_click=frame.acting(looking, work)).props("flat dense no-caps")


def _text(looking: visit.Visit, newest: dict[str, Any] | None) -> None:
    t = looking.t
    text = ui.textarea(value=newest["text"] if newest else "").props(
        f'outlined dense rows=12 maxlength=200000 data-draft=policy aria-label="{t("roles.text")}"'
    ).classes("w-full th-mono")  # fmt: skip
    own = ui.input(t("roles.own"), value=", ".join(newest["roles"]) if newest else "").props(
        "outlined dense maxlength=2000"
    )
    with ui.row().classes("items-end gap-2"):
        role = ui.input(t("roles.case_role"), value="viewer").props("outlined dense maxlength=50")
        action = ui.input(t("roles.case_action"), value="asset:read").props("outlined dense maxlength=100")
        told = ui.label("").props('role="status"')
        tried: list[Case] = []

        async def attempt() -> None:
            case: Case = {"roles": [role.value or ""], "action": action.value or "", "allowed": True}
            body = {"text": text.value or "// ", "cases": [case]}
            made = (await looking.api.post("policies/trial", body))["items"][0]
            tried.append({**case, "allowed": made["allowed"]})
            reasons = ", ".join(made["reasons"])
            told.set_text(t("roles.yes" if made["allowed"] else "roles.no", reasons=reasons or "—"))

        async def keep() -> None:
            roles = [part.strip() for part in (own.value or "").replace("，", ",").split(",") if part.strip()]
            # What was tried here and looked right goes along: nothing comes into force that nobody tried.
            await _kept(looking, text.value or "", roles, _told_last([*(newest["cases"] if newest else []), *tried]))

        ui.button(t("roles.try"), icon="science", on_click=frame.acting(looking, attempt)).props("outline no-caps")
        ui.button(t("roles.keep"), icon="save", on_click=frame.acting(looking, keep)).props("outline no-caps")


def _extended(newest: dict[str, Any] | None, name: str, allowed: list[str]) -> tuple[str, list[str], list[Case]]:
    """The newest text with one more role in it, the roles, and the cases that show it. Raises errors.UserError."""
    if not _NAME.fullmatch(name) or not allowed:
        raise errors.UserError("app.console:roles.wrong")
    listed = ", ".join(f"Taihang::Action::{json.dumps(one)}" for one in allowed)
    more = f'@id("{name}")\npermit (principal in Taihang::Role::"{name}", action in [{listed}], resource);\n'
    before, roles, cases = (newest["text"], list(newest["roles"]), newest["cases"]) if newest else ("", [], [])
    shown = [{"roles": [name], "action": action, "allowed": True} for action in allowed]
    return f"{before.rstrip()}\n\n{more}".lstrip(), [*dict.fromkeys([*roles, name])], _told_last([*cases, *shown])


def _told_last(cases: list[Case]) -> list[Case]:
    """Each case once, as it was told last."""
    # What was kept comes back with every field, what was tried here has only those that matter.
    usual: tuple[Any, ...] = (False, None, "*", "", [])
    same = {
        json.dumps({k: v for k, v in case.items() if k != "allowed" and v not in usual}, sort_keys=True): case
        for case in cases
    }
    return list(same.values())


async def _kept(looking: visit.Visit, text: str, roles: list[str], cases: list[Case]) -> None:
    await looking.api.post("policies", {"text": text, "roles": roles, "cases": cases})
    ui.run_javascript("taihang.forget('policy')")
    looking.say("roles.kept")
    ui.navigate.reload()


async def _activate(looking: visit.Visit, version: int) -> None:
    await looking.api.ask("PUT", "policies-in-force", json={"version": version})
    ui.navigate.reload()
