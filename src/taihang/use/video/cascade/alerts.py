"""Alerts: a violation told to people and programs outside as soon as it is seen, kept until they have it."""

from __future__ import annotations

import base64
import contextvars
import datetime
import json
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from taihang.core import errors, ids, words
from taihang.core import finding as findings
from taihang.engines.notify import channel, mqtt, settings, webhook
from taihang.use.video.cascade import spool

TOPIC = "edge.alert"
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 60.0
_INLINE = 2 << 20  # clips beyond are named by their hash alone
_MOST_BYTES = 256 << 20

Send = Callable[[bytes, str], None]


def alert(stream: str, one: findings.Finding, scene: Mapping[str, Any], times: Mapping[str, float]) -> dict[str, Any]:
    """The facts of an alert. `times`: wall-clock seconds at which the stream's zero, `frame` and `left` were."""
    zero = times["zero"]
    return {
        "taihang": "alert/1",
        "id": ids.fresh_id("alert"),
        "stream": stream,
        "rule": one.rule.id,
        "rulebook": one.rule.rulebook,
        "rulebook_sha256": one.rule.rulebook_sha256,
        "level": str(one.level),
        "title": one.rule.title.model_dump(),
        "message": one.message.model_dump(),
        "place": one.place.model_dump(),
        "measured": one.measured,
        "since": moment(zero + (one.place.start_s or 0.0)),
        "frame_at": moment(times["frame"]),
        "scene": dict(scene),
    }


def moment(wall: float) -> str:
    """Seconds since 1970 as ISO 8601 in UTC."""
    return datetime.datetime.fromtimestamp(wall, datetime.UTC).isoformat(timespec="milliseconds")


class Desk:
    """One sink, with a spool of its own, and a thread that empties it."""

    def __init__(self, name: str, send: Send, folder: Path, say: Callable[[str], None]) -> None:
        self.name, self._send, self._say = name, send, say
        self.spool = spool.Spool(folder, _MOST_BYTES)
        self.sent = self.failed = 0
        self._down = False
        self._wake, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(
            target=contextvars.copy_context().run, args=(self._run,), name=f"alerts {name}", daemon=True
        )
        self._thread.start()

    def put(self, facts: Mapping[str, Any], film: bytes, level: words.Level) -> None:
        """Keep an alert for this sink. Grave ones are never dropped."""
        rank = (-float(level.rank), time.time())
        self.spool.put(facts["id"], rank, facts, film, keep=level.reaches(words.Level.yellow), level=str(level))
        self._wake.set()

    def close(self, wait_s: float) -> None:
        """Give what waits `wait_s` to leave; the rest stays on the disk."""
        until = time.monotonic() + wait_s
        while len(self.spool) and not self._down and time.monotonic() < until:
            time.sleep(0.02)
        self._over.set()
        self._wake.set()
        self._thread.join(2.0)

    def _run(self) -> None:
        pause = _FIRST_PAUSE_S
        while not self._over.is_set():
            entry = self.spool.next()
            if entry is None:
                self._wake.wait(1.0)
                self._wake.clear()
                continue
            try:
                self._send(body(entry), entry.id)
            except (errors.TaihangError, OSError, ValueError) as error:
                self.spool.back(entry)
                self.failed += 1
                if not self._down:
                    self._say(f"{self.name}: {error}")
                self._down = True
                self._over.wait(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_S)
            else:
                self.spool.done(entry)
                self.sent += 1
                self._down = False
                pause = _FIRST_PAUSE_S


def body(entry: spool.Entry) -> bytes:
    """What is sent: the facts, when it left, and the clip (in base64 where it is small)."""
    facts, film = entry.facts(), entry.film()
    clip = {"sha256": ids.digest(film), "bytes": len(film), "type": "video/mp4"} if film else None
    if clip is not None and len(film) <= _INLINE:
        clip["base64"] = base64.b64encode(film).decode()
    return json.dumps({**facts, "left_at": moment(time.time()), "clip": clip}, ensure_ascii=False).encode()


def sender(address: str, secret: str | None) -> Send:
    """How to reach a sink. The operator named it, so it may be inside. Raises errors.UserError, errors.MissingExtra."""
    limits = settings.Settings.current().model_copy(update={"private_hosts": "*"})
    if address.startswith("mqtt"):
        publisher = mqtt.Publisher(address, secret, limits)
        return lambda data, _ident: publisher.send(data)
    to = channel.Webhook(kind="webhook", url=address)
    key = secret.encode() if secret else None

    def post(data: bytes, ident: str) -> None:
        webhook.send(to, data, ident=ident, topic=TOPIC, at=int(time.time()), secret=key, limits=limits)

    return post


def place(folder: Path, address: str) -> Path:
    """Where what waits for one sink lies."""
    return folder / ids.digest(address.encode())[:12]
