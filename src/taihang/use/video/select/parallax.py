"""Parallax: what moves by itself, told apart from what only stands nearer while the camera moves.

A camera that turns shifts the whole picture by three numbers, whatever the depth. A camera that walks
moves every standing thing along the line from the point it heads for, and always outwards, or always
inwards: how far depends on depth, the direction does not (Longuet-Higgins and Prazdny, "The
interpretation of a moving retinal image", Proc. R. Soc. B 208, 1980). What crosses those lines, or goes
along them the wrong way, moves by itself. An affine model cannot tell this: near ground, walls and
bushes deviate from it more than people do.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from taihang.engines.media import frame

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_FOCAL = 0.7  # frame widths; it only bends the model of turning a little at the picture's edge
_COLUMNS = 56  # cells across that are enough: a finer grid of vectors is averaged down
_FEWEST_CELLS = 60
_SAMPLE = 220  # cells that the heading is fitted to
_PRESENT = 0.6  # of the fields must have a vector in a cell
_QUARTER = 0.25  # pixels: the grid of the codec's vectors
_RELATIVE = 0.04  # vectors err by a share of their length: blocks straddle depths
_BEND = 3.0  # lenses bend: how much noisier a place is, times its squared distance from the middle in widths
_TURNING = 0.25  # pixels of residual below which turning alone explains the picture
_SURE = 1.5  # noise widths below which a cell says nothing
_MOST = 3.0
_TALL, _WIDE = 5 / 53, 2 / 53  # a person's part of the picture, in frame widths
_GRID = [(x, y) for x in (-0.3, -0.15, 0.0, 0.15, 0.3) for y in (-0.2, -0.05, 0.1)]


@dataclasses.dataclass(frozen=True, slots=True)
class Apart:
    """What moves by itself in one glance.

    `evidence`: 0 to 3, how far the most deviating upright patch stands out of the noise. `x`, `y`: its centre, in
    frame widths from the upper left corner. `walking`: the camera walks (else it stands or turns). `unsure`: width
    of the camera model's residual, in pixels a frame.
    """

    time_s: float
    evidence: float
    x: float
    y: float
    walking: bool
    unsure: float


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Deviation:
    """A glance, place by place: `flow` (rows, columns, 2) in frame widths a frame; `known` (rows, columns), where
    there are vectors; `width` (rows, columns), how far the flow is from the camera's, in noise widths, 0 where
    unknown; `walking` and `noise` as in `Apart`."""

    time_s: float
    flow: Floats
    known: Mask
    width: Floats
    walking: bool
    noise: float


def apart(fields: Sequence[frame.MotionField]) -> Apart | None:
    """What moves by itself in a run of successive motion fields; None when too little of the picture has vectors.

    Half a second of fields or less: the camera's motion is taken to be one throughout.
    """
    found = deviation(fields)
    return None if found is None else apart_of(found)


def apart_of(found: Deviation) -> Apart:
    """The most deviating upright patch of a glance."""
    sure, (_, columns) = np.clip(found.width - _SURE, 0, _MOST) * found.known, found.known.shape
    high, wide = max(2, round(_TALL * columns)), max(1, round(_WIDE * columns))
    mean = _boxes(sure, high, wide)
    top = np.unravel_index(int(np.argmax(mean)), mean.shape)
    return Apart(
        time_s=found.time_s,
        evidence=float(mean[top]),
        x=(float(top[1]) + wide / 2) / columns,
        y=(float(top[0]) + high / 2) / columns,
        walking=found.walking,
        unsure=found.noise,
    )


def deviation(fields: Sequence[frame.MotionField]) -> Deviation | None:
    """How far each place of the picture is from what the camera's own motion explains; None as in `apart`."""
    usable = [f for f in fields if not f.key]
    if not usable:
        return None
    width = usable[0].dx.shape[1] * usable[0].cell
    flow, known = _typical(usable)
    if int(known.sum()) < max(_FEWEST_CELLS, 0.2 * known.size):
        return None
    rows, columns = known.shape
    y, x = np.mgrid[:rows, :columns]
    place = np.stack([(x + 0.5) / columns - 0.5, (y + 0.5 - rows / 2) / columns], axis=-1)
    turning = _turning(place)
    length = np.hypot(flow[..., 0], flow[..., 1])
    rest, noise = _turned(turning, flow, known)
    walking = noise > max(_TURNING, _TURNING * width / 848)
    if walking:
        rest, noise = _walked(turning, place, flow, known)
    sigma = (max(_QUARTER, _QUARTER * width / 848) + noise + _RELATIVE * length) * (1 + _BEND * (place**2).sum(axis=-1))
    time_s = float(np.mean([f.time_s for f in usable]))
    return Deviation(time_s, flow / width, known, np.where(known, rest / sigma, 0.0), bool(walking), float(noise))


def _typical(fields: Sequence[frame.MotionField]) -> tuple[Floats, Mask]:
    """Median vector per cell of a grid of at most about `_COLUMNS` columns, and where it is known."""
    step = max(1, round(fields[0].dx.shape[1] / _COLUMNS))
    layers = []
    for field in fields:
        present = _summed(field.present.astype(np.float64), step)
        with np.errstate(invalid="ignore", divide="ignore"):
            layers.append([_summed(np.where(field.present, d, 0.0), step) / present for d in (field.dx, field.dy)])
    stack = np.sort(np.array(layers), axis=0)  # NaN last
    count = np.isfinite(stack[:, 0]).sum(axis=0)
    middle = np.stack([np.maximum(count - 1, 0) // 2, count // 2])
    picked = [np.take_along_axis(stack, m[None, None], axis=0)[0] for m in np.minimum(middle, len(fields) - 1)]
    flow = np.moveaxis((picked[0] + picked[1]) / 2, 0, -1)
    known = (count >= _PRESENT * len(fields)) & np.isfinite(flow[..., 0])
    return np.where(known[..., None], flow, 0.0), known


def _summed(values: npt.NDArray[np.floating], step: int) -> Floats:
    if step == 1:
        return np.asarray(values, dtype=np.float64)
    rows, columns = values.shape[0] // step * step, values.shape[1] // step * step
    cut = np.asarray(values[:rows, :columns], dtype=np.float64)
    return np.asarray(cut.reshape(rows // step, step, columns // step, step).sum(axis=(1, 3)))


def _turning(place: Floats) -> Floats:
    """(rows, columns, 2, 3): how a turn about the three axes moves each place."""
    a, b = place[..., 0] / _FOCAL, place[..., 1] / _FOCAL
    across = np.stack([a * b, -(1 + a * a), b], axis=-1)
    down = np.stack([1 + b * b, -a * b, -a], axis=-1)
    return np.stack([across, down], axis=-2)


def _turned(turning: Floats, flow: Floats, known: Mask) -> tuple[Floats, float]:
    """Length of what turning leaves unexplained per cell, and its width where nothing moves."""
    basis, goal = turning[known].reshape(-1, 3), flow[known].reshape(-1)
    weight: Floats = np.ones(len(goal) // 2)
    width = 0.06
    found: Floats = np.zeros(3)
    for _ in range(6):
        scaled = basis * np.repeat(weight, 2)[:, None]
        found = np.asarray(np.linalg.solve(scaled.T @ basis + 1e-9 * np.eye(3), scaled.T @ goal))
        distance = np.hypot(*(goal - basis @ found).reshape(-1, 2).T)
        width = max(float(np.median(distance)) / 1.18, 0.06)
        weight = 1 / (1 + (distance / (2 * width)) ** 2) ** 2
    rest = flow - turning @ found
    return np.hypot(rest[..., 0], rest[..., 1]), width


def _walked(turning: Floats, place: Floats, flow: Floats, known: Mask) -> tuple[Floats, float]:
    """The same for a camera that walks: what is off the lines, or goes along them the wrong way."""
    chosen = np.flatnonzero(known)
    chosen = chosen[:: max(1, len(chosen) // _SAMPLE)]
    sample = (turning.reshape(-1, 2, 3)[chosen], place.reshape(-1, 2)[chosen], flow.reshape(-1, 2)[chosen])
    heads = np.array(_GRID)
    best = heads[0]
    for size in (0.075, 0.0375, 0.019, 0.0):
        cost, found, width = _tried(*sample, heads, 2 if size else 5)
        least = int(np.argmin(cost))
        best, turn, noise = heads[least], found[least], float(width[least])
        spread = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)] if size else [(0, 0)]
        heads = best + size * np.array(spread)
        if size and size < 0.02:
            heads = np.concatenate([best[None], heads])
    line = place - best
    line /= np.hypot(line[..., 0], line[..., 1])[..., None] + 1e-6
    rest = flow - turning @ turn
    off = line[..., 0] * rest[..., 1] - line[..., 1] * rest[..., 0]
    along = (line * rest).sum(axis=-1)
    way = np.sign(np.median(along[known]))
    return np.hypot(off, np.maximum(0.0, -way * along)), noise


def _tried(turning: Floats, place: Floats, flow: Floats, heads: Floats, rounds: int) -> tuple[Floats, Floats, Floats]:
    """For each heading (n, 2): cost, the turn (n, 3) that fits best with it, and the residual's width."""
    line = place[None] - heads[:, None]
    line /= np.hypot(line[..., 0], line[..., 1])[..., None] + 1e-6
    off = np.stack([-line[..., 1], line[..., 0]], axis=-1)
    basis = np.einsum("hnc,nck->hnk", off, turning)
    goal = np.einsum("hnc,nc->hn", off, flow)
    weight = np.ones_like(goal)
    for _ in range(rounds):
        scaled = (basis * weight[..., None]).transpose(0, 2, 1)
        found = np.linalg.solve(scaled @ basis + 1e-9 * np.eye(3), (scaled @ goal[..., None]))[..., 0]
        rest = goal - np.einsum("hnk,hk->hn", basis, found)
        width = np.maximum(np.median(np.abs(rest), axis=1) / 0.675, 0.08)
        weight = 1 / (1 + (rest / (2 * width[:, None])) ** 2) ** 2
    return np.mean(rest**2 / (rest**2 + 0.25), axis=1), found, width


def _boxes(values: Floats, high: int, wide: int) -> Floats:
    """Mean over every box of the given size that lies inside."""
    sums = np.pad(values, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    high, wide = min(high, values.shape[0]), min(wide, values.shape[1])
    total = sums[high:, wide:] - sums[:-high, wide:] - sums[high:, :-wide] + sums[:-high, :-wide]
    return np.asarray(total / (high * wide))
