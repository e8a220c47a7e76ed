"""Texture: rock, floor and ore as tiles of noise that repeat without a seam."""

from __future__ import annotations

import functools

import cv2
import numpy as np

from taihang.use.video.scene.image import Field

SIZE = 1024
METRES = 8.0
"""One tile covers METRES by METRES of surface."""


@functools.lru_cache(maxsize=32)
def noise(seed: int, slope: float = 1.6, low: float = 1.0, size: int = SIZE) -> Field:
    """A (size, size) tile with zero mean and unit deviation whose spectrum falls as frequency to the -`slope`.

    Waves longer than `size / low` pixels are left out.
    """
    rng = np.random.default_rng(seed)
    fy, fx = np.fft.fftfreq(size)[:, None] * size, np.fft.rfftfreq(size)[None, :] * size
    radius = np.hypot(fy, fx)
    gain = np.where(radius < low, 0.0, np.maximum(radius, 1.0) ** -slope)
    waves = gain * np.exp(2j * np.pi * rng.random(gain.shape))
    tile = np.fft.irfft2(waves, (size, size))
    return np.asarray((tile - tile.mean()) / tile.std(), np.float32)


@functools.lru_cache(maxsize=8)
def rock(seed: int) -> Field:
    """Height of blasted rock under shotcrete: broad lumps, sharp ridges and grain; zero mean, unit deviation."""
    lumps = noise(seed, 2.0, 3.0)
    ridges = -np.abs(noise(seed + 1, 1.7, 6.0))
    tile = 0.8 * lumps + 0.7 * ridges + 0.12 * noise(seed + 2, 0.9, 40.0)
    return np.asarray((tile - tile.mean()) / tile.std(), np.float32)


def slopes(height: Field, depth_m: float) -> tuple[Field, Field]:
    """The two derivatives of a height tile whose deviation is `depth_m` metres, in metres a metre."""
    padded = cv2.copyMakeBorder(height, 1, 1, 1, 1, cv2.BORDER_WRAP)
    per_metre = depth_m * height.shape[0] / METRES / 8
    across = cv2.Sobel(padded, cv2.CV_32F, 1, 0, ksize=3)[1:-1, 1:-1] * per_metre
    along = cv2.Sobel(padded, cv2.CV_32F, 0, 1, ksize=3)[1:-1, 1:-1] * per_metre
    return across, along


def sample(tile: Field, across_m: Field, along_m: Field) -> Field:
    """Values of a tile at places on the surface, repeated as needed; the places may have any shape (H, W)."""
    scale = tile.shape[0] / METRES
    x = np.mod(across_m * scale, tile.shape[1]).astype(np.float32)
    y = np.mod(along_m * scale, tile.shape[0]).astype(np.float32)
    return np.asarray(cv2.remap(tile, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP), np.float32)
