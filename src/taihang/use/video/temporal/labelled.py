"""Labelled: a folder of clips and what goes on in them, as its owner wrote it down."""

from __future__ import annotations

import csv
import dataclasses
import math
import re
from pathlib import Path

import numpy as np

from taihang.core import errors, job
from taihang.engines.media import packets as packeting
from taihang.model.temporal import steps as stepping
from taihang.use.video.temporal import glimpses

LABELS = "labels.csv"
_HEADER = ("file", "start", "end", "class")
_CLASS = re.compile(r"[\w][\w .-]{0,59}")
_FILMS = {".mp4", ".mov", ".mkv", ".avi", ".m4v", ".ts", ".mpg", ".mpeg", ".webm", ".gif", ".3gp", ".wmv", ".flv"}
_MOST_CLIPS, _MOST_CLASSES = 100_000, 100  # as many as a model card takes
_STAGE = "use.video:stage.clips"


@dataclasses.dataclass(frozen=True, slots=True)
class Clip:
    """A video file and the spans (start_s, end_s, class) in which something goes on; end +inf is the clip's end.

    `place`: what the owner calls the scene; clips of one place are held back together. "" is a place of its own.
    """

    path: Path
    spans: tuple[tuple[float, float, str], ...]
    place: str = ""

    def going_on(
        self, steps: stepping.Steps, classes: tuple[str, ...]
    ) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
        """(steps, classes)."""
        found = np.zeros((len(steps), len(classes)), bool)
        for start, end, name in self.spans:
            found[(steps.times >= start) & (steps.times < end), classes.index(name)] = True
        return found


@dataclasses.dataclass(frozen=True, slots=True)
class Labelled:
    """All clips of a folder, by path, and the classes, by name."""

    clips: tuple[Clip, ...]
    classes: tuple[str, ...]


def read(folder: Path) -> Labelled:
    """What a folder says: `labels.csv` in it, else a sub-folder for each class.

    Raises errors.UserError naming the file and line that is wrong.
    """
    if not folder.is_dir():
        raise errors.UserError("use.video:temporal.no_folder", path=folder)
    listed = folder / LABELS
    clips = _listed(folder, listed) if listed.is_file() else _sorted(folder)
    classes = tuple(sorted({name for clip in clips for _, _, name in clip.spans}))
    if not clips or not classes:
        raise errors.UserError("use.video:temporal.no_clips", path=folder)
    if len(classes) > _MOST_CLASSES:
        raise errors.UserError("use.video:temporal.many_classes", path=folder, count=len(classes), most=_MOST_CLASSES)
    return Labelled(tuple(clips), classes)


def steps(clip: Clip, progress: job.Progress, place: int, count: int) -> stepping.Steps:
    """The steps of a clip. Raises errors.UserError as `engines.media` does."""
    progress.update(_STAGE, place, count)
    return glimpses.of_clip(clip.path, packeting.packets(clip.path))


def _sorted(folder: Path) -> list[Clip]:
    found = []
    for inside in sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")):
        for path in sorted(p for p in inside.iterdir() if p.is_file() and p.suffix.lower() in _FILMS):
            _named(inside.name, inside, 0)
            found.append(Clip(path, ((0.0, math.inf, inside.name),)))
            if len(found) > _MOST_CLIPS:
                raise errors.UserError("use.video:temporal.many", path=folder, most=_MOST_CLIPS)
    return found


def _listed(folder: Path, listed: Path) -> list[Clip]:
    found: dict[Path, list[tuple[float, float, str]]] = {}
    places: dict[Path, str] = {}
    try:
        with listed.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream, strict=True)
            if not set(_HEADER) <= set(reader.fieldnames or ()):
                raise errors.UserError("use.video:temporal.header", path=listed, columns=",".join(_HEADER))
            for row in reader:
                path, span = _row(folder, listed, reader.line_num, row)
                found.setdefault(path, []).append(span)
                if place := (row.get("place") or "").strip():
                    places.setdefault(path, place)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise errors.UserError("use.video:temporal.csv", path=listed, reason=str(error)) from None
    return [Clip(path, tuple(spans), places.get(path, "")) for path, spans in sorted(found.items())]


def _row(folder: Path, listed: Path, line: int, row: dict[str, str | None]) -> tuple[Path, tuple[float, float, str]]:
    name, label = (row["file"] or "").strip(), (row["class"] or "").strip()
    path = folder / name
    # A list that somebody else wrote must not reach outside its folder.
    if not name or "\0" in name or not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
        shown = name.replace("\0", "\\0")
        raise errors.UserError("use.video:temporal.no_clip", path=listed, line=line, name=shown)
    _named(label, listed, line)
    try:
        start = float(row["start"] or 0)
        end = float(row["end"] or math.inf)
    except ValueError:
        start, end = math.nan, math.nan
    if not 0 <= start < end:
        raise errors.UserError("use.video:temporal.span", path=listed, line=line, start=row["start"], end=row["end"])
    return path, (start, end, label)


def _named(label: str, path: Path, line: int) -> None:
    if not _CLASS.fullmatch(label):
        raise errors.UserError("use.video:temporal.class", path=path, line=line, label=label)
