"""Actor: one person's way through the place, frame by frame."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence

import numpy as np

from taihang.use.video.scene import figure
from taihang.use.video.scene.image import Array

WALK, RUN = 1.25, 3.6
"""Usual speeds, m/s."""
STRIDE = {"walk": 1.40, "run": 2.5}
"""Metres in one cycle of two steps."""
_SWAY_HZ = 0.25
TEMPO_HZ = {"hammer": 0.8, "load": 0.35, "reach": 0.5}
"""How often a second a work step is done."""
FALL_S, RISE_S = 0.7, 1.6
"""How long somebody takes to fall, and to get up again at the end of the stay."""


@dataclasses.dataclass(frozen=True, slots=True)
class Mark:
    """A point of the way; who arrives stays for `hold_s` in a pose, facing `face` (radians, 0 along +z)."""

    x: float
    z: float
    hold_s: float = 0.0
    pose: str = "stand"
    face: float | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Actor:
    """Arrays over all frames: on stage or not, place, heading, speed, pose, and phase: cycles of steps or of
    a task, how far somebody has fallen (0–1)."""

    look: figure.Look
    on: Array
    x: Array
    z: Array
    heading: Array
    speed: Array
    phase: Array
    pose: Array


def arrivals(marks: Sequence[Mark], speed: float) -> list[float]:
    """When each mark is reached, in seconds after the first."""
    times = [0.0]
    for before, after in itertools.pairwise(marks):
        times.append(times[-1] + before.hold_s + math.dist((before.x, before.z), (after.x, after.z)) / speed)
    return times


def act(
    look: figure.Look,
    marks: Sequence[Mark],
    frames: int,
    fps: float,
    *,
    speed: float = WALK,
    meet: tuple[int, float] = (0, 0),
) -> Actor:
    """Walk along the marks at a steady speed, so that mark `meet[0]` is reached at second `meet[1]`."""
    reached = arrivals(marks, speed)
    shift = meet[1] - reached[meet[0]]
    knots: list[tuple[float, float, float]] = []
    for mark, when in zip(marks, reached, strict=True):
        knots += [(when + shift, mark.x, mark.z), (when + shift + mark.hold_s, mark.x, mark.z)]
    time = np.arange(frames) / fps
    table = np.array(knots)
    # Equal times (no hold) must stay in order for the interpolation.
    table[:, 0] += np.arange(len(table)) * 1e-7
    x, z = np.interp(time, table[:, 0], table[:, 1]), np.interp(time, table[:, 0], table[:, 2])
    on = (time >= table[0, 0]) & (time <= table[-1, 0])
    step = np.hypot(np.gradient(x), np.gradient(z)) * on
    pace = step * fps
    pose = np.where(pace > 2.4, "run", np.where(pace > 0.25, "walk", "stand")).astype("<U6")
    lies = np.full(frames, np.nan)
    wanted = np.where(pace > 0.25, np.arctan2(np.gradient(x), np.gradient(z)), np.nan)
    for mark, when in zip(marks, reached, strict=True):
        there = (time > when + shift) & (time < when + shift + mark.hold_s) & (pace <= 0.25)
        pose[there] = mark.pose
        if mark.pose == "fall":
            lies[there] = _fallen(time[there], when + shift, when + shift + mark.hold_s)
        if mark.face is not None:
            wanted[there] = mark.face
    length = np.where(pose == "run", STRIDE["run"], STRIDE["walk"])
    # Who stands still sways a little, once in four seconds.
    tempo = np.full(frames, _SWAY_HZ)
    for task, often in TEMPO_HZ.items():
        tempo[pose == task] = often
    phase = np.cumsum(np.where(pace > 0.25, step / length, tempo / fps))
    phase = np.where(np.isnan(lies), phase, lies)
    return Actor(look, on, x, z, _turning(wanted, fps), pace, phase, pose)


def _fallen(time: Array, start: float, end: float) -> Array:
    """How far somebody has fallen at each time of a stay, 0 upright to just under 1, the last phase."""
    return np.asarray(np.clip(np.minimum((time - start) / FALL_S, (end - time) / RISE_S), 0, 1 - 1e-6))


def _turning(wanted: Array, fps: float) -> Array:
    """Headings that follow the wanted ones the short way round, within about a third of a second."""
    known = np.flatnonzero(~np.isnan(wanted))
    now = float(wanted[known[0]]) if len(known) else 0.0
    gain = 1 - math.exp(-1 / (0.22 * fps))
    out = np.empty(len(wanted))
    for number, goal in enumerate(wanted):
        if not math.isnan(goal):
            now += gain * (math.remainder(goal - now, 2 * math.pi))
        out[number] = now
    return out
