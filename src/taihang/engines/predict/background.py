"""What a fixed camera sees when nobody is there, and what stands out from it.

A median over time shows people who stand in one place for long. What comes back most often after
being hidden is the background here: a person stays once, the wall behind returns after everyone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.uint8]

WIDTH = 320  # pixels; enough for whatever is tall enough to be a person
_FEWEST = 8  # fewer frames cannot tell what comes back
_USED = 48
_SAME = 24  # grey levels, the largest of three channels
_AGREED = 0.6  # share of frames that must show the background, on average over the pixels
_NOISE = 5.0  # times the median difference
_UNFIT = 16  # a median difference above this is another view
_LARGEST_SHARE = 0.7  # more than this standing out is a change of the light or of the view


@dataclasses.dataclass(frozen=True, slots=True)
class Blob:
    """A connected region that stands out: its box in background pixels and its area."""

    x0: int
    y0: int
    x1: int
    y1: int
    area: int


def learn(images: Sequence[Image]) -> Image | None:
    """The background of equally sized (h, w, 3) images in the order of time, or None.

    Per pixel the value with the most separate returns wins; ties go to the longer shown.
    """
    if len(images) < _FEWEST:
        return None
    chosen = np.linspace(0, len(images) - 1, min(_USED, len(images))).round().astype(int)
    stack = _evened(np.stack([images[i] for i in chosen]))
    count = stack.shape[1]
    best = np.full(stack.shape[2:], -1.0, np.float32)
    winner = np.zeros(stack.shape[2:], np.int64)
    for place in range(count):
        same = _same(stack, stack[:, place])
        returns = same[0].astype(np.int64) + np.add.reduce(same[1:] & ~same[:-1], axis=0, dtype=np.uint8)
        score = returns + np.add.reduce(same, axis=0, dtype=np.uint8) / (count + 1)
        better = score > best
        best[better], winner[better] = score[better], place
    value = np.take_along_axis(stack, winner[None, None], axis=1)[:, 0]
    same = _same(stack, value)
    if same.mean() < _AGREED:
        return None
    mean = np.stack([(channel * same).sum(axis=0) for channel in stack], axis=-1) / same.sum(axis=0)[..., None]
    return np.asarray(cv2.medianBlur(mean.astype(np.uint8), 5), np.uint8)


def small(image: Image) -> Image:
    """The image, at most WIDTH wide."""
    rows, columns = image.shape[:2]
    size = (min(WIDTH, columns), max(1, round(rows * min(1.0, WIDTH / columns))))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def standing_out(image: Image, background: Image) -> Mask | None:
    """1 where an image differs from the background, else 0, at most WIDTH wide; any two sizes.

    Brightness is evened channel by channel. None where the background does not fit: another shape,
    another view, or most of the picture standing out.
    """
    rows, columns = background.shape[:2]
    if abs(image.shape[0] * columns - image.shape[1] * rows) > 0.02 * image.shape[1] * rows:
        return None
    empty = small(background).astype(np.float32)
    size = (empty.shape[1], empty.shape[0])
    now = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    gain = np.median((now + 1) / (empty + 1), axis=(0, 1))
    difference = np.abs(now - empty * gain).max(axis=-1)
    usual = float(np.median(difference))
    if usual > _UNFIT:
        return None
    limit = max(_SAME + 4, _NOISE * usual)
    mask = (difference > limit).astype(np.uint8)
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((7, 5), np.uint8))
    return None if mask.mean() > _LARGEST_SHARE else np.asarray(mask, np.uint8)


def blobs(mask: Mask, smallest: int) -> list[Blob]:
    """The connected regions of a mask with at least `smallest` pixels, largest first."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    found = [Blob(int(x), int(y), int(x + w), int(y + h), int(a)) for x, y, w, h, a in stats[1:] if a >= smallest]
    return sorted(found, key=lambda b: (-b.area, b.x0, b.y0))


def _same(stack: npt.NDArray[np.uint8], value: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Where each image of a (3, n, h, w) stack is like a (3, h, w) one: (n, h, w)."""
    # Channels come first: a largest value of three that lie side by side takes ten times as long.
    worst = np.zeros(stack.shape[1:], np.uint8)
    for channel, one in zip(stack, value, strict=True):
        np.maximum(worst, np.maximum(channel, one) - np.minimum(channel, one), out=worst)
    return worst < _SAME


def _evened(stack: Image) -> npt.NDArray[np.uint8]:
    """The images at one brightness: each channel scaled to the median image's. (n, h, w, 3) → (3, n, h, w)."""
    median = np.median(stack, axis=0) + 1
    out = np.empty((stack.shape[-1], *stack.shape[:-1]), np.uint8)
    for place, image in enumerate(stack):
        gain = np.median(median / (image.astype(np.float32) + 1), axis=(0, 1))
        out[:, place] = np.moveaxis(np.clip(image * np.clip(gain, 1 / 3, 3), 0, 255), -1, 0)
    return out
