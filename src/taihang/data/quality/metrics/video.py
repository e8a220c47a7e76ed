"""Video metrics: of one `film.Film`."""

from __future__ import annotations

import dataclasses
import itertools

import cv2
import numpy as np

from taihang.data.quality.metrics import examples, film, image
from taihang.data.quality.metrics.film import Film
from taihang.data.quality.metrics.registry import metric

# As ffmpeg's freezedetect: a thousandth of full scale.
STILL = 0.255
BLACK = 24.0


@metric(
    "video.short_side", dimension="resolution", source="TC609-5-2025-04 (secondary)", unit="px", direction="higher",
    bound=360, cost="header", failing=film.drawn,
    passing=lambda: dataclasses.replace(film.drawn(), width=1920, height=1080),
)  # fmt: skip
def short_side(one: Film) -> float:
    """The shorter of width and height as shown."""
    return float(min(one.width, one.height))


@metric(
    "video.fps", dimension="resolution", source="TC609-5-2025-04 (secondary)", unit="1/s", direction="higher",
    bound=15, cost="header", failing=lambda: film.drawn(fps=5), passing=film.drawn,
)  # fmt: skip
def fps(one: Film) -> float:
    """Frames a second outside of gaps."""
    return one.fps


@metric(
    "video.duration", dimension="completeness", source="TC609-5-2025-04 (secondary)", unit="s", direction="higher",
    bound=1.0, cost="header", failing=lambda: film.drawn(0.4), passing=film.drawn,
)  # fmt: skip
def duration(one: Film) -> float:
    """Length in seconds."""
    return one.duration_s


@metric(
    "video.bit_rate", dimension="compression", source="bits a pixel and frame", unit="bit/px", direction="higher",
    bound=0.02, cost="header", failing=lambda: dataclasses.replace(film.drawn(), bit_rate=1e4), passing=film.drawn,
)  # fmt: skip
def bit_rate(one: Film) -> float | None:
    """Stored bits for each pixel of each frame."""
    pixels = one.width * one.height * one.fps
    return one.bit_rate / pixels if one.bit_rate and pixels else None


@metric(
    "video.dropped", dimension="completeness", source="intervals between time stamps", direction="lower", bound=0.02,
    cost="scan", failing=lambda: film.dropped(film.drawn(), 0.2), passing=film.drawn,
)  # fmt: skip
def dropped(one: Film) -> float | None:
    """Share of the frames that the usual interval asks for and that are not there."""
    if len(one.stamps) < 3:
        return None
    steps = np.diff(one.stamps)
    usual = float(np.median(steps))
    if usual <= 0:
        return None
    lost = np.maximum(np.rint(steps / usual) - 1, 0).sum()
    return float(lost / (lost + len(one.stamps)))


@metric(
    "video.jitter", dimension="timeliness", source="robust spread of intervals", direction="lower", bound=0.2,
    cost="scan",
    failing=lambda: dataclasses.replace(
        film.drawn(), stamps=film.drawn().stamps + np.random.default_rng(1).uniform(0, 0.03, 100)
    ),
    passing=film.drawn,
)  # fmt: skip
def jitter(one: Film) -> float | None:
    """Median absolute deviation of the intervals over their median."""
    if len(one.stamps) < 3:
        return None
    steps = np.diff(one.stamps)
    usual = float(np.median(steps))
    return float(np.median(np.abs(steps - usual)) / usual) if usual > 0 else None


@metric(
    "video.frozen", dimension="completeness", source="ffmpeg freezedetect (threshold)", direction="lower", bound=0.1,
    cost="decode", failing=lambda: film.frozen(film.drawn(), 0.5), passing=film.drawn,
)  # fmt: skip
def frozen(one: Film) -> float | None:
    """Share of the frames that differ from the one before by at most a thousandth of full scale."""
    known = one.changes[~np.isnan(one.changes)]
    return float((known <= STILL).mean()) if known.size else None


@metric(
    "video.black", dimension="information", source="mean luma below 24 of 255", direction="lower", bound=0.05,
    cost="decode", failing=lambda: film.blackened(film.drawn(), 0.3), passing=film.drawn,
)  # fmt: skip
def black(one: Film) -> float | None:
    """Share of the frames whose mean luma is below 24 of 255."""
    return float((one.means < BLACK).mean()) if one.means.size else None


@metric(
    "video.sharpness", dimension="clarity", source="Pech-Pacheco et al. 2000, median over frames", unit="grey²",
    direction="higher", bound=60.0, cost="decode",
    failing=lambda: _through(film.drawn(), lambda p: examples.blurred(p, 4)), passing=film.drawn,
)  # fmt: skip
def sharpness(one: Film) -> float | None:
    """Median over whole frames of the variance of the Laplacian of luma."""
    return float(np.median([image.sharpness(p) for p in one.pictures])) if one.pictures else None


@metric(
    "video.exposure", dimension="exposure", source="median over frames of mean luma", direction="within",
    bound=(0.12, 0.85), cost="decode",
    failing=lambda: dataclasses.replace(film.drawn(), small=(film.drawn().small * 0.1).astype(np.uint8)),
    passing=film.drawn,
)  # fmt: skip
def exposure(one: Film) -> float | None:
    """Median over frames of mean luma, 0 black to 1 white."""
    return float(np.median(one.means)) / 255 if one.means.size else None


@metric(
    "video.dynamic_range", dimension="exposure", source="1st to 99th percentile of luma, median over frames",
    direction="higher", bound=0.25, cost="decode",
    failing=lambda: _through(film.drawn(), lambda p: examples.flattened(p, 0.1)), passing=film.drawn,
)  # fmt: skip
def dynamic_range(one: Film) -> float | None:
    """Median over whole frames of the range of luma, as a share of 255."""
    return float(np.median([image.dynamic_range(p) for p in one.pictures])) if one.pictures else None


@metric(
    "video.noise", dimension="noise", source="Immerkær 1996, median over frames", unit="grey", direction="lower",
    bound=10.0, cost="decode", failing=lambda: _through(film.drawn(), lambda p: examples.noisy(p, 25)),
    passing=film.drawn,
)  # fmt: skip
def noise(one: Film) -> float | None:
    """Median over whole frames of the blind estimate of noise."""
    return float(np.median([p.noise for p in one.pictures])) if one.pictures else None


@metric(
    "video.flicker", dimension="consistency", source="second difference of mean luma", unit="grey",
    direction="lower", bound=4.0, cost="decode", failing=lambda: film.flickering(film.drawn(), 20), passing=film.drawn,
)  # fmt: skip
def flicker(one: Film) -> float | None:
    """Median absolute second difference of the frames' mean luma."""
    if len(one.means) < 3:
        return None
    return float(np.median(np.abs(np.diff(one.means, 2))))


@metric(
    "video.shake", dimension="clarity", source="phase correlation (Kuglin & Hines 1975)", direction="lower",
    bound=0.01, cost="decode", failing=lambda: film.shaken(film.drawn(), 5), passing=film.drawn,
)  # fmt: skip
def shake(one: Film) -> float | None:
    """Median change of the motion between frames from one frame to the next, as a share of the diagonal."""
    frames = [f.astype(np.float32) for f in one.small[:200]]
    if len(frames) < 4:
        return None
    window = cv2.createHanningWindow(frames[0].shape[::-1], cv2.CV_32F)
    moves = np.array([cv2.phaseCorrelate(a, b, window)[0] for a, b in itertools.pairwise(frames)])
    turns = np.linalg.norm(np.diff(moves, axis=0), axis=1)
    return float(np.median(turns) / np.hypot(*frames[0].shape))


def _through(one: Film, change: object) -> Film:
    if not callable(change):
        raise TypeError(change)
    return dataclasses.replace(one, pictures=tuple(change(p) for p in one.pictures))
