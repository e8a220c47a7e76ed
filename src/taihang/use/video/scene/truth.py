"""Truth: what a rendered video shows, known because it was drawn: events, zones, and everybody's box."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import yaml

import taihang
from taihang.core import ids, words
from taihang.use.video.scene import zone
from taihang.use.video.scene.script import CROWD, Script

RUNNING = 2.5
"""Metres a second, from which somebody runs."""
SEEN = 0.3
"""Share of a figure that must show before it counts as in view."""
TALL, NEAR = 0.08, 0.15
"""Shares of the frame's height that somebody's box must have to count as in view, and as near a worn camera."""

Kind = Literal[
    "restricted", "crowding", "lone", "running", "unattended", "covered", "dark", "blurred", "knocked",
    "equipment_start", "equipment_stop", "enter", "leave", "halt", "look", "step", "fall",
]  # fmt: skip

BOXES = pa.schema(
    [
        ("number", pa.int32()),
        ("time_s", pa.float64()),
        ("person", pa.int32()),
        ("x0", pa.float32()),
        ("y0", pa.float32()),
        ("x1", pa.float32()),
        ("y1", pa.float32()),
        ("visible", pa.float32()),
        ("x_m", pa.float32()),
        ("z_m", pa.float32()),
        ("speed", pa.float32()),
        ("zones", pa.list_(pa.string())),
    ]
)
"""One row for each person in each frame, by frame: the box of the pixels that show (frame pixels, x1 and y1
exclusive), which share of the figure they are, where its feet are (metres), its speed (m/s), in which zones."""


class Happening(words.Word):
    """Something that happens in the video; `planted` when the script asked for it, else it came about."""

    kind: Kind
    start_s: float
    end_s: float
    zone: str | None = None
    planted: bool = False


class Reference(words.Word):
    """The frame on which the zones are drawn."""

    time_s: float
    width: int
    height: int


class Manifest(words.Word):
    """What `<name>.synthetic.json` holds, but for the boxes."""

    synthetic: Literal[True] = True
    video: str
    sha256: words.Sha256
    software: str
    seed: int
    script: Script
    frame: Reference
    zones: tuple[zone.Zone, ...]
    events: tuple[Happening, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Truth:
    """The manifest, and the table BOXES; `video`, `zones_file` and `manifest_file` are where they were written."""

    manifest: Manifest
    boxes: pa.Table
    video: Path
    zones_file: Path
    manifest_file: Path

    @property
    def events(self) -> tuple[Happening, ...]:
        """What happens, by start."""
        return self.manifest.events

    @property
    def zones(self) -> tuple[zone.Zone, ...]:
        """Polygons in the frame."""
        return self.manifest.zones

    def of(self, kind: Kind) -> list[Happening]:
        """Events of one kind."""
        return [event for event in self.events if event.kind == kind]


def happenings(script: Script, boxes: pa.Table, grounds: Sequence[zone.Ground]) -> tuple[Happening, ...]:
    """Everything that happens, from where people really are in each frame and from the planted faults."""
    frames, step = script.frames, 1 / script.fps
    number = boxes["number"].to_numpy()
    person = boxes["person"].to_numpy()
    height = (boxes["y1"].to_numpy() - boxes["y0"].to_numpy()) / script.height
    seen = _steady((boxes["visible"].to_numpy() >= SEEN) & (height >= TALL), number, person, script)
    places = boxes["zones"].to_pylist()
    found: list[Happening] = []

    def spans(kind: Kind, flags: np.ndarray, where: str | None = None) -> None:
        for first, last in _runs(flags, bridge=script.fps // 2):
            found.append(Happening(kind=kind, start_s=_r(first * step), end_s=_r((last + 1) * step), zone=where))

    for ground in grounds:
        inside = np.array([ground.name in names for names in places], bool) & seen
        count = np.bincount(number[inside], minlength=frames)
        if ground.kind == "restricted":
            spans("restricted", count > 0, ground.name)
        elif ground.kind == "post":
            spans("unattended", count == 0, ground.name)
        elif ground.kind == "area":
            spans("crowding", count >= CROWD, ground.name)
    total = np.bincount(number[seen], minlength=frames)
    if script.camera == "fixed":
        spans("lone", total == 1)
    else:
        spans("crowding", np.bincount(number[seen & (height >= NEAR)], minlength=frames) >= CROWD)
    running = np.bincount(number[seen & (boxes["speed"].to_numpy() > RUNNING)], minlength=frames)
    spans("running", running > 0)
    for one in np.unique(person):
        here = np.bincount(number[seen & (person == one)], minlength=frames) > 0
        for first, last in _runs(here, bridge=script.fps):
            if first > 0:
                found.append(Happening(kind="enter", start_s=_r(first * step), end_s=_r(first * step)))
            if last < frames - 1:
                found.append(Happening(kind="leave", start_s=_r(last * step), end_s=_r(last * step)))
    found += _declared(script, next((g.name for g in grounds if g.kind == "equipment"), None))
    marked = (event.model_copy(update={"planted": event.planted or _planted(event, script)}) for event in found)
    return tuple(sorted(marked, key=lambda event: (event.start_s, event.kind, event.end_s)))


def _steady(seen: np.ndarray, number: np.ndarray, person: np.ndarray, script: Script) -> np.ndarray:
    """`seen`, but who is hidden by somebody else for no longer than a second is still there."""
    steady = seen.copy()
    for one in np.unique(person):
        mine = np.flatnonzero(person == one)
        flags = np.zeros(script.frames, bool)
        flags[number[mine[seen[mine]]]] = True
        for first, last in _runs(flags, bridge=script.fps):
            flags[first : last + 1] = True
        steady[mine] = flags[number[mine]]
    return steady


def _declared(script: Script, machine: str | None) -> Iterable[Happening]:
    for event in script.of("covered", "dark", "blurred", "knocked", "halt", "look", "step", "fall"):
        yield Happening(kind=event.kind, start_s=event.at_s, end_s=event.end_s, planted=True)  # type: ignore[arg-type]
    for event in script.of("equipment"):
        if machine is not None:
            yield Happening(kind="equipment_start", start_s=event.at_s, end_s=event.at_s, zone=machine, planted=True)
            yield Happening(kind="equipment_stop", start_s=event.end_s, end_s=event.end_s, zone=machine, planted=True)


def _planted(event: Happening, script: Script) -> bool:
    return any(_overlap(event, asked.at_s, asked.end_s) >= 0.5 * asked.for_s for asked in script.of(event.kind))


def _overlap(event: Happening, start: float, end: float) -> float:
    return min(event.end_s, end) - max(event.start_s, start)


def _runs(flags: np.ndarray, bridge: int = 0) -> list[tuple[int, int]]:
    """First and last index of each run of true; a gap of up to `bridge` does not part two runs."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    runs: list[tuple[int, int]] = []
    for first, after in zip(edges[::2], edges[1::2], strict=True):
        if runs and first - runs[-1][1] - 1 <= bridge:
            runs[-1] = (runs[-1][0], int(after) - 1)
        else:
            runs.append((int(first), int(after) - 1))
    return runs


def _r(seconds: float) -> float:
    return round(seconds, 4)


def manifest(
    video: Path,
    name: str,
    script: Script,
    seed: int,
    *,
    zones: Sequence[zone.Zone],
    events: tuple[Happening, ...],
    time_s: float,
) -> Manifest:
    """The manifest of a video that was just written at `video` and will be called `name`."""
    with video.open("rb") as stream:
        sha256 = ids.digest_stream(stream)
    return Manifest(
        video=name,
        sha256=sha256,
        software=f"taihang {taihang.__version__}",
        seed=seed,
        script=script,
        frame=Reference(time_s=_r(time_s), width=script.width, height=script.height),
        zones=tuple(zones),
        events=events,
    )


def manifest_text(record: Manifest, boxes: pa.Table) -> str:
    """The JSON of a manifest, with the boxes as columns."""
    plain = record.model_dump(mode="json")
    columns = boxes.to_pydict()
    plain["boxes"] = {key: [_short(value) for value in values] for key, values in columns.items()}
    return json.dumps(plain, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"


def _short(value: object) -> object:
    return round(value, 3) if isinstance(value, float) else value


def zones_text(record: Manifest) -> str:
    """The zones file of a video, as YAML."""
    plain = {
        "taihang": "zones/1",
        "frame": {**record.frame.model_dump(), "video": record.sha256},
        "zones": [{"name": z.name, "kind": z.kind, "points": [list(p) for p in z.points]} for z in record.zones],
    }
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, default_flow_style=None)


def put(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
