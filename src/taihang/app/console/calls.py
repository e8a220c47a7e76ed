"""Calls: the console asks the API, in this process, with the visitor's own cookie. So it can do nothing more."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from typing import Any

import fastapi
import httpx

from taihang.app.client import wire
from taihang.core import errors

_API: dict[str, fastapi.FastAPI] = {}
_BASE = "http://localhost/api/v1/"


def connect(api: fastapi.FastAPI) -> None:
    """The API that is asked from now on."""
    _API["now"] = api


class SignedOut(errors.Forbidden):
    """The visitor's session is over: it was ended, or it was left alone for too long."""


class Calls:
    """The API for one visitor. What it refuses is raised as of the error tree, in the visitor's language."""

    def __init__(self, cookie: str, language: str, address: str) -> None:
        self.csrf = ""
        transport = httpx.ASGITransport(app=_API["now"], client=(address or "127.0.0.1", 0))
        headers = {"Accept-Language": language}
        if cookie:
            headers["Cookie"] = cookie
        self._http = httpx.AsyncClient(transport=transport, base_url=_BASE, headers=headers, timeout=60.0)

    async def ask(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        key: str = "",
    ) -> httpx.Response:
        """One call of the API; with the same `key` a POST is the same one.

        Raises errors.UserError and its kinds, errors.Failure.
        """
        more = {"X-CSRF-Token": self.csrf} if method not in {"GET", "HEAD"} and self.csrf else {}
        if method == "POST":
            more["Idempotency-Key"] = key or secrets.token_hex(16)
        given = {name: value for name, value in (params or {}).items() if value not in (None, "")}
        answer = await self._http.request(
            method, path, json=json, params=given, headers={**more, **(headers or {})}, content=content
        )
        if not answer.is_success:
            error = wire.problem(answer)
            raise SignedOut(error.message.key, **error.message.values) if answer.status_code == 401 else error
        return answer

    async def get(self, path: str, **params: Any) -> Any:
        """The answer's JSON."""
        return (await self.ask("GET", path, params=params)).json()

    async def post(self, path: str, json: Any = None, *, revision: int | None = None, key: str = "") -> Any:
        """The answer's JSON, or None; `revision` is the one that the visitor has seen."""
        headers = {} if revision is None else {"If-Match": f'"{revision}"'}
        answer = await self.ask("POST", path, json=json, headers=headers, key=key)
        return answer.json() if answer.content else None

    async def every(self, path: str, most: int = 1000, **params: Any) -> AsyncIterator[dict[str, Any]]:
        """The items of all pages, at most `most`."""
        after, count = None, 0
        while True:
            page = await self.get(path, **params, after=after, limit=200)
            for one in page["items"]:
                yield one
                count += 1
                if count >= most:
                    return
            after = page["next"]
            if after is None:
                return
