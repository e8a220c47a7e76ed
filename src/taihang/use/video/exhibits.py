"""Exhibits: the frames that prove a finding, with boxes drawn, and a clip of its span."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pydantic

from taihang.core import evidence as proof
from taihang.core import finding as findings
from taihang.core import ids, job, words
from taihang.engines import stages
from taihang.engines.media import clips, frames
from taihang.use.video.observe import seen as seeing
from taihang.use.video.understand import advice
from taihang.use.video.zoning import zones as zoning

Image = npt.NDArray[np.uint8]
_WIDEST = 1280
_MARGIN_S = 1.0  # shown before and after the span
_LONGEST_CLIP_S = 10.0
_FRAMES = 3
_CLIPS = 100  # beyond so many findings, clips are made for the gravest only
_EVIDENCE = pydantic.TypeAdapter(tuple[proof.Evidence, ...])


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """Where exhibits are taken from, and what was seen there."""

    path: Path
    video: words.Sha256
    packets: pa.Table
    duration_s: float
    seen: seeing.Seen
    produced_by: tuple[words.Producer, ...]
    store: stages.Stages
    progress: job.Progress
    advised_by: tuple[words.Producer, ...] = ()

    def by(self, table: str) -> tuple[words.Producer, ...]:
        """Who answers for what a table says: an adviser for its own words alone."""
        others = () if table in advice.NEEDS else self.advised_by
        return tuple(one for one in self.produced_by if one not in others)


def attach(source: Source, found: Sequence[findings.Finding]) -> tuple[tuple[findings.Finding, ...], dict[str, bytes]]:
    """The findings with their evidence, and the evidence files by name.

    Every finding gets frames; the first `_CLIPS` in order of gravity get a clip.
    """
    graded = sorted(found, key=lambda f: (f.verdict == "insufficient", -f.level.rank, f.place.start_s or 0.0, f.id))
    files: dict[str, bytes] = {}
    proven: dict[str, findings.Finding] = {}
    for i, one in enumerate(graded):
        source.progress.update("use.video:stage.exhibits", i, len(graded))
        make = functools.partial(_make, source, one, i < _CLIPS)
        kept = source.store.table("exhibit", _key(source, one, i < _CLIPS), make)
        files.update(zip(kept["name"].to_pylist()[1:], kept["data"].to_pylist()[1:], strict=True))
        shown = _EVIDENCE.validate_json(kept["data"][0].as_py())
        proven[one.id] = one.model_copy(update={"evidence": (*one.evidence, *shown)})
    source.progress.update("use.video:stage.exhibits", len(graded), len(graded))
    return tuple(proven[f.id] for f in found), files


def _key(source: Source, one: findings.Finding, clip: bool) -> dict[str, Any]:
    return {
        "video": source.video,
        "finding": one.id,
        "clip": clip,
        "frames": ids.digest(source.seen.numbers.tobytes()),
        "seen": ids.digest(stages.serialise(source.seen.tracked)),
        "by": [p.model_dump() for p in source.by(one.place.table)],
        "code": stages.code_version("taihang.engines.media", __name__),
    }


def _make(source: Source, one: findings.Finding, clip: bool) -> pa.Table:
    """First row: the evidence as JSON; then the files."""
    made: list[proof.Evidence] = []
    files: dict[str, bytes] = {}
    for shot in frames.frames(source.path, _choose(source, one), source.packets):
        boxes, outlines = _marks(source, one, shot.number)
        name = f"evidence/{one.id}-{len(files) + 1}.jpg"
        files[name] = clips.still(_draw(shot.image, boxes, outlines), "jpeg")
        height, width = shot.image.shape[:2]
        digests = (
            proof.Digest(sha256=clips.pixels_sha256(shot.image), covers="pixels"),
            proof.Digest(sha256=ids.digest(files[name]), covers="file", file=name),
        )
        made.append(
            proof.Frame(
                asset=source.video,
                produced_by=source.by(one.place.table),
                time_s=shot.time_s,
                pts=shot.pts,
                number=shot.number,
                width=width,
                height=height,
                boxes=boxes,
                outlines=outlines,
                digests=digests,
                file=name,
            )
        )
    if clip and one.place.start_s is not None:
        made += _clip(source, one, files)
    body = json.dumps(_EVIDENCE.dump_python(tuple(made), mode="json")).encode()
    return pa.table({"name": ["", *files], "data": pa.array([body, *files.values()], pa.large_binary())})


def _clip(source: Source, one: findings.Finding, files: dict[str, bytes]) -> list[proof.Evidence]:
    start = max(0.0, float(one.place.start_s or 0.0) - _MARGIN_S)
    end = min(source.duration_s, float(one.place.end_s or start) + _MARGIN_S, start + _LONGEST_CLIP_S)
    if end <= start:
        return []
    name = f"evidence/{one.id}.mp4"
    target = source.store.folder / f"{one.id}.mp4"
    with stages.disk(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            cut = clips.clip(source.path, start, end, target, packets=source.packets)
            files[name] = target.read_bytes()
        finally:
            target.unlink(missing_ok=True)
    digest = proof.Digest(sha256=cut.sha256, covers="file", file=name)
    return [
        proof.Span(
            asset=source.video,
            produced_by=source.by(one.place.table),
            start_s=cut.start_s,
            end_s=cut.end_s,
            digests=(digest,),
            file=name,
        )
    ]


def _choose(source: Source, one: findings.Finding) -> list[int]:
    """Frames to show: the first, the middle and the last of those that the verdict rests on."""
    start, end = one.place.start_s or 0.0, one.place.end_s or source.duration_s
    at = source.seen.times
    inside = [int(i) for i in np.flatnonzero((at >= start - 1e-6) & (at <= end + 1e-6))]
    if one.place.table != "camera":  # a black frame proves nothing but that it is black
        stands = set(source.seen.coverage.frame[source.seen.coverage.observed].tolist())
        inside = [i for i in inside if i in stands] or inside
    telling = [i for i in inside if _marks(source, one, int(source.seen.numbers[i]))[0]]
    candidates = telling or inside
    if candidates:
        picks = sorted({candidates[0], candidates[len(candidates) // 2], candidates[-1]})[:_FRAMES]
        return [int(source.seen.numbers[i]) for i in picks]
    # Nobody looked there (a covered lens, say): show what the file holds at the middle of the span.
    times = source.packets["time_s"].to_numpy()
    return [int(np.clip(np.searchsorted(times, (start + end) / 2), 0, len(times) - 1))]


def _marks(
    source: Source, one: findings.Finding, number: int
) -> tuple[tuple[proof.Box, ...], tuple[proof.Outline, ...]]:
    """The boxes that the finding is about in one frame, and the zone's outline there."""
    keys: Mapping[str, words.Scalar] = one.place.keys
    seen = source.seen
    place = int(np.searchsorted(seen.numbers, number))
    known = place < len(seen.numbers) and int(seen.numbers[place]) == number
    zone = keys.get("zone")
    outline = seen.outlines[str(zone)][place] if known and zone in seen.outlines else None
    outlines = (
        (proof.Outline(points=tuple(map(tuple, outline.tolist())), label=str(zone)),) if outline is not None else ()
    )
    if not known or one.place.table in ("camera", "zone_motion"):
        return (), outlines
    rows = seen.tracked.filter(pa.compute.equal(seen.tracked["number"], number)).to_pylist()
    boxes = []
    for row in rows:
        foot = np.array([[(row["x0"] + row["x1"]) / 2, row["y1"]]])
        if "track" in keys and row["track"] != keys["track"]:
            continue
        if outline is not None and not zoning.inside(foot, outline)[0]:
            continue
        corners = {k: round(float(row[k]), 1) for k in ("x0", "y0", "x1", "y1")}
        boxes.append(proof.Box(**corners, label=row["label"], score=round(float(row["score"]), 4), track=row["track"]))
    return tuple(boxes), outlines


def _draw(image: Image, boxes: Sequence[proof.Box], outlines: Sequence[proof.Outline]) -> Image:
    """A copy with outlines and boxes drawn, at most `_WIDEST` wide."""
    factor = min(1.0, _WIDEST / image.shape[1])
    size = (max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor)))
    picture = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if factor < 1 else image.copy()
    thick = max(2, round(picture.shape[1] / 480))
    for outline in outlines:
        corners = (np.array(outline.points) * factor).round().astype(np.int32).reshape(-1, 1, 2)
        # A dark line under a bright one is seen on any background, and in black and white.
        cv2.polylines(picture, [corners], True, (0, 0, 0), thick + 2, cv2.LINE_AA)
        cv2.polylines(picture, [corners], True, (255, 212, 0), thick, cv2.LINE_AA)
    for box in boxes:
        first = (round(box.x0 * factor), round(box.y0 * factor))
        last = (round(box.x1 * factor), round(box.y1 * factor))
        cv2.rectangle(picture, first, last, (0, 0, 0), thick + 2)
        cv2.rectangle(picture, first, last, (255, 64, 64), thick)
        tag = f"{box.label} {box.track}" if box.track is not None else box.label
        at = (first[0] + 2, max(14, first[1] - 6))
        for colour, width in (((0, 0, 0), 4), ((255, 255, 255), 1)):
            cv2.putText(
                picture,
                tag.encode("ascii", "replace").decode(),
                at,
                cv2.FONT_HERSHEY_SIMPLEX,
                0.55,
                colour,
                width,
                cv2.LINE_AA,
            )
    return np.asarray(picture)
