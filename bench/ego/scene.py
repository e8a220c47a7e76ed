"""The walked background as a small world: frames, dense flow between them, the vanishing point and the walk's rate.

One real clip is all there is (10.5 s, a person with a camera on a path), so its place is walked back and
forth: the walk slows down, stops, turns round and goes on, which leaves no seam to see. The geometry of
the ground comes from the clip: a foot `u` pixels below the vanishing point is f/u camera heights away,
and one source frame of walking grows it by `rate * u**2`.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import av
import cv2
import numpy as np

from bench.ego import inputs

VERSION = 2
START = (408.0, 186.0)  # vanishing point of the path in the first frame, by eye
# What the followed point drifts off the path's end, read by eye at five frames: (frame, dx, dy).
DRIFT = ((0, 0, 0), (120, -5, -20), (180, 0, -20), (250, -23, -45), (314, -23, -55))
FOCAL = 447.0  # pixels; about 87° across


@dataclass(frozen=True, slots=True)
class Scene:
    """images (n, H, W, 3) uint8 BGR; flows (n-1, H/2, W/2, 2) float16 in full pixels; vanish (n, 2); rate (n-1,)."""

    images: np.ndarray
    flows: np.ndarray
    vanish: np.ndarray
    rate: np.ndarray

    def at(self, place: float) -> np.ndarray:
        """The picture at a fractional source frame, interpolated along the flow."""
        base = min(int(place), len(self.flows) - 1)
        share = place - base
        if share < 0.04:
            return self.images[base].copy()
        if share > 0.96:
            return self.images[base + 1].copy()
        height, width = self.images.shape[1:3]
        flow = cv2.resize(self.flows[base].astype(np.float32), (width, height))
        xs, ys = _grid(height, width)
        pictures = []
        for number, part in ((base, -share), (base + 1, 1 - share)):
            to_x, to_y = xs + np.float32(part) * flow[..., 0], ys + np.float32(part) * flow[..., 1]
            pictures.append(
                cv2.remap(self.images[number], to_x, to_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            )
        return cv2.addWeighted(pictures[0], 1 - share, pictures[1], share, 0)

    def vanish_at(self, place: float) -> np.ndarray:
        numbers = np.arange(len(self.vanish))
        return np.array([np.interp(place, numbers, self.vanish[:, axis]) for axis in (0, 1)])

    def rate_at(self, place: float) -> float:
        return float(np.interp(place, np.arange(len(self.rate)) + 0.5, self.rate))


_GRIDS: dict[tuple[int, int], tuple[np.ndarray, np.ndarray]] = {}


def _grid(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    if (height, width) not in _GRIDS:
        ys, xs = np.mgrid[:height, :width].astype(np.float32)
        _GRIDS[height, width] = (xs, ys)
    return _GRIDS[height, width]


def _geometry(flows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Follow the vanishing point by the flow around it; the walk's rate is what the ground's flow adds below it."""
    half_h, half_w = flows.shape[1:3]
    ys, xs = np.mgrid[:half_h, :half_w] * 2.0
    vanish, rate = [np.array(START)], []
    for flow in flows.astype(np.float32):
        x, y = vanish[-1]
        near = (abs(xs - x) < 40) & (abs(ys - y) < 16)
        turn = np.median(flow[near], axis=0)
        depth = ys - y
        ground = (depth > 110) & (xs > x - 0.3 * depth) & (xs < x + 0.35 * depth)
        rate.append(float(np.median((flow[..., 1][ground] - turn[1]) / depth[ground] ** 2)))
        vanish.append(vanish[-1] + turn)
    smooth = np.convolve(np.pad(rate, 7, mode="edge"), np.ones(15) / 15, mode="valid")
    marks = np.array(DRIFT, float)
    numbers = np.arange(len(vanish))
    drift = np.stack([np.interp(numbers, marks[:, 0], marks[:, axis]) for axis in (1, 2)], 1)
    return np.array(vanish) + drift, np.maximum(smooth, 0)


def load() -> Scene:
    """The scene, made once and kept in the cache as memory-mapped arrays."""
    folder = inputs.cache()
    paths = {name: folder / f"scene-{VERSION}-{name}.npy" for name in ("images", "flows", "vanish", "rate")}
    if not all(p.exists() for p in paths.values()):
        with av.open(str(inputs.WALK)) as container:
            images = np.stack([f.to_ndarray(format="bgr24") for f in container.decode(video=0)])
        dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        grey = [cv2.resize(cv2.cvtColor(i, cv2.COLOR_BGR2GRAY), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
                for i in images]  # fmt: skip
        flows = np.stack([2 * dis.calc(a, b, None) for a, b in itertools.pairwise(grey)]).astype(np.float16)
        vanish, rate = _geometry(flows)
        for name, array in (("images", images), ("flows", flows), ("vanish", vanish), ("rate", rate)):
            np.save(paths[name], array)
    return Scene(*(np.load(paths[n], mmap_mode="r") for n in ("images", "flows", "vanish", "rate")))
