"""Chance: scripts drawn by lot, with and without violations, for trials on many scenes."""

from __future__ import annotations

import numpy as np

from taihang.use.video.scene.script import Camera, Event, Kind, Script

# How long an event lasts, and how long before and after it nothing else may happen, since people
# need that time to come and go.
_LENGTH: dict[str, tuple[float, float]] = {
    "restricted": (5, 12),
    "crowding": (8, 15),
    "lone": (12, 25),
    "running": (3, 3.5),
    "unattended": (8, 18),
    "passing": (10, 12),
    "covered": (2, 6),
    "dark": (3, 8),
    "blurred": (4, 10),
    "knocked": (1.5, 3),
    "equipment": (8, 30),
    "swinging_lamp": (6, 15),
    "dust": (8, 20),
    "shadow": (3, 6),
    "rat": (5, 8),
    "halt": (3, 8),
    "look": (3, 5),
}
_BEFORE: dict[str, float] = {"restricted": 10, "crowding": 13, "lone": 9, "unattended": 3}
_AFTER: dict[str, float] = {"restricted": 10, "crowding": 12, "lone": 9, "unattended": 3, "passing": 3}
# The wearer walks on and passes people and zones: what they do must be shorter.
_WORN_LENGTH: dict[str, tuple[float, float]] = {"restricted": (4, 6.5), "crowding": (5, 9)}
_WORN_BEFORE: dict[str, float] = {"restricted": 4, "crowding": 6, "passing": 2}
_WORN_AFTER: dict[str, float] = {"restricted": 8, "crowding": 10, "passing": 14}
_MIXTURE: dict[tuple[Camera, bool], tuple[Kind, ...]] = {
    ("fixed", False): (
        *("restricted", "crowding", "lone", "running", "unattended", "covered", "dark"),
        *("passing", "equipment", "equipment", "swinging_lamp", "dust", "shadow", "rat", "knocked", "blurred"),
    ),
    ("fixed", True): ("passing", "passing", "equipment", "equipment", "swinging_lamp", "dust", "shadow", "rat"),
    ("worn", False): (
        *("restricted", "crowding", "running", "covered", "dark"),
        *("passing", "halt", "look", "look", "dust", "knocked", "blurred"),
    ),
    ("worn", True): ("passing", "passing", "halt", "look", "look", "dust"),
}


def random_script(seed: int, minutes: float = 2.0, camera: Camera = "fixed", *, null: bool = False) -> Script:
    """A script of events in random order with random gaps; the same arguments give the same script.

    `null` leaves out everything that a rule can object to: what remains are people passing, a
    machine that starts and stops, and decoys. (On a fixed camera two people of the staff are always there.)
    """
    rng = np.random.default_rng((seed, 23))
    length = minutes * 60
    kinds = _MIXTURE[camera, null]
    before, after = (_BEFORE, _AFTER) if camera == "fixed" else (_WORN_BEFORE, _WORN_AFTER)
    events: list[Event] = []
    bag: list[Kind] = []
    now = float(rng.uniform(3, 8))
    while True:
        if not bag:
            bag = [kinds[k] for k in rng.permutation(len(kinds))]
        kind = bag.pop()
        if kind == "restricted" and camera == "worn" and any(event.kind == kind for event in events):
            continue
        low, high = _WORN_LENGTH.get(kind, _LENGTH[kind]) if camera == "worn" else _LENGTH[kind]
        start, lasts = now + before.get(kind, 1.0), float(rng.uniform(low, high))
        now = start + lasts + after.get(kind, 1.0) + float(rng.uniform(0.5, 5))
        if now > length:
            break
        events.append(Event(kind=kind, at_s=round(start, 2), for_s=round(lasts, 2), people=int(rng.integers(4, 7))))
    name = f"{camera}-{'null' if null else 'mixed'}-{seed}"
    return Script(name=name, duration_s=length, camera=camera, events=tuple(events))
