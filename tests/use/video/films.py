"""Synthetic films with planted changes: a textured room, a box that comes and goes, a camera that walks or pans."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from tests.fixtures import videos

Image = npt.NDArray[np.uint8]

WIDTH, HEIGHT, FPS = 320, 192, 10


@functools.cache
def _wall(seed: int = 3, width: int = 960, height: int = 576) -> Image:
    """Soft texture at several scales, larger than the picture, so that a camera can move over it."""
    dice = np.random.default_rng(seed)
    total = np.zeros((height, width, 3), np.float32)
    for scale, weight in ((4, 0.6), (16, 1.0), (64, 1.4)):
        grain = dice.normal(0, 1, (height // scale + 2, width // scale + 2, 3)).astype(np.float32)
        total += weight * cv2.resize(grain, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(118 + 28 * total, 0, 255).astype(np.uint8)


def view(x: float, y: float, zoom: float = 1.0) -> Image:
    """The wall from a place (in wall pixels from its middle) and closeness."""
    wall = _wall()
    centre = (wall.shape[1] / 2 + x, wall.shape[0] / 2 + y)
    move = np.array([[zoom, 0, WIDTH / 2 - zoom * centre[0]], [0, zoom, HEIGHT / 2 - zoom * centre[1]]])
    return np.asarray(
        cv2.warpAffine(wall, move, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    )


def visitor(image: Image, at: float | None) -> Image:
    """A dark upright box with its middle at column `at`; None for nobody."""
    if at is not None:
        left, right = (int(np.clip(at + side, 0, WIDTH)) for side in (-22, 22))
        image[40:180, left:right] = (40, 35, 60)
        image[50:60, left:right] = (200, 170, 150)
    return image


def place(time_s: float, enters_s: float, leaves_s: float, walk_s: float = 1.5) -> float | None:
    """Column of a visitor who walks in from the left, stands in the middle and walks out to the right."""
    if time_s < enters_s or time_s >= leaves_s:
        return None
    if time_s < enters_s + walk_s:
        return -22 + (time_s - enters_s) / walk_s * (WIDTH / 2 + 22)
    if time_s >= leaves_s - walk_s:
        return WIDTH + 22 - (leaves_s - time_s) / walk_s * (WIDTH / 2 + 22)
    return WIDTH / 2


def film(path: Path, seconds: float, draw: Callable[[float], Image], gop: int = 10, fps: int = FPS) -> Path:
    """Encode `draw(time)`, with a little sensor noise that is the same each time."""
    dice = np.random.default_rng(0)

    def pictures() -> Iterator[Image]:
        for number in range(round(seconds * fps)):
            noise = dice.normal(0, 1.5, (HEIGHT, WIDTH, 1))
            yield np.clip(draw(number / fps) + noise, 0, 255).astype(np.uint8)

    options = {"preset": "veryfast", "g": str(gop), "sc_threshold": "0", "bf": "2", "crf": "23"}
    videos.write(
        path, size=(WIDTH, HEIGHT), options=options, time_base=Fraction(1, fps), pictures=pictures(), file_format="mp4"
    )
    return path


@functools.cache
def visit(folder: Path) -> Path:
    """Still camera, 30 s: somebody comes at 8 s and goes at 20 s (out of the picture from 20 s on)."""
    return film(folder / "visit.mp4", 30, lambda t: visitor(view(0, 0), place(t, 8, 20)))


def walked(time_s: float) -> tuple[float, float, float]:
    """Where a walking camera is: it sways, bobs and comes slowly closer, at an uneven pace."""
    sway = 5 * np.sin(2 * np.pi * 0.9 * time_s) + 3 * np.sin(2 * np.pi * 0.37 * time_s + 1)
    bob = 3 * np.sin(2 * np.pi * 1.8 * time_s + 0.5)
    return float(sway), float(bob), float(1.0 + 0.025 * time_s + 0.01 * np.sin(0.8 * time_s))
