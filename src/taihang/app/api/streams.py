"""Streams: what happens to a job as server-sent events (HTML Standard, 9.2), resumable by Last-Event-ID.

Events are read from the store, so a stream may come from any process and after any restart. A client
that goes away ends its stream at the next write; nothing is kept for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

from taihang.app.api import faults

MEDIA_TYPE = "text/event-stream"
# What the document says of a stream is about each of its events.
EVENT: dict[str, Any] = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "event": {"type": "string"}, "data": {"type": "string"}},
}
_POLL_S = 0.3


class Streams:
    """At most `most` streams at once for one caller; all end when `stopping` says so."""

    def __init__(self, most: int, heartbeat_s: float) -> None:
        self._most = most
        self._heartbeat_s = heartbeat_s
        self._open: dict[str, int] = {}
        self.stopping = False

    @property
    def open(self) -> int:
        """How many streams there are."""
        return sum(self._open.values())

    def check(self, caller: str) -> None:
        """Nothing while the caller may have one stream more. Raises faults.Limited (429)."""
        if self._open.get(caller, 0) >= self._most:
            raise faults.Limited(429, "app.api:streams", most=self._most, after_s=5)

    @contextlib.contextmanager
    def place(self, caller: str) -> Iterator[None]:
        """A place for one stream."""
        self._open[caller] = self._open.get(caller, 0) + 1
        try:
            yield
        finally:
            self._open[caller] -= 1
            if not self._open[caller]:
                del self._open[caller]

    async def events(
        self, caller: str, read: Callable[[int], tuple[Sequence[tuple[int, str, Any]], bool]], after: int
    ) -> AsyncIterator[bytes]:
        """Bytes of a stream. `read(after)` gives (number, name, data) of newer events, and whether all came."""
        with self.place(caller):
            yield b"retry: 2000\n\n"
            spoke = time.monotonic()
            while not self.stopping:
                found, ended = await asyncio.to_thread(read, after)
                for number, name, data in found:
                    after = number
                    yield _event(number, name, data)
                    spoke = time.monotonic()
                if ended:
                    yield b"event: end\ndata: {}\n\n"
                    return
                if time.monotonic() - spoke >= self._heartbeat_s:
                    yield b": still here\n\n"
                    spoke = time.monotonic()
                await asyncio.sleep(_POLL_S)


def _event(number: int, name: str, data: Any) -> bytes:
    # JSON has no raw line break, so one data line holds it.
    return f"id: {number}\nevent: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
