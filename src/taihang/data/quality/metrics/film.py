"""Film: frames of a video with their times and what its container says, and drawn films for examples."""

from __future__ import annotations

import dataclasses
import functools

import cv2
import numpy as np
import numpy.typing as npt

from taihang.data.quality.metrics import examples
from taihang.data.quality.metrics.picture import Picture

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Film:
    """`small` holds luma (n, height, width) of neighbouring frames, in shots of one stretch each: `shots` numbers them.

    `times` are theirs in seconds. `stamps` are the times of all frames of the file. `pictures` are a few
    whole frames. `width`, `height` as shown; `bit_rate` in bits a second.
    """

    small: Bytes
    times: Floats
    stamps: Floats
    pictures: tuple[Picture, ...]
    width: int
    height: int
    fps: float
    duration_s: float
    bit_rate: float | None = None
    shots: npt.NDArray[np.int64] | None = None

    @functools.cached_property
    def changes(self) -> Floats:
        """Mean absolute difference of luma to the frame before, in grey levels; NaN at the start of a shot."""
        if len(self.small) < 2:
            return np.full(len(self.small), np.nan)
        found = [np.nan] + [
            float(cv2.norm(a, b, cv2.NORM_L1)) / a.size for a, b in zip(self.small, self.small[1:], strict=False)
        ]
        values = np.array(found)
        if self.shots is not None:
            values[1:][np.diff(self.shots) != 0] = np.nan
        return values

    @functools.cached_property
    def means(self) -> Floats:
        """Mean luma of each frame."""
        return np.asarray(self.small.reshape(len(self.small), -1).mean(axis=1)) if len(self.small) else np.zeros(0)


def drawn(seconds: float = 4.0, fps: float = 25.0, seed: int = 1) -> Film:
    """A camera that moves evenly over a drawn scene, with a little noise of its own in each frame."""
    chance = np.random.default_rng(seed)
    whole = examples.scene(512, seed)
    count = max(1, round(seconds * fps))
    times = np.arange(count) / fps
    frames, pictures = [], []
    for number in range(count):
        x = 40 + round(1.2 * number) % 200
        part = np.ascontiguousarray(whole.pixels[100 : 100 + 216, x : x + 288])
        if number % max(1, count // 4) == 0:
            pictures.append(Picture(part))
        small = cv2.resize(cv2.cvtColor(part, cv2.COLOR_RGB2GRAY), (96, 72), interpolation=cv2.INTER_AREA)
        frames.append(np.clip(small + chance.normal(0, 1, small.shape), 0, 255).astype(np.uint8))
    return Film(np.stack(frames), times, times, tuple(pictures[:4]), 288, 216, fps, count / fps, 400_000.0)


def frozen(one: Film, share: float) -> Film:
    """The last frames replaced by the one before them, this share of the film."""
    small = one.small.copy()
    start = max(1, round(len(small) * (1 - share)))
    small[start:] = small[start - 1]
    return dataclasses.replace(one, small=small)


def dropped(one: Film, share: float, seed: int = 2) -> Film:
    """This share of the frames taken out, not the first nor the last."""
    inner = np.arange(1, len(one.stamps) - 1)
    lost = np.random.default_rng(seed).permutation(inner)[: round(share * len(inner))]
    kept = np.setdiff1d(np.arange(len(one.stamps)), lost)
    return dataclasses.replace(one, stamps=one.stamps[kept], times=one.times[kept], small=one.small[kept])


def blackened(one: Film, share: float) -> Film:
    """The first frames black, this share of the film."""
    small = one.small.copy()
    small[: round(len(small) * share)] = 4
    return dataclasses.replace(one, small=small)


def flickering(one: Film, strength: float) -> Film:
    """Every second frame brighter by so many grey levels."""
    small = one.small.astype(np.float32)
    small[::2] += strength
    return dataclasses.replace(one, small=np.clip(small, 0, 255).astype(np.uint8))


def shaken(one: Film, pixels: int, seed: int = 6) -> Film:
    """Each frame moved by up to so many pixels at random."""
    chance = np.random.default_rng(seed)
    moves = chance.uniform(-1, 1, (len(one.small), 2)) * pixels
    moved = [
        cv2.warpAffine(f, np.array([[1, 0, x], [0, 1, y]], np.float32), f.shape[::-1], borderMode=cv2.BORDER_REFLECT)
        for f, (x, y) in zip(one.small, moves, strict=True)
    ]
    return dataclasses.replace(one, small=np.stack(moved))


def noisy(one: Film, sigma: float, seed: int = 8) -> Film:
    """White noise in each frame."""
    noise = np.random.default_rng(seed).normal(0, 1, one.small.shape) * sigma
    return dataclasses.replace(one, small=np.clip(one.small + noise, 0, 255).astype(np.uint8))
