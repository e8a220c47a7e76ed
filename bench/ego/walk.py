"""What one seed does: the walk of the camera and the visits of people, planned before a single pixel is drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.ego import cutouts, scene

FPS = 30
WIDTH, HEIGHT = 848, 480
TALL = 1.13  # a person's height in camera heights: the foot's depth times this is the height in pixels
KINDS = ("cross", "cross", "cross", "stand", "stand", "still", "along")
ZOOM = 1.12  # the view is cut from the clip so that the head can turn


@dataclass(frozen=True, slots=True)
class Camera:
    """Per output frame: place in the clip (source frames), view (2, 3) from clip to picture, gain, white (n, 3)."""

    place: np.ndarray
    view: np.ndarray
    gain: np.ndarray
    white: np.ndarray
    mirrored: bool


@dataclass(frozen=True, slots=True)
class Visit:
    """One person's stay: per frame from `start`, foot (x, y) and height in clip pixels, and which cut-out frame."""

    start: int
    foot: np.ndarray
    tall: np.ndarray
    sprite: np.ndarray  # (n, 2): cut-out, frame of it
    flipped: np.ndarray
    shade: float


def _smooth(rng: np.random.Generator, count: int, period_s: float) -> np.ndarray:
    """Gaussian noise of unit spread whose wiggles last about period_s."""
    knots = rng.normal(size=int(count / FPS / period_s) + 6)
    at = np.arange(count) / FPS / period_s + 1
    base = at.astype(int)
    t = at - base
    p0, p1, p2, p3 = (knots[base + k] for k in (-1, 0, 1, 2))
    return 0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3)


def _places(rng: np.random.Generator, count: int, last: int) -> np.ndarray:
    """Walk to and fro between random turning points at 0.7–1.3× speed; slow down, stand a while, turn, go on."""
    place, way, out = float(rng.uniform(10, last - 10)), int(rng.choice([-1, 1])), []
    while len(out) < count:
        speed = rng.uniform(0.7, 1.3)
        goal = last - rng.uniform(3, 60) if way > 0 else rng.uniform(3, 60)
        left = abs(goal - place)
        goes_on = left > 150 and rng.random() < 0.4  # stands on the way and walks on
        left = left * rng.uniform(0.35, 0.65) if goes_on else left
        if left > 40:
            ramp = int(rng.uniform(12, 24))
            cruise = max(0, int((left - speed * ramp) / speed))
            ease = (1 - np.cos(np.pi * (np.arange(ramp) + 0.5) / ramp)) / 2
            pace = speed * np.concatenate([ease, np.ones(cruise), ease[::-1]])
            for step in pace:
                place = float(np.clip(place + way * step, 0, last - 0.01))
                out.append(place)
            if goes_on or rng.random() < 0.4:
                out += [place] * int(rng.uniform(1, 7) * FPS)
        way = way if goes_on else -way
    return np.array(out[:count])


def camera(rng: np.random.Generator, count: int, world: scene.Scene) -> Camera:
    place = _places(rng, count, len(world.images) - 1)
    pace = np.abs(np.gradient(place))
    phase = np.cumsum(2 * np.pi * 1.9 * np.minimum(1, pace) / FPS)
    x = 2.5 * _smooth(rng, count, 0.35) + 1.6 * np.sin(phase / 2)
    y = 2.0 * _smooth(rng, count, 0.3) + 2.2 * np.sin(phase)
    roll = np.deg2rad(0.25 * _smooth(rng, count, 0.5) + 0.2 * np.sin(phase / 2))
    # Head turns: a quick pan to one side and back after a while, as far as the cut allows.
    turn, at = np.zeros(count), int(rng.uniform(2, 10) * FPS)
    while at < count:
        hold, ease, size = int(rng.uniform(0.5, 3) * FPS), int(rng.uniform(0.3, 0.9) * FPS), rng.choice([-1, 1]) * 34
        shape = np.concatenate([np.linspace(0, 1, ease), np.ones(hold), np.linspace(1, 0, ease)])
        shape = size * (1 - np.cos(np.pi * shape)) / 2
        turn[at : at + len(shape)] += shape[: count - at]
        at += len(shape) + int(rng.uniform(4, 16) * FPS)
    x = np.clip(x + turn, -44, 44)
    y = np.clip(y, -22, 22)
    view = np.zeros((count, 2, 3))
    cos, sin = ZOOM * np.cos(roll), ZOOM * np.sin(roll)
    view[:, 0, 0], view[:, 0, 1], view[:, 1, 0], view[:, 1, 1] = cos, -sin, sin, cos
    centre = np.array([WIDTH / 2, HEIGHT / 2])
    view[:, :, 2] = centre - view[:, :, :2] @ centre + np.stack([x, y], 1)
    gain = 1 + 0.05 * _smooth(rng, count, 6) + 0.012 * _smooth(rng, count, 1.2)
    white = 1 + 0.015 * np.stack([_smooth(rng, count, 9) for _ in range(3)], 1)
    return Camera(place, view, gain, white, bool(rng.random() < 0.5))


def _in_view(cam: Camera, frames: np.ndarray, foot: np.ndarray, tall: np.ndarray, wide: float) -> np.ndarray:
    """Share of the person's box that is inside the picture, per frame."""
    view = cam.view[frames]
    at = np.einsum("nij,nj->ni", view[:, :, :2], foot) + view[:, :, 2]
    height, half = tall * ZOOM, tall * ZOOM * wide / 2
    across = np.clip(np.minimum(at[:, 0] + half, WIDTH) - np.maximum(at[:, 0] - half, 0), 0, None) / (2 * half)
    down = np.clip(np.minimum(at[:, 1], HEIGHT) - np.maximum(at[:, 1] - height, 0), 0, None) / height
    return across * down


@dataclass(frozen=True, slots=True)
class _World:
    """What a visit is planned in: camera, people, and per frame the vanishing point and the walk's growth."""

    cam: Camera
    people: list[cutouts.Cutout]
    vanish: np.ndarray
    growth: np.ndarray

    def walker(self, rng: np.random.Generator) -> tuple[str, int, list[int], list[int]]:
        """A name, its walking cut-out, its standing ones, everybody's standing ones."""
        names = sorted({p.name for p in self.people if p.kind == "walk"})
        name = names[rng.integers(len(names))]
        walk = next(i for i, p in enumerate(self.people) if p.name == name and p.kind == "walk")
        stands = [i for i, p in enumerate(self.people) if p.kind == "stand" and p.name == name]
        return name, walk, stands, [i for i, p in enumerate(self.people) if p.kind == "stand"]


def _way(rng: np.random.Generator, kind: str, count: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """A person's own motion per frame (sideways, forward; camera heights) and when it stands."""
    own, standing = np.zeros((count, 2)), np.zeros(count, bool)
    pace, ahead = rng.uniform(0.6, 1.15) / FPS, rng.uniform(-0.2, 1.1) / FPS
    if kind == "still":
        standing[:] = True
    elif kind == "along":
        own[:] = (-side * pace * rng.uniform(0.05, 0.35), rng.uniform(0.5, 1.1) / FPS)
    else:
        own[:] = (-side * pace, ahead)
    if kind == "stand":
        begin = int(rng.uniform(1, 3.5) * FPS)
        end = begin + int(rng.uniform(2, 7) * FPS)
        standing[begin:end] = True
        own[begin:end] = 0
        own[end:, 0] *= rng.choice([-1, 1])
    return own, standing


def _path(world: _World, own: np.ndarray, depth: float, lateral: float, start: int) -> tuple[np.ndarray, np.ndarray]:
    """Foot's depth `u` and lateral place `x` per frame, until it is behind the camera or too far to see."""
    u, x = np.empty(len(own)), np.empty(len(own))
    for i in range(len(own)):
        u[i], x[i] = depth, lateral
        depth += depth**2 * (world.growth[start + i] - own[i, 1] / scene.FOCAL)
        lateral += own[i, 0]
        if not 18 < depth < 2500:
            return u[: i + 1], x[: i + 1]
    return u, x


def _looks_right(share: np.ndarray, tall: np.ndarray, name: str) -> bool:
    """It comes in and goes out over the edges, stays 1.5–14 s, and is neither tiny nor huge."""
    seen = np.flatnonzero(share > 0.02)
    if not 1.5 * FPS <= len(seen) <= 14 * FPS or share[0] > 0 or share[-1] > 0:
        return False
    if seen[-1] - seen[0] + 1 != len(seen) or seen[0] > 4 * FPS or share[seen].max() < 0.7:
        return False
    heights = tall[seen]
    if heights.min() < 85 or heights.max() > 520 or np.percentile(heights, 70) > 400:
        return False
    return name != "worker" or heights.max() <= 300  # its source is small: it would look blurred


def _try(rng: np.random.Generator, world: _World, kind: str, start: int) -> Visit | None:
    """One random visit that begins to be walked at frame `start`, or None when it does not look like one."""
    cam = world.cam
    count = min(len(cam.place) - start, 18 * FPS)
    side = 1 if rng.random() < 0.75 else -1  # the building stands on the left
    name, walk, stands, others = world.walker(rng)
    depth = rng.uniform(95, 230)
    edge = (WIDTH / 2 / ZOOM + 60) / depth
    lateral = (side * edge + (WIDTH / 2 - world.vanish[start, 0]) / depth) * rng.uniform(0.95, 1.1)
    own, standing = _way(rng, kind, count, side)
    if kind == "still":
        depth, lateral = rng.uniform(110, 300), rng.uniform(-0.6, 2.2)
    u, x = _path(world, own, depth, lateral, start)
    count = len(u)
    own, standing = own[:count], standing[:count]
    frames = start + np.arange(count)
    foot = np.stack([world.vanish[frames, 0] + x * u, world.vanish[frames, 1] + u], 1)
    tall = TALL * rng.uniform(0.92, 1.06) * u
    share = _in_view(cam, frames, foot, tall, 0.42)
    if not _looks_right(share, tall, name):
        return None
    still = stands[0] if stands and kind != "still" else others[rng.integers(len(others))]
    sprite = np.empty((count, 2), int)
    for i in range(count):
        which = still if standing[i] else walk
        cutout = world.people[which]
        length = len(cutout.frames)
        beat = int(i / FPS * cutout.fps) % max(1, 2 * length - 2)
        sprite[i] = which, beat if beat < length else 2 * length - 2 - beat
    flipped = np.where(standing, bool(rng.random() < 0.5), own[:, 0] < 0)
    seen = np.flatnonzero(share > 0.02)
    cut = slice(int(seen[0]), int(seen[-1]) + 1)
    return Visit(start + cut.start, foot[cut], tall[cut], sprite[cut], flipped[cut], rng.uniform(0.85, 1.1))


def visits(rng: np.random.Generator, cam: Camera, world: scene.Scene, people: list[cutouts.Cutout]) -> list[Visit]:
    """Visits one after another with 2.5–14 s of nobody between them."""
    numbers = np.arange(len(cam.place))
    vanish = np.array([world.vanish_at(p) for p in cam.place])
    growth = np.array([world.rate_at(p) for p in cam.place]) * np.gradient(cam.place)
    planned = _World(cam, people, vanish, growth)
    out, free = [], int(rng.uniform(3, 10) * FPS)
    while free < len(numbers) - 4 * FPS:
        # The kind is drawn first and kept for a while, so that what is hard to place is not left out.
        kind = KINDS[rng.integers(len(KINDS))]
        for attempt in range(80):
            start = min(free + attempt // 16 * 6, len(numbers) - 2 * FPS)
            visit = _try(rng, planned, kind, start)
            if visit:
                out.append(visit)
                free = (
                    visit.start + len(visit.tall) - 1 + int(rng.choice([rng.uniform(2.5, 6), rng.uniform(6, 12)]) * FPS)
                )
                break
        else:
            free += FPS // 3
    return out
