"""Chamber: the place of the fixed camera: a mine roadway with a belt conveyor, a post and a restricted zone.

Everything that stands still is traced once into a picture, a depth map and a light map; a frame
then only copies it and draws what moves.
"""

from __future__ import annotations

import dataclasses
import math

import cv2
import numpy as np

from taihang.use.video.scene import glyph, light, solids, texture
from taihang.use.video.scene.image import Array, Field, Mask, Pixels
from taihang.use.video.scene.view import View
from taihang.use.video.scene.zone import Ground

SHELL = solids.Shell(half=3.75, centre=0.6, radius=3.95, end=44.0)
LAMPS = (
    light.Lamp(0.3, 4.0, 4.2, 4.2),
    light.Lamp(0.3, 4.0, 9.4, 5.2),
    light.Lamp(0.3, 4.0, 15.5, 4.2),
    light.Lamp(0.3, 4.0, 23.5, 3.0),
    light.Lamp(0.3, 4.0, 33.0, 2.0),
)
SWINGING = 1
"""Which lamp hangs loose."""
RESTRICTED = Ground(name="conveyor-side", kind="restricted", x=(-2.05, 0.15), z=(6.1, 9.6))
POST = Ground(name="control-post", kind="post", x=(1.55, 3.05), z=(6.9, 9.3))
AREA = Ground(name="waiting-area", kind="area", x=(-0.4, 2.9), z=(9.75, 13.2))
BELT = Ground(name="belt-conveyor", kind="equipment", x=(-3.3, -2.3), z=(6.3, 18.0), y=0.86)
GROUNDS = (RESTRICTED, POST, AREA, BELT)
PASSAGE = (15.4, 17.4, 2.3)
"""A cross-cut in the right wall, where people come from: z from, z to, height."""
_YELLOW, _BLACK = (0.80, 0.52, 0.03), (0.03, 0.03, 0.03)
_STEEL, _DARK, _PAINT = (0.20, 0.21, 0.22), (0.07, 0.07, 0.075), (0.10, 0.22, 0.16)


@dataclasses.dataclass(slots=True)
class Belt:
    """The moving strip: its window in the frame, which pixels it is, where on the belt they are, their light."""

    window: tuple[slice, slice]
    mask: Mask
    across: Field
    along: Field
    light: Field
    tile: Field


@dataclasses.dataclass(slots=True)
class Still:
    """What stands still: the picture, its depth in metres, and the gain of each pixel when the lamp swings out."""

    picture: Pixels
    depth: Field
    swung: tuple[Field, Field]
    belt: Belt


def view(width: int, height: int) -> View:
    """The camera under the roof near the wall."""
    return View(width, height, x=0.5, y=2.62, z=0.0, yaw=math.radians(-1.5), pitch=math.radians(9.5))


def brightness(x: float, z: float) -> float:
    """Light on a person at a place."""
    return light.AMBIENT + sum(lamp.at(x, 1.2, z) for lamp in LAMPS)


def furniture() -> list[solids.Box | solids.Pipe]:
    """The conveyor, the post with its console, cabinets, pipes, the cable tray, the sign, the lamps."""
    box, pipe = solids.Box, solids.Pipe
    out: list[solids.Box | solids.Pipe] = [
        box((-3.30, 0.72, 6.3), (-2.30, 0.80, 44), (0.11, 0.11, 0.11), name="belt"),
        box((-2.30, 0.62, 6.2), (-2.22, 0.86, 44), (0.75, 0.42, 0.04)),
        box((-3.38, 0.62, 6.2), (-3.30, 0.86, 44), (0.75, 0.42, 0.04)),
        box((-3.25, 0.30, 6.05), (-2.35, 0.80, 6.3), _STEEL),
    ]
    for z in np.arange(6.6, 40, 2.4):
        out += [box((x, 0, float(z)), (x + 0.08, 0.66, float(z) + 0.1), _STEEL) for x in (-2.31, -3.36)]
    out += [
        pipe(-3.52, 2.10, 0.085, (0.32, 0.06, 0.04)),
        pipe(-3.46, 2.40, 0.065, (0.08, 0.20, 0.34)),
        pipe(3.58, 2.45, 0.05, (0.30, 0.30, 0.31)),
        box((3.35, 2.74, 0.6), (3.72, 2.78, 44), (0.24, 0.25, 0.26)),
        pipe(3.45, 2.81, 0.035, _DARK),
        pipe(3.55, 2.81, 0.03, (0.28, 0.09, 0.03)),
        pipe(3.63, 2.82, 0.04, _DARK),
        box((3.0, 0.0, 7.1), (3.62, 0.92, 9.0), _PAINT),
        box((2.95, 0.92, 7.05), (3.65, 0.97, 9.05), (0.34, 0.33, 0.30)),
        box((3.34, 1.04, 7.35), (3.40, 1.42, 7.95), (0.14, 0.34, 0.42), glow=0.35),
        box((3.34, 1.04, 8.15), (3.40, 1.42, 8.75), (0.20, 0.36, 0.22), glow=0.30),
        box((3.40, 0.97, 7.30), (3.46, 1.46, 8.80), _DARK),
        box((3.22, 0.0, 5.3), (3.74, 1.50, 6.5), (0.22, 0.24, 0.25)),
        box((3.20, 1.24, 5.5), (3.22, 1.31, 5.57), (0.05, 0.8, 0.1), glow=0.5),
        box((3.20, 1.24, 5.7), (3.22, 1.31, 5.77), (0.9, 0.05, 0.03), glow=0.4),
        box((-2.12, 0.0, 9.78), (-2.06, 1.12, 9.82), _STEEL),
        box((-2.52, 1.12, 9.78), (-1.66, 1.60, 9.82), (0.85, 0.85, 0.80), name="sign"),
    ]
    for lamp in LAMPS:
        low, high = (lamp.x - 0.12, lamp.y + 0.05, lamp.z - 0.5), (lamp.x + 0.12, lamp.y + 0.14, lamp.z + 0.5)
        out.append(box(low, high, (1, 0.97, 0.86), glow=1.6))
    return out


def still(width: int, height: int, seed: int) -> Still:
    """Trace the place for a frame of that size; `seed` decides the rock."""
    eye = view(width, height)
    fine = 1 / 1.5
    things = furniture()
    hit = solids.trace(eye, fine, SHELL, things)
    points = _points(eye, fine, hit)
    albedo, normal, glow = _surface(points, hit, things, seed)
    boxes = [thing for thing in things if isinstance(thing, solids.Box) and not thing.glow]
    shares = [_lit(lamp, points, normal, boxes) for lamp in LAMPS]
    floor_shade = _occlusion(points, hit)
    total = (light.AMBIENT + sum(shares)) * floor_shade
    swung = [
        _gain(total, shares[SWINGING], shift, points=points, normal=normal, shade=floor_shade, size=(width, height))
        for shift in (-1, 1)
    ]
    fog = np.exp(-np.maximum(hit.distance - 12, 0) / 24)[..., None]
    linear = (albedo * total[..., None] + glow) * fog + 0.010 * (1 - fog)
    size = (width, height)
    small = cv2.resize(linear, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    depth = cv2.resize(np.where(_opening(points, hit), solids.FAR, hit.distance), size, interpolation=cv2.INTER_NEAREST)
    belt = _belt(eye, things, total, seed, size)
    return Still(light.developed(small), np.asarray(depth, np.float32), (swung[0], swung[1]), belt)


def _points(eye: View, shrink: float, hit: solids.Hit) -> Field:
    start = np.array((eye.x, eye.y, eye.z), np.float32)
    return np.asarray(start + eye.rays(shrink) * hit.distance[..., None], np.float32)


def _lit(lamp: light.Lamp, points: Field, normal: Field, boxes: list[solids.Box]) -> Field:
    """A lamp's light, without what boxes keep from it; the shadow is found coarsely and so is soft."""
    rows, columns = points.shape[:2]
    coarse = points[::3, ::3]
    near = [box for box in boxes if abs((box.low[2] + box.high[2]) / 2 - lamp.z) < 7 or box.high[2] - box.low[2] > 20]
    shade = solids.blocked(coarse, (lamp.x, lamp.y, lamp.z), near).astype(np.float32)
    soft = cv2.resize(cv2.GaussianBlur(shade, (0, 0), 1.6), (columns, rows), interpolation=cv2.INTER_LINEAR)
    return np.asarray(lamp.on(points, normal) * (1 - 0.85 * soft), np.float32)


def _gain(
    total: Field, share: Field, shift: int, *, points: Field, normal: Field, shade: Field, size: tuple[int, int]
) -> Field:
    """How much brighter each pixel is when the loose lamp hangs `shift` to one side."""
    lamp = LAMPS[SWINGING]
    moved = light.Lamp(lamp.x + 1.1 * shift, lamp.y + 0.12, lamp.z, lamp.power)
    other = total + (moved.on(points, normal) - share) * shade
    ratio = np.sqrt(np.clip(other / np.maximum(total, 1e-3), 0.2, 4))
    return np.asarray(cv2.GaussianBlur(cv2.resize(ratio, size, interpolation=cv2.INTER_AREA), (0, 0), 3), np.float32)


def _occlusion(points: Field, hit: solids.Hit) -> Field:
    """Corners are darker: where the floor meets the walls, and under the conveyor."""
    x, y = points[..., 0], points[..., 1]
    corner = np.minimum(SHELL.half - np.abs(x), 1.2) / 1.2
    shade = np.where(hit.kind == solids.FLOOR, 0.55 + 0.45 * corner, 1.0)
    low = np.clip(y / 0.5, 0, 1)
    shade = np.where((hit.kind == solids.WALL) | (hit.kind == solids.SOLID), shade * (0.6 + 0.4 * low), shade)
    under = (hit.kind == solids.FLOOR) & (x < -2.25) & (x > -3.4) & (points[..., 2] > 6.2)
    return np.asarray(np.where(under, 0.3, shade), np.float32)


def _opening(points: Field, hit: solids.Hit) -> Mask:
    z = points[..., 2]
    inside = (z > PASSAGE[0]) & (z < PASSAGE[1]) & (points[..., 1] < PASSAGE[2]) & (points[..., 0] > 0)
    return np.asarray((hit.kind == solids.WALL) & inside, np.bool_)


def _surface(points: Field, hit: solids.Hit, things: list[solids.Box | solids.Pipe], seed: int) -> tuple[Array, ...]:
    """Colour, bumped normal and own glow of every pixel."""
    x, y, z = (points[..., i] for i in range(3))
    around = np.arctan2(x, y - SHELL.centre) * SHELL.radius
    upright = hit.kind == solids.WALL
    across = np.where(hit.kind == solids.FLOOR, x, np.where(upright, y, np.where(hit.kind == solids.FACE, x, around)))
    along = np.where(hit.kind == solids.FACE, y, z) + np.where(upright & (x > 0), 3.3, 0).astype(np.float32)
    across = across.astype(np.float32)
    rough = texture.sample(texture.rock(seed), across, along)
    grain = texture.sample(texture.noise(seed + 9, 1.2, 3.0), across, along)
    tone = np.clip(0.25 + 0.03 * rough + 0.03 * grain, 0.08, 0.6)
    albedo = np.stack([tone * 1.02, tone * 0.98, tone * 0.90], axis=-1)
    normal = _bumped(hit, across, along, seed)
    floor = hit.kind == solids.FLOOR
    albedo[floor] = _floor(x[floor], z[floor], rough[floor], grain[floor])
    # Roof bolts with their plates, in rows across the vault.
    rock = (hit.kind == solids.VAULT) | (hit.kind == solids.WALL)
    bolt = rock & (np.mod(across, 1.1) < 0.13) & (np.mod(z, 1.2) < 0.13)
    albedo[bolt] *= 0.55
    albedo[_opening(points, hit)] = 0.004
    frame = rock & (x > 0) & (y < PASSAGE[2] + 0.16) & ~_opening(points, hit)
    frame &= (z > PASSAGE[0] - 0.16) & (z < PASSAGE[1] + 0.16)
    albedo[frame] = (0.30, 0.21, 0.12)
    glow = np.zeros_like(albedo)
    for number, thing in enumerate(things):
        mine = hit.which == number
        albedo[mine] = np.array(thing.colour) * (1 + 0.10 * grain[mine] + 0.06 * rough[mine])[:, None]
        if isinstance(thing, solids.Box) and thing.glow:
            glow[mine] = np.array(thing.colour) * thing.glow
        if isinstance(thing, solids.Pipe):
            joint = mine & (np.mod(z, 3.0) < 0.14)
            albedo[joint] *= 0.45
        if thing.colour == (0.75, 0.42, 0.04):
            albedo[mine & (np.mod(z, 2.4) < 0.12)] *= 0.3
        if isinstance(thing, solids.Box) and thing.name == "sign":
            albedo[mine] = _sign(thing, points[mine])
    return albedo.astype(np.float32), normal, glow.astype(np.float32)


def _bumped(hit: solids.Hit, across: Field, along: Field, seed: int) -> Field:
    """The surface normal, tilted by the rock's relief."""
    du, dv = texture.slopes(texture.rock(seed), 0.030)
    weight = np.select([hit.kind == solids.FLOOR, hit.kind == solids.SOLID], [0.25, 0.0], 1.0).astype(np.float32)
    # Relief finer than a pixel only makes noise: let it fade with the distance.
    weight *= np.clip(9 / hit.distance, 0, 1)
    tilt_across = texture.sample(du, across, along) * weight
    tilt_along = texture.sample(dv, across, along) * weight
    normal = hit.normal.copy()
    flat = hit.kind == solids.FLOOR
    # `across` runs along x on the floor, along y on the walls, around the vault.
    tangent = np.stack([-hit.normal[..., 1], hit.normal[..., 0], np.zeros_like(across)], axis=-1)
    tangent[flat] = (1, 0, 0)
    normal -= tangent * tilt_across[..., None]
    normal[..., 2] -= tilt_along
    return np.asarray(normal / np.linalg.norm(normal, axis=-1, keepdims=True), np.float32)


def _floor(x: Field, z: Field, rough: Field, grain: Field) -> Field:
    """Trodden concrete with wet patches, and the restricted zone painted on it."""
    wet = np.clip((grain - 0.9) * 1.6, 0, 1) * (np.abs(x - 0.6) > 0.2)
    tone = np.clip(0.235 + 0.03 * rough + 0.025 * grain, 0.06, 0.5) * (1 - 0.35 * wet)
    colour = np.stack([tone, tone * 0.97, tone * 0.92], axis=-1)
    (x0, x1), (z0, z1) = RESTRICTED.x, RESTRICTED.z
    inset = np.minimum(np.minimum(x - x0, x1 - x), np.minimum(z - z0, z1 - z))
    worn = np.clip(0.85 - 0.22 * np.maximum(rough, 0), 0.3, 0.9)
    stripes = np.mod(x + z, 0.44) < 0.22
    edge = ((inset > 0) & (inset < 0.17))[..., None]
    paint = np.where(stripes[..., None], np.array(_YELLOW), np.array(_BLACK))
    inner = ((inset >= 0.17) & (np.mod(x - z, 0.9) < 0.07))[..., None]
    colour = np.where(edge, colour * (1 - worn[..., None]) + paint * worn[..., None], colour)
    colour = np.where(inner, colour * 0.55 + np.array((0.45, 0.07, 0.04)) * 0.45, colour)
    # The walkway's line.
    line = (np.abs(x - 0.42) < 0.05) & (z > 2)
    return np.asarray(np.where((line & (inset < -0.05))[..., None], colour * 0.35 + 0.40, colour), np.float32)


def _sign(board: solids.Box, points: Field) -> Field:
    """The board that forbids entry, as colours of its pixels."""
    wide, high = 344, 192
    face = np.full((high, wide, 3), 225, np.uint8)
    cv2.rectangle(face, (0, 0), (wide - 1, high - 1), (190, 20, 16), 18)
    glyph.write(face, "禁止", (92, 26), 70, colour=(190, 16, 12))
    glyph.write(face, "入内", (92, 102), 70, colour=(190, 16, 12))
    u = (points[:, 0] - board.low[0]) / (board.high[0] - board.low[0]) * (wide - 1)
    v = (board.high[1] - points[:, 1]) / (board.high[1] - board.low[1]) * (high - 1)
    picked = face[np.clip(v, 0, high - 1).astype(int), np.clip(u, 0, wide - 1).astype(int)]
    return np.asarray((picked / 255.0) ** 2.2, np.float32)


def _belt(eye: View, things: list[solids.Box | solids.Pipe], total: Field, seed: int, size: tuple[int, int]) -> Belt:
    """Where the belt's upper side is in the frame, so that its ore can be moved along it."""
    hit = solids.trace(eye, 1, SHELL, things)
    mask = (hit.which == 0) & (hit.normal[..., 1] > 0.5)
    rows, columns = np.where(mask)
    window = (slice(int(rows.min()), int(rows.max()) + 1), slice(int(columns.min()), int(columns.max()) + 1))
    points = _points(eye, 1, hit)
    lit = cv2.resize(total, size, interpolation=cv2.INTER_AREA)
    fog = np.exp(-np.maximum(hit.distance - 12, 0) / 24)
    return Belt(window, mask[window], points[..., 0][window], points[..., 2][window], (lit * fog)[window], _ore(seed))


def _ore(seed: int) -> Field:
    """Reflectance of lumps of ore on rubber, as a tile."""
    heaps = texture.noise(seed + 31, 1.1, 9.0)
    broad = texture.noise(seed + 32, 2.0, 2.0)
    lumps = np.clip(heaps + 0.9 * broad - 0.1, 0, 2.2)
    return np.asarray(0.05 + 0.20 * lumps + 0.03 * (lumps > 0) * texture.noise(seed + 33, 0.6, 60.0), np.float32)


def carry(belt: Belt, frame: Pixels, travelled_m: float) -> None:
    """Draw the belt on a frame in place, after it has carried its load towards the camera for so many metres."""
    tone = texture.sample(belt.tile, belt.across + 0.6, belt.along + travelled_m)
    # The load lies in the middle; the belt's edges are bare.
    middle = (belt.across - BELT.x[0]) / (BELT.x[1] - BELT.x[0])
    tone = np.where((middle > 0.12) & (middle < 0.88), np.clip(tone, 0.03, 0.6), 0.04)
    shown = light.developed((tone * belt.light)[..., None] * np.array((1.0, 0.97, 0.92), np.float32))
    part = frame[belt.window]
    part[belt.mask] = shown[belt.mask]
