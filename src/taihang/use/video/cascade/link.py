"""Link: segments to the cloud, gravest first, over a line that may be cut, slow or flapping; and its answers back.

What the cloud says is checked against what was sent: an answer to another thing, a second one, or one that
contradicts the first changes nothing and is counted.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pydantic

from taihang.core import errors, i18n, ids, words
from taihang.engines import stages
from taihang.engines.notify import channel, settings, webhook
from taihang.use.video.cascade import sending, spool

TOPIC = "edge.segment"
_LONGEST_PAUSE_S = 30.0
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
    """What was sent, and what was answered, in files that survive.

    Of more than `most` the oldest go, answered ones first; what the audit must not forget of them stays in `past`:
    violations drawn by lot, and misses among them, by rule.
    """

    def __init__(self, folder: Path, late_s: float, most: int = 20_000) -> None:
        self._file, self._answers = folder / "sent.jsonl", folder / "answers.jsonl"
        self.late_s, self.most = late_s, most
        self.counts: Counter[str] = Counter()
        self.known: dict[str, dict[str, Any]] = {}
        self.past: dict[str, tuple[int, int]] = {}
        self._owed: list[tuple[Path, dict[str, Any]]] = []
        for row in _rows(self._file):
            if isinstance(row.get("past"), dict):
                self.past = {str(k): (int(v[0]), int(v[1])) for k, v in row["past"].items()}
            else:
                self.known[str(row.get("id"))] = row
        told = {str(row.get("id")): row for row in _rows(self._answers)}
        self.answered = {name: row for name, row in told.items() if name in self.known}
        self._trim()

    def note(self, entry: spool.Entry, facts: Mapping[str, Any]) -> None:
        """It was taken by the cloud."""
        row = {"id": entry.id, "sha256": entry.sha256, "at": time.time()}
        row |= {
            name: facts.get(name)
            for name in ("stream", "rule", "level", "path", "drawn", "cleared", "bounded", "score")
        }
        self.known[entry.id] = row
        self._write(self._file, row)
        self._trim()

    def drawn(self) -> dict[str, tuple[int, int]]:
        """Violations among the segments drawn by lot, and how many of them the edge had cleared, by rule."""
        found = dict(self.past)
        for name, told in list(self.answered.items()):  # another thread may add one
            row = self.known.get(name, {})
            if row.get("drawn") and told.get("violated"):
                violations, missed = found.get(str(row.get("rule")), (0, 0))
                found[str(row.get("rule"))] = violations + 1, missed + bool(row.get("cleared"))
        return found

    def _trim(self) -> None:
        """Back to three quarters, in two files that each appear in one rename."""
        if len(self.known) <= self.most:
            return
        order = [n for n in self.known if n in self.answered] + [n for n in self.known if n not in self.answered]
        gone = set(order[: len(order) - self.most * 3 // 4])
        self.counts["forgotten"] += sum(n not in self.answered for n in gone)
        whole = self.drawn()
        answered = {n: row for n, row in self.answered.items() if n not in gone}
        self.known = {n: row for n, row in self.known.items() if n not in gone}
        self.past, self.answered = {}, answered
        rest = self.drawn()
        self.past = {r: (v - rest.get(r, (0, 0))[0], m - rest.get(r, (0, 0))[1]) for r, (v, m) in whole.items()}
        # First what was sent: an answer to what is not there counts for nothing, so that none is counted twice.
        try:
            _whole(self._file, [{"past": self.past}, *self.known.values()])
            _whole(self._answers, self.answered.values())
        except errors.Failure:  # the old files stay, longer than they need be
            self.counts["not written"] += 1

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
        self._write(self._answers, {**told, "at": time.time()})
        return one, row

    def _write(self, file: Path, row: dict[str, Any]) -> None:
        """Add a line; what a full disk does not take now is written with the next one, and goes on in memory."""
        self._owed.append((file, row))
        try:
            while self._owed:
                _append(*self._owed[0])
                del self._owed[0]
        except OSError:
            self.counts["not written"] += 1
            del self._owed[: -self.most]


class Link:
    """A thread that empties a spool to one cloud. `heard` is told each answer with what was sent.

    `say` is told why the line is down, and "" when it is up again; `tell` what the cloud refuses.
    """

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
        tell: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self._tell = tell
        self._url, self._node, self._heard, self._say = url.rstrip("/"), node, heard, say
        self._secret = secret.encode() if secret else None
        self.spool, self.sent = kept, sent
        self._limits = settings.Settings.current().model_copy(update={"private_hosts": "*"})
        self._asked, self._turn = 0.0, 0
        self._thread = sending.Sending("link", kept, self._work, say, longest_s=_LONGEST_PAUSE_S)

    @property
    def up(self) -> bool:
        """Whether the cloud answered last."""
        return bool(self._thread.up)

    @property
    def failed(self) -> int:
        """How often it did not."""
        return self._thread.failed

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Something new waits."""
        self._thread.wake()

    def close(self, wait_s: float) -> None:
        """Let what waits go for `wait_s` unless the link is down; the rest stays on the disk."""
        self._thread.close(wait_s)

    def _work(self) -> bool:
        return self._one() or self._ask()

    def _one(self) -> bool:
        """Send the gravest; True when there was one."""
        entry = self.spool.next()
        if entry is None:
            return False

        def send() -> tuple[dict[str, Any], _Said]:
            facts, film = entry.facts(), entry.film()
            body = {"node": self._node, "id": entry.id, "sha256": entry.sha256, "facts": entry.body().decode(),
                    "clip": base64.b64encode(film).decode()}  # fmt: skip
            said = self._post("/v1/segments", body, entry.id)
            if (said.id, said.sha256) != (entry.id, entry.sha256):
                # Whoever answered has not taken this segment: it is not given up.
                self.sent.counts["acknowledged wrongly"] += 1
                raise ValueError(f"{self._url}: acknowledged {said.id or '-'} for {entry.id}")
            return facts, said

        def refusal(error: webhook.Undelivered, first: bool) -> None:
            self.sent.counts["refused"] += 1
            self._thread.reached()
            if first:
                self._tell(i18n.text("use.video:edge.refused", id=entry.id, reason=str(error)))

        taken = sending.handed(self.spool, entry, send, refusal)
        if taken is not None:
            facts, said = taken
            self.sent.note(entry, facts)
            self.spool.done(entry)
            self._take(said)
        return True

    def _ask(self) -> bool:
        """Ask for answers now and then."""
        if time.monotonic() - self._asked < _ASK_S:
            return False
        self._asked = time.monotonic()
        every = self.sent.waiting()
        # In turns: an answer to an old one must come back, too.
        self._turn = self._turn if self._turn < len(every) else 0
        waiting = every[self._turn : self._turn + _MOST_ASKED]
        self._turn += _MOST_ASKED
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
        if self._thread.reached():
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
        for line in text.split("\n"):  # an answer's text may hold other ends of lines
            with contextlib.suppress(ValueError):
                row = json.loads(line)
                if isinstance(row, dict):
                    found.append(row)
    return found


def _whole(file: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    stages.write_bytes(file, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())


def _append(file: Path, row: Mapping[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab+") as out:
        if out.tell() and (out.seek(-1, os.SEEK_END), out.read(1))[1] != b"\n":
            out.write(b"\n")  # a full disk took half a line
        out.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
