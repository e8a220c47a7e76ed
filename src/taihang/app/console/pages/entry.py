"""Entry: sign-in, and one-time links (the first administrator, an invitation, a new password).

The browser itself calls the API here, because the answer sets its cookie, and so that a link's secret,
which stands behind the `#`, never reaches this server in an address.
"""

# ruff: noqa: E501 - forms and scripts, a thing a line
from __future__ import annotations

import json
import urllib.parse

from nicegui import ui

from taihang.app.console import frame, registry, visit
from taihang.app.console.pages import provider

_SIGN_IN = """
async (event) => {
  event.preventDefault();
  const form = event.target, told = document.getElementById('told'), button = form.querySelector('button');
  button.disabled = true; told.textContent = '';
  try {
    const answer = await fetch('/api/v1/session', {method: 'POST', headers: {'Content-Type': 'application/json',
      'Accept-Language': LANGUAGE}, body: JSON.stringify({login: form.login.value, password: form.password.value})});
    if (answer.ok) { location.assign(NEXT); return; }
    told.textContent = (await answer.json()).detail;
  } catch { told.textContent = AWAY; }
  button.disabled = false;
}
"""
_WELCOME = """
(async () => {
  const secret = location.hash.slice(1), told = document.getElementById('told'), form = document.getElementById('form');
  const ask = (path, body) => fetch('/api/v1/links/' + path, {method: 'POST', headers: {'Content-Type': 'application/json',
    'Accept-Language': LANGUAGE}, body: JSON.stringify(body)});
  history.replaceState(null, '', location.pathname);
  const looked = await ask('look', {secret});
  const offer = await looked.json();
  if (!looked.ok) { told.textContent = offer.detail; form.hidden = true; return; }
  const first = offer.kind === 'admin' || offer.kind === 'first' || !offer.login;
  form.login.value = offer.login; form.login.readOnly = !first; form.name.value = offer.name;
  form.name.closest('label').hidden = !first;
  form.onsubmit = async (event) => {
    event.preventDefault(); told.textContent = '';
    if (form.password.value !== form.again.value) { told.textContent = DIFFER; return; }
    const body = {secret, password: form.password.value};
    if (first) { body.login = form.login.value; if (form.name.value) body.name = form.name.value; }
    const answer = await ask('redeem', body);
    if (answer.ok) location.assign('/'); else told.textContent = (await answer.json()).detail;
  };
})()
"""


@registry.page("/unavailable", key="unavailable")
async def unavailable(looking: visit.Visit) -> None:
    """Where a link ends whose report or file is not to be had; `?status=` is what the API answered."""
    told = {"403": "denied", "404": "gone", "410": "gone"}.get(looking.query.get("status", ""), "failed")
    with frame.card():
        frame.empty(
            "link_off", looking.t(f"unavailable.{told}"), looking.t(f"unavailable.{told}_hint"),
            (looking.t("start"), lambda: ui.navigate.to("/")),
        )  # fmt: skip


@registry.plain("/sign-in", key="entry")
async def sign_in(looking: visit.Visit) -> None:
    """Login and password; back to where one wanted to go."""
    script = _filled(_SIGN_IN, looking, NEXT=_inside(looking.query.get("next", "/")))
    with ui.element("main").classes("th-door"), frame.card():
        _brand(looking)
        ui.html(
            f"""<form id="form" class="th-form">
            <label>{looking.t("entry.login")}<input name="login" autocomplete="username" required maxlength="200" autofocus></label>
            <label>{looking.t("entry.password")}<input name="password" type="password" autocomplete="current-password" required></label>
            <p id="told" role="alert"></p><button type="submit">{looking.t("entry.enter")}</button></form>""",
            sanitize=False,
        )
        await provider.offered(looking, _inside(looking.query.get("next", "/")))
        _other_language(looking)
    ui.run_javascript(f"document.getElementById('form').addEventListener('submit', {script})")


@registry.plain("/welcome", key="welcome")
async def welcome(looking: visit.Visit) -> None:
    """What a one-time link offers: choose a password, and come in."""
    with ui.element("main").classes("th-door"), frame.card():
        _brand(looking)
        ui.label(looking.t("welcome.note")).classes("th-note")
        ui.html(
            f"""<form id="form" class="th-form">
            <label>{looking.t("entry.login")}<input name="login" autocomplete="username" required maxlength="200"></label>
            <label>{looking.t("entry.name")}<input name="name" autocomplete="name" maxlength="200"></label>
            <label>{looking.t("entry.new_password")}<input name="password" type="password" autocomplete="new-password" required></label>
            <label>{looking.t("entry.again")}<input name="again" type="password" autocomplete="new-password" required></label>
            <p id="told" role="alert"></p><button type="submit">{looking.t("entry.enter")}</button></form>""",
            sanitize=False,
        )
        _other_language(looking)
    ui.run_javascript(_filled(_WELCOME, looking, DIFFER=looking.t("entry.differ")))


def _brand(looking: visit.Visit) -> None:
    with ui.row().classes("items-center gap-3 no-wrap"):
        ui.html('<img src="/console/favicon.svg" width="36" height="36" alt="">', sanitize=False)
        with ui.column().classes("gap-0"):
            ui.html(f"<h1>{looking.t('name')}</h1>", sanitize=False)
            ui.label(looking.t("claim")).classes("th-note")


def _other_language(looking: visit.Visit) -> None:
    other = "en" if looking.language == "zh" else "zh"
    ui.link("English" if other == "en" else "中文", "javascript:void(0)").classes("th-note").on(
        "click",
        js_handler=f"() => {{ document.cookie = '{visit.LANGUAGE_COOKIE}={other};path=/;max-age=31536000;samesite=strict'; "
        "location.reload() }",
    )


def _inside(given: str) -> str:
    """An address of this console, and nowhere else."""
    parts = urllib.parse.urlsplit(given)
    if parts.scheme or parts.netloc or not given.startswith("/") or given.startswith(("//", "/\\")):
        return "/"
    return given


def _filled(script: str, looking: visit.Visit, **values: str) -> str:
    given = {"LANGUAGE": looking.language, "AWAY": looking.t("entry.away"), **values}
    for name, value in given.items():
        script = script.replace(name, json.dumps(value))
    return script
