"""Playing: a video that no browser plays, as H.264 a minute at a time; made once, kept with its content's stages."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from taihang.core import job as jobs

PART_S = 60
MOST_PARTS = 1440
_WIDTH = 960
_STAGE = "app:playing.stage"


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """One part: seconds from the video's start, and how long the whole video is."""

    file: Path
    start_s: float
    end_s: float
    duration_s: float


def kept(home: Path, sha256: str, part: int) -> Path:
    """Where a part is kept: beside the stages of the same content, so that it goes when the content goes."""
    return home / "stages" / sha256[:16] / f"playing-{part}.mp4"


def part(video: str | os.PathLike[str], number: int, out: Path, progress: jobs.Progress | None = None) -> Part:
    """Write one part of a video, unless it is there. Raises errors.UserError beyond the end, errors.Cancelled."""
    from taihang.engines.media import clips, packets  # noqa: PLC0415 - decoding is imported by who decodes

    told = progress or jobs.Silent()
    table = packets.packets(video)
    last = table.num_rows - 1
    whole = float(table["time_s"][last].as_py() + table["duration_s"][last].as_py()) if last >= 0 else 0.0
    start, end = float(number * PART_S), float(min((number + 1) * PART_S, max(whole, 0.0)))
    if not out.is_file():
        out.parent.mkdir(parents=True, exist_ok=True)

        def shown(_image: object, time_s: float) -> None:
            told.update(_STAGE, max(0.0, time_s - start), max(end - start, 0.001))

        clips.clip(video, start, end, out, width=_WIDTH, max_s=PART_S, packets=table, draw=shown)
    return Part(out, start, end, whole)
