"""Image metrics: of one `picture.Picture`, whole and at its own resolution."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np

from taihang.data.quality.metrics import examples
from taihang.data.quality.metrics.picture import Picture
from taihang.data.quality.metrics.registry import metric

_BLACK, _WHITE = 2, 253
_GRID = 8


@metric(
    "image.short_side", dimension="resolution", source="TC609-5-2025-04 (secondary)", unit="px", direction="higher",
    bound=224, cost="header", failing=lambda: examples.scene(64), passing=lambda: examples.scene(256),
)  # fmt: skip
def short_side(one: Picture) -> float:
    """The shorter of width and height."""
    return float(min(one.width, one.height))


@metric(
    "image.megapixels", dimension="resolution", source="ISO 12231-1", unit="Mpx", direction="higher",
    bound=0.05, cost="header", failing=lambda: examples.scene(64), passing=lambda: examples.scene(256),
)  # fmt: skip
def megapixels(one: Picture) -> float:
    """Number of pixels in millions."""
    return one.width * one.height / 1e6


@metric(
    "image.aspect", dimension="resolution", source="—", direction="lower", bound=4.0, cost="header",
    failing=lambda: Picture(examples.scene(256).pixels[:32]), passing=lambda: examples.scene(256),
)  # fmt: skip
def aspect(one: Picture) -> float | None:
    """The longer side over the shorter."""
    short = min(one.width, one.height)
    return max(one.width, one.height) / short if short else None


@metric(
    "image.bit_depth", dimension="resolution", source="—", unit="bit", direction="higher", bound=8, cost="header",
    failing=lambda: Picture(examples.scene(64).pixels, bits=1), passing=lambda: examples.scene(64),
)  # fmt: skip
def bit_depth(one: Picture) -> float:
    """Bits of a channel as stored."""
    return float(one.bits)


@metric(
    "image.sharpness", dimension="clarity", source="Pech-Pacheco et al. 2000", unit="grey²", direction="higher",
    bound=100.0, cost="decode", failing=lambda: examples.blurred(examples.scene(), 4), passing=examples.scene,
)  # fmt: skip
def sharpness(one: Picture) -> float:
    """Variance of the Laplacian of luma."""
    plane = cv2.Laplacian(one.luma, cv2.CV_16S)
    _, deviation = cv2.meanStdDev(plane)
    return float(deviation[0, 0] ** 2)


@metric(
    "image.tenengrad", dimension="clarity", source="Krotkov 1988", unit="grey²", direction="higher", bound=800.0,
    cost="decode", failing=lambda: examples.blurred(examples.scene(), 8), passing=examples.scene,
)  # fmt: skip
def tenengrad(one: Picture) -> float:
    """Mean squared gradient."""
    return float(sum(one.gradients))


@metric(
    "image.isotropy", dimension="clarity", source="—", direction="higher", bound=0.3, cost="decode",
    failing=lambda: examples.smeared(examples.scene(), 15), passing=examples.scene,
)  # fmt: skip
def isotropy(one: Picture) -> float | None:
    """The weaker of the gradients along x and y over the stronger: a smear along one axis lowers it."""
    low, high = sorted(one.gradients)
    return low / high if high > 0 else None


@metric(
    "image.exposure", dimension="exposure", source="—", direction="within", bound=(0.15, 0.85), cost="decode",
    failing=lambda: examples.scaled(examples.scene(), 0.15), passing=examples.scene,
)  # fmt: skip
def exposure(one: Picture) -> float:
    """Mean luma, 0 black to 1 white."""
    return one.mean / 255


@metric(
    "image.shadow_clipping", dimension="exposure", source="—", direction="lower", bound=0.05, cost="decode",
    failing=lambda: examples.shifted(examples.scene(), -120), passing=examples.scene,
)  # fmt: skip
def shadow_clipping(one: Picture) -> float:
    """Share of the pixels whose luma is at most 2 of 255."""
    return float(one.histogram[: _BLACK + 1].sum())


@metric(
    "image.highlight_clipping", dimension="exposure", source="—", direction="lower", bound=0.05, cost="decode",
    failing=lambda: examples.shifted(examples.scene(), 120), passing=examples.scene,
)  # fmt: skip
def highlight_clipping(one: Picture) -> float:
    """Share of the pixels whose luma is at least 253 of 255."""
    return float(one.histogram[_WHITE:].sum())


@metric(
    "image.dynamic_range", dimension="exposure", source="—", direction="higher", bound=0.25, cost="decode",
    failing=lambda: examples.flattened(examples.scene(), 0.1), passing=examples.scene,
)  # fmt: skip
def dynamic_range(one: Picture) -> float:
    """Luma from the 1st to the 99th percentile, as a share of 255."""
    return (one.quantile(0.99) - one.quantile(0.01)) / 255


@metric(
    "image.rms_contrast", dimension="exposure", source="Peli 1990", direction="higher", bound=0.08, cost="decode",
    failing=lambda: examples.flattened(examples.scene(), 0.1), passing=examples.scene,
)  # fmt: skip
def rms_contrast(one: Picture) -> float:
    """Standard deviation of luma, as a share of 255."""
    levels = np.arange(256)
    return math.sqrt(max(0.0, float(one.histogram @ (levels - one.mean) ** 2))) / 255


@metric(
    "image.uniformity", dimension="exposure", source="EN 12464-1 (U0)", direction="higher", bound=0.4,
    cost="decode", failing=lambda: examples.vignetted(examples.scene(), 1.0), passing=examples.scene,
)  # fmt: skip
def uniformity(one: Picture) -> float | None:
    """Light uniformity: mean luma of the darkest of 8 × 8 cells over the mean of all."""
    if min(one.width, one.height) < _GRID:
        return None
    cells = cv2.resize(one.luma, (_GRID, _GRID), interpolation=cv2.INTER_AREA)
    mean = float(cells.mean())
    return float(cells.min()) / mean if mean > 0 else None


@metric(
    "image.noise", dimension="noise", source="Immerkær 1996", unit="grey", direction="lower", bound=8.0,
    cost="decode", failing=lambda: examples.noisy(examples.scene(), 20), passing=examples.scene,
)  # fmt: skip
def noise(one: Picture) -> float:
    """Blind estimate of the standard deviation of white noise."""
    return one.noise


@metric(
    "image.snr", dimension="noise", source="ISO 15739 (definition); Immerkær 1996 (noise)", unit="dB",
    direction="higher", bound=20.0, cost="decode", failing=lambda: examples.noisy(examples.scene(), 30),
    passing=examples.scene,
)  # fmt: skip
def snr(one: Picture) -> float | None:
    """Blind estimate of the signal-to-noise ratio: mean luma over the estimated noise, in decibels."""
    if one.mean <= 0:
        return None
    return 20 * math.log10(one.mean / max(one.noise, 0.05))


@metric(
    "image.entropy", dimension="information", source="Shannon 1948", unit="bit", direction="higher", bound=5.0,
    cost="decode", failing=lambda: examples.flattened(examples.scene(), 0.05), passing=examples.scene,
)  # fmt: skip
def entropy(one: Picture) -> float:
    """Entropy of the histogram of luma."""
    some = one.histogram[one.histogram > 0]
    return float(-(some @ np.log2(some)))


@metric(
    "image.colourfulness", dimension="colour", source="Hasler & Süsstrunk 2003", direction="higher", bound=8.0,
    cost="decode", failing=lambda: examples.faded(examples.scene(), 0.05), passing=examples.scene,
)  # fmt: skip
def colourfulness(one: Picture) -> float | None:
    """Spread and mean of the opponent colours; None of a grey picture."""
    if one.pixels.ndim == 2:
        return None
    mean, deviation = (v.ravel() for v in cv2.meanStdDev(_opponent(one)))
    return float(np.hypot(*deviation) + 0.3 * np.hypot(*mean))


@metric(
    "image.cast", dimension="colour", source="Buchsbaum 1980 (grey world)", direction="lower", bound=0.25,
    cost="decode", failing=lambda: examples.tinted(examples.scene(), 0.6), passing=examples.scene,
)  # fmt: skip
def cast(one: Picture) -> float | None:
    """Spread of the channels' means over their mean; None of a grey picture."""
    if one.pixels.ndim == 2:
        return None
    means = np.array(cv2.mean(one.pixels)[:3])
    return float((means.max() - means.min()) / means.mean()) if means.mean() > 0 else None


@metric(
    "image.haze", dimension="clarity", source="He, Sun & Tang 2009 (dark channel)", direction="lower", bound=0.45,
    cost="decode", failing=lambda: examples.hazy(examples.scene(), 0.8), passing=examples.scene,
)  # fmt: skip
def haze(one: Picture) -> float:
    """Mean of the dark channel (least value of any channel within 15 px), 0 to 1: dust and fog raise it."""
    small = one.pixels if max(one.width, one.height) <= 512 else _small(one)
    least = small if small.ndim == 2 else small.min(axis=2)
    return float(cv2.erode(least, np.ones((15, 15), np.uint8)).mean()) / 255


@metric(
    "image.blockiness", dimension="compression", source="Wang, Sheikh & Bovik 2002 (idea)", direction="lower",
    bound=1.3, cost="decode", failing=lambda: examples.compressed(examples.scene(), 5), passing=examples.scene,
)  # fmt: skip
def blockiness(one: Picture) -> float | None:
    """Mean step of luma across the edges of 8 × 8 blocks over the mean step elsewhere; the stronger direction."""
    if min(one.width, one.height) < 24:
        return None
    found = []
    for plane in (one.luma, one.luma.T):
        steps = cv2.absdiff(np.ascontiguousarray(plane[:, 1:]), np.ascontiguousarray(plane[:, :-1])).mean(axis=0)
        edges = np.arange(steps.size) % 8 == 7
        found.append((steps[edges].mean() + 0.25) / (steps[~edges].mean() + 0.25))
    return float(max(found))


@metric(
    "image.border", dimension="information", source="—", direction="lower", bound=0.1, cost="decode",
    failing=lambda: examples.framed(examples.scene(), 0.25), passing=examples.scene,
)  # fmt: skip
def border(one: Picture) -> float:
    """Share of the area in rows and columns at the edges that hold one value only (letterbox)."""
    rows, columns = (one.luma.max(axis=a) - one.luma.min(axis=a).astype(np.int16) <= 3 for a in (1, 0))
    kept_rows, kept_columns = (np.flatnonzero(~flat) for flat in (rows, columns))
    if not kept_rows.size or not kept_columns.size:
        return 1.0
    inside = (kept_rows[-1] - kept_rows[0] + 1) * (kept_columns[-1] - kept_columns[0] + 1)
    return float(1 - inside / one.luma.size)


@metric(
    "image.duplication", dimension="uniqueness", source="difference hash, Hamming distance at most 4 of 64",
    direction="lower", bound=0.1, cost="decode", of="set",
    failing=lambda: [examples.scene(), examples.noisy(examples.scene(), 2), examples.scene(seed=2)],
    passing=lambda: [examples.scene(seed=n) for n in range(3)],
)  # fmt: skip
def duplication(many: list[Picture]) -> float | None:
    """Share of several pictures that have a near-duplicate before them."""
    prints = [one.fingerprint for one in many]
    if not prints:
        return None
    repeated = sum(any((p ^ q).bit_count() <= 4 for q in prints[:n]) for n, p in enumerate(prints))
    return repeated / len(prints)


def _opponent(one: Picture) -> Any:
    matrix = np.array([[1, -1, 0], [0.5, 0.5, -1]], np.float32)
    small = _small(one) if max(one.width, one.height) > 512 else one.pixels
    return cv2.transform(small.astype(np.float32), matrix)


def _small(one: Picture) -> Any:
    scale = 512 / max(one.width, one.height)
    size = max(1, round(one.width * scale)), max(1, round(one.height * scale))
    return cv2.resize(one.pixels, size, interpolation=cv2.INTER_AREA)
