"""Causes: what was found in videos, as events whose causes can be judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from taihang.core import evidence as proof
from taihang.core import finding as findings
from taihang.core import i18n, job
from taihang.model.causes import book, events, judging, telling
from taihang.report import document, sections, timeline


def duration_s(report: document.Report) -> float:
    """How long the video of a report lasts, as its timeline says; 0 where it has none."""
    return max((s.duration_s for s in report.sections if isinstance(s, timeline.Timeline)), default=0.0)


def recording(
    name: str, found: Sequence[findings.Finding], duration: float, files: Mapping[str, str] | None = None
) -> events.Recording:
    """One video's violations as events; what was not seen well enough is none.

    A kind is a rule, a place its zone, an actor its track. `files` gives pictures other names.
    """
    made = []
    for one in found:
        place = one.place
        if one.verdict != "violated" or place.start_s is None:
            continue
        keys = place.keys
        zone, track = keys.get("zone"), keys.get("track")
        end = max(place.start_s, place.end_s if place.end_s is not None else place.start_s)
        made.append(
            events.Event(
                id=one.id,
                kind=one.rule.id,
                start_s=place.start_s,
                end_s=end,
                place=None if zone is None else str(zone),
                actor=None if track is None else str(track),
                confidence=one.confidence.value,
                evidence=tuple(_renamed(e, files) for e in one.evidence if isinstance(e, proof.Frame)),
            )
        )
    return events.Recording(name, duration, tuple(sorted(made, key=lambda e: (e.start_s, e.id))))


def titles(found: Sequence[findings.Finding]) -> dict[str, i18n.Text]:
    """What the rules are called."""
    return {one.rule.id: one.rule.title for one in found}


def told(
    name: str, found: Sequence[findings.Finding], duration: float, progress: job.Progress
) -> tuple[sections.Section, ...]:
    """What one video alone says of causes, as sections of its report: often that it is too short to say anything."""
    log = events.Log((recording(name, found, duration),), titles(found))
    judged = judging.judge(log, book.load(book.DEFAULT), progress)
    made = telling.sections_of(judged)
    return made if judged.of("supported") or judged.of("insufficient") else made[-1:]


def _renamed(frame: proof.Frame, files: Mapping[str, str] | None) -> proof.Frame:
    if files is None or frame.file is None:
        return frame
    name = files.get(frame.file)
    digests = tuple(
        d.model_copy(update={"file": name if d.file == frame.file else d.file})
        for d in frame.digests
        if name is not None or d.covers != "file"
    )
    return frame.model_copy(update={"file": name, "digests": digests})


def safe(name: str) -> str:
    """The last part of an evidence file's name."""
    return PurePosixPath(name).name
