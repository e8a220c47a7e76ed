"""Sign-in through an organisation's provider: its buttons at the door, and the place where one comes back to.

As at the door itself, the browser calls the API, because the answer sets its cookies.
"""

# ruff: noqa: E501 - scripts, a thing a line
from __future__ import annotations

import html
import json

from nicegui import ui

from taihang.app.console import frame, registry, visit

_BEGIN = """
for (const button of document.querySelectorAll('button[data-provider]')) button.onclick = async () => {
  const told = document.getElementById('told');
  told.textContent = '';
  try {
    const answer = await fetch('/api/v1/providers/' + encodeURIComponent(button.dataset.provider) + '/journeys',
      {method: 'POST', headers: {'Content-Type': 'application/json', 'Accept-Language': GIVEN.language},
       body: JSON.stringify({return_to: GIVEN.next})});
    const found = await answer.json();
    if (answer.ok) location.assign(found.url); else told.textContent = found.detail;
  } catch { told.textContent = GIVEN.away; }
};
"""
_ARRIVE = """
(async () => {
  const told = document.getElementById('told'), query = new URLSearchParams(location.search), body = {};
  for (const name of ['state', 'code', 'error', 'iss']) if (query.get(name)) body[name] = query.get(name);
  history.replaceState(null, '', location.pathname);
  try {
    const answer = await fetch('/api/v1/providers/' + encodeURIComponent(GIVEN.name) + '/arrivals',
      {method: 'POST', headers: {'Content-Type': 'application/json', 'Accept-Language': GIVEN.language}, body: JSON.stringify(body)});
    const found = await answer.json();
    if (answer.ok) { location.replace(found.return_to); return; }
    told.textContent = found.detail;
  } catch { told.textContent = GIVEN.away; }
  document.getElementById('again').hidden = false;
})()
"""


async def offered(looking: visit.Visit, onward: str) -> None:
    """A button for each provider of the settings, on the page where one signs in."""
    names = (await looking.api.get("providers"))["items"]
    if not names:
        return
    buttons = "".join(
        f'<button type="button" data-provider="{html.escape(name)}">{html.escape(looking.t("provider.through", name=name))}</button>'
        for name in names
    )
    ui.html(f'<div class="th-form">{buttons}</div>', sanitize=False)
    ui.run_javascript(_given(_BEGIN, language=looking.language, next=onward, away=looking.t("entry.away")))


@registry.plain("/signed-in/{name}", key="provider")
async def signed_in(looking: visit.Visit) -> None:
    """Back from the provider: on to where one wanted to go, or what was wrong."""
    with ui.element("main").classes("th-door"), frame.card():
        ui.label(looking.t("provider.title"))
        again = html.escape(looking.t("provider.again"))
        ui.html(f'<p id="told" role="alert"></p><a id="again" href="/sign-in" hidden>{again}</a>', sanitize=False)
    name = looking.path["name"]
    ui.run_javascript(_given(_ARRIVE, language=looking.language, name=name, away=looking.t("entry.away")))


def _given(script: str, **values: str) -> str:
    return script.replace("GIVEN", f"({json.dumps(values)})")
