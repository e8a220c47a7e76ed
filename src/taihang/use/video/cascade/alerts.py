"""Alerts: a violation told to people and programs outside as soon as it is seen, kept until they have it."""

from __future__ import annotations

import base64
import datetime
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from taihang.core import finding as findings
from taihang.core import i18n, ids, words
from taihang.engines.notify import channel, mqtt, settings, webhook
from taihang.use.video.cascade import sending, spool

TOPIC = "edge.alert"
_LONGEST_PAUSE_S = 60.0
_INLINE = 2 << 20  # clips beyond are named by their hash alone
_INLINE_CONSOLE = 700 << 10  # an API takes a megabyte in one body, unless somebody allowed more
_MOST_BYTES = 256 << 20
_ROUTE = "/api/v1/alerts"
_FOR_CONSOLE = ("id", "stream", "synthetic", "finding", "frame_at", "clip", "clip_from_s")

Send = Callable[[spool.Entry], None]


def alert(
    stream: str, one: findings.Finding, scene: Mapping[str, Any], times: Mapping[str, float], *, synthetic: bool
) -> dict[str, Any]:
    """The facts of an alert. `times`: wall-clock seconds of the stream's `zero` and of `frame`; `clip`: seconds of the
    stream at which the clip begins. `synthetic`: the pictures were rendered."""
    zero = times["zero"]
    return {
        "taihang": "alert/1",
        "id": ids.fresh_id("alert"),
        "stream": stream,
        "synthetic": synthetic,
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
        "clip_from_s": round(times["clip"], 3),
        "finding": one.model_dump(mode="json"),
        "scene": dict(scene),
    }


def moment(wall: float) -> str:
    """Seconds since 1970 as ISO 8601 in UTC."""
    return datetime.datetime.fromtimestamp(wall, datetime.UTC).isoformat(timespec="milliseconds")


class Desk:
    """One sink, with a spool of its own, and a thread that empties it."""

    def __init__(self, name: str, send: Send, folder: Path, say: Callable[[str], None]) -> None:
        self.name, self._send = name, send
        self.spool = spool.Spool(folder, _MOST_BYTES)
        self.sent = self.refused = 0
        self._say: Callable[[str], None] = lambda why: say(f"{name}: {why}")
        self._thread = sending.Sending(f"alerts {name}", self.spool, self._one, self._say, longest_s=_LONGEST_PAUSE_S)
        self._thread.start()

    @property
    def failed(self) -> int:
        """How often the sink did not take one."""
        return self._thread.failed

    def put(self, facts: Mapping[str, Any], film: bytes, level: words.Level) -> None:
        """Keep an alert for this sink. Grave ones are never dropped."""
        rank = (-float(level.rank), time.time())
        self.spool.put(facts["id"], rank, facts, film, keep=level.reaches(words.Level.yellow), level=str(level))
        self._thread.wake()

    def close(self, wait_s: float) -> None:
        """Give what waits `wait_s` to leave; the rest stays on the disk."""
        self._thread.close(wait_s)

    def _one(self) -> bool:
        entry = self.spool.next()
        if entry is None:
            return False

        def send() -> bool:
            self._send(entry)
            return True

        def refusal(error: webhook.Undelivered, first: bool) -> None:
            self.refused += 1
            if first:
                self._say(i18n.text("use.video:edge.refused", id=entry.id, reason=str(error)))

        if sending.handed(self.spool, entry, send, refusal):
            self.spool.done(entry)
            self.sent += 1
            self._thread.reached()
        return True


def body(entry: spool.Entry, inline: int = _INLINE) -> dict[str, Any]:
    """What is sent: the facts, when it left, and the clip (in base64 up to `inline` bytes)."""
    facts, film = entry.facts(), entry.film()
    clip: dict[str, Any] | None = None
    if film:
        clip = {"sha256": ids.digest(film), "bytes": len(film), "type": "video/mp4"}
        if len(film) <= inline:
            clip["base64"] = base64.b64encode(film).decode()
    return {**facts, "left_at": moment(time.time()), "clip": clip}


def sender(address: str, secret: str | None) -> Send:
    """How to reach a sink. The operator named it, so it may be inside. Raises errors.UserError, errors.MissingExtra."""
    limits = settings.Settings.current().model_copy(update={"private_hosts": "*"})
    if address.startswith("mqtt"):
        publisher = mqtt.Publisher(address, secret, limits)
        return lambda entry: publisher.send(_json(body(entry)))
    to = channel.Webhook(kind="webhook", url=address)
    key = secret.encode() if secret else None

    def post(entry: spool.Entry) -> None:
        webhook.post(
            to, _json(body(entry)), ident=entry.id, topic=TOPIC, at=int(time.time()), secret=key, limits=limits
        )

    return post


def reporter(console: str, token: str, node: str) -> Send:
    """How to reach a console: its route for alerts, as the account whose token this is."""
    limits = settings.Settings.current().model_copy(update={"private_hosts": "*"})
    to = channel.Webhook(kind="webhook", url=console.rstrip("/") + _ROUTE)

    def post(entry: spool.Entry) -> None:
        told = body(entry, _INLINE_CONSOLE)
        given = {name: told[name] for name in _FOR_CONSOLE if name in told} | {"node": node}
        # Pictures and numbers of frames are the stream's, which the console does not have: its evidence is the clip.
        given["finding"] = {**told["finding"], "evidence": told["finding"]["evidence"][:1]}
        webhook.post(
            to, _json(given), ident=entry.id, topic=TOPIC, at=int(time.time()), secret=None, limits=limits, token=token
        )

    return post


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def place(folder: Path, address: str) -> Path:
    """Where what waits for one sink lies."""
    return folder / ids.digest(address.encode())[:12]
