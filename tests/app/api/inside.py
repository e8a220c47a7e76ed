"""Inside: the typed client's way to an application in this process."""

from __future__ import annotations

import httpx
from fixtures import platforms


class Inside(httpx.BaseTransport):
    """To the application in this process."""

    def __init__(self, one: platforms.Running) -> None:
        self._client = one.client()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._client.request(request.method, str(request.url), content=request.read(), headers=request.headers)
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)
