"""Patrol: from a script's events to the people whom the wearer of a worn camera meets."""

from __future__ import annotations

import math

import numpy as np

from taihang.use.video.scene import actor, director, route, zone
from taihang.use.video.scene.actor import Mark
from taihang.use.video.scene.script import Event, Script

_AHEAD_M = 11.0
"""How far before the wearer a restricted zone's middle is when somebody walks into it."""
_MEETING_M = 16.0
"""How far before the wearer walkers are at their event's start."""


def grounds(script: Script, way: route.Route) -> tuple[zone.Ground, ...]:
    """The restricted zone that the script needs, at the right wall."""
    events = script.of("restricted")
    if not events:
        return ()
    middle = way.at(events[0].at_s) + _AHEAD_M
    return (zone.Ground(name="restricted-bay", kind="restricted", x=(0.15, 2.05), z=(middle - 1.7, middle + 1.7)),)


def direct(script: Script, seed: int, way: route.Route, marked: tuple[zone.Ground, ...]) -> list[actor.Actor]:
    """Everybody whom the wearer meets."""
    rng = np.random.default_rng((seed, 7))
    people: list[actor.Actor] = []
    for event in script.of("restricted", "crowding", "running", "passing", "step", "fall"):
        if event.kind == "restricted":
            people.append(_restricted(event, script, rng, marked[0]))
        elif event.kind == "crowding":
            people += _crowd(event, script, rng, way)
        elif event.kind in ("step", "fall"):
            people.append(_busy(event, script, rng, way))
        else:
            people.append(_oncoming(event, script, rng, way))
    return people


def _restricted(event: Event, script: Script, rng: np.random.Generator, bay: zone.Ground) -> actor.Actor:
    """Waits beyond the bay, steps into it, works there, and goes away up the roadway."""
    edge = bay.z[1]
    inside = Mark(1.1, edge - 1.7)
    walking = 2 * 1.7 / actor.WALK
    stay = Mark(inside.x, inside.z, max(0.0, event.for_s - walking), "work", 2.4)
    marks = [Mark(0.6, edge + 9), Mark(1.1, edge), stay, Mark(1.1, edge), Mark(-0.3, edge + 30)]
    return actor.act(director.look(rng), marks, script.frames, script.fps, meet=(1, event.at_s))


def _crowd(event: Event, script: Script, rng: np.random.Generator, way: route.Route) -> list[actor.Actor]:
    """People stand together at one side; the wearer comes up to them, and then they walk past."""
    people = []
    start = max(way.at(event.at_s) + 9.0, way.at(event.end_s) + 3.2)
    side = 1.0 if rng.random() < 0.5 else -1.0
    for number in range(event.people):
        # Who stands in the second row shows between those in front.
        row, place = divmod(number, 3)
        x, z = side * (0.25 + 0.72 * place - 0.36 * row), start + 1.1 * row + 0.25 * place
        face = math.pi + float(rng.uniform(-0.8, 0.8))
        arrive = event.at_s - 1.2 * (event.people - 1 - number)
        spot = Mark(x, z, event.end_s - arrive, face=face)
        come, go = Mark(0.3 * side, z + 9), Mark(x + 0.25 * side, z - 60)
        people.append(actor.act(director.look(rng), [come, spot, go], script.frames, script.fps, meet=(1, arrive)))
    return people


def _busy(event: Event, script: Script, rng: np.random.Generator, way: route.Route) -> actor.Actor:
    """Does a work step or falls at one side while the wearer comes up, and then walks past."""
    side = 1.0 if rng.random() < 0.5 else -1.0
    z = max(way.at(event.at_s) + float(rng.uniform(5.0, 10.0)), way.at(event.end_s) + 2.6)
    face = float(rng.uniform(-math.pi, math.pi))
    spot = Mark(side * float(rng.uniform(0.4, 1.3)), z, event.for_s, director.task(event, rng), face)
    marks = [Mark(0.3 * side, z + 9), spot, Mark(spot.x, z - 60)]
    return actor.act(director.look(rng), marks, script.frames, script.fps, meet=(1, event.at_s))


def _oncoming(event: Event, script: Script, rng: np.random.Generator, way: route.Route) -> actor.Actor:
    """Comes towards the wearer, walking or running, and passes."""
    running = event.kind == "running"
    speed = actor.RUN if running else float(rng.uniform(1.0, 1.4))
    x = float(rng.choice((-1, 1)) * rng.uniform(0.75, 1.05))
    at = way.at(event.at_s) + (14.0 if running else _MEETING_M)
    marks = [Mark(x * 0.7, at + (0.5 if running else 14)), Mark(x * 0.9, at), Mark(x, at - 60)]
    return actor.act(director.look(rng), marks, script.frames, script.fps, speed=speed, meet=(1, event.at_s))
