"""Wire: requests to a server, tried again where that is safe, and its problems as our errors."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from typing import Any

import httpx

from taihang.core import errors, i18n, ids

_SAFE = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
_AGAIN = frozenset({429, 502, 503, 504})
_TRIES = 6
_LONGEST_WAIT_S = 30.0


class Unreachable(errors.Failure, errors.Transient):
    """The server does not answer."""


class Limited(errors.UserError, errors.Transient):
    """The server says: later, or less."""


class Wire:
    """One server and who calls it."""

    def __init__(
        self, server: str, token: str | None, *, timeout_s: float, transport: httpx.BaseTransport | None = None
    ) -> None:
        base = server.rstrip("/")
        if not base.startswith(("http://", "https://")):
            raise errors.UserError("app.client:server", server=server)
        headers: dict[str, str] = {"Accept-Language": i18n.current()}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        try:
            self.http = httpx.Client(
                base_url=f"{base}/api/v1/", headers=headers, timeout=timeout_s, transport=transport, trust_env=False
            )
        except (httpx.InvalidURL, UnicodeEncodeError):
            raise errors.UserError("app.client:server", server=server) from None

    def call(
        self,
        method: str,
        path: str,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        allowed: frozenset[int] = frozenset(),
        **more: Any,
    ) -> httpx.Response:
        """The answer. A POST is tried again only with a key, which makes it safe.

        Raises core errors for problems (`allowed` statuses are returned), Unreachable.
        """
        given = dict(headers or {})
        if key is not None:
            given["Idempotency-Key"] = key
        again = method in _SAFE or key is not None
        for attempt in range(_TRIES):
            last = attempt == _TRIES - 1 or not again
            try:
                answer = self.http.request(method, path, headers=given, **more)
            except httpx.HTTPError as error:
                if last:
                    raise Unreachable("app.client:away", server=str(self.http.base_url), reason=str(error)) from error
                time.sleep(_pause(attempt, None))
                continue
            if answer.status_code in _AGAIN and not last:
                time.sleep(_pause(attempt, answer.headers.get("retry-after")))
                continue
            if answer.is_success or answer.status_code in allowed:
                return answer
            raise problem(answer)
        raise AssertionError

    def fresh_key(self) -> str:
        """A key for one call that must not be made twice."""
        return ids.fresh_id("call")

    def close(self) -> None:
        """Give the connections back."""
        self.http.close()


def problem(answer: httpx.Response) -> errors.TaihangError:
    """The error that a server's problem stands for."""
    status = answer.status_code
    try:
        detail = str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        detail = f"HTTP {status}"
    kind: type[errors.TaihangError] = errors.Failure if status >= 500 else errors.UserError
    kind = {401: errors.Forbidden, 403: errors.Forbidden, 404: errors.NotFound}.get(status, kind)
    kind = {409: errors.Conflict, 412: errors.Conflict, 423: Limited, 429: Limited, 503: Unreachable}.get(status, kind)
    return kind("app.client:told", detail=detail)


def _pause(attempt: int, told: str | None) -> float:
    if told is not None and told.isdigit():
        return min(float(told), _LONGEST_WAIT_S)
    return min(0.2 * float(2**attempt), 5.0) * random.uniform(0.5, 1.0)  # noqa: S311 - spreads the retries, guards nothing
