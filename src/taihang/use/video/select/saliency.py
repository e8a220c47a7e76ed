"""Saliency: what of a film may matter, told without decoding it.

Packet sizes over the whole file; key frames only, small; then motion vectors where these two cannot
tell: never more than a set share of the frames. All of it becomes tables.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from taihang.core import job
from taihang.engines.media import decode, frame, keyframes, motion
from taihang.use.video.select import activity, camera, glances, novelty, parallax, sight, state

FRAMES = pa.schema([("number", pa.int32()), ("time_s", pa.float64()), ("activity", pa.float32())])
KEYS = pa.schema(
    [
        ("number", pa.int32()),
        ("time_s", pa.float64()),
        ("seen", pa.string()),
        ("luma", pa.float32()),
        ("spread", pa.float32()),
        ("sharpness", pa.float32()),
        ("entropy", pa.float32()),
        ("cells", pa.binary(novelty.ROWS * novelty.COLUMNS)),
    ]
)
MOTION = pa.schema(
    [
        ("time_s", pa.float64()),
        ("source", pa.string()),
        ("x", pa.float32()),
        ("y", pa.float32()),
        ("zoom", pa.float32()),
        ("roll", pa.float32()),
        ("noise", pa.float32()),
        ("against", pa.float32()),
        ("unseen", pa.float32()),
    ]
)
APART = pa.schema(
    [
        ("time_s", pa.float64()),
        ("evidence", pa.float32()),
        ("x", pa.float32()),
        ("y", pa.float32()),
        ("walking", pa.bool_()),
        ("unsure", pa.float32()),
    ]
)
CAMERA = pa.schema(
    [("start_s", pa.float64()), ("end_s", pa.float64()), ("state", pa.string()), ("source", pa.string())]
)

# Share of the frames that is decoded for vectors unless told otherwise: twice as much tells a worn
# camera's stays no better (bench/ego), and the prefilter must stay cheap against a full decode.
VECTORS = 0.12
_KEY_COST = 2.0  # a key frame costs as much as two frames with vectors
_LEAST_VECTORS = 0.02
# Key frames further apart than this share too little of the scene for the camera to be told from them.
_LONGEST_STEP_S = 2.5
# A camera that stands for less of its time than this is worn: its stops are part of a walk.
_FIXED = 0.8
_STOP_S = 10.0  # a camera that stands for longer is not on its way
_GLANCE_S = 0.27  # vectors this far apart are taken together
_FEWEST_FIELDS = 2
_ENOUGH_VECTORS = 10
_STAGE = "use.video:stage.saliency"


@dataclasses.dataclass(frozen=True, slots=True)
class Signals:
    """The tables of the prefilter, each of its schema above and in time order.

    `frames`: one row a packet, `activity` as in `activity.per_frame`. `keys`: one row a decoded key
    frame, `seen` is `sight.Verdict`. `motion`: camera motion and what goes against it, per frame
    that was looked at, `source` "vectors" or "keys". `camera`: what the camera does, without gaps
    from 0 to `duration_s`. `decoded`: frames the decoder put out for all this. `apart`: what moves
    by itself, one row a glance of vectors, see `parallax.Apart`.
    """

    duration_s: float
    frames: pa.Table
    keys: pa.Table
    motion: pa.Table
    camera: pa.Table
    decoded: int
    apart: pa.Table = dataclasses.field(default_factory=APART.empty_table)

    def tables(self) -> dict[str, pa.Table]:
        """All of it as tables, for keeping."""
        whole = pa.table({"duration_s": pa.array([self.duration_s], pa.float64()), "decoded": pa.array([self.decoded])})
        told = {"frames": self.frames, "keys": self.keys, "motion": self.motion, "camera": self.camera}
        return {**told, "apart": self.apart, "whole": whole}

    @classmethod
    def of(cls, tables: Mapping[str, pa.Table]) -> Signals:
        """The signals that `tables` gave."""
        whole = tables["whole"].to_pylist()[0]
        return cls(
            whole["duration_s"],
            tables["frames"],
            tables["keys"],
            tables["motion"],
            tables["camera"],
            whole["decoded"],
            tables["apart"],
        )


def signals(
    path: str | os.PathLike[str],
    packets: pa.Table,
    vectors: float = VECTORS,
    workers: int = 2,
    progress: job.Progress | None = None,
) -> Signals:
    """The signals of a video file; `packets` is `engines.media.packets`'.

    `vectors`: largest share of the file's frames that may be decoded for motion vectors (0 to 0.25);
    many key frames take some of it.
    The same file gives the same signals. Raises errors.UserError as `engines.media` does, and what
    `progress` raises to stop.
    """
    if not 0 <= vectors <= 0.25:
        raise ValueError("vectors is a share from 0 to 0.25")
    film = _Film(path, packets, decode.Decoded(), progress or job.Silent())
    duration = _duration(packets)
    moved = activity.per_frame(packets)
    keys, between = _keys(film)
    spans = glances.plan(packets, _worth(packets, moved, between), _share(vectors, packets))
    fields, apart = _vectors(film, spans, workers)
    measured = sorted([*between, *fields], key=lambda m: (m.motion.time_s, m.source))
    frames = pa.table([packets["number"], packets["time_s"], pa.array(moved, pa.float32())], schema=FRAMES)
    found = state.spans(_trusted(measured), duration)
    return Signals(
        duration_s=duration,
        frames=frames,
        keys=keys,
        motion=pa.Table.from_pylist([{**dataclasses.asdict(m.motion), "source": m.source} for m in measured], MOTION),
        camera=pa.Table.from_pylist([s._asdict() for s in found], CAMERA),
        decoded=film.counter.decoded,
        apart=pa.Table.from_pylist([dataclasses.asdict(a) for a in apart], APART),
    )


def _duration(packets: pa.Table) -> float:
    if not packets.num_rows:
        return 0.0
    last = packets.slice(packets.num_rows - 1).to_pylist()[0]
    return float(last["time_s"] + max(last["duration_s"], 0.0))


@dataclasses.dataclass(frozen=True, slots=True)
class _Film:
    """The file, its packets, what was decoded of it so far, and who is told how far this is."""

    path: str | os.PathLike[str]
    packets: pa.Table
    counter: decode.Decoded
    progress: job.Progress


def _keys(film: _Film) -> tuple[pa.Table, list[state.Measured]]:
    """The table of key frames, and the camera's motion between them where they are close."""
    rows: list[dict[str, Any]] = []
    between: list[state.Measured] = []
    total = int(np.count_nonzero(film.packets["key"].to_numpy(zero_copy_only=False)))
    last: tuple[float, npt.NDArray[np.uint8]] | None = None
    for picture in keyframes.keyframes(film.path, width=sight.WIDTH, packets=film.packets, counter=film.counter):
        luma = sight.grey(picture.image)
        seen = sight.measure(luma)
        small = novelty.small(luma)
        if last is not None and 0 < picture.time_s - last[0] <= _LONGEST_STEP_S and last[1].shape == small.shape:
            found = camera.between(last[1], small, picture.time_s, picture.time_s - last[0])
            if found is not None:
                between.append(state.Measured(found, "keys"))
        last = (picture.time_s, small)
        rows.append(
            {
                "number": picture.number,
                "time_s": picture.time_s,
                "seen": seen.verdict,
                "luma": seen.luma,
                "spread": seen.spread,
                "sharpness": seen.sharpness,
                "entropy": seen.entropy,
                "cells": novelty.cells(small).tobytes(),
            }
        )
        film.progress.update(_STAGE, min(len(rows), total) / total / 2, 1.0)
    return pa.Table.from_pylist(rows, KEYS), between


def _share(vectors: float, packets: pa.Table) -> float:
    """Share of the frames to decode for vectors, less what the key frames have already cost."""
    keys = float(np.mean(packets["key"].to_numpy(zero_copy_only=False))) if packets.num_rows else 0.0
    return max(vectors - _KEY_COST * keys, min(vectors, _LEAST_VECTORS))


def _worth(packets: pa.Table, moved: npt.NDArray[np.float64], between: list[state.Measured]) -> npt.NDArray[np.float64]:
    """How much vectors would tell, per packet: nothing where key frames show that a fixed camera stands."""
    times = packets["time_s"].to_numpy()
    worth = np.exp2(np.clip(moved, -4, 6))
    pairs = list(itertools.pairwise(between))
    stands = np.array([max(last.motion.speed, this.motion.speed) < state.STILL / 2 for last, this in pairs], dtype=bool)
    moves = np.array([this.motion.time_s for (_, this), still in zip(pairs, stands, strict=True) if not still])
    for (last, this), still in zip(pairs, stands, strict=True):
        begin, end = last.motion.time_s, this.motion.time_s
        # A worn camera's stop is part of its walk, and who comes then is seen the better for it.
        low, high = np.searchsorted(moves, [begin - _STOP_S, end + _STOP_S])
        if still and (stands.mean() > _FIXED or low == high):
            # The camera stands: packet sizes and key frames tell all that a prefilter asks.
            worth[np.searchsorted(times, begin) : np.searchsorted(times, end)] = 0
    return worth


def _vectors(film: _Film, spans: list[glances.Span], workers: int) -> tuple[list[state.Measured], list[parallax.Apart]]:
    """Camera motion of every frame of the spans that has vectors, and what moves apart from it, per glance."""
    times, lasts = film.packets["time_s"].to_numpy(), film.packets["duration_s"].to_numpy()
    typical = float(np.median(lasts)) if len(lasts) else 1.0
    measured: list[state.Measured] = []
    apart: list[parallax.Apart | None] = []
    glance: list[frame.MotionField] = []
    reached = 0
    for field in motion.motion(film.path, spans, workers=workers, packets=film.packets, counter=film.counter):
        while reached < len(spans) and field.time_s >= spans[reached][1]:
            reached += 1
            film.progress.update(_STAGE, 0.5 + reached / len(spans) / 2, 1.0)
        if field.key:
            continue
        place = int(np.searchsorted(times, field.time_s - 1e-6))
        interval = times[place] - times[place - 1] if place else typical
        found = camera.of_field(field, float(interval) or typical)
        if found is not None:
            measured.append(state.Measured(found, "vectors"))
        if glance and not 0 <= field.time_s - glance[0].time_s <= _GLANCE_S:
            apart.append(_apart(glance))
            glance = []
        glance.append(field)
    apart.append(_apart(glance))
    return measured, sorted((a for a in apart if a is not None), key=lambda a: a.time_s)


def _apart(glance: list[frame.MotionField]) -> parallax.Apart | None:
    return parallax.apart(glance) if len(glance) >= _FEWEST_FIELDS else None


def _trusted(measured: list[state.Measured]) -> list[state.Measured]:
    """Vectors where there are enough nearby; key frames a second apart misjudge a quick camera.

    A few vectors alone misjudge too: between two steps, or where the coder skipped a frame, nothing moves.
    """
    looked = np.array([m.motion.time_s for m in measured if m.source == "vectors"])
    kept = []
    for this in measured:
        reach = [this.motion.time_s - state.REACH_S, this.motion.time_s + state.REACH_S]
        low, high = np.searchsorted(looked, reach)
        if this.source == "vectors" or high - low < _ENOUGH_VECTORS:
            kept.append(this)
    return kept
