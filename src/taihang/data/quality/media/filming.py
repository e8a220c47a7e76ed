"""Filming: frames of a video file for its metrics, all of a short one, stretches spread evenly over a long one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from taihang.data.quality.metrics import video
from taihang.data.quality.metrics.film import Film
from taihang.data.quality.metrics.picture import Picture
from taihang.engines.media import decode, orientation, packets, probe, source

_PICTURES = 8
_STRETCH = 50
_WIDTH = 96
_LEAST_S = {"frozen": 1.0, "black": 0.5}


def film(path: Path, most: int) -> tuple[Film, dict[str, Any]]:
    """The film and what else is told of it: codec, size, and which share of its frames was looked at.

    Raises errors.UserError for what is no video that can be read.
    """
    known = probe.probe(path)
    track = decode.Track(packets.scan(path).table)
    wanted = _wanted(len(track), most)
    if track.identity != "pts":  # frames are known by counting from the start only
        wanted = np.arange(min(len(track), most))
    whole = set(wanted[np.linspace(0, len(wanted) - 1, min(_PICTURES, len(wanted))).astype(int)].tolist())
    height = max(2, round(_WIDTH * known.height / max(known.width, 1)))
    height = min(height, 4 * _WIDTH)
    small: list[Any] = []
    numbers: list[int] = []
    pictures: list[Picture] = []
    for number, picture in _decoded(path, track, wanted, known):
        # Planes come as stored; a turn of the camera changes nothing that is measured on them.
        plane = picture.reformat(format="gray").to_ndarray()
        small.append(cv2.resize(plane, (_WIDTH, height), interpolation=cv2.INTER_AREA))
        numbers.append(number)
        if number in whole and len(pictures) < _PICTURES:
            rgb = decode.picture(picture, orientation.of(picture), known.width, known.height)
            pictures.append(Picture(np.asarray(rgb)))
    at = np.array(numbers, np.int64)
    made = Film(
        small=np.stack(small) if small else np.zeros((0, height, _WIDTH), np.uint8),
        times=track.time_s[at] if at.size else np.zeros(0),
        stamps=np.asarray(track.time_s),
        pictures=tuple(pictures),
        width=known.width,
        height=known.height,
        fps=known.fps,
        duration_s=known.duration_s,
        bit_rate=8 * known.size / known.duration_s if known.duration_s else None,
        shots=np.cumsum(np.concatenate([[0], np.diff(at) != 1])) if at.size else None,
    )
    seen = len(numbers) / max(len(track), 1)
    more = {"codec": known.codec, "width": known.width, "height": known.height, "seen": seen}
    return made, {**more, "fault": "truncated" if known.truncated_s is not None else None}


def spans(one: Film) -> list[dict[str, Any]]:
    """Where frames stand still, are black, or are missing."""
    found = [
        _span("seen", 0.0, one.duration_s),
        *_runs("frozen", np.nan_to_num(one.changes, nan=1e9) <= video.STILL, one),
        *_runs("black", one.means < video.BLACK, one),
    ]
    steps = np.diff(one.stamps)
    if len(steps) > 2 and (usual := float(np.median(steps))) > 0:
        wide = np.flatnonzero(steps > 1.5 * usual)[:1000]
        found += [_span("dropped", one.stamps[at] + usual, one.stamps[at + 1]) for at in wide]
    return found


def _runs(kind: str, holds: Any, one: Film) -> list[dict[str, Any]]:
    if not len(holds):
        return []
    shots = one.shots if one.shots is not None else np.zeros(len(holds), np.int64)
    step = float(np.median(np.diff(one.stamps))) if len(one.stamps) > 1 else 0.0
    found, start = [], None
    for at in range(len(holds) + 1):
        on = at < len(holds) and bool(holds[at])
        if start is not None and (not on or shots[at] != shots[start]):
            found.append(_span(kind, one.times[start], one.times[at - 1] + step))
            start = None
        if on and start is None:
            start = at
    return [span for span in found if span["length_s"] >= _LEAST_S[kind]][:1000]


def _span(kind: str, start: float, end: float) -> dict[str, Any]:
    return {"kind": kind, "start_s": float(start), "end_s": float(end), "length_s": float(end - start)}


def _wanted(total: int, most: int) -> Any:
    if total <= most:
        return np.arange(total)
    starts = np.linspace(0, total - _STRETCH, most // _STRETCH).astype(int)
    return np.unique((starts[:, None] + np.arange(_STRETCH)).ravel())


def _decoded(path: Path, track: decode.Track, wanted: Any, known: probe.Probe) -> Any:
    """Decoded frames with their numbers, a stretch at a time."""
    breaks = np.flatnonzero(np.diff(wanted) != 1) + 1
    with source.opened(path) as opened:
        run = decode.Run(opened, track, decode.Decoded())
        for part in np.split(wanted, breaks) if track.identity == "pts" else [wanted]:
            if not len(part):
                continue
            asked = frozenset(int(n) for n in part)
            for shown in run.stretch(asked, track.key_before(int(part[0]))):
                yield shown.number, shown.picture
