"""Visit: one opened page: who looks, in which language, and the page's place in the address."""

from __future__ import annotations

import contextlib
import urllib.parse
from typing import Any

from nicegui import ui
from starlette.requests import Request

from taihang.app.api import language
from taihang.app.console import calls
from taihang.core import errors, i18n

LANGUAGE_COOKIE = "taihang_lang"


class Visit:
    """What a page function gets. `me` is the API's answer about the visitor, None before sign-in."""

    def __init__(self, request: Request) -> None:
        self.request = request
        asked = request.cookies.get(LANGUAGE_COOKIE, "")
        chosen = language.chosen(request.headers.get("accept-language", ""))
        self.language: i18n.Language = "zh" if asked == "zh" else "en" if asked == "en" else chosen
        kept = {name: value for name, value in request.cookies.items() if name in {"taihang", "__Host-taihang"}}
        cookie = "; ".join(f"{name}={value}" for name, value in kept.items())
        self.api = calls.Calls(cookie, self.language, request.client.host if request.client else "")
        self.me: dict[str, Any] | None = None
        self.query: dict[str, str] = dict(request.query_params)
        self._people: dict[str, str] | None = None

    @property
    def path(self) -> dict[str, str]:
        """The parts of the address that name things."""
        return {name: str(value) for name, value in self.request.path_params.items()}

    def t(self, key: str, **values: Any) -> str:
        """A text of the console (`page.key`), or of another package (`package:key`)."""
        return i18n.text(key if ":" in key else f"app.console:{key}", self.language, **values)

    def both(self, text: dict[str, str] | i18n.Text | None) -> str:
        """A text that came in both languages."""
        if text is None:
            return ""
        return text.in_(self.language) if isinstance(text, i18n.Text) else str(text.get(self.language, ""))

    def may(self, action: str) -> bool:
        """Whether the visitor's roles allow this somewhere; what is offered, not what is permitted."""
        allowed = (self.me or {}).get("actions")
        return allowed is None or action in allowed

    async def people(self) -> dict[str, str]:
        """Names of accounts by id, as far as the visitor may know them; always the visitor's own."""
        if self._people is None:
            me = self.me or {}
            self._people = {str(me.get("id", "")): str(me.get("name") or me.get("login") or "")}
            with contextlib.suppress(errors.TaihangError):
                async for one in self.api.every("users"):
                    self._people[one["account_id"]] = one["name"] or one["login"]
        return self._people

    def person(self, id: str) -> str:
        """A name for an account's id, once `people` was asked; else the id."""
        return (self._people or {}).get(id) or id

    def state(self, **changes: Any) -> None:
        """Put the page's state into the address, without loading it anew; empty values go."""
        self.query = {k: str(v) for k, v in {**self.query, **changes}.items() if v not in (None, "")}
        shown = urllib.parse.urlencode(self.query)
        ui.navigate.history.replace(self.request.url.path + (f"?{shown}" if shown else ""))

    def say(self, key: str, **values: Any) -> None:
        """A short word that goes away."""
        ui.notify(self.t(key, **values), type="positive", position="top-right")

    def complain(self, error: errors.TaihangError) -> None:
        """What went wrong, in one line that stays until it is closed; whose session is over signs in again."""
        if isinstance(error, calls.SignedOut):
            ui.run_javascript("taihang.signIn()")
            return
        ui.notify(
            error.message.in_(self.language), type="negative", position="top", timeout=0, close_button=self.t("close")
        )


async def enter(visit: Visit) -> bool:
    """Find out who looks. False when nobody is signed in. Raises errors.Failure."""
    try:
        visit.me = await visit.api.get("me")
    except errors.Forbidden:
        return False
    except errors.UserError:
        return False
    visit.api.csrf = str((visit.me or {}).get("csrf") or "")
    return True
