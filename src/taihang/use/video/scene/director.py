"""Director: from a script's events to people's ways through the chamber of the fixed camera."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from taihang.use.video.scene import actor, chamber, figure
from taihang.use.video.scene.actor import Mark
from taihang.use.video.scene.script import CROWD, Event, Script

_SUITS = ((0.022, 0.032, 0.075), (0.34, 0.095, 0.02), (0.05, 0.055, 0.06), (0.24, 0.025, 0.02), (0.035, 0.055, 0.03))
_HELMETS = ((0.62, 0.62, 0.60), (0.60, 0.40, 0.03), (0.45, 0.04, 0.02), (0.03, 0.10, 0.34))
_VEST = (0.36, 0.42, 0.03)
_INSIDE = Mark(5.4, 16.4)
_DOOR = Mark(3.75, 16.4)
_HALL = Mark(2.6, 15.9)
_OUT = Mark(3.75, 4.4)
_LANE_FAR, _LANE_NEAR = Mark(1.15, 12.6), Mark(1.35, 6.4)
_POST = Mark(2.5, 8.05)
_FACING = 2.6
"""The operator turns half to the room."""
_SPOTS = ((-0.25, 10.4), (1.2, 10.3), (1.85, 10.8), (2.6, 11.4), (0.0, 12.7), (1.4, 12.3), (2.1, 12.7), (0.7, 11.6))


def look(rng: np.random.Generator) -> figure.Look:
    """Somebody in working clothes."""
    suit, helmet = _SUITS[rng.integers(len(_SUITS))], _HELMETS[rng.integers(len(_HELMETS))]
    vest = _VEST if rng.random() < 0.3 else None
    height, build = 1.62 + 0.2 * rng.random(), 0.95 + 0.2 * rng.random()
    return figure.Look(suit, helmet, height_m=float(height), build=float(build), vest=vest)


def direct(script: Script, seed: int) -> list[actor.Actor]:
    """Everybody who appears, the staff first."""
    rng = np.random.default_rng((seed, 7))
    people = []
    if script.staff >= 1:
        people.append(_operator(script, rng))
    if script.staff >= 2:
        people.append(_mate(script, rng))
    for event in script.of("restricted", "crowding", "running", "passing", "step", "fall"):
        people += _PARTS[event.kind](event, script, rng)
    return people


def _operator(script: Script, rng: np.random.Generator) -> actor.Actor:
    """Works at the console, and leaves the post when the script says so."""
    away = [Mark(1.55, 8.9), Mark(1.9, 11.2, pose="stand", face=2.6), Mark(1.55, 8.9)]
    marks, now = [Mark(_POST.x, _POST.z)], 0.0
    holds: list[Mark] = []
    for event in script.of("unattended"):
        walk = actor.arrivals([_POST, away[0]], actor.WALK)[1]
        trip = actor.arrivals(away, actor.WALK)[2]
        leave = event.at_s - walk
        holds.append(Mark(_POST.x, _POST.z, max(0.0, leave - now), "work", _FACING))
        rest = max(0.0, event.for_s - trip)
        holds += [away[0], Mark(away[1].x, away[1].z, rest, "stand", 2.6), away[2]]
        now = max(leave, now) + walk * 2 + trip + rest
    marks = [*holds, Mark(_POST.x, _POST.z, script.duration_s - now + 5, "work", _FACING)]
    return actor.act(look(rng), marks, script.frames, script.fps)


def _mate(script: Script, rng: np.random.Generator) -> actor.Actor:
    """Stands by in the open, and leaves through the passage for a while when the script says so."""
    spot = Mark(0.6, 8.5)
    way = [spot, _LANE_FAR, _HALL, _DOOR]
    marks: list[Mark] = []
    now = 0.0
    faces = [2.7, -2.8, 3.0, 2.5]
    for number, event in enumerate(script.of("lone")):
        leave = event.at_s - actor.arrivals(way, actor.WALK)[-1]
        marks.append(Mark(spot.x, spot.z, max(0.0, leave - now), face=faces[number % 4]))
        hidden = 2 * actor.arrivals([_DOOR, _INSIDE], actor.WALK)[1]
        rest = max(0.0, event.for_s - hidden)
        marks += [_LANE_FAR, _HALL, _DOOR, Mark(_INSIDE.x, _INSIDE.z, rest), _DOOR, _HALL, _LANE_FAR]
        now = max(leave, now) + 2 * actor.arrivals(way, actor.WALK)[-1] + hidden + rest
    marks.append(Mark(spot.x, spot.z, script.duration_s - now + 5, face=2.8))
    return actor.act(look(rng), marks, script.frames, script.fps)


def _restricted(event: Event, script: Script, rng: np.random.Generator) -> list[actor.Actor]:
    zone = chamber.RESTRICTED
    z = float(rng.uniform(zone.z[0] + 1.0, zone.z[1] - 1.2))
    edge, deep = Mark(zone.x[1], z), float(rng.uniform(zone.x[0] + 0.6, zone.x[0] + 1.1))
    inside = 2 * (edge.x - deep) / actor.WALK
    stay = Mark(deep, z + 0.3, max(0.0, event.for_s - inside), "work", -2.5)
    near = [_OUT, _LANE_NEAR]
    far = [_INSIDE, _DOOR, _HALL, _LANE_FAR]
    come, go = (near, far) if rng.random() < 0.5 else (far, near)
    marks = [*come, edge, stay, edge, *reversed(go)]
    return [actor.act(look(rng), marks, script.frames, script.fps, meet=(len(come), event.at_s))]


def _crowding(event: Event, script: Script, rng: np.random.Generator) -> list[actor.Actor]:
    people = []
    apart = 1.5
    edge = chamber.AREA.z[1]
    for number in range(event.people):
        x, z = _SPOTS[number]
        enter = Mark(min(x + 0.35, 2.2), edge)
        # The crowd begins when the last of the first four comes, and ends when only three are left.
        first = event.at_s + apart * (number - min(event.people, CROWD) + 1)
        last = event.end_s + apart * (number - max(0, event.people - CROWD))
        walking = 2 * actor.arrivals([enter, Mark(x, z)], actor.WALK)[1]
        face = math.atan2(1.2 - x, 11.0 - z) if number % 2 else float(rng.uniform(2.2, 4.0))
        marks = [_INSIDE, _DOOR, _HALL, enter, Mark(x, z, max(0.0, last - first - walking), face=face)]
        marks += [enter, _HALL, _DOOR, _INSIDE]
        people.append(actor.act(look(rng), marks, script.frames, script.fps, meet=(3, first)))
    return people


def _through(event: Event, script: Script, rng: np.random.Generator, speed: float) -> list[actor.Actor]:
    marks = [_INSIDE, _DOOR, _HALL, _LANE_FAR, _LANE_NEAR, _OUT]
    meet = 1
    if rng.random() < 0.4:
        marks, meet = marks[::-1], 0
    return [actor.act(look(rng), marks, script.frames, script.fps, speed=speed, meet=(meet, event.at_s))]


def _running(event: Event, script: Script, rng: np.random.Generator) -> list[actor.Actor]:
    return _through(event, script, rng, actor.RUN)


def _passing(event: Event, script: Script, rng: np.random.Generator) -> list[actor.Actor]:
    return _through(event, script, rng, float(rng.uniform(1.0, 1.5)))


def _busy(event: Event, script: Script, rng: np.random.Generator) -> list[actor.Actor]:
    """Comes in, does a work step or falls, and goes again."""
    spot = Mark(float(rng.uniform(-0.2, 2.2)), float(rng.uniform(7.0, 12.5)), event.for_s, task(event, rng))
    spot = dataclasses.replace(spot, face=float(rng.uniform(-math.pi, math.pi)))
    near, far = [_OUT, _LANE_NEAR], [_INSIDE, _DOOR, _HALL]
    come, go = (near, far) if rng.random() < 0.5 else (far, near)
    marks = [*come, spot, *reversed(go)]
    return [actor.act(look(rng), marks, script.frames, script.fps, meet=(len(come), event.at_s))]


def task(event: Event, rng: np.random.Generator) -> str:
    """The pose of a work step, drawn by lot, or of a fall."""
    return "fall" if event.kind == "fall" else figure.TASKS[rng.integers(len(figure.TASKS))]


_PARTS = {
    "restricted": _restricted,
    "crowding": _crowding,
    "running": _running,
    "passing": _passing,
    "step": _busy,
    "fall": _busy,
}
