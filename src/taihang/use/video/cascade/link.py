"""Link: segments to the cloud, gravest first, over a line that may be cut, slow or flapping; and its answers back.

What the cloud says is checked against what was sent: an answer to another thing, a second one, or one that
contradicts the first changes nothing and is counted.
"""

from __future__ import annotations

import base64
import contextlib
import contextvars
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pydantic

from taihang.core import errors, ids, words
from taihang.engines.notify import channel, settings, webhook
from taihang.use.video.cascade import spool

TOPIC = "edge.segment"
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0
_ASK_S = 5.0
_MOST_ASKED = 200


class Answer(words.Word):
    """What the cloud says of one segment: `violated` None when it could not tell either."""

    id: str
    sha256: words.Sha256
    violated: bool | None
    by: str = pydantic.Field(max_length=200)
    text: str = pydantic.Field(default="", max_length=4000)


class _Said(pydantic.BaseModel):
    id: str = ""
    sha256: str = ""
    answers: list[Any] = []


class Sent:
    """What was sent and not yet answered, in a file that survives."""

    def __init__(self, folder: Path, late_s: float) -> None:
        self._file, self._answers = folder / "sent.jsonl", folder / "answers.jsonl"
        self.late_s = late_s
        self.counts: Counter[str] = Counter()
        self.known: dict[str, dict[str, Any]] = {}
        for row in _rows(self._file):
            self.known[str(row.get("id"))] = row
        self.answered = {str(row.get("id")): row for row in _rows(self._answers)}

    def note(self, entry: spool.Entry, facts: Mapping[str, Any]) -> None:
        """It was taken by the cloud."""
        row = {"id": entry.id, "sha256": entry.sha256, "at": time.time()}
        row |= {
            name: facts.get(name)
            for name in ("stream", "rule", "level", "path", "drawn", "cleared", "bounded", "score")
        }
        self.known[entry.id] = row
        _append(self._file, row)

    def waiting(self) -> list[str]:
        """Ids without an answer, the newest last."""
        return [name for name in self.known if name not in self.answered]

    def take(self, raw: Any) -> tuple[Answer, dict[str, Any]] | None:
        """The answer with what was sent, when it is the first and fits; else it is counted and None."""
        try:
            one = Answer.model_validate(raw)
        except pydantic.ValidationError:
            self.counts["malformed"] += 1
            return None
        row = self.known.get(one.id)
        if row is None or row.get("sha256") != one.sha256:
            self.counts["not ours"] += 1
            return None
        before = self.answered.get(one.id)
        if before is not None:
            self.counts["twice" if before.get("violated") == one.violated else "contradicts"] += 1
            return None
        if time.time() - float(row.get("at") or 0) > self.late_s:
            self.counts["late"] += 1
        self.counts["taken"] += 1
        told = one.model_dump(mode="json")
        self.answered[one.id] = told
        _append(self._answers, {**told, "at": time.time()})
        return one, row


class Link:
    """A thread that empties a spool to one cloud. `heard` is told each answer with what was sent."""

    def __init__(
        self,
        url: str,
        secret: str | None,
        kept: spool.Spool,
        sent: Sent,
        *,
        node: str,
        heard: Callable[[Answer, Mapping[str, Any]], None],
        say: Callable[[str], None],
    ) -> None:
        self._url, self._node, self._heard, self._say = url.rstrip("/"), node, heard, say
        self._secret = secret.encode() if secret else None
        self.spool, self.sent = kept, sent
        self.up = False
        self.tries: Counter[str] = Counter()
        self._limits = settings.Settings.current().model_copy(update={"private_hosts": "*"})
        self._wake, self._over = threading.Event(), threading.Event()
        self._asked = 0.0
        self._thread = threading.Thread(
            target=contextvars.copy_context().run, args=(self._run,), name="link", daemon=True
        )

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Something new waits."""
        self._wake.set()

    def close(self, wait_s: float) -> None:
        """Let what waits go for `wait_s` while the link is up; the rest stays on the disk."""
        until = time.monotonic() + wait_s
        while self.up and len(self.spool) and time.monotonic() < until:
            time.sleep(0.02)
        self._over.set()
        self._wake.set()
        self._thread.join(2.0)

    def _run(self) -> None:
        pause = _FIRST_PAUSE_S
        while not self._over.is_set():
            try:
                busy = self._one() or self._ask()
            except (errors.TaihangError, OSError, ValueError) as error:
                if self.up or not self.tries["failed"]:
                    self._say(str(error))
                self.up = False
                self.tries["failed"] += 1
                # Nodes of one site that lost their line do not all come back in one moment.
                self._over.wait(pause * (0.75 + 0.5 * random.random()))  # noqa: S311 - spreads, hides nothing
                pause = min(pause * 2, _LONGEST_PAUSE_S)
                continue
            pause = _FIRST_PAUSE_S
            if not busy:
                self._wake.wait(0.5)
                self._wake.clear()

    def _one(self) -> bool:
        """Send the gravest; True when there was one."""
        entry = self.spool.next()
        if entry is None:
            return False
        try:
            facts, film = entry.facts(), entry.film()
            body = {"node": self._node, "id": entry.id, "sha256": entry.sha256, "facts": entry.body().decode(),
                    "clip": base64.b64encode(film).decode()}  # fmt: skip
            said = self._post("/v1/segments", body, entry.id)
            if (said.id, said.sha256) != (entry.id, entry.sha256):
                # Whoever answered has not taken this segment: it is not given up.
                self.sent.counts["acknowledged wrongly"] += 1
                raise ValueError(f"{self._url}: acknowledged {said.id or '-'} for {entry.id}")
        except BaseException:
            self.spool.back(entry)
            raise
        self.sent.note(entry, facts)
        self.spool.done(entry)
        self._take(said)
        return True

    def _ask(self) -> bool:
        """Ask for answers now and then."""
        if time.monotonic() - self._asked < _ASK_S:
            return False
        self._asked = time.monotonic()
        waiting = self.sent.waiting()[-_MOST_ASKED:]
        self._take(self._post("/v1/answers", {"node": self._node, "ids": waiting}, ids.fresh_id("ask")))
        return False

    def _post(self, path: str, body: Mapping[str, Any], ident: str) -> _Said:
        to = channel.Webhook(kind="webhook", url=self._url + path)
        data = json.dumps(body, ensure_ascii=False).encode()
        raw = webhook.post(
            to, data, ident=ident, topic=TOPIC, at=int(time.time()), secret=self._secret, limits=self._limits
        )
        try:
            said = _Said.model_validate_json(raw)
        except pydantic.ValidationError:
            self.sent.counts["malformed"] += 1
            raise ValueError(f"{self._url}: no answer of ours") from None
        if not self.up:
            self.up = True
            self._say("")
        return said

    def _take(self, said: _Said) -> None:
        for raw in said.answers[:_MOST_ASKED]:
            got = self.sent.take(raw)
            if got is not None:
                self._heard(*got)


def _rows(file: Path) -> list[dict[str, Any]]:
    """The whole lines of a file of JSON lines; a last one that was cut off is left out, and ended."""
    found = []
    if file.exists():
        text = file.read_text(encoding="utf-8", errors="replace")
        if text and not text.endswith("\n"):
            with file.open("a", encoding="utf-8") as out:
                out.write("\n")
        for line in text.splitlines():
            with contextlib.suppress(ValueError):
                row = json.loads(line)
                if isinstance(row, dict):
                    found.append(row)
    return found


def _append(file: Path, row: Mapping[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as out:
        out.write(json.dumps(row, ensure_ascii=False) + "\n")
