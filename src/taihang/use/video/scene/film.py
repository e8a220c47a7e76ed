"""Film: a script rendered into an H.264 file, with its truth beside it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pyarrow as pa

from taihang.core import errors, job
from taihang.use.video.scene import actor, backdrop, cast, director, lens, patrol, roadway, route, stage, truth, zone
from taihang.use.video.scene.image import Pixels
from taihang.use.video.scene.script import Script

_ENCODER_THREADS = 2
"""Fixed, since the bytes depend on it."""


def render(path: Path | str, script: Script, seed: int = 0, progress: job.Progress | None = None) -> truth.Truth:
    """Render `script` into an MP4 file at `path`, with `<stem>.synthetic.json` and `<stem>.zones.yaml` beside it.

    The same script, seed and software give the same bytes on one machine. The container's comment
    and a mark in the picture say that it is synthetic. Raises errors.UserError when `path` cannot
    be written, and whatever `progress` raises; then no file is left behind.
    """
    path = Path(path)
    if path.is_dir() or not path.parent.is_dir():
        raise errors.UserError("use.video.scene:no_folder", path=path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    rows = Rows(script)
    try:
        place, people = setting(script, seed)
        _encode(temporary, script, pictures(script, seed, place, people, rows), progress or job.Silent())
        boxes = rows.table()
        view = place.backdrop(round(place.reference_s * script.fps)).view
        zones = [ground.seen(view) for ground in place.grounds]
        events = truth.happenings(script, boxes, place.grounds)
        record = truth.manifest(
            temporary, path.name, script, seed, zones=zones, events=events, time_s=place.reference_s
        )
        beside = path.with_suffix(".synthetic.json"), path.with_suffix(".zones.yaml")
        truth.put(beside[0], truth.manifest_text(record, boxes))
        truth.put(beside[1], truth.zones_text(record))
        temporary.replace(path)
    except OSError as error:
        raise errors.UserError("use.video.scene:not_written", path=path, reason=error.strerror or error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    return truth.Truth(record, boxes, path, beside[1], beside[0])


def setting(script: Script, seed: int) -> tuple[backdrop.Place, list[actor.Actor]]:
    """The place of a script's camera, and the people there."""
    if script.camera == "worn":
        way = route.walk(script, seed)
        grounds = patrol.grounds(script, way)
        return roadway.Roadway(script, seed, way, grounds), patrol.direct(script, seed, way, grounds)
    return stage.Stage(script, seed), director.direct(script, seed)


class Rows:
    """Collects where everybody is drawn."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._rows: list[dict[str, object]] = []

    def add(
        self, number: int, people: list[actor.Actor], grounds: tuple[zone.Ground, ...], drawn: list[cast.Drawn]
    ) -> None:
        """Note the people drawn in one frame."""
        for one in sorted(drawn, key=lambda one: one.person):
            who = people[one.person]
            x, z = float(who.x[number]), float(who.z[number])
            self._rows.append(
                {
                    "number": number,
                    "time_s": number / self._script.fps,
                    "person": one.person,
                    "x0": one.x0,
                    "y0": one.y0,
                    "x1": one.x1,
                    "y1": one.y1,
                    "visible": one.visible,
                    "x_m": x,
                    "z_m": z,
                    "speed": float(who.speed[number]),
                    "zones": list(zone.at(grounds, x, z)),
                }
            )

    def table(self) -> pa.Table:
        """The rows so far, as truth.BOXES."""
        return pa.Table.from_pylist(self._rows, schema=truth.BOXES)


def pictures(
    script: Script, seed: int, place: backdrop.Place, people: list[actor.Actor], rows: Rows | None = None
) -> Iterator[Pixels]:
    """Every frame, (H, W, 3) RGB, in order; `rows` learns who is where."""
    glass = lens.Lens(script, seed)
    for number in range(script.frames):
        here = place.backdrop(number)
        drawn = cast.draw(here, people, number)
        if rows is not None:
            rows.add(number, people, place.grounds, drawn)
        frame = cv2.blur(here.picture, (here.smear, 1)) if here.smear > 1 else here.picture
        yield glass.shoot(frame, number, [one.lamp for one in drawn if one.visible > 0.5])


def _encode(path: Path, script: Script, frames: Iterator[Pixels], progress: job.Progress) -> None:
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart", "fflags": "+bitexact"}) as container:
        container.metadata["comment"] = "synthetic"
        container.metadata["title"] = f"SYNTHETIC {script.name}"
        stream = container.add_stream("libx264", rate=script.fps)
        stream.width, stream.height, stream.pix_fmt = script.width, script.height, "yuv420p"
        stream.time_base = Fraction(1, script.fps)
        context = stream.codec_context
        context.gop_size = 2 * script.fps
        context.max_b_frames = 0
        context.thread_count = _ENCODER_THREADS
        context.options = {"preset": "veryfast", "crf": "26", "sc_threshold": "0"}
        for number, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
            if number % script.fps == 0:
                progress.update("use.video.scene:rendering", number, script.frames)
        container.mux(stream.encode())
        progress.update("use.video.scene:rendering", script.frames, script.frames)
