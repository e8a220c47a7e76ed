"""Cast: people drawn into a frame, in front of what is behind them, with their shadows and their boxes."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence

import cv2
import numpy as np

from taihang.use.video.scene import actor, backdrop, figure, light
from taihang.use.video.scene.image import Field, Mask, Pixels
from taihang.use.video.scene.view import View

_NEAREST_M = 1.2
_FLOOR_M = 1.0
"""A shadow falls on background no farther than this from the feet."""
_TOLERANCE_M = 0.4
"""Feet reach towards the camera: this much nearer background does not hide a person."""


@dataclasses.dataclass(frozen=True, slots=True)
class Drawn:
    """A person as drawn.

    The box is that of the pixels which the place does not hide; `visible` is the share of the whole
    figure that shows, other people and the frame's edge considered too; `mask` says which pixels of
    the frame's window at (`left`, `top`) those of the box are; `whole` is the figure's area in pixels.
    """

    person: int
    x0: int
    y0: int
    x1: int
    y1: int
    lamp: tuple[float, float, float]
    left: int
    top: int
    mask: Mask
    whole: float
    visible: float = 0.0


def draw(place: backdrop.Backdrop, people: Sequence[actor.Actor], number: int) -> list[Drawn]:
    """Draw everybody who is on stage in frame `number` on its picture, the farthest first; give back who shows."""
    frame, view, depth, brightness = place.picture, place.view, place.depth, place.brightness
    here = [k for k, one in enumerate(people) if one.on[number]]
    if not here:
        return []
    feet = view.project(np.array([(people[k].x[number], 0.0, people[k].z[number]) for k in here]))
    order = sorted(range(len(here)), key=lambda k: -feet[k, 2])
    ahead = [k for k in order if feet[k, 2] > _NEAREST_M]
    for k in ahead:
        _shadow(frame, view, depth, feet[k])
    out: list[Drawn] = []
    # Which person each pixel shows, 0 for none: who stands behind others shows less.
    owner = np.zeros(frame.shape[:2], np.uint8)
    for k in ahead:
        one = people[here[k]]
        drawn = _person(
            frame, view, depth, one, number=number, foot=feet[k], gain=brightness(one.x[number], one.z[number])
        )
        if drawn is not None:
            out.append(dataclasses.replace(drawn, person=here[k]))
            _window(owner, drawn)[drawn.mask] = len(out)
    return [
        dataclasses.replace(one, visible=min(1.0, np.count_nonzero(_window(owner, one) == k) / max(one.whole, 1.0)))
        for k, one in enumerate(out, start=1)
    ]


def _window(sheet: Pixels, one: Drawn) -> Pixels:
    rows, columns = one.mask.shape
    return sheet[one.top : one.top + rows, one.left : one.left + columns]


def _person(
    frame: Pixels, view: View, depth: Field | None, one: actor.Actor, *, number: int, foot: Field, gain: float
) -> Drawn | None:
    away = math.atan2(one.x[number] - view.x, one.z[number] - view.z)
    yaw = round((one.heading[number] - away) / (2 * math.pi) * figure.YAWS) % figure.YAWS
    phase = int(one.phase[number] * figure.PHASES) % figure.PHASES
    down = math.degrees(math.atan2(view.y - 0.9, max(foot[2], 0.5)))
    pitch = round(min(max(down, 0.0), 40.0) / figure.PITCHES)
    sprite = figure.sprite(one.look, str(one.pose[number]), phase, yaw, pitch)
    scale = view.focal / foot[2] / figure.SCALE
    colour, alpha = sprite.at(min(1.0, scale))
    shrink = alpha.shape[0] / sprite.alpha.shape[0]
    size = scale / shrink
    left, top = foot[0] - sprite.foot_x * scale, foot[1] - sprite.foot_y * scale
    x0, y0 = max(0, math.floor(left)), max(0, math.floor(top))
    x1 = min(frame.shape[1], math.ceil(left + sprite.alpha.shape[1] * scale))
    y1 = min(frame.shape[0], math.ceil(top + sprite.alpha.shape[0] * scale))
    if x1 - x0 < 2 or y1 - y0 < 2:
        return None
    place = np.array([[size, 0, left - x0], [0, size, top - y0]], np.float64)
    cover = cv2.warpAffine(alpha, place, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR)
    whole = float(sprite.area) * scale * scale
    if depth is not None:
        cover = cover * (depth[y0:y1, x0:x1] > foot[2] - _TOLERANCE_M)
    solid = cover > 0.5
    if not solid.any():
        return None
    lit = cv2.warpAffine(colour, place, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR)
    part = frame[y0:y1, x0:x1]
    person = light.developed(lit * np.float32(gain)).astype(np.float32)
    mixed = part + (person - part) * cover[..., None]
    part[:] = np.clip(mixed + 0.5, 0, 255).astype(np.uint8)
    columns, rows = np.flatnonzero(solid.any(axis=0)), np.flatnonzero(solid.any(axis=1))
    head = (float(foot[0]), float(foot[1] - 1.68 * view.focal / foot[2]), float(foot[2]))
    box = (x0 + int(columns[0]), y0 + int(rows[0]), x0 + int(columns[-1]) + 1, y0 + int(rows[-1]) + 1)
    return Drawn(-1, *box, head, x0, y0, solid, whole)


@functools.cache
def _blob() -> Field:
    x = np.linspace(-1, 1, 48, dtype=np.float32)
    radius = x[None, :] ** 2 + x[:, None] ** 2
    return np.asarray(np.clip(1 - radius, 0, 1) ** 1.5, np.float32)


def _shadow(frame: Pixels, view: View, depth: Field | None, foot: Field) -> None:
    """Darken the floor about the feet, but not a wall or a desk before or behind them."""
    wide = 0.50 * view.focal / foot[2]
    high = wide * max(0.12, min(0.8, view.y / foot[2]))
    floor = None if depth is None else (depth, float(foot[2]))
    soften(frame, float(foot[0]), float(foot[1]), (wide, high), 0.62, floor=floor)


def soften(
    frame: Pixels,
    x: float,
    y: float,
    axes: tuple[float, float],
    strength: float,
    *,
    floor: tuple[Field, float] | None = None,
) -> None:
    """Darken a soft ellipse of half axes `axes` (wide, high) pixels by up to `strength` (0–1), in place.

    `floor`, the depth of each pixel of the frame and the one of the feet in metres, keeps it from what lies
    before or behind.
    """
    wide, high = axes
    x0, y0 = max(0, math.floor(x - wide)), max(0, math.floor(y - high))
    x1, y1 = min(frame.shape[1], math.ceil(x + wide)), min(frame.shape[0], math.ceil(y + high))
    if x1 - x0 < 2 or y1 - y0 < 2:
        return
    blob = _blob()
    half = blob.shape[0] / 2
    place = np.array([[wide / half, 0, x - wide - x0], [0, high / half, y - high - y0]], np.float64)
    dark = cv2.warpAffine(blob, place, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR)
    if floor is not None:
        depth, away = floor
        dark = dark * (np.abs(depth[y0:y1, x0:x1] - np.float64(away)) < _FLOOR_M)
    part = frame[y0:y1, x0:x1]
    part[:] = (part * (1 - strength * dark[..., None])).astype(np.uint8)
