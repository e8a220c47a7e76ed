"""Inspect: videos in, findings and evidence reports out."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from taihang.app import home, speaking
from taihang.app import temporal as light
from taihang.core import errors, i18n, job, words
from taihang.engines.predict import loading, speaker
from taihang.report import bundle, document
from taihang.rules import rulebook
from taihang.use.video import story, walk
from taihang.use.video.understand import reading
from taihang.use.video.zoning import zones

DEFAULT_RULES = "mine-inspection"
Path_ = str | os.PathLike[str]


@dataclasses.dataclass(frozen=True, slots=True)
class Inspected:
    """One video's report, its page, and what it cost: seconds, frames in all, frames looked at.

    `warnings`: what is wrong with the file, such as where it breaks off. `understood`: what a vision-language model was
    asked and answered, where one was.
    """

    report: document.Report
    page: Path
    took_s: float
    duration_s: float
    frames: int
    looked: int
    warnings: tuple[i18n.Message, ...] = ()
    understood: reading.Understood | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Inspection:
    """What was found in all videos. `exit_code`: 1 with a violation at or above `fail_on`, else 0."""

    videos: tuple[Inspected, ...]
    exit_code: int


def share(text: str | float) -> float:
    """A budget such as `2%` or `0.02` as a share in (0, 1]. Raises errors.UserError."""
    try:
        plain = str(text).strip()
        value = float(plain[:-1]) / 100 if plain.endswith("%") else float(plain)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1:
        raise errors.UserError("app:budget", value=text)
    return value


def allowed(vlm: str | None) -> str | None:
    """A vision-language model that a job of the platform may name: the operator lists them.

    Raises errors.Forbidden, so that nobody makes the platform call an address of their own choice.
    """
    if vlm is not None and not speaker.permitted(vlm, speaker.Settings.current()):
        raise errors.Forbidden("app:vlm_not_listed")
    return vlm


def inspect(
    *videos: Path_,
    rules: Path_ | None = None,
    zones: Path_ | None = None,
    detector: str = "builtin",
    vlm: str | None = None,
    temporal: Path_ | None = None,
    budget: str | float = "2%",
    lang: i18n.Language | None = None,
    fail_on: words.Level | Literal["red", "orange", "yellow", "blue", "info"] | None = None,
    out: Path_,
    formats: Sequence[str] = bundle.DEFAULT,
    progress: job.Progress | None = None,
) -> Inspection:
    """Find key events, judge them by a rulebook, and write a report with evidence to the folder `out`.

    With several videos each gets a folder of its own below `out`, named after it. `rules` is a file
    or a shipped name; `zones` a zones file, by default the one beside the video; `budget` the share
    of frames that the detector may see. `vlm` is asked what the frames show: `http(s)://HOST/v1[#MODEL]` of an
    OpenAI-compatible endpoint, or `hf:PATH` or `hf:ORG/NAME` of a Qwen2.5-VL or Qwen3-VL in this process.
    `temporal`: the folder of a trained light classifier, which tells what goes on before frames are chosen.

    Finished stages are kept under TAIHANG_HOME: run again after an interruption, it goes on where
    it was. Raises errors.UserError for what cannot be used, errors.Failure when the machine fails.
    """
    if not videos:
        raise errors.UserError("app:no_video")
    if lang is not None:
        i18n.use(lang)
    bundle.known(formats)
    asked = share(budget)
    floor = words.Level(fail_on) if fail_on is not None else None
    book = rulebook.load(rules if rules is not None else DEFAULT_RULES)
    predictor = loading.load(detector)
    model = None if vlm is None else speaking.load(vlm, speaker.Settings.current())
    classifier = None if temporal is None else light.load(temporal)
    target = Path(out)
    done = []
    for path, folder in _folders([Path(v) for v in videos], target):
        bundle.usable(folder)
        began = time.monotonic()
        request = walk.Request(
            path=path,
            book=book,
            predictor=predictor,
            budget=asked,
            home=home.folder(),
            zones=_zones(path, zones),
            progress=progress or job.Silent(),
            vlm=model,
            temporal=classifier,
        )
        done.append(_one(request, folder, began, formats))
    failed = floor is not None and any(
        f.verdict == "violated" and f.level.reaches(floor) for one in done for f in one.report.findings
    )
    return Inspection(tuple(done), 1 if failed else 0)


def _one(request: walk.Request, folder: Path, began: float, formats: Sequence[str]) -> Inspected:
    walked = walk.walk(request)
    report, files = story.tell(walked)
    paths = bundle.write(report, folder, i18n.current(), files, formats)
    return Inspected(
        report=report,
        page=paths.page,
        took_s=time.monotonic() - began,
        duration_s=walked.signals.duration_s,
        frames=walked.packets.num_rows,
        looked=walked.frames.num_rows,
        warnings=walked.probe.warnings,
        understood=walked.understood,
    )


def _folders(videos: list[Path], out: Path) -> list[tuple[Path, Path]]:
    """Each video with the folder of its report; two of one name get a number."""
    if len(videos) == 1:
        return [(videos[0], out)]
    taken: dict[str, int] = {}
    found = []
    for video in videos:
        name = video.stem or "video"
        taken[name] = taken.get(name, 0) + 1
        found.append((video, out / (name if taken[name] == 1 else f"{name}-{taken[name]}")))
    return found


def _zones(video: Path, given: Path_ | None) -> zones.Zones | None:
    if given is not None:
        return zones.load(Path(given))
    beside = video.parent / f"{video.stem}.zones.yaml"
    return zones.load(beside) if video.is_file() and beside.is_file() else None
