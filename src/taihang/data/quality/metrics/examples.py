"""Examples: drawn pictures, and the corruptions that metrics are about, each with a strength."""

from __future__ import annotations

import cv2
import numpy as np

from taihang.data.quality.metrics.picture import Picture


def scene(size: int = 256, seed: int = 1) -> Picture:
    """A drawn scene: shapes in many colours on texture of all scales, evenly lit."""
    chance = np.random.default_rng(seed)
    plane = np.full((size, size, 3), 128.0, np.float32)
    for cells in (4, 16, 64):
        coarse = chance.normal(0, 26, (cells, cells, 3)).astype(np.float32)
        plane += cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    for _ in range(24):
        x, y = (int(v) for v in chance.integers(0, size, 2))
        colour = tuple(float(v) for v in chance.integers(40, 216, 3))
        if chance.random() < 0.5:
            cv2.rectangle(plane, (x, y), (x + size // 8, y + size // 10), colour, -1)
        else:
            cv2.circle(plane, (x, y), size // 14, colour, -1)
    return Picture(np.clip(plane, 8, 247).astype(np.uint8))


def blurred(one: Picture, sigma: float) -> Picture:
    """Gaussian blur; `sigma` in pixels."""
    return Picture(cv2.GaussianBlur(one.pixels, (0, 0), sigma) if sigma > 0 else one.pixels)


def smeared(one: Picture, length: int) -> Picture:
    """Motion blur along x over so many pixels."""
    return Picture(cv2.blur(one.pixels, (max(1, length), 1)))


def noisy(one: Picture, sigma: float, seed: int = 5) -> Picture:
    """White Gaussian noise; `sigma` in grey levels. Equal for the channels, so that it is the noise of luma."""
    noise = np.random.default_rng(seed).normal(0, 1, one.pixels.shape[:2])[:, :, None] * sigma
    return Picture(np.clip(one.pixels + noise, 0, 255).astype(np.uint8))


def scaled(one: Picture, gain: float) -> Picture:
    """Every value times `gain`."""
    return Picture(np.clip(one.pixels * gain, 0, 255).astype(np.uint8))


def shifted(one: Picture, amount: float) -> Picture:
    """So many grey levels added to every value."""
    return Picture(np.clip(one.pixels.astype(np.float32) + amount, 0, 255).astype(np.uint8))


def flattened(one: Picture, share: float) -> Picture:
    """Contrast lowered to this share around the mean."""
    mean = float(one.pixels.mean())
    return Picture(np.clip(mean + (one.pixels - mean) * share, 0, 255).astype(np.uint8))


def faded(one: Picture, share: float) -> Picture:
    """Colour lowered to this share; luma stays."""
    grey = one.luma[:, :, None].astype(np.float32)
    return Picture(np.clip(grey + (one.pixels - grey) * share, 0, 255).astype(np.uint8))


def tinted(one: Picture, strength: float) -> Picture:
    """Blue taken away by this share."""
    return Picture((one.pixels * np.array([1, 1, 1 - strength])).astype(np.uint8))


def hazy(one: Picture, strength: float) -> Picture:
    """Mixed with white light by this share."""
    return Picture((one.pixels * (1 - strength) + 230 * strength).astype(np.uint8))


def vignetted(one: Picture, strength: float) -> Picture:
    """Light that falls off from one corner: there nothing is lost, in the opposite one this share of 0.95."""
    ramp = np.linspace(0, 1, one.height)[:, None] * np.linspace(0, 1, one.width)[None, :]
    return Picture((one.pixels * (1 - 0.95 * strength * ramp[:, :, None])).astype(np.uint8))


def compressed(one: Picture, quality: int) -> Picture:
    """Through JPEG at this quality, 1 to 100."""
    _, data = cv2.imencode(".jpg", one.pixels[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return Picture(np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[:, :, ::-1]))


def framed(one: Picture, share: float) -> Picture:
    """Black bars of this share of the height, half above and half below."""
    made, bar = one.pixels.copy(), round(one.height * share / 2)
    if bar:
        made[:bar] = made[-bar:] = 0
    return Picture(made)
