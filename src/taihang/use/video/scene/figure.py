"""Figure: a worker as a small articulated body, drawn as a shaded sprite.

The body is a skeleton of tapered capsules in metres (x to its right, y up, z the way it faces),
turned to the view and drawn without perspective; the height field of all capsules together is
smoothed before it is shaded, which hides their seams as cloth would.
"""

from __future__ import annotations

import dataclasses
import functools
import math

import cv2
import numpy as np

from taihang.use.video.scene.image import Array, Field

SCALE = 125.0
"""Sprite pixels per metre."""
WIDTH_M, ABOVE_M, BELOW_M = 2.08, 2.08, 0.32
_RIM = 6
"""The sprite's extent: half of WIDTH_M to either side of the feet, above and below them."""
PHASES, YAWS, PITCHES = 16, 30, 4.0
TASKS = ("hammer", "load", "reach")
"""Poses of a work step that is done over and over in one place; a phase is the place in one go of it."""
_LYING_M = 0.85
"""Who lies is drawn about the middle of the body, so that the figure stays within the sprite."""
_SUN = np.array([-0.25, 0.8, 0.55]) / np.linalg.norm([-0.25, 0.8, 0.55])

Vector = tuple[float, float, float]


@dataclasses.dataclass(frozen=True, slots=True)
class Look:
    """What a worker wears; colours are linear RGB in 0–1."""

    suit: Vector
    helmet: Vector
    stripe: Vector = (0.32, 0.32, 0.29)
    skin: Vector = (0.62, 0.42, 0.31)
    height_m: float = 1.72
    build: float = 1.0
    vest: Vector | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Sprite:
    """`colour` (H, W, 3) linear RGB, `alpha` (H, W) 0–1, feet at (`foot_x`, `foot_y`), `area` in its pixels.

    `levels` are the same at full, half, quarter … size, so that a small one is not sampled coarsely.
    """

    levels: tuple[tuple[Field, Field], ...]
    foot_x: float
    foot_y: float
    area: float

    @property
    def alpha(self) -> Field:
        """Coverage at full size."""
        return self.levels[0][1]

    def at(self, scale: float) -> tuple[Field, Field]:
        """Colour and alpha at the smallest stored size that is not below `scale` of the full one."""
        level = min(len(self.levels) - 1, max(0, math.floor(-math.log2(max(scale, 1e-3)))))
        return self.levels[level]


@dataclasses.dataclass(frozen=True, slots=True)
class _Part:
    start: Vector
    end: Vector
    radii: tuple[float, float]
    colour: Vector
    stripes: tuple[tuple[float, float], ...] = ()


@functools.lru_cache(maxsize=192)
def sprite(look: Look, pose: str, phase: int, yaw: int, pitch: int) -> Sprite:
    """A worker seen from a camera.

    `pose` is walk, run, stand, work, fall or one of TASKS; `phase` of PHASES is the place in the step or in
    the task, and how far somebody has fallen: the last one lies; `yaw` of YAWS is
    the way it faces (0 away from the camera, a quarter of YAWS to the right of the picture);
    `pitch` is how far the camera looks down on it, in steps of PITCHES degrees.
    """
    parts = _body(look, pose, phase / PHASES)
    turn = _turned(2 * math.pi * yaw / YAWS, math.radians(pitch * PITCHES))
    height, width = round((ABOVE_M + BELOW_M) * SCALE), round(WIDTH_M * SCALE)
    depth = np.full((height, width), -9.0, np.float32)
    alpha = np.zeros((height, width), np.float32)
    albedo = np.zeros((height, width, 3), np.float32)
    stretch = look.height_m / 1.76
    for part in parts:
        start, end = turn @ np.array(part.start) * stretch, turn @ np.array(part.end) * stretch
        _draw(part, start, end, stretch, look, sheets=(depth, alpha, albedo))
    window = _window(alpha)
    cover = alpha[window]
    lit = _shaded(albedo[window], depth[window], cover, *(sheet[window] for sheet in _cloth()))
    levels = [(lit, cover)]
    for _ in range(2):
        colour, cover = levels[-1]
        half = (cover.shape[1] // 2, cover.shape[0] // 2)
        small = (
            cv2.resize(colour, half, interpolation=cv2.INTER_AREA),
            cv2.resize(cover, half, interpolation=cv2.INTER_AREA),
        )
        levels.append((np.asarray(small[0], np.float32), np.asarray(small[1], np.float32)))
    foot = width / 2 - window[1].start, ABOVE_M * SCALE - window[0].start
    return Sprite(tuple(levels), foot[0], foot[1], float(np.count_nonzero(alpha > 0.5)))


def _window(alpha: Field) -> tuple[slice, slice]:
    """The part of the sheet that the figure fills, with a rim, in whole fours so that it halves twice."""
    spans = []
    for axis in (1, 0):
        filled = np.flatnonzero(alpha.any(axis=axis))
        low, high = (int(filled[0]) - _RIM) // 4 * 4, -(-(int(filled[-1]) + _RIM) // 4) * 4
        spans.append(slice(max(0, low), min(alpha.shape[1 - axis], high)))
    return spans[0], spans[1]


def _turned(yaw: float, pitch: float) -> Array:
    """Body axes to picture axes: x right, y up, z towards the camera."""
    c, s = math.cos(yaw), math.sin(yaw)
    about_y = np.array([[c, 0, s], [0, 1, 0], [s, 0, -c]])
    c, s = math.cos(pitch), math.sin(pitch)
    return np.asarray(np.array([[1, 0, 0], [0, c, -s], [0, s, c]]) @ about_y)


def _body(look: Look, pose: str, phase: float) -> list[_Part]:
    swing = 2 * math.pi * phase
    run, walk = pose == "run", pose == "walk"
    stride = math.radians(38 if run else 24 if walk else 0)
    lean = math.radians(14 if run else 3 if walk else 7 if pose == "work" else 0) + _stoop(pose, phase)
    sway = 0.0 if run or walk else 0.012 * math.sin(swing)
    bob = (0.03 if run else 0.018 if walk else 0.0) * math.cos(2 * swing)
    hip = np.array([sway, 0.93 + bob - (0.04 if run else 0.015 if walk else 0.0), 0.0])
    up = np.array([0.0, math.cos(lean), math.sin(lean)])
    chest, neck = hip + 0.40 * up, hip + 0.55 * up
    head = neck + np.array([0, 0.12, 0.025 + 0.05 * math.sin(lean)])
    parts = _trunk(look, hip, chest, neck, up) + _head(look, head, pose)
    for side in (-1.0, 1.0):
        thigh = stride * math.sin(swing) * side if run or walk else 0.10 * side
        parts += _leg(look, hip, side, thigh=thigh, swing=swing if side > 0 else swing + math.pi, pose=pose)
        parts += _arm(look, chest, up, side, swing=-0.8 * stride * math.sin(swing) * side, pose=pose, turn=swing)
    return [_tipped(part, phase) for part in parts] if pose == "fall" else parts


def _stoop(pose: str, phase: float) -> float:
    """How far a work step bends the back, in radians: loading goes down to the floor and up again."""
    down = 0.5 - 0.5 * math.cos(2 * math.pi * phase)
    return {"load": 0.1 + 1.05 * down, "hammer": 0.12 + 0.25 * down}.get(pose, 0.0)


def _tipped(part: _Part, phase: float) -> _Part:
    """A part of somebody who falls forward: slowly at first, flat on the floor at the last phase."""
    angle = math.pi / 2 * min(1.0, phase * PHASES / (PHASES - 1)) ** 2
    c, s = math.cos(angle), math.sin(angle)

    def turned(at: Vector) -> Vector:
        x, y, z = at
        return (x, y * c - z * s + 0.13 * s, y * s + z * c - _LYING_M * s)

    return dataclasses.replace(part, start=turned(part.start), end=turned(part.end))


def _trunk(look: Look, hip: Array, chest: Array, neck: Array, up: Array) -> list[_Part]:
    b = look.build
    top = look.vest or look.suit
    out = [_Part(_v(hip, -0.07), _v(hip, 0.07), (0.125 * b, 0.125 * b), look.suit)]
    for side in (-1, 1):
        start, end = _v(hip, 0.075 * side), _v(chest, 0.105 * side)
        out.append(_Part(start, end, (0.118 * b, 0.125 * b), top, ((0.34, 0.43), (0.80, 0.89))))
        out.append(_Part(_v(chest, 0.10 * side), _v(chest + 0.06 * up, 0.155 * side), (0.12, 0.085), top))
        out.append(_Part(_v(neck, 0.02 * side), _v(chest + 0.085 * up, 0.165 * side), (0.062, 0.066), top))
    out.append(_Part(_v(chest + 0.11 * up, 0, 0, 0.01), _v(neck + 0.03 * up), (0.060, 0.054), look.skin))
    # The lamp's battery and the self-rescuer hang from the belt.
    out.append(_Part(_v(hip, 0.17, 0.10, -0.03), _v(hip, 0.17, 0.0, -0.03), (0.055, 0.055), (0.45, 0.42, 0.10)))
    out.append(_Part(_v(hip, -0.16, 0.09, -0.05), _v(hip, -0.16, 0.03, -0.05), (0.05, 0.05), (0.05, 0.05, 0.05)))
    return out


def _head(look: Look, head: Array, pose: str) -> list[_Part]:
    nod = -0.03 if pose == "work" else 0.0
    face = (look.skin[0] * 0.9, look.skin[1] * 0.9, look.skin[2] * 0.9)
    return [
        _Part(_v(head, 0, -0.03 + nod), _v(head, 0, 0.05 + nod), (0.080, 0.092), face),
        _Part(_v(head, 0, 0.080 + nod, -0.025), _v(head, 0, 0.085 + nod, 0.0), (0.112, 0.112), look.helmet),
        _Part(_v(head, -0.08, 0.055 + nod, 0.10), _v(head, 0.08, 0.055 + nod, 0.10), (0.03, 0.03), look.helmet),
        _Part(_v(head, 0, 0.12 + nod, 0.11), _v(head, 0, 0.12 + nod, 0.13), (0.03, 0.03), (2.6, 2.5, 2.1)),
    ]


def _leg(look: Look, hip: Array, side: float, *, thigh: float, swing: float, pose: str) -> list[_Part]:
    moving = pose in ("run", "walk")
    bend = 0.06
    if moving:
        # The knee folds while the leg comes forward, and nearly straightens for the step.
        bend += (1.5 if pose == "run" else 0.95) * max(0.0, math.cos(swing + 0.25)) ** 2
    top = hip + np.array([0.095 * side, -0.03, 0.0])
    out = 0.0 if moving else 0.07 * side
    knee = top + 0.43 * np.array([out, -math.cos(thigh), math.sin(thigh)])
    shin = thigh - bend
    ankle = knee + 0.41 * np.array([out * 0.6, -math.cos(shin), math.sin(shin)])
    toe = ankle + np.array([0.03 * side, -0.045 - 0.10 * math.sin(min(0.0, shin)), 0.17])
    heel = ankle + np.array([0, -0.04, -0.03])
    b, boot = look.build, (0.045, 0.045, 0.05)
    return [
        _Part(_t(top), _t(knee), (0.098 * b, 0.070 * b), look.suit),
        _Part(_t(knee), _t(ankle), (0.070 * b, 0.055), look.suit, ((0.34, 0.43),)),
        _Part(_t(knee * 0.35 + ankle * 0.65), _t(ankle), (0.066, 0.058), boot),
        _Part(_t(heel), _t(toe), (0.05, 0.042), boot),
    ]


def _arm(look: Look, chest: Array, up: Array, side: float, *, swing: float, pose: str, turn: float) -> list[_Part]:
    upper, bend = swing, 0.25
    if pose == "run":
        bend = 1.5
    if pose == "work":
        upper, bend = 0.16 + 0.06 * math.sin(turn + side), 1.05 + 0.2 * math.sin(turn + 2 * side)
    if pose in TASKS:
        upper, bend = _working(pose, side, turn)
    shoulder = chest + 0.08 * up + np.array([0.185 * side, 0, 0])
    spread = 0.20 * side if pose == "stand" else 0.12 * side
    elbow = shoulder + 0.30 * np.array([spread, -math.cos(upper), math.sin(upper)])
    fore = upper + bend
    hand = elbow + 0.27 * np.array([-0.2 * spread, -math.cos(fore), math.sin(fore)])
    b = look.build
    return [
        _Part(_t(shoulder), _t(elbow), (0.068 * b, 0.054 * b), look.suit, ((0.62, 0.74),)),
        _Part(_t(elbow), _t(hand), (0.054 * b, 0.040), look.suit),
        _Part(_t(hand), _t(hand + 0.3 * (hand - elbow)), (0.043, 0.036), (0.30, 0.27, 0.22)),
    ]


def _working(pose: str, side: float, turn: float) -> tuple[float, float]:
    """Angles of an arm in a work step: of the upper arm from hanging down, and of the elbow."""
    down = 0.5 - 0.5 * math.cos(turn)
    if pose == "hammer":
        # Both hands from over the head to before the knees.
        return 2.6 - 2.2 * down, 0.9 - 0.6 * down
    if pose == "load":
        return 1.0 - 0.5 * down, 0.9 - 0.7 * down
    return (0.5 + 2.3 * down, 0.4) if side > 0 else (0.15, 0.5)


def _draw(
    part: _Part, start: Array, end: Array, stretch: float, look: Look, *, sheets: tuple[Field, Field, Field]
) -> None:
    """Add a tapered capsule to the height field `depth` (metres towards the camera) where it is nearest."""
    depth, alpha, albedo = sheets
    rows, columns = depth.shape
    ends = np.array([start, end])
    px = columns / 2 + ends[:, 0] * SCALE
    py = ABOVE_M * SCALE - ends[:, 1] * SCALE
    r0, r1 = part.radii[0] * stretch * SCALE, part.radii[1] * stretch * SCALE
    reach = max(r0, r1) + 2
    x0, x1 = max(0, int(px.min() - reach)), min(columns, int(px.max() + reach) + 2)
    y0, y1 = max(0, int(py.min() - reach)), min(rows, int(py.max() + reach) + 2)
    if x0 >= x1 or y0 >= y1:
        return
    gx = np.arange(x0, x1, dtype=np.float32)[None, :] + 0.5 - px[0]
    gy = np.arange(y0, y1, dtype=np.float32)[:, None] + 0.5 - py[0]
    ax, ay = px[1] - px[0], py[1] - py[0]
    t = np.clip((gx * ax + gy * ay) / max(ax * ax + ay * ay, 1e-3), 0, 1).astype(np.float32)
    radius = r0 + (r1 - r0) * t
    away = np.hypot(gx - t * ax, gy - t * ay)
    cover = np.clip(radius - away + 0.5, 0, 1)
    bulge = np.sqrt(np.clip(radius**2 - away**2, 0, None))
    near = ends[0, 2] + (ends[1, 2] - ends[0, 2]) * t + bulge / SCALE
    window = (slice(y0, y1), slice(x0, x1))
    take = (cover > 0.5) & (near > depth[window])
    depth[window][take] = near[take]
    albedo[window][take] = np.array(part.colour, np.float32)
    for low, high in part.stripes:
        band = take & (t >= low) & (t <= high)
        albedo[window][band] = np.array(look.stripe, np.float32) * 1.15
    np.maximum(alpha[window], cover, out=alpha[window])


@functools.cache
def _cloth() -> tuple[Field, Field]:
    """Folds and dirt over the whole sprite, zero mean; the same for everybody."""
    shape = (round((ABOVE_M + BELOW_M) * SCALE), round(WIDTH_M * SCALE))
    noise = np.random.default_rng(5).standard_normal(shape).astype(np.float32)
    size = SCALE / 150
    folds, dirt = cv2.GaussianBlur(noise, (0, 0), 5 * size), cv2.GaussianBlur(noise[::-1], (0, 0), 9 * size)
    return (folds / folds.std()).astype(np.float32), (dirt / dirt.std()).astype(np.float32)


def _shaded(albedo: Field, depth: Field, alpha: Field, folds: Field, dirt: Field) -> Field:
    """Light from above on the smoothed height field, with folds in the cloth and dirt on it."""
    solid = (depth > -8).astype(np.float32)
    # Blur the relief inside the figure only, so that its edge keeps its roundness.
    soft = 2.2 * SCALE / 150
    weight = cv2.GaussianBlur(solid, (0, 0), soft)
    relief = cv2.GaussianBlur(np.where(solid > 0, depth, 0).astype(np.float32), (0, 0), soft) / np.maximum(weight, 1e-3)
    relief = relief + 0.0042 * folds
    nx = -cv2.Sobel(relief, cv2.CV_32F, 1, 0, ksize=3) / 8 * SCALE
    ny = cv2.Sobel(relief, cv2.CV_32F, 0, 1, ksize=3) / 8 * SCALE
    length = np.sqrt(nx * nx + ny * ny + 1)
    lambert = np.clip((nx * _SUN[0] + ny * _SUN[1] + _SUN[2]) / length, 0, 1)
    edge = np.clip(1 / length, 0.25, 1)
    light = (0.34 + 0.80 * lambert) * (0.55 + 0.45 * edge) * np.clip(1 - 0.07 * dirt, 0.6, 1.15)
    shaded = albedo * light[..., None]
    # Pixels at the rim have coverage but no colour of their own: take the neighbour's.
    filled = cv2.dilate(shaded.astype(np.float32), np.ones((9, 9), np.uint8))
    return np.asarray(np.where((solid > 0)[..., None], shaded, filled), np.float32)


def _v(at: Array, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Vector:
    return (float(at[0]) + x, float(at[1]) + y, float(at[2]) + z)


def _t(at: Array) -> Vector:
    return _v(at)
