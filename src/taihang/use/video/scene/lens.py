"""Lens: what the air, the lens and the sensor add to a picture: dust, faults, noise, and the mark."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from taihang.use.video.scene import glyph, texture
from taihang.use.video.scene.image import Array, Field, Pixels
from taihang.use.video.scene.script import Event, Script

MARK = "SYNTHETIC 合成"
_DARKNESS = 0.035
_NOISE_TILES = 4


class Lens:
    """The camera's front and sensor over the whole video; one frame after the other, each only once."""

    def __init__(self, script: Script, seed: int) -> None:
        self._script = script
        self._rng = np.random.default_rng((seed, 11))
        height, width = script.height, script.width
        tall, wide = height + 64, width + 64
        grey = self._rng.standard_normal((_NOISE_TILES, tall, wide, 1), np.float32)
        tint = self._rng.standard_normal((1, tall, wide, 3), np.float32)
        self._grain = np.clip(np.round(2.0 * grey + tint), -127, 127).astype(np.int8)
        self._vignette = _vignette(width, height)
        self._motes = self._rng.random((46, 5))
        self._mark = _mark(width, height)
        self._smear = _smear(width, height, seed)

    def shoot(self, picture: Pixels, number: int, lamps: Sequence[tuple[float, float, float]]) -> Pixels:
        """Turn a clean picture into what the camera records in frame `number`.

        `lamps` are helmet lamps in the picture (x, y, distance in metres), which shine when the lights are out.
        """
        now = number / self._script.fps
        frame = self._dusty(picture, now)
        dark = self._level("dark", now, 0.25)
        if dark > 0:
            frame = cv2.convertScaleAbs(frame, alpha=1 - (1 - _DARKNESS) * dark)
            for x, y, away in lamps:
                _shine(frame, x, y, 16 * self._script.width / 960 * 6 / max(away, 2), dark)
        blurred = self._level("blurred", now, 0.6)
        if blurred > 0:
            frame = self._smeared(frame, blurred)
        knock = self._knocked(now)
        if knock is not None:
            frame = cv2.warpAffine(frame, knock, frame.shape[1::-1], borderMode=cv2.BORDER_REFLECT)
        covered = self._level("covered", now, 0.3)
        if covered > 0:
            frame = self._covered(frame, covered, now)
        frame = cv2.multiply(frame, self._vignette, scale=1 / 255)
        return self._marked(self._noisy(frame))

    def _level(self, kind: str, now: float, fade: float) -> float:
        """How strongly an event of a kind acts, 0–1; it is full during its span and fades outside it."""
        return max((_ramp(event, now, fade) for event in self._script.of(kind)), default=0.0)

    def _dusty(self, picture: Pixels, now: float) -> Pixels:
        frame = picture
        height, width = frame.shape[:2]
        for x, y, size, drift, shine in self._motes:
            across = (x + 0.012 * math.sin(now * (0.4 + drift) + 6 * y) + 0.006 * now * (drift - 0.3)) % 1
            down = (y + 0.010 * now * (0.3 + size)) % 1
            place = (round(across * width * 16), round(down * height * 16))
            colour = (90 + 90 * shine,) * 3
            cv2.circle(frame, place, round((0.5 + 0.6 * size) * 16 * width / 960), colour, -1, cv2.LINE_AA, 4)
        dust = self._level("dust", now, 1.5)
        if dust <= 0:
            return frame
        tile = texture.noise(77, 2.0, 2.0, 256)
        rows = np.mod(np.arange(height // 8) + 0.9 * now, 256).astype(int)
        columns = np.mod(np.arange(width // 8) + 6 * now, 256).astype(int)
        cloud = np.clip(0.22 + 0.12 * tile[rows][:, columns], 0, 0.5) * dust
        veil = cv2.resize(cloud, (width, height), interpolation=cv2.INTER_LINEAR)[..., None]
        return np.asarray(frame + (118 - frame.astype(np.float32)) * veil, np.float32).astype(np.uint8)

    def _smeared(self, frame: Pixels, amount: float) -> Pixels:
        """Dirt on the lens: all of it out of focus, with dim blots."""
        soft = cv2.GaussianBlur(frame, (0, 0), 1 + 7 * amount * frame.shape[1] / 960)
        blots = 1 - amount * self._smear[..., None]
        return np.asarray(soft * blots, np.float32).astype(np.uint8)

    def _covered(self, frame: Pixels, amount: float, now: float) -> Pixels:
        """A hand or a cloth slides over the lens from below; a little red light passes at its rim."""
        height = frame.shape[0]
        rim = height * (1 - 1.35 * amount) + 6 * math.sin(now * 5)
        row = np.arange(height, dtype=np.float32)
        shade = np.clip((rim - row) / (0.25 * height), 0, 1)[:, None, None]
        skin = np.array((9.0, 5.5, 4.5), np.float32) * (1 + 0.15 * math.sin(now * 3))
        return np.asarray(frame * shade + skin * (1 - shade), np.float32).astype(np.uint8)

    def _knocked(self, now: float) -> Array | None:
        for event in self._script.of("knocked"):
            since = now - event.at_s
            if 0 <= since < event.for_s:
                swing = math.exp(-3 * since / event.for_s) * self._script.width / 960
                x = 34 * swing * math.sin(since * 23) + 9 * swing * math.sin(since * 51)
                y = 26 * swing * math.sin(since * 29 + 1)
                turn = 0.03 * swing * math.sin(since * 19)
                return np.array([[1, -turn, x], [turn, 1, y]], np.float64)
        return None

    def _noisy(self, frame: Pixels) -> Pixels:
        tile = self._grain[self._rng.integers(_NOISE_TILES)]
        y, x = self._rng.integers(64, size=2)
        part = tile[y : y + frame.shape[0], x : x + frame.shape[1]]
        return np.asarray(cv2.add(frame, part, dtype=cv2.CV_8U), np.uint8)

    def _marked(self, frame: Pixels) -> Pixels:
        mark, shade = self._mark
        height, width = shade.shape
        part = frame[8 : 8 + height, -8 - width : -8]
        part[:] = np.maximum((part * shade[..., None]).astype(np.uint8), mark)
        return frame


def _ramp(event: Event, now: float, fade: float) -> float:
    if now < event.at_s:
        return max(0.0, 1 - (event.at_s - now) / fade)
    return 1.0 if now < event.end_s else max(0.0, 1 - (now - event.end_s) / fade)


def _vignette(width: int, height: int) -> Pixels:
    x, y = np.linspace(-1, 1, width)[None, :], np.linspace(-1, 1, height)[:, None]
    dim = 1 - 0.34 * np.clip((0.55 * x * x + 0.45 * y * y), 0, 1) ** 1.3
    return np.repeat(np.round(255 * dim).astype(np.uint8)[..., None], 3, axis=2)


def _mark(width: int, height: int) -> tuple[Pixels, Field]:
    size = max(9.0, 15 * width / 960)
    canvas = np.zeros((round(size * 1.7), width, 3), np.uint8)
    end = round(glyph.write(canvas, MARK, (size * 0.5, size * 0.35), size) + size * 0.3)
    return canvas[:, :end].copy(), np.full((canvas.shape[0], end), 0.45, np.float32)


def _smear(width: int, height: int, seed: int) -> Field:
    tile = texture.noise(seed + 50, 2.2, 2.0, 256)
    blots = np.clip(tile[: 9 * 16, : 16 * 16] * 0.5 + 0.25, 0, 0.75)
    return np.asarray(cv2.resize(blots, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


def _shine(frame: Pixels, x: float, y: float, radius: float, strength: float) -> None:
    """A lamp in the dark, in place."""
    for share, level in ((1.0, 46), (0.55, 120), (0.28, 245)):
        place = (round(x * 16), round(y * 16))
        size = max(1, round(radius * share * 16))
        colour = (level * strength, level * strength * 0.97, level * strength * 0.86)
        cv2.circle(frame, place, size, colour, -1, cv2.LINE_AA, 4)
