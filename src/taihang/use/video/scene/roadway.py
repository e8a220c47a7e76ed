"""Roadway: the place of the worn camera: a long mine roadway that the wearer walks along.

Floor and vault are unrolled into two pictures that repeat every LENGTH metres; each frame looks up
where every pixel's ray meets them, so that the place expands in true perspective.
"""

from __future__ import annotations

import functools
import itertools
import math

import cv2
import numpy as np

from taihang.use.video.scene import backdrop, glyph, route, texture, zone
from taihang.use.video.scene.image import Array, Field, Mask, Pixels
from taihang.use.video.scene.script import Script
from taihang.use.video.scene.view import View

LENGTH, DETAIL = 32.0, 128
"""Metres after which the walls repeat; pixels a metre."""
HALF, CENTRE, RADIUS = 2.4, 0.95, 2.62
_CORNER = math.atan2(HALF, -CENTRE)
"""Angle from straight up to where the wall meets the floor."""
_FAR_M = 70.0
_LEVELS = 4
"""Pictures at full, half, a quarter and an eighth of the detail, for near to far."""
_LAMPS_M = 8.0
_GLOOM = 0.05
"""Light that is everywhere."""
_REFERENCE_M = 8.0
"""Zones are drawn on the frame in which the wearer is this far before their middle."""


class Roadway:
    """The roadway seen on a walk."""

    def __init__(self, script: Script, seed: int, way: route.Route, grounds: tuple[zone.Ground, ...] = ()) -> None:
        self._route = way
        self._floor, self._vault = _pictures(seed)
        self.grounds = grounds
        halfway = (grounds[0].z[0] + grounds[0].z[1]) / 2 if grounds else 0.0
        ahead = np.flatnonzero(way.z <= halfway - _REFERENCE_M)
        self.reference_s = float(ahead[-1]) / script.fps if grounds and len(ahead) else 0.0

    def backdrop(self, number: int) -> backdrop.Backdrop:
        """The place without people in frame `number`."""
        view = self._route.view(number)
        rays = view.rays(2.0)
        size = (view.width, view.height)
        floor_t = np.where(rays[..., 1] < -1e-4, -view.y / np.minimum(rays[..., 1], -1e-4), _FAR_M)
        vault_t = _vault_distance(view, rays)
        on_floor = cv2.resize((vault_t - floor_t).astype(np.float32), size) > 0
        frame = np.zeros((view.height, view.width, 3), np.uint8)
        _cover(frame, view, rays, vault_t, pictures=self._vault, mask=~on_floor, flat=False)
        _cover(frame, view, rays, floor_t, pictures=self._floor, mask=on_floor, flat=True)
        for marked in self.grounds:
            _paint(frame, view, marked)
        near = np.minimum(np.minimum(floor_t, vault_t), _FAR_M)
        gain = _spot(rays.shape[1], rays.shape[0]) * _reach(near) + _GLOOM
        shade = np.clip(255 * gain**0.45, 0, 255).astype(np.uint8)
        light = cv2.resize(shade, size, interpolation=cv2.INTER_LINEAR)
        frame = cv2.multiply(frame, cv2.merge([light, light, light]), scale=1 / 255)
        return backdrop.Backdrop(
            frame, view, None, functools.partial(_brightness, view), round(self._route.blur(number))
        )


def _vault_distance(view: View, rays: Field) -> Array:
    """Distance to the walls or the vault, whichever is met first."""
    x, y = rays[..., 0], rays[..., 1]
    wall = np.where(np.abs(x) > 1e-5, (np.sign(x) * HALF - view.x) / np.where(np.abs(x) > 1e-5, x, 1), _FAR_M)
    dy = view.y - CENTRE
    a, b, c = np.maximum(x * x + y * y, 1e-9), view.x * x + dy * y, view.x**2 + dy**2 - RADIUS**2
    vault = (-b + np.sqrt(np.maximum(b * b - a * c, 0))) / a
    return np.asarray(np.minimum(wall, vault))


def _cover(
    frame: Pixels, view: View, rays: Field, distance: Array, *, pictures: list[Pixels], mask: Mask, flat: bool
) -> None:
    """Draw a surface where `mask` says it shows, each pixel from the picture that has about its detail."""
    if not mask.any():
        return
    size = (view.width, view.height)
    t = np.minimum(distance, _FAR_M).astype(np.float32)
    # Whole periods stay in until the picture is looked up: a jump from 1 to 0 must not be interpolated over.
    along = (view.z % LENGTH + rays[..., 2] * t) / LENGTH
    x, y = view.x + rays[..., 0] * t, view.y + rays[..., 1] * t
    across = (x + HALF) / (2 * HALF) if flat else (np.arctan2(x, y - CENTRE) + _CORNER) / (2 * _CORNER)
    u = cv2.resize(along.astype(np.float32), size)
    u -= np.floor(u)
    v = cv2.resize(np.clip(across, 0, 1).astype(np.float32), size)
    far = cv2.resize(t, size)
    limits = (0.0, 4.5, 9.0, 18.0, 1e9)
    for picture, (low, high) in zip(pictures, itertools.pairwise(limits), strict=True):
        chosen = mask & (far >= low) & (far < high)
        rows, columns = np.flatnonzero(chosen.any(axis=1)), np.flatnonzero(chosen.any(axis=0))
        if not len(rows):
            continue
        part = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        tall, wide = picture.shape[:2]
        shown = cv2.remap(picture, u[part] * wide, v[part] * (tall - 1), cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
        window = frame[part]
        window[:] = cv2.copyTo(shown, chosen[part].view(np.uint8), window)


def _paint(frame: Pixels, view: View, ground: zone.Ground) -> None:
    """A zone's hatched border on the floor, in stripes that are each drawn in perspective."""
    (x0, x1), (z0, z1) = ground.x, ground.z
    band, stripe = 0.16, 0.35
    quads = []
    for side in ((x0, x0 + band), (x1 - band, x1)):
        edges = np.arange(z0, z1 + 1e-6, stripe)
        quads += [(side, (a, min(a + stripe, z1)), k) for k, a in enumerate(edges[:-1])]
    for end in ((z0, z0 + band), (z1 - band, z1)):
        edges = np.arange(x0, x1 + 1e-6, stripe)
        quads += [((a, min(a + stripe, x1)), end, k) for k, a in enumerate(edges[:-1])]
    for (a, b), (c, d), number in quads:
        if c < view.z + 0.4:
            continue
        corners = view.project(np.array([(a, 0, c), (b, 0, c), (b, 0, d), (a, 0, d)]))
        points = np.round(np.clip(corners[:, :2], -4000, 4000) * 16).astype(np.int32)
        cv2.fillConvexPoly(frame, points, (214, 168, 30) if number % 2 else (28, 28, 28), cv2.LINE_AA, 4)


@functools.lru_cache(maxsize=4)
def _spot(width: int, height: int) -> Field:
    """The wearer's lamp: a bright middle with a broad rim."""
    x, y = np.linspace(-1, 1, width)[None, :], np.linspace(-0.62, 0.5, height)[:, None]
    square = x * x + 1.3 * y * y
    return np.asarray(0.30 + 0.95 * np.exp(-square / 0.30), np.float32)


def _reach(distance: Array) -> Array:
    return np.asarray(1.5 / (1 + (distance / 9.5) ** 2))


def _brightness(view: View, x: float, z: float) -> float:
    away = math.hypot(x - view.x, z - view.z)
    return float(0.40 * _reach(np.array(away)) + 0.5 * _GLOOM + 0.12 * _pool(z))


def _pool(z: float | Array) -> Array:
    """How near a roof lamp is, 0–1."""
    return np.asarray(np.exp(-(((np.mod(z, _LAMPS_M) - _LAMPS_M / 2) / 1.6) ** 2)))


@functools.lru_cache(maxsize=1)
def _pictures(seed: int) -> tuple[list[Pixels], list[Pixels]]:
    """Floor and vault, each at every level of detail."""
    return _levels(_floor(seed)), _levels(_vault(seed))


def _levels(picture: Pixels) -> list[Pixels]:
    out = [picture]
    for _ in range(_LEVELS - 1):
        before = out[-1]
        out.append(cv2.resize(before, (before.shape[1] // 2, before.shape[0] // 2), interpolation=cv2.INTER_AREA))
    return out


def _grid(rows: int) -> tuple[Field, Field]:
    """Metres along and the row, for every pixel of an unrolled picture."""
    wide = round(LENGTH * DETAIL)
    along, across = np.meshgrid(np.arange(wide) / DETAIL, np.arange(rows))
    return along.astype(np.float32), across.astype(np.float32)


def _rock(across_m: Field, along_m: Field, seed: int) -> tuple[Array, Array]:
    """Relief lit from the camera's side, and its stains; both about 1."""
    height, stain = texture.rock(seed), texture.noise(seed + 9, 1.4, 2.0)
    down, ahead = texture.slopes(height, 0.05)
    relief = np.asarray(1 - 0.55 * np.clip(ahead, -1.2, 1.2) + 0.25 * np.clip(down, -1, 1), np.float32)
    return (
        texture.sample(relief, across_m, along_m),
        np.asarray(1 + 0.12 * texture.sample(stain, across_m, along_m), np.float32),
    )


def _vault(seed: int) -> Pixels:
    """Both walls and the vault between the floor's corners, left to right as rows: rock, pipes, cables, signs."""
    rows = round(2 * _CORNER * RADIUS * DETAIL)
    along, row = _grid(rows)
    angle = np.asarray((row / rows * 2 - 1) * _CORNER, np.float32)
    arc = np.asarray(angle * RADIUS, np.float32)
    relief, stain = _rock(arc, along, seed)
    tone = 0.40 * relief * stain
    tone = np.where((np.mod(arc, 1.0) < 0.11) & (np.mod(along, 1.0) < 0.11), tone * 0.5, tone)
    # A steel bow in the roof every four metres; down the walls it would look like somebody standing there.
    arch = np.abs(np.mod(along, 4.0) - 2.0)
    colour = np.stack([tone * 1.03, tone * 0.98, tone * 0.90], axis=-1)
    steel = np.clip(1 - (arch / 0.085) ** 2, 0, 1)[..., None] ** 0.5
    bow = (arch < 0.085) & (np.abs(angle) < 1.05)
    colour = np.where(bow[..., None], np.array((0.34, 0.32, 0.29), np.float32) * (0.6 + 0.4 * steel), colour)
    for middle, half, paint in _RUNS:
        off = (arc - middle) / half
        on = np.abs(off) < 1
        lit = np.sqrt(np.clip(1 - off**2, 0, 1)) * (1 - 0.35 * off * np.sign(middle))
        lit = np.where(np.mod(along + 0.3, 3.2) < 0.10, lit * 0.5, lit)
        colour = np.where(on[..., None], np.array(paint, np.float32) * (0.25 + 0.85 * lit)[..., None], colour)
        below = np.clip(1 - np.abs(off - 1.6 * np.sign(middle)) / 0.9, 0, 1)
        colour *= np.where(on, 1, 1 - 0.45 * below)[..., None]
    colour *= (0.72 + 0.55 * _pool(along) * np.exp(-((angle / 1.3) ** 2)))[..., None]
    picture = np.round(255 * np.clip(colour, 0, 1) ** (1 / 2.2)).astype(np.uint8)
    for number, z in enumerate(np.arange(_LAMPS_M / 2, LENGTH, _LAMPS_M)):
        x, y = round(z * DETAIL), rows // 2
        cv2.rectangle(picture, (x - 40, y - 9), (x + 40, y + 9), (255, 250, 228), -1)
        _board(picture, round((z + 1.9) * DETAIL), round(rows * (0.155 if number % 2 else 0.845)), number)
    return picture


_RUNS = (
    (-3.9, 0.10, (0.36, 0.07, 0.05)),
    (-3.55, 0.07, (0.08, 0.22, 0.36)),
    (3.35, 0.045, (0.06, 0.06, 0.065)),
    (3.48, 0.045, (0.30, 0.10, 0.03)),
    (3.62, 0.045, (0.06, 0.06, 0.065)),
)
"""Pipes on the left and cables on the right: place along the arc, half width (metres), colour."""


def _board(picture: Pixels, x: int, y: int, number: int) -> None:
    """A sign on a wall. A wall's rows run from its foot or to its foot, and the wearer walks to growing z:
    letters are drawn upright on a card, then turned as they must stand."""
    card = np.full((58, 96, 3), (206, 200, 190), np.uint8)
    cv2.rectangle(card, (0, 0), (95, 57), (168, 26, 20), 5)
    glyph.write(card, "禁止" if number % 2 else f"K{number + 3}", (14, 13), 30, colour=(150, 22, 16))
    left = y < picture.shape[0] / 2
    turned = card[::-1] if left else card[:, ::-1]
    picture[y - 29 : y + 29, x - 48 : x + 48] = turned


def _floor(seed: int) -> Pixels:
    """The floor, its left edge first: trampled rock, two rails on sleepers, wet patches, a gutter."""
    rows = round(2 * HALF * DETAIL)
    along, row = _grid(rows)
    x = np.asarray(row / DETAIL - HALF, np.float32)
    relief, stain = _rock(x, along, seed + 4)
    wet = np.clip((stain - 1.12) * 7, 0, 1)
    tone = 0.26 * (1 + 0.6 * (relief - 1)) * stain * (1 - 0.45 * wet)
    colour = np.stack([tone * 1.02, tone * 0.97, tone * 0.88], axis=-1)
    sleeper = (np.abs(x + 0.75) < 0.62) & (np.mod(along, 0.8) < 0.2)
    colour = np.where(sleeper[..., None], np.array((0.15, 0.11, 0.075), np.float32) * stain[..., None], colour)
    for rail in (-1.05, -0.45):
        on = np.abs(x - rail) < 0.035
        colour = np.where(on[..., None], np.array((0.42, 0.40, 0.37), np.float32), colour)
        colour *= np.where((np.abs(x - rail - 0.06) < 0.03), 0.55, 1)[..., None]
    gutter = np.abs(x - HALF + 0.28) < 0.13
    colour = np.where(gutter[..., None], np.array((0.035, 0.04, 0.045), np.float32), colour)
    colour *= np.clip((HALF - np.abs(x)) / 0.35, 0.45, 1)[..., None]
    colour *= (0.80 + 0.35 * _pool(along))[..., None]
    return np.asarray(np.round(255 * np.clip(colour, 0, 1) ** (1 / 2.2)), np.uint8)
