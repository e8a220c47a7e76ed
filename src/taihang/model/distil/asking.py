"""Asking: a teacher is asked about pictures, each answer kept, so that a killed run does not ask again.

A teacher that is late, silent or says what is no answer loses the picture, not the run; one that does so too often
ends it, because what it says of the rest is not worth learning.
"""

from __future__ import annotations

import dataclasses
import queue
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from taihang.core import errors, job
from taihang.engines import stages
from taihang.model.distil import answers, pictures, teacher, training, verdicts

_STAGE = "model.distil:stage.asking"
_MOST_LOST = 0.5  # share of pictures without an answer that ends a run
_MOST_LATE = 3  # late answers one after the other: nobody is there
_FIELDS = ("heat", "sides", "trust", "attention")
_CODE = ("taihang.model.distil.answers", "taihang.model.distil.teacher")


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """What came of asking: `lessons`, and pictures without an answer by reason (`late`, `failed`, `poisoned`). Boxes
    that verdicts about segments made certain (`confirmed`) and those that they took back (`withdrawn`)."""

    lessons: tuple[training.Lesson, ...]
    lost: dict[str, int]
    confirmed: int = 0
    withdrawn: int = 0

    @property
    def plain(self) -> tuple[training.Lesson, ...]:
        """Lessons of the pictures as they are, without other views of them."""
        return tuple(one for one in self.lessons if not pictures.is_view(one.name))


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """`sure`: from which score a teacher's box is a hard label. `wait_s`: how long one answer may take. `meaning`: the
    class that a rule speaks of; where it was answered violated the thing is there, and where not, there is none.
    `views`: how often each picture is shown, the first time as it is, then nearer, farther, turned or mirrored."""

    sure: float = 0.4
    wait_s: float = 60.0
    meaning: Mapping[str, str] = dataclasses.field(default_factory=dict)
    views: int = 1


def ask(
    of: teacher.Teacher,
    about: Sequence[pictures.Picture],
    plan: Plan,
    store: stages.Stages,
    progress: job.Progress,
) -> Asked:
    """Lessons from a teacher's answers. Raises errors.UserError where there is no picture, errors.Failure for a
    teacher that does not answer, and what `progress` raises to stop."""
    if not about:
        raise errors.UserError("model.distil:no_lessons")
    told: list[tuple[pictures.Picture, verdicts.Told]] = []
    lost: Counter[str] = Counter()
    late = 0
    desk = _Desk(of, plan.wait_s)
    total = len(about) * plan.views
    shown = (view for one in about for view in pictures.views(one, plan.views))
    for place, picture in enumerate(shown):
        progress.update(_STAGE, place, total)
        try:
            told.append((picture, _answer(of, desk, picture, store)))
        except _Lost as error:
            lost[error.why] += 1
            late = late + 1 if error.why == "late" else 0
            if late >= _MOST_LATE:
                raise errors.Failure(
                    "model.distil:silent", teacher=of.predictor.name, wait=f"{plan.wait_s:g}"
                ) from None
            continue
        late = 0
    progress.update(_STAGE, total, total)
    if sum(lost.values()) > _MOST_LOST * total:
        why = ", ".join(f"{name} {count}" for name, count in sorted(lost.items()))
        raise errors.Failure("model.distil:unanswered", teacher=of.predictor.name, lost=why, asked=total)
    confirmed, withdrawn = _settle(told, of, plan)
    return Asked(tuple(_lesson(*one, of, plan) for one in told), dict(lost), confirmed, withdrawn)


def _settle(told: list[tuple[pictures.Picture, verdicts.Told]], of: teacher.Teacher, plan: Plan) -> tuple[int, int]:
    """Bring verdicts about segments down to what was told of their pictures, in place."""
    by_segment: dict[pictures.Answered, list[int]] = {}
    for place, (picture, _) in enumerate(told):
        if picture.answered is not None and picture.answered.rule in plan.meaning:
            by_segment.setdefault(picture.answered, []).append(place)
    confirmed = withdrawn = 0
    for verdict, places in by_segment.items():
        label = of.classes.index(plan.meaning[verdict.rule])
        given = [told[place][1] for place in places]
        settled, more, fewer = verdicts.settled(given, label, verdict.violated, plan.sure, of.size)
        for place, one in zip(places, settled, strict=True):
            told[place] = (told[place][0], one)
        confirmed, withdrawn = confirmed + more, withdrawn + fewer
    return confirmed, withdrawn


def _lesson(picture: pictures.Picture, told: verdicts.Told, of: teacher.Teacher, plan: Plan) -> training.Lesson:
    found, maps = told
    hard = answers.drawn(found.sure(plan.sure), len(of.classes), of.size)
    level = max(answers.difficulty(maps), picture.hard)
    return training.Lesson(picture.key, pictures.sized(picture.image, of.size), hard, maps, level)


def check(found: answers.Boxes, maps: answers.Maps, classes: int, size: tuple[int, int]) -> bool:
    """True for an answer of the right form with finite values in their ranges."""
    grid = (size[0] // answers.STRIDE, size[1] // answers.STRIDE)
    shapes = maps.heat.shape == (classes, *grid) and maps.sides.shape == (4, *grid)
    if not (shapes and maps.trust.shape == grid and maps.attention.shape == grid and maps.finite):
        return False
    plain = bool(np.isfinite(found.where).all() and np.isfinite(found.scores).all())
    within = bool((maps.heat >= 0).all() and (maps.heat <= 1).all() and (maps.sides >= 0).all())
    return plain and within and bool(((found.scores >= 0) & (found.scores <= 1)).all())


class _Lost(Exception):
    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class _Desk:
    """Asks in a thread, so that a teacher that never answers can be left alone. One at a time."""

    def __init__(self, of: teacher.Teacher, wait_s: float) -> None:
        self._of, self._wait_s = of, wait_s

    def ask(self, picture: pictures.Picture) -> tuple[answers.Boxes, answers.Maps]:
        heard: queue.Queue[Any] = queue.Queue(1)

        def work() -> None:
            try:
                heard.put(self._of.answer(picture.image))
            except Exception as error:  # noqa: BLE001 - whatever a foreign detector raises is an answer that is none
                heard.put(error)

        threading.Thread(target=work, daemon=True).start()
        try:
            told = heard.get(timeout=self._wait_s)
        except queue.Empty:
            raise _Lost("late") from None
        if isinstance(told, Exception):
            raise _Lost("failed")
        return told


def _answer(
    of: teacher.Teacher, desk: _Desk, picture: pictures.Picture, store: stages.Stages
) -> tuple[answers.Boxes, answers.Maps]:
    key = {
        "picture": picture.sha256,
        "teacher": of.version,
        "classes": list(of.classes),
        "called": of.called,
        "size": list(of.size),
        "code": stages.code_version(*_CODE),
    }

    def make() -> stages.Tables:
        found, maps = desk.ask(picture)
        # What is poisoned is not kept: the next run asks again.
        if not check(found, maps, len(of.classes), of.size):
            raise _Lost("poisoned")
        boxes = pa.table({"where": found.where.tolist(), "class": found.classes, "score": found.scores})
        told = {name: [getattr(maps, name).astype(np.float16).tobytes()] for name in _FIELDS}
        return {"boxes": boxes, "maps": pa.table(told)}

    kept = store.tables("answer", key, make)
    grid = (of.size[0] // answers.STRIDE, of.size[1] // answers.STRIDE)
    shapes = ((len(of.classes), *grid), (4, *grid), grid, grid)
    maps = answers.Maps(
        *(
            np.frombuffer(kept["maps"][name][0].as_py(), np.float16).reshape(shape).astype(np.float32)
            for name, shape in zip(_FIELDS, shapes, strict=True)
        )
    )
    rows = kept["boxes"]
    where = np.array(rows["where"].to_pylist(), np.float32).reshape(-1, 4)
    return answers.Boxes(
        where, rows["class"].to_numpy().astype(np.int64), rows["score"].to_numpy().astype(np.float32)
    ), maps
