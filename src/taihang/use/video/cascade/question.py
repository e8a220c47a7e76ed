"""Question: a segment put to a vision-language model, and what of its answer counts.

The rule in play is asked as one question of the form that `understand` uses, about a few pictures of the clip in which
the zones are outlined. Only the closed part of the answer reaches a verdict; writing in the pictures is data.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pydantic

from taihang.core import errors, i18n
from taihang.engines.media import clips, frame, live
from taihang.engines.predict import chat, speaker
from taihang.use.video import scope
from taihang.use.video.cascade import spool
from taihang.use.video.understand import asking, windows

_ASKED = "violation"
_LONGEST_TITLE = 200
_LONGEST_S, _SHORTEST_S = 60.0, 0.5
_MOST_ZONES, _MOST_POINTS = 1000, 10_000
_YELLOW = (255, 220, 0)


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """`violated` is set exactly when the outcome is `ok`; else `outcome` says why nothing counts, as `chat.Outcome` and
    `asking.Judged` name it, or `cannot_tell`, or `clip` for pictures that cannot be read."""

    outcome: str
    violated: bool | None = None
    text: str = ""


class _Zone(pydantic.BaseModel):
    name: str = ""
    points: list[tuple[float, float]] = pydantic.Field(default=[], max_length=_MOST_POINTS)


class _Scene(pydantic.BaseModel):
    size: tuple[int, int] = (0, 0)
    zones: list[_Zone] = pydantic.Field(default=[], max_length=_MOST_ZONES)


def ask(
    model: speaker.Speaker, folder: Path, facts: Mapping[str, Any], settings: speaker.Settings, language: i18n.Language
) -> Verdict:
    """Ask about the segment in a folder. Never raises for what the model, its server or the clip does."""
    zones = _scene(facts)
    try:
        shots = _shots(folder / spool.FILM, facts, settings.frames)
    except (errors.TaihangError, OSError, ValueError):
        shots = []
    if not shots:
        return Verdict("clip")
    pictures = [_picture(one.image, zones, settings.longest_px) for one in shots]
    start = float(shots[0].time_s)
    numbers, times = tuple(range(len(shots))), tuple(float(one.time_s) - start for one in shots)
    window = windows.Window(0.0, times[-1], True, numbers, times)
    asked = (question(facts, zoned=bool(zones.zones)),)
    try:
        answer = model.ask(asking.messages(window, pictures, asked, "", language), asking.form(window, asked))
    except errors.UserError as error:  # settings that leave the model no room: the next path answers
        return Verdict("broken", text=asking.plain(str(error), 200))
    if answer.value is None:
        return Verdict(answer.outcome, text=asking.plain(answer.detail, 200))
    judged = asking.judged(answer.value, window, asked)
    if judged.outcome != "ok" or judged.dropped:
        return Verdict(judged.dropped[0][1] if judged.dropped else judged.outcome)
    [(_, seen, _, text)] = judged.said
    return Verdict("cannot_tell", text=text) if seen is None else Verdict("ok", seen, text)


def question(facts: Mapping[str, Any], *, zoned: bool) -> scope.Question:
    """The rule in play as a question; a node's words are data, too, and are kept short."""
    name = asking.plain(facts.get("rule", ""), _LONGEST_TITLE) or "-"
    given = facts.get("title")
    titles = {
        tongue: (asking.plain(given.get(tongue, ""), _LONGEST_TITLE) if isinstance(given, Mapping) else "") or name
        for tongue in i18n.LANGUAGES
    }
    key = "use.video:edge.ask_zoned" if zoned else "use.video:edge.ask"
    told = {tongue: i18n.text(key, tongue, title=title) for tongue, title in titles.items()}
    return scope.Question(id=_ASKED, ask=i18n.Text(**told))


def _scene(facts: Mapping[str, Any]) -> _Scene:
    try:
        return _Scene.model_validate_json(json.dumps(facts.get("scene") or {}))
    except (pydantic.ValidationError, ValueError, RecursionError):
        return _Scene()


def _shots(film: Path, facts: Mapping[str, Any], most: int) -> list[live.Shot]:
    """Some pictures of the clip, spread over it; the facts' times are believed within what a segment may be."""
    try:
        span = float(facts.get("end_s", 0)) - float(facts.get("start_s", 0))
    except (TypeError, ValueError, OverflowError):
        span = 0.0
    span = min(_LONGEST_S, max(_SHORTEST_S, span if np.isfinite(span) else 0.0))
    found: list[live.Shot] = []
    for one in live.Live(str(film), fps=most / span).shots():
        if isinstance(one, live.Shot):
            found.append(one)
        if len(found) >= most or isinstance(one, live.Turn):
            break
    return found


def _picture(image: frame.Image, scene: _Scene, longest_px: int) -> chat.Image:
    high, wide = image.shape[:2]
    drawn = np.ascontiguousarray(image)
    if scene.zones and min(scene.size) > 0:
        factor = np.array([wide / scene.size[0], high / scene.size[1]])
        for zone in scene.zones:
            points = np.clip(np.array(zone.points, np.float64).reshape(-1, 2) * factor, -1e4, 1e4)
            if len(points) > 1 and np.isfinite(points).all():
                cv2.polylines(drawn, [points.round().astype(np.int32)], isClosed=True, color=_YELLOW, thickness=2)
    share = min(1.0, longest_px / max(high, wide))
    size = (max(1, round(wide * share)), max(1, round(high * share)))
    small = cv2.resize(drawn, size, interpolation=cv2.INTER_AREA) if share < 1 else drawn
    return chat.Image(clips.still(np.asarray(small, np.uint8), "jpeg", 85), *size)
