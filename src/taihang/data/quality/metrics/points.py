"""Point cloud metrics: of an array (n, 3) or wider of x, y, z in metres, the sensor at the origin."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from taihang.data.quality.metrics.registry import Keep, metric

Cloud = npt.NDArray[np.float64]
_MOST_VOXELS = 2000


def drawn(count: int = 20_000, seed: int = 1) -> Cloud:
    """A room of 20 × 20 m with a floor and four walls, seen from its middle."""
    chance = np.random.default_rng(seed)
    floor = np.column_stack([chance.uniform(-10, 10, (count // 2, 2)), np.full(count // 2, -1.5)])
    along, high = chance.uniform(-10, 10, count // 2), chance.uniform(-1.5, 1.5, count // 2)
    side = np.arange(count // 2) % 4
    x = np.where(side < 2, along, np.where(side == 2, -10, 10))
    y = np.where(side < 2, np.where(side == 0, -10, 10), along)
    return np.vstack([floor, np.column_stack([x, y, high])])


def spoilt(one: Cloud, share: float, seed: int = 2) -> Cloud:
    """This share of the points not a number."""
    made = one.copy()
    made[np.random.default_rng(seed).permutation(len(made))[: round(share * len(made))]] = np.nan
    return made


def thinned(one: Cloud, share: float, seed: int = 3) -> Cloud:
    """This share of the points taken out."""
    return one[np.random.default_rng(seed).permutation(len(one))[round(share * len(one)) :]]


def copied(one: Cloud, share: float) -> Cloud:
    """The first points once more in the place of the last, this share of all."""
    count = round(share * len(one) / 2)
    return np.vstack([one[: len(one) - count], one[:count]])


def sprayed(one: Cloud, share: float, seed: int = 4) -> Cloud:
    """This share of the points anywhere within 60 m."""
    made, count = one.copy(), round(share * len(one))
    chance = np.random.default_rng(seed)
    made[chance.permutation(len(one))[:count]] = chance.uniform(-60, 60, (count, 3))
    return made


def roughened(one: Cloud, sigma: float, seed: int = 5) -> Cloud:
    """Every point moved at random; `sigma` in metres."""
    return one + np.random.default_rng(seed).normal(0, 1, one.shape) * sigma


def masked(one: Cloud, degrees: float) -> Cloud:
    """Nothing seen in a sector of so many degrees."""
    return one[np.degrees(np.arctan2(one[:, 1], one[:, 0])) % 360 >= degrees]


def crowded(one: Cloud, share: float, seed: int = 6) -> Cloud:
    """This share of the points in one cubic metre."""
    made, count = one.copy(), round(share * len(one))
    chance = np.random.default_rng(seed)
    made[chance.permutation(len(one))[:count]] = chance.uniform(0.01, 0.99, (count, 3))
    return made


def _registered(id: str, dimension: str, source: str, bound: float, failing: Any, **more: Any) -> Keep:
    given = {"direction": "lower", "cost": "scan", "passing": drawn, **more}
    return metric(f"points.{id}", dimension=dimension, source=source, bound=bound, failing=failing, **given)


@_registered("count", "completeness", "—", 1000, lambda: drawn(100), direction="higher")
def count(one: Cloud) -> float:
    """Points that are finite."""
    return float(len(_finite(one)))


@_registered("invalid", "validity", "—", 0.02, lambda: spoilt(drawn(), 0.1))
def invalid(one: Cloud) -> float | None:
    """Share of the points that are not finite or exactly at the origin, where sensors put what they did not see."""
    if not len(one):
        return None
    good = np.isfinite(one[:, :3]).all(axis=1)
    return float(1 - (good & (one[:, :3] != 0).any(axis=1)).mean())


@_registered("repeated", "uniqueness", "equal to the millimetre", 0.01, lambda: copied(drawn(), 0.2))
def repeated(one: Cloud) -> float | None:
    """Share of the points that repeat an earlier one."""
    good = _finite(one)
    if not len(good):
        return None
    return float(1 - len(np.unique(np.rint(good * 1000).astype(np.int64), axis=0)) / len(good))


@_registered(
    "density", "resolution", "voxels of 1 m", 5.0, lambda: thinned(drawn(), 0.97), direction="higher", unit="1/m³"
)
def density(one: Cloud) -> float | None:
    """Median number of points in the voxels of 1 m that hold any."""
    _, sizes = _voxels(_finite(one), 1.0)
    return float(np.median(sizes)) if sizes.size else None


@_registered("isolated", "noise", "fewer than three points around", 0.02, lambda: sprayed(drawn(), 0.1))
def isolated(one: Cloud) -> float | None:
    """Share of the points with fewer than three in their voxel of 0.5 m and the 26 around it."""
    good = _finite(one)
    if not len(good):
        return None
    keys, sizes, back = _cells(good, 0.5)
    total = np.zeros(len(keys), np.int64)
    for step in np.stack(np.meshgrid(*[[-1, 0, 1]] * 3), -1).reshape(-1, 3):
        other = _packed(_unpacked(keys) + step)
        place = np.clip(np.searchsorted(keys, other), 0, len(keys) - 1)
        total += np.where(keys[place] == other, sizes[place], 0)
    return float((total[back] < 3).mean())


@_registered("coverage", "completeness", "72 sectors of 5°", 0.95, lambda: masked(drawn(), 90), direction="higher")
def coverage(one: Cloud) -> float | None:
    """Share of 72 sectors around the sensor that hold points."""
    good = _finite(one)
    if not len(good):
        return None
    sectors = (np.degrees(np.arctan2(good[:, 1], good[:, 0])) % 360 // 5).astype(int)
    return len(np.unique(np.clip(sectors, 0, 71))) / 72


@_registered("roughness", "noise", "planes fitted to voxels of 1 m", 0.05, lambda: roughened(drawn(), 0.15), unit="m")
def roughness(one: Cloud) -> float | None:
    """Median over voxels of at least eight points of the RMS distance to the plane fitted to them."""
    good = _finite(one) + 0.5
    _, sizes, back = _cells(good, 1.0)
    order, ends = np.argsort(back, kind="stable"), np.cumsum(sizes)
    found = []
    for at in np.flatnonzero(sizes >= 8)[:_MOST_VOXELS]:
        some = good[order[ends[at] - sizes[at] : ends[at]]]
        spread = np.linalg.eigvalsh(np.cov(some.T, bias=True))
        found.append(np.sqrt(max(spread[0], 0.0)))
    return float(np.median(found)) if found else None


@_registered(
    "evenness", "balance", "entropy over voxels of 1 m", 0.85, lambda: crowded(drawn(), 0.5), direction="higher"
)
def evenness(one: Cloud) -> float | None:
    """Entropy of the voxels' shares of the points over the most it could be."""
    _, sizes = _voxels(_finite(one), 1.0)
    if sizes.size < 2:
        return None
    shares = sizes / sizes.sum()
    return float(-(shares @ np.log(shares)) / np.log(sizes.size))


def _finite(one: Cloud) -> Cloud:
    return np.asarray(one[np.isfinite(one[:, :3]).all(axis=1), :3], np.float64)


def _voxels(good: Cloud, edge: float) -> tuple[Any, Any]:
    keys, sizes, _ = _cells(good, edge)
    return keys, sizes


def _cells(good: Cloud, edge: float) -> tuple[Any, Any, Any]:
    cells = np.floor(np.clip(good / edge, -500_000, 500_000)).astype(np.int64)
    keys, back, sizes = np.unique(_packed(cells), return_inverse=True, return_counts=True)
    return keys, sizes, back


def _packed(cells: Any) -> Any:
    x, y, z = (cells + (1 << 20)).T
    return x << 42 | y << 21 | z


def _unpacked(keys: Any) -> Any:
    return np.stack([keys >> 42, keys >> 21 & (1 << 21) - 1, keys & (1 << 21) - 1], axis=1) - (1 << 20)
