"""Events: a job's server-sent events; a stream that breaks off is taken up where it was."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import httpx

from taihang.app.client import wire, words

_SILENCE_S = 60.0
_TRIES = 10


def watch(line: wire.Wire, job: str, after: int = 0) -> Iterator[words.Event]:
    """What happens to a job until it is over. Raises wire.Unreachable, core errors."""
    failed = 0
    while True:
        try:
            headers = {"Last-Event-ID": str(after), "Accept": "text/event-stream"}
            silence = httpx.Timeout(10.0, read=_SILENCE_S)
            with line.http.stream("GET", f"jobs/{job}/events", headers=headers, timeout=silence) as answer:
                if not answer.is_success:
                    answer.read()
                    error = wire.problem(answer)
                    if not isinstance(error, wire.Unreachable | wire.Limited):
                        raise error
                    raise httpx.ReadError(str(error))
                for number, name, data in _events(answer.iter_lines()):
                    if name == "end":
                        return
                    after, failed = number, 0
                    yield words.Event.model_validate({"number": number, **json.loads(data)})
        except httpx.HTTPError as error:
            failed += 1
            if failed == _TRIES:
                raise wire.Unreachable("app.client:away", server=str(line.http.base_url), reason=str(error)) from error
            time.sleep(min(0.2 * 2**failed, 5.0))


def _events(lines: Iterator[str]) -> Iterator[tuple[int, str, str]]:
    """(number, name, data) of each event; comments and the retry hint are passed over."""
    number, name, data = 0, "message", ""
    for text in lines:
        field, _, value = text.partition(": ")
        if not text:
            if data:
                yield number, name, data
            name, data = "message", ""
        elif field == "id" and value.isdigit():
            number = int(value)
        elif field == "event":
            name = value
        elif field == "data":
            data += value
