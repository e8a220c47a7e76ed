"""Scenes: small pictures of workers with and without helmets, drawn, with the truth beside them. Synthetic.

About one worker in three is odd or hidden: behind something, cut by the picture's edge, or bent, crouching or lying.
"""

from __future__ import annotations

import dataclasses
import math

import cv2
import numpy as np
import numpy.typing as npt

SIDE = 96
CLASSES = ("worker", "helmet", "bare_head")
USUAL, BEHIND, CUT, POSE = "usual", "behind", "cut", "pose"
_FINE = 3  # drawn larger and made small, so that edges are soft
_SKIN = ((228, 190, 160), (196, 150, 116), (140, 98, 70), (96, 66, 48))
_HAIR = ((30, 24, 20), (70, 50, 36), (120, 110, 104), (60, 60, 64), (170, 150, 60))
_HELMET = ((240, 200, 20), (235, 235, 235), (210, 40, 30), (30, 90, 200), (240, 130, 20))


@dataclasses.dataclass(frozen=True, slots=True)
class Thing:
    """One object: its class, its visible box in pixels (x0, y0, x1, y1), and how it is seen."""

    label: str
    box: tuple[float, float, float, float]
    kind: str


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A picture, uint8 RGB (SIDE, SIDE, 3), and what is in it."""

    image: npt.NDArray[np.uint8]
    things: tuple[Thing, ...]


def draw(seed: int, odd: float = 0.3) -> Scene:
    """One scene; the same seed gives the same. `odd`: share of workers that are odd or hidden."""
    dice = np.random.default_rng((77, seed))
    size = SIDE * _FINE
    canvas = _place(dice, size)
    things: list[Thing] = []
    taken: list[tuple[float, float]] = []
    for _ in range(int(dice.integers(1, 4))):
        tall = size * dice.uniform(0.3, 0.7)
        x, y = dice.uniform(0.12, 0.88) * size, dice.uniform(0.6, 1.0) * size
        if any(abs(x - other) < 0.35 * (tall + high) for other, high in taken):
            continue
        taken.append((x, tall))
        kind = str(dice.choice([BEHIND, CUT, POSE])) if dice.random() < odd else USUAL
        things += _worker(dice, canvas, x, y, tall, kind)
    image = cv2.resize(canvas, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    image = image * dice.uniform(0.35, 1.15) + dice.uniform(-15, 25)
    if dice.random() < 0.4:
        image = cv2.GaussianBlur(image, (0, 0), dice.uniform(0.4, 1.0))
    image += dice.normal(0, dice.uniform(3, 12), image.shape)
    return Scene(np.clip(image, 0, 255).astype(np.uint8), tuple(things))


def _place(dice: np.random.Generator, size: int) -> npt.NDArray[np.uint8]:
    base = dice.integers(40, 190, 3)
    canvas = np.full((size, size, 3), base, np.uint8)
    ground = int(size * dice.uniform(0.4, 0.75))
    canvas[ground:] = np.clip(base + dice.integers(-40, 40, 3), 0, 255)
    for _ in range(int(dice.integers(4, 12))):
        colour = tuple(int(v) for v in dice.integers(20, 230, 3))
        x, y = (int(v) for v in dice.integers(0, size, 2))
        wide, high = (int(v) for v in dice.integers(size // 20, size // 3, 2))
        what = dice.random()
        if what < 0.4:
            cv2.rectangle(canvas, (x, y), (x + wide, y + high), colour, -1)
        elif what < 0.6:
            cv2.line(canvas, (x, y), (x + wide * 2, y + high - size // 6), colour, int(dice.integers(2, 12)))
        elif what < 0.85:
            # Lamps, drums and buckets have the colours of helmets and of heads.
            colour = tuple(int(v) for v in dice.choice(np.array(_HELMET + _SKIN + _HAIR)))
            cv2.ellipse(canvas, (x, y), (wide // 5 + 6, wide // 6 + 6), 0, 0, 360, colour, -1, cv2.LINE_AA)
        else:
            cv2.rectangle(canvas, (x, y), (x + wide // 4 + 6, y + high), colour, -1)
    return canvas


def _worker(  # noqa: PLR0917 - what a worker is drawn from
    dice: np.random.Generator, canvas: npt.NDArray[np.uint8], x: float, y: float, tall: float, kind: str
) -> list[Thing]:
    size = canvas.shape[0]
    helmet = bool(dice.random() < 0.5)
    tilt = dice.normal(0, 6)
    if kind == POSE:
        tilt = float(dice.choice([-1, 1])) * dice.uniform(35, 95)
    if kind == CUT:
        if dice.random() < 0.5:
            x = float(dice.choice([0.0, size])) + dice.normal(0, 0.05) * tall
        else:
            y = dice.uniform(0.45, 0.85) * tall
    person, head = _figure(dice, canvas, (x, y), tall, tilt, helmet, crouched=kind == POSE and dice.random() < 0.5)
    masks = {"worker": person | head, "helmet" if helmet else "bare_head": head}
    whole = {label: int(mask.sum()) for label, mask in masks.items()}
    if kind == BEHIND:
        cover = _cover(dice, canvas, head if dice.random() < 0.6 else person)
        masks = {label: mask & ~cover for label, mask in masks.items()}
    found = []
    for label, mask in masks.items():
        ys, xs = np.nonzero(mask)
        # What can hardly be seen at all is nobody's truth.
        if len(xs) == 0 or len(xs) < 0.15 * whole[label] or np.ptp(xs) < 3 * _FINE or np.ptp(ys) < 3 * _FINE:
            continue
        box = (xs.min() / _FINE, ys.min() / _FINE, (xs.max() + 1) / _FINE, (ys.max() + 1) / _FINE)
        found.append(Thing(label, tuple(float(v) for v in box), kind))  # type: ignore[arg-type]
    return found


def _figure(  # noqa: PLR0917 - what a figure is drawn from
    dice: np.random.Generator,
    canvas: npt.NDArray[np.uint8],
    feet: tuple[float, float],
    tall: float,
    tilt: float,
    helmet: bool,
    crouched: bool,
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Body and head as masks; the head with its hair or helmet."""
    leg = tall * (0.18 if crouched else 0.42)
    head = tall * 0.11
    turn = math.radians(tilt)

    def at(across: float, up: float) -> tuple[int, int]:
        sine, cosine = math.sin(turn), math.cos(turn)
        return (int(feet[0] + across * cosine + up * sine), int(feet[1] + across * sine - up * cosine))

    colour = tuple(int(v) for v in dice.integers(20, 200, 3))
    trousers = tuple(int(v) for v in dice.integers(20, 140, 3))
    skin = _SKIN[dice.integers(len(_SKIN))]
    parts = np.zeros(canvas.shape[:2], np.uint8)
    wide = max(2, int(tall * 0.09))

    def limb(first: tuple[int, int], second: tuple[int, int], paint: tuple[int, ...], thick: int) -> None:
        cv2.line(canvas, first, second, paint, thick, cv2.LINE_AA)
        cv2.line(parts, first, second, 1, thick)

    spread = tall * dice.uniform(0.03, 0.12)
    hip, neck = at(0, leg), at(0, leg + tall * 0.34)
    for side in (-1, 1):
        limb(hip, at(side * spread, 0), trousers, wide)
        limb(neck, at(side * tall * dice.uniform(0.12, 0.22), leg + tall * dice.uniform(0.0, 0.45)), colour, wide)
    limb(hip, neck, colour, int(tall * 0.2))
    if dice.random() < 0.4:
        limb(at(-tall * 0.07, leg + tall * 0.2), at(tall * 0.07, leg + tall * 0.2), (220, 240, 60), max(2, wide // 2))
    top = np.zeros(canvas.shape[:2], np.uint8)
    middle = at(0, leg + tall * 0.34 + head)
    angle = int(tilt)

    def blob(  # noqa: PLR0917 - a piece of an ellipse
        where: tuple[int, int], across: float, up: float, paint: tuple[int, ...], start: int, end: int
    ) -> None:
        axes = (max(1, int(across)), max(1, int(up)))
        cv2.ellipse(canvas, where, axes, angle, start, end, paint, -1, cv2.LINE_AA)
        cv2.ellipse(top, where, axes, angle, start, end, 1, -1)

    blob(middle, head * 0.85, head, skin, 0, 360)
    if helmet:
        paint = _HELMET[dice.integers(len(_HELMET))]
        blob(at(0, leg + tall * 0.34 + head * 1.25), head * 1.05, head * 0.95, paint, 180, 360)
        rim = at(head * float(dice.choice([-1, 1])) * 0.3, leg + tall * 0.34 + head * 1.25)
        blob(rim, head * 1.3, max(1.0, head * 0.16), paint, 0, 360)
    elif dice.random() < 0.85:
        # A bare head, at times under a woollen cap in a helmet's colour.
        paint = _HAIR[dice.integers(len(_HAIR))] if dice.random() < 0.7 else _HELMET[dice.integers(len(_HELMET))]
        blob(at(0, leg + tall * 0.34 + head * 1.15), head * 0.9, head * 0.85, paint, 180, 360)
    return parts.astype(bool), top.astype(bool)


def _cover(
    dice: np.random.Generator, canvas: npt.NDArray[np.uint8], what: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """Something stands before a part of it."""
    cover = np.zeros(canvas.shape[:2], np.uint8)
    ys, xs = np.nonzero(what)
    if len(xs) == 0:
        return cover.astype(bool)
    colour = tuple(int(v) for v in dice.integers(20, 220, 3))
    share = dice.uniform(0.3, 0.65)
    left, right, top, low = int(xs.min()), int(xs.max()), int(ys.min()), int(ys.max())
    if dice.random() < 0.5:
        edge = int(left + share * (right - left))
        box = (
            (left - 20, top - 20, edge, low + 20)
            if dice.random() < 0.5
            else (right + left - edge, top - 20, right + 20, low + 20)
        )
    else:
        box = (left - 25, int(low - share * (low - top)), right + 25, low + 25)
    for paint, picture in ((colour, canvas), (1, cover)):
        cv2.rectangle(picture, box[:2], box[2:], paint, -1)
    return cover.astype(bool)
