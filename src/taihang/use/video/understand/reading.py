"""Reading: every window is put to the model once, its answer kept; no fault of the model or its server ends the walk.

Answers that were given are kept under a hash of all that was asked, so that a killed job pays for none of them twice;
what did not come about (no connection, a stall, an empty purse) is asked anew by the next run.
"""

from __future__ import annotations

import contextvars
import dataclasses
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent import futures
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa

from taihang.core import i18n, ids, job, words
from taihang.engines import stages
from taihang.engines.media import clips, frames
from taihang.engines.predict import allowance, chat, speaker
from taihang.use.video import scope
from taihang.use.video.understand import asking, windows

# What asking again another day may change; everything else is an answer that was paid for.
_PASSING = frozenset({"unreachable", "stalled", "status", "denied", "no_chat", "broken", "allowance", "calls"})
_STOP_AFTER = 3  # calls in a row that met nobody: the rest would meet nobody, too
_NOBODY = frozenset({"unreachable", "denied", "broken"})
_CODE = ("taihang.use.video.understand", "taihang.engines.predict.said")
_POLL_S = 0.2


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of whom, about which film."""

    path: Path
    video: words.Sha256
    packets: pa.Table
    model: speaker.Speaker
    settings: speaker.Settings
    questions: tuple[scope.Question, ...]
    store: stages.Stages
    progress: job.Progress
    language: i18n.Language


@dataclasses.dataclass(frozen=True, slots=True)
class Answered:
    """One window and what came of it. `kept`: from an earlier run; `detail` is a status, never the model's words."""

    window: windows.Window
    judged: asking.Judged
    detail: str = ""
    kept: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Understood:
    """All windows in order, and what they took."""

    asked: Asked
    answers: tuple[Answered, ...]
    usage: allowance.Usage
    cost: float

    def outcomes(self) -> dict[str, int]:
        """How many windows had which outcome."""
        found: dict[str, int] = {}
        for one in self.answers:
            found[one.judged.outcome] = found.get(one.judged.outcome, 0) + 1
        return found


class _Passing(Exception):
    """An answer that is not kept."""

    def __init__(self, outcome: str, detail: str) -> None:
        self.outcome, self.detail = outcome, detail


def read(asked: Asked, found: Sequence[windows.Window]) -> Understood:
    """Put every window to the model: those with events first, some side by side, each told what was before it.

    Raises errors.Cancelled; what was answered by then is kept.
    """
    work = _Work(asked, len(found))
    order = [w for w in found if w.event] + [w for w in found if not w.event]
    for window in order[asked.settings.calls :]:
        work.answers[window] = Answered(window, asking.Judged("calls"))
    allowed = set(order[: asked.settings.calls])
    for event in (True, False):
        work.run([w for w in found if w.event is event and w in allowed])
    spent = asked.model.allowance
    return Understood(asked, tuple(work.answers[w] for w in found), spent.spent, spent.cost)


class _Work:
    """The answers so far, and the threads that gather them."""

    def __init__(self, asked: Asked, total: int) -> None:
        self.asked, self.total = asked, total
        self.answers: dict[windows.Window, Answered] = {}
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._met_nobody = 0
        self._key = _key(asked)

    def run(self, found: Sequence[windows.Window]) -> None:
        """Some windows: as many runs of neighbours as the model answers side by side."""
        progress = self.asked.progress
        progress.update("use.video:stage.understand", len(self.answers), self.total)
        runs = _runs(found, self.asked.model.concurrency)
        if not runs:
            return
        with futures.ThreadPoolExecutor(len(runs)) as pool:
            waiting = {pool.submit(contextvars.copy_context().run, self._chain, run) for run in runs}
            try:
                while waiting:
                    done, waiting = futures.wait(waiting, _POLL_S, return_when=futures.FIRST_EXCEPTION)
                    for one in done:
                        one.result()
                    progress.update("use.video:stage.understand", len(self.answers), self.total)
            finally:
                self._stop.set()  # the threads end after the call that they are in
        self._stop.clear()

    def _chain(self, run: Sequence[windows.Window]) -> None:
        note = ""
        for window in run:
            if self._stop.is_set():
                return
            answer = self._one(window, note)
            note = answer.judged.summary
            with self._lock:
                self.answers[window] = answer

    def _one(self, window: windows.Window, note: str) -> Answered:
        asked = self.asked
        if self._met_nobody >= _STOP_AFTER:
            return Answered(window, asking.Judged("unreachable"))
        fresh: list[allowance.Usage] = []
        # The note is left out of the key: it depends on what was answered before, and an answer is not paid twice.
        key = {**self._key, "frames": list(window.numbers)}
        try:
            kept = asked.store.table("understand", key, lambda: self._made(window, note, fresh))
        except _Passing as passing:
            with self._lock:
                self._met_nobody = self._met_nobody + 1 if passing.outcome in _NOBODY else 0
            return Answered(window, asking.Judged(passing.outcome), passing.detail)
        self._met_nobody = 0
        row = kept.to_pylist()[0]
        if not fresh:
            asked.model.allowance.count(allowance.Usage(row["prompt"], row["completion"], row["estimated"]))
        judged = asking.Judged(row["outcome"])
        if row["value"]:
            judged = asking.judged(asking.Reading.model_validate_json(row["value"]), window, asked.questions)
        return Answered(window, judged, row["detail"], kept=not fresh)

    def _made(self, window: windows.Window, note: str, fresh: list[allowance.Usage]) -> pa.Table:
        asked = self.asked
        pictures = list(_pictures(asked, window))
        if len(pictures) < len(window.numbers):
            raise _Passing("status", "")  # frames that decoded before do not now
        question = asking.messages(window, pictures, asked.questions, note, asked.language)
        answer = asked.model.ask(question, asking.form(window, asked.questions))
        if answer.outcome in _PASSING:
            raise _Passing(answer.outcome, answer.detail)
        fresh.append(answer.usage)
        row: Mapping[str, Any] = {
            "outcome": answer.outcome,
            "value": answer.value.model_dump_json() if answer.value is not None else "",
            "detail": "" if answer.outcome in ("ok", "refusal") else asking.plain(answer.detail, 200),
            "prompt": answer.usage.prompt,
            "completion": answer.usage.completion,
            "estimated": answer.usage.estimated,
            "model": answer.model or "",
        }
        return pa.Table.from_pylist([dict(row)])


def _key(asked: Asked) -> dict[str, Any]:
    """Everything that decides an answer, but for the frames."""
    model = asked.model
    return {
        "video": asked.video,
        "model": [model.name, model.version, model.sha256],
        "questions": ids.digest_json(json.loads(json.dumps([q.model_dump() for q in asked.questions]))),
        "language": asked.language,
        "longest_px": asked.settings.longest_px,
        "max_tokens": asked.settings.max_tokens,
        "code": stages.code_version(*_CODE),
    }


def _runs(found: Sequence[windows.Window], count: int) -> list[list[windows.Window]]:
    """Neighbours together, in at most `count` runs of about one length."""
    parts = np.array_split(np.arange(len(found)), min(count, len(found))) if found else []
    return [[found[int(i)] for i in part] for part in parts if len(part)]


def _pictures(asked: Asked, window: windows.Window) -> Iterator[chat.Image]:
    for shot in frames.frames(asked.path, window.numbers, asked.packets):
        height, width = shot.image.shape[:2]
        factor = min(1.0, asked.settings.longest_px / max(height, width))
        size = (max(1, round(width * factor)), max(1, round(height * factor)))
        small = cv2.resize(shot.image, size, interpolation=cv2.INTER_AREA) if factor < 1 else shot.image
        yield chat.Image(clips.still(np.asarray(small, np.uint8), "jpeg", 85), *size)
