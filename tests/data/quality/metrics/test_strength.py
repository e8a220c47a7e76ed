"""Each metric follows the corruption that it is about: ten strengths, one direction, rank correlation of 0.9."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from taihang.data.quality.metrics import (
    boxes,
    change,
    examples,
    film,
    points,
    registry,
    series,
    sound,
    table,
    trajectory,
)
from taihang.data.quality.metrics.picture import Picture

TEN = np.arange(1, 11) / 10  # strengths 0.1 … 1.0
Corruption = Callable[[float, int], Any]


def _labels(share: float) -> list[str]:
    rare = max(1, round(100 * (1 - share)))
    return ["a"] * 100 + ["b"] * rare


def _said(share: float, seed: int) -> tuple[list[str], list[str]]:
    chance = np.random.default_rng(seed)
    first = chance.choice(["a", "b", "c"], 400)
    second = first.copy()
    at = chance.permutation(400)[: round(share * 400)]
    second[at] = chance.choice(["a", "b", "c"], at.size)
    return first.tolist(), second.tolist()


def _pictures(change: Callable[[Picture], Picture], seed: int) -> film.Film:
    one = film.drawn(1.0, seed=seed)
    return dataclasses.replace(one, pictures=tuple(change(p) for p in one.pictures))


def _header(**more: Any) -> film.Film:
    return dataclasses.replace(film.drawn(0.2), **more)


# Metric → what is done to an item at a strength of 0.1 to 1, from a seed. A good metric falls or rises with it.
CASES: dict[str, Corruption] = {
    "image.short_side": lambda s, n: Picture(examples.scene(256, n).pixels[: round(256 * (1.05 - s))]),
    "image.megapixels": lambda s, n: Picture(examples.scene(256, n).pixels[: round(256 * (1.05 - s))]),
    "image.aspect": lambda s, n: Picture(examples.scene(256, n).pixels[: round(256 * (1.05 - s))]),
    "image.bit_depth": lambda s, n: Picture(examples.scene(64, n).pixels, bits=16 - round(14 * s)),
    "image.sharpness": lambda s, n: examples.blurred(examples.scene(seed=n), 4 * s),
    "image.tenengrad": lambda s, n: examples.blurred(examples.scene(seed=n), 4 * s),
    "image.isotropy": lambda s, n: examples.smeared(examples.scene(seed=n), 1 + round(20 * s)),
    "image.exposure": lambda s, n: examples.scaled(examples.scene(seed=n), 1.02 - s),
    "image.shadow_clipping": lambda s, n: examples.shifted(examples.scene(seed=n), -30 - 150 * s),
    "image.highlight_clipping": lambda s, n: examples.shifted(examples.scene(seed=n), 30 + 150 * s),
    "image.dynamic_range": lambda s, n: examples.flattened(examples.scene(seed=n), 1.02 - s),
    "image.rms_contrast": lambda s, n: examples.flattened(examples.scene(seed=n), 1.02 - s),
    "image.uniformity": lambda s, n: examples.vignetted(examples.scene(seed=n), s),
    "image.noise": lambda s, n: examples.noisy(examples.scene(seed=n), 30 * s),
    "image.snr": lambda s, n: examples.noisy(examples.scene(seed=n), 30 * s),
    "image.entropy": lambda s, n: examples.flattened(examples.scene(seed=n), 1.02 - s),
    "image.colourfulness": lambda s, n: examples.faded(examples.scene(seed=n), 1.02 - s),
    "image.cast": lambda s, n: examples.tinted(examples.scene(seed=n), s),
    "image.haze": lambda s, n: examples.hazy(examples.scene(seed=n), s),
    "image.blockiness": lambda s, n: examples.compressed(examples.scene(seed=n), round(80 - 75 * s)),
    "image.border": lambda s, n: examples.framed(examples.scene(seed=n), 0.9 * s),
    "image.duplication": lambda s, n: [examples.scene(64, n + (k if k >= 10 * s else 0)) for k in range(10)],
    "audio.sample_rate": lambda s, n: sound.speech(0.5, rate=round(48_000 - 40_000 * s), seed=n),
    "audio.bit_depth": lambda s, n: dataclasses.replace(sound.speech(0.5), bits=round(32 - 24 * s)),
    "audio.bit_rate": lambda s, n: dataclasses.replace(sound.speech(0.5), bit_rate=256e3 * (1.05 - s)),
    "audio.duration": lambda s, n: sound.speech(4.2 - 4 * s, seed=n),
    "audio.snr": lambda s, n: sound.mixed(sound.speech(seed=n), 0.15 * s),
    "audio.sdr": lambda s, n: (sound.speech(seed=n), sound.mixed(sound.speech(seed=n), 0.2 * s)),
    "audio.clipping": lambda s, n: sound.clipped(sound.speech(seed=n), 2 + 20 * s),
    "audio.silence": lambda s, n: sound.muted(sound.speech(seed=n), s),
    "audio.level": lambda s, n: sound.clipped(sound.speech(seed=n), 1.05 - s),
    "audio.peak": lambda s, n: sound.clipped(sound.speech(seed=n), 1 + 1.5 * s),
    "audio.offset": lambda s, n: dataclasses.replace(
        sound.speech(seed=n), samples=sound.speech(seed=n).samples + np.float32(0.2 * s)
    ),
    "audio.bandwidth": lambda s, n: sound.low_passed(sound.speech(seed=n), 3500 - 3200 * s),
    "audio.hum": lambda s, n: sound.hummed(sound.speech(seed=n), 0.3 * s),
    "audio.dropouts": lambda s, n: sound.cut(sound.speech(seed=n), 0.3 * s),
    "audio.balance": lambda s, n: sound.Sound(
        np.vstack([sound.speech(seed=n).samples, sound.speech(seed=n).samples * np.float32(1.05 - s)]), 16_000
    ),
    "video.short_side": lambda s, n: _header(width=1920, height=round(1080 * (1.05 - s))),
    "video.fps": lambda s, n: _header(fps=30 * (1.05 - s)),
    "video.duration": lambda s, n: _header(duration_s=60 * (1.05 - s)),
    "video.bit_rate": lambda s, n: _header(bit_rate=4e6 * (1.05 - s)),
    "video.dropped": lambda s, n: film.dropped(film.drawn(seed=n), 0.4 * s),
    "video.jitter": lambda s, n: dataclasses.replace(
        film.drawn(0.2), stamps=np.arange(400) / 25 + np.random.default_rng(n).uniform(-1, 1, 400) * 0.018 * s
    ),
    "video.frozen": lambda s, n: film.frozen(film.drawn(2.0, seed=n), 0.9 * s),
    "video.black": lambda s, n: film.blackened(film.drawn(2.0, seed=n), s),
    "video.sharpness": lambda s, n: _pictures(lambda p: examples.blurred(p, 4 * s), n),
    "video.exposure": lambda s, n: dataclasses.replace(
        film.drawn(0.4, seed=n), small=(film.drawn(0.4, seed=n).small * (1.02 - s)).astype(np.uint8)
    ),
    "video.dynamic_range": lambda s, n: _pictures(lambda p: examples.flattened(p, 1.02 - s), n),
    "video.noise": lambda s, n: _pictures(lambda p: examples.noisy(p, 30 * s), n),
    "video.flicker": lambda s, n: film.flickering(film.drawn(1.0, seed=n), 30 * s),
    "video.shake": lambda s, n: film.shaken(film.drawn(2.0, seed=n), 8 * s),
    "series.missing": lambda s, n: series.emptied(series.drawn(seed=n), s),
    "series.gaps": lambda s, n: series.broken(series.drawn(seed=n), 0.8 * s),
    "series.jitter": lambda s, n: series.restamped(series.drawn(seed=n), 0.45 * s),
    "series.disorder": lambda s, n: series.shuffled(series.drawn(seed=n), s),
    "series.repeated": lambda s, n: dataclasses.replace(
        series.drawn(seed=n), times=np.floor(series.drawn().times * (1.05 - s))
    ),
    "series.flatline": lambda s, n: series.stuck(series.drawn(seed=n), 0.9 * s),
    "series.outliers": lambda s, n: series.spiked(series.drawn(seed=n), 0.1 * s),
    "series.saturation": lambda s, n: series.cut(series.drawn(seed=n), 0.8 * s),
    "series.snr": lambda s, n: series.noisy(series.drawn(seed=n), 4 * s),
    "series.drift": lambda s, n: series.drifting(series.drawn(seed=n), 30 * s),
    "points.count": lambda s, n: points.thinned(points.drawn(5000, n), 0.95 * s),
    "points.invalid": lambda s, n: points.spoilt(points.drawn(5000, n), s),
    "points.repeated": lambda s, n: points.copied(points.drawn(5000, n), s),
    "points.density": lambda s, n: points.thinned(points.drawn(40_000, n), 0.97 * s),
    "points.isolated": lambda s, n: points.sprayed(points.drawn(seed=n), 0.5 * s),
    "points.coverage": lambda s, n: points.masked(points.drawn(5000, n), 300 * s),
    "points.roughness": lambda s, n: points.roughened(points.drawn(seed=n), 0.2 * s),
    "points.evenness": lambda s, n: points.crowded(points.drawn(5000, n), 0.9 * s),
    "trajectory.gaps": lambda s, n: trajectory.broken(trajectory.drawn(seed=n), 0.8 * s),
    "trajectory.disorder": lambda s, n: trajectory.shuffled(trajectory.drawn(seed=n), s),
    "trajectory.jumps": lambda s, n: trajectory.jumping(trajectory.drawn(seed=n), 0.1 * s),
    "trajectory.zigzag": lambda s, n: trajectory.scattered(trajectory.drawn(seed=n), 3 * s),
    "trajectory.still": lambda s, n: trajectory.halted(trajectory.drawn(seed=n), 0.9 * s),
    "trajectory.error": lambda s, n: (trajectory.drawn(seed=n), trajectory.scattered(trajectory.drawn(seed=n), 5 * s)),
    "trajectory.rate": lambda s, n: trajectory.slowed(trajectory.drawn(seed=n), 1 + 10 * s),
    "table.psi": lambda s, n: change.moved(s, n + 2),
    "table.ks": lambda s, n: change.moved(s, n + 2),
    "table.js": lambda s, n: change.skewed(s, n + 2),
    "table.tvd": lambda s, n: change.skewed(s, n + 2),
    "table.volume": lambda s, n: change.shortened(0.9 * s, n + 2),
    "table.completeness": lambda s, n: table.emptied(table.drawn(seed=n), s),
    "table.repeated": lambda s, n: table.copied(table.drawn(seed=n), s),
    "table.constant": lambda s, n: table.levelled(table.drawn(seed=n), round(4 * s)),
    "table.outliers": lambda s, n: table.put(table.drawn(seed=n), "value", 0.2 * s, 900.0),
    "table.finite": lambda s, n: table.put(table.drawn(seed=n), "value", s, float("nan")),
    "table.types": lambda s, n: table.put(table.drawn(seed=n), "code", 0.5 * s, "unknown"),
    "labels.outside": lambda s, n: (boxes.drawn(seed=n).corners + 600 * s, 640, 480),
    "labels.degenerate": lambda s, n: np.vstack(
        [boxes.drawn(40, n).corners, boxes.drawn(round(40 * s), n).corners[:, [2, 1, 0, 3]]]
    ),
    "labels.repeated": lambda s, n: boxes.Marked(
        np.vstack([boxes.drawn(40, n).corners, boxes.drawn(40, n).corners[: round(40 * s)]]),
        (*boxes.drawn(40, n).names, *boxes.drawn(40, n).names[: round(40 * s)]),
    ),
    "labels.iou": lambda s, n: (boxes.drawn(12, n), boxes.moved(boxes.drawn(12, n), 0.6 * s)),
    "labels.class_consistency": lambda s, n: (boxes.drawn(seed=n), boxes.renamed(boxes.drawn(seed=n), s)),
    "labels.missing": lambda s, n: (boxes.drawn(12, n), boxes.omitted(boxes.drawn(12, n), 0.9 * s)),
    "labels.spurious": lambda s, n: (boxes.omitted(boxes.drawn(12, n), 0.9 * s), boxes.drawn(12, n)),
    "labels.cohen_kappa": _said,
    "labels.fleiss_kappa": lambda s, n: _counts(_said(s, n)),
    "labels.krippendorff_alpha": lambda s, n: list(_said(s, n)),
    "labels.balance": lambda s, n: _labels(0.98 * s),
    "labels.evenness": lambda s, n: _labels(0.98 * s),
    "labels.coverage": lambda s, n: [None if k < 50 * s else "a" for k in range(50)],
}
# Where nothing is corrupted by degrees: a count that is right or wrong.
WITHOUT = {"audio.channels"}


def _counts(both: tuple[list[str], list[str]]) -> Any:
    pairs = zip(*both, strict=True)
    return np.array([[pair.count(label) for label in "abc"] for pair in map(list, pairs)])


def _ranks(values: np.ndarray) -> np.ndarray:
    _, back, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2)[back]


@pytest.mark.parametrize("seed", [1, pytest.param(11, marks=pytest.mark.long)])
@pytest.mark.parametrize("name", CASES)
def test_it_follows_the_strength_of_the_corruption(name: str, seed: int) -> None:
    one = registry.get(name)
    values = np.array([one.compute(CASES[name](float(strength), seed)) for strength in TEN], np.float64)
    assert not np.isnan(values).any()
    worse = -1 if one.direction == "higher" or name in {"image.exposure", "audio.level", "video.exposure"} else 1
    steps = worse * np.diff(values)
    assert steps.min() >= -0.02 * np.ptp(values), values
    assert worse * np.corrcoef(_ranks(values), TEN)[0, 1] >= 0.9, values


def test_every_metric_of_this_package_has_a_corruption() -> None:
    own = {name for name, one in registry.load().items() if one.package == "data.quality.metrics"}
    assert own == set(CASES) | WITHOUT
