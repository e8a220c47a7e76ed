"""Trajectory metrics: of one `Path`."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from taihang.data.quality.metrics.registry import Keep, metric

Floats = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Path:
    """Positions (n, 2 or 3) in metres at times in seconds, as they come."""

    times: Floats
    places: Floats


def drawn(count: int = 600, seed: int = 1) -> Path:
    """Somebody who walks in curves for ten minutes."""
    chance = np.random.default_rng(seed)
    heading = np.cumsum(chance.normal(0, 0.06, count))
    steps = 1.3 * np.column_stack([np.cos(heading), np.sin(heading)])
    return Path(np.arange(count, dtype=np.float64), np.cumsum(steps, axis=0))


def broken(one: Path, share: float) -> Path:
    """A piece of this share in the middle taken out."""
    count = len(one.times)
    kept = np.r_[0 : count // 2, count // 2 + round(share * count / 2) : count]
    return Path(one.times[kept], one.places[kept])


def jumping(one: Path, share: float, seed: int = 2) -> Path:
    """This share of the positions 80 m off."""
    places = one.places.copy()
    at = np.random.default_rng(seed).permutation(len(places))[: round(share * len(places))]
    places[at] += 80
    return dataclasses.replace(one, places=places)


def scattered(one: Path, sigma: float, seed: int = 3) -> Path:
    """Every position moved at random; `sigma` in metres."""
    noise = np.random.default_rng(seed).normal(0, 1, one.places.shape) * sigma
    return dataclasses.replace(one, places=one.places + noise)


def shuffled(one: Path, share: float) -> Path:
    """Neighbours swapped, this share of them."""
    order = np.arange(len(one.times))
    for at in range(0, round(share * len(order) / 2)):
        order[2 * at], order[2 * at + 1] = order[2 * at + 1], order[2 * at]
    return Path(one.times[order], one.places[order])


def halted(one: Path, share: float) -> Path:
    """Stuck in one place at the end, this share of the time."""
    places = one.places.copy()
    start = max(1, round(len(places) * (1 - share)))
    places[start:] = places[start - 1]
    return dataclasses.replace(one, places=places)


def slowed(one: Path, factor: float) -> Path:
    """So many times as long between positions."""
    return dataclasses.replace(one, times=one.times * factor)


def _registered(id: str, dimension: str, source: str, bound: float, failing: Any, **more: Any) -> Keep:
    given = {"direction": "lower", "cost": "scan", "passing": drawn, **more}
    return metric(f"trajectory.{id}", dimension=dimension, source=source, bound=bound, failing=failing, **given)


@_registered("gaps", "completeness", "intervals over 1.5 times the median", 0.05, lambda: broken(drawn(), 0.3))
def gaps(one: Path) -> float | None:
    """Share of the time in intervals over 1.5 times the usual one, beyond that."""
    steps = np.diff(one.times)
    if not steps.size or (usual := float(np.median(steps))) <= 0:
        return None
    return float((steps[steps > 1.5 * usual] - usual).sum() / max(float(np.ptp(one.times)), 1e-12))


@_registered("disorder", "consistency", "—", 0.0, lambda: shuffled(drawn(), 0.1))
def disorder(one: Path) -> float | None:
    """Share of the intervals that are not positive."""
    return float((np.diff(one.times) <= 0).mean()) if one.times.size > 1 else None


@_registered("jumps", "accuracy", "steps over five times the usual speed", 0.01, lambda: jumping(drawn(), 0.05))
def jumps(one: Path) -> float | None:
    """Share of the steps over five times as fast as the 75th percentile of the moving ones."""
    speeds = _speeds(one)
    moving = speeds[speeds > 0]
    return float((speeds > 5 * np.quantile(moving, 0.75)).mean()) if moving.size else None


@_registered("zigzag", "noise", "turns of over 120°", 0.05, lambda: scattered(drawn(), 2.0))
def zigzag(one: Path) -> float | None:
    """Share of the turns between moving steps that go back by over 120°."""
    steps = np.diff(one.places, axis=0)
    length = np.linalg.norm(steps, axis=1)
    steps, length = steps[length > 0], length[length > 0]
    if len(steps) < 2:
        return None
    cosine = (steps[1:] * steps[:-1]).sum(axis=1) / (length[1:] * length[:-1])
    return float((cosine < -0.5).mean())


@_registered("still", "accuracy", "steps without a move", 0.3, lambda: halted(drawn(), 0.6))
def still(one: Path) -> float | None:
    """Share of the steps without any move."""
    return float((np.diff(one.places, axis=0) == 0).all(axis=1).mean()) if len(one.places) > 1 else None


@_registered(
    "error", "accuracy", "absolute trajectory error without alignment", 1.0, lambda: (drawn(), scattered(drawn(), 3)),
    passing=lambda: (drawn(), scattered(drawn(), 0.1)), of="set", unit="m",
)  # fmt: skip
def error(both: tuple[Path, Path]) -> float | None:
    """Root mean square distance of the second path from the first, its reference, position by position."""
    reference, one = both
    if reference.places.shape != one.places.shape or not len(one.places):
        return None
    return float(np.sqrt(((one.places - reference.places) ** 2).sum(axis=1).mean()))


@_registered("rate", "resolution", "—", 0.5, lambda: slowed(drawn(), 10), direction="higher", unit="1/s")
def rate(one: Path) -> float | None:
    """Positions a second, by the median interval."""
    steps = np.diff(one.times)
    usual = float(np.median(steps)) if steps.size else 0.0
    return 1 / usual if usual > 0 else None


def _speeds(one: Path) -> Floats:
    steps = np.diff(one.times)
    length = np.linalg.norm(np.diff(one.places, axis=0), axis=1)
    return np.asarray(length[steps > 0] / steps[steps > 0])
