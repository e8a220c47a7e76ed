"""Register: where zones of a reference frame lie in another frame of a moving camera.

ORB features matched both ways and a homography by RANSAC place the view as a whole. A scene is no
plane, so each zone is then placed by the features around it alone. The error that is stated is the
root mean square distance, in pixels of the shown frame, between matched points around the zone and
where the mapping puts them. A mapping that rests on few points, or on points in one corner, is refused.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

_WIDTH = 640  # features are found at this width: enough for zones, cheap on a CPU
_FEATURES = 2000
_FEATURES_AROUND = 400
_FEWEST_INLIERS = 20
_FEWEST_AROUND = 10
_FEWEST_CHECKS = 5
_INLIER_PX = 3.0  # at the width above, as the others
_STRAY_PX = 30.0  # further from where the whole view puts it, a match around a zone is a wrong one
_WORST_ERROR = 0.03  # of the width; a zone that is known no better has no place
_SMALLEST_SPREAD = 0.05  # of the frame, or of a zone's surroundings, covered by the inliers' hull
_SURROUNDINGS = 0.6  # of a zone's size, added on each side
_LARGEST_SCALE = 6.0

Points = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]


@dataclasses.dataclass(frozen=True, slots=True)
class Registration:
    """Mapping (3, 3) from reference pixels to this frame's, its RMS error in pixels, its inliers."""

    matrix: Points
    error_px: float
    inliers: int

    def move(self, points: Points) -> Points:
        """Points (n, 2) of the reference frame in this frame."""
        return np.asarray(cv2.perspectiveTransform(points[None].astype(np.float64), self.matrix)[0])


@dataclasses.dataclass(frozen=True, slots=True)
class _Features:
    points: Points
    descriptors: Image | None

    def among(self, kept: npt.NDArray[np.bool_]) -> _Features:
        return _Features(self.points[kept], None if self.descriptors is None else self.descriptors[kept])


class Reference:
    """The frame that zones were drawn on, ready to be found again."""

    def __init__(self, image: Image, zones: Sequence[Points] = ()) -> None:
        """`image` is (H, W, 3) RGB; `zones` are polygons (n, 2) in its pixels."""
        self._matcher = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True)
        self._whole = _describe(image)
        self._around = [self._surroundings(image, zone) for zone in zones]

    def find(self, image: Image) -> Registration | None:
        """Where the whole reference lies in `image` (H, W, 3) RGB; None when it cannot be told."""
        return self._find(_describe(image), image)

    def find_zones(self, image: Image) -> list[Registration | None]:
        """Where each zone lies in `image`, by what surrounds it; None where that cannot be told."""
        seen = _describe(image)
        whole = self._find(seen, image)
        if whole is None:
            return [None] * len(self._around)
        return [self._refined(features, seen, whole, image) for features in self._around]

    def _surroundings(self, image: Image, zone: Points) -> _Features:
        low, high = zone.min(axis=0), zone.max(axis=0)
        margin = np.maximum((high - low) * _SURROUNDINGS, image.shape[1] / 16)
        low, high = low - margin, high + margin
        near = ((self._whole.points >= low) & (self._whole.points <= high)).all(axis=1)
        more = _describe(image, _FEATURES_AROUND, (low, high))
        known = self._whole.among(near)
        if more.descriptors is None or known.descriptors is None:
            return known if more.descriptors is None else more
        return _Features(
            np.concatenate([known.points, more.points]), np.concatenate([known.descriptors, more.descriptors])
        )

    def _find(self, seen: _Features, image: Image) -> Registration | None:
        source, target = self._matched(self._whole, seen)
        if len(source) < _FEWEST_INLIERS:
            return None
        fitted = _fit(source, target, image.shape)
        if fitted is None or fitted.inliers < _FEWEST_INLIERS:
            return None
        kept = np.linalg.norm(fitted.move(source) - target, axis=1) <= _reach(image.shape)
        frame = image.shape[0] * image.shape[1]
        return fitted if _spread(target[kept]) >= _SMALLEST_SPREAD * frame else None

    def _refined(self, around: _Features, seen: _Features, whole: Registration, image: Image) -> Registration | None:
        """The zone's own mapping; else the whole view's, with the error it has around the zone."""
        source, target = self._matched(around, seen)
        if len(source) < _FEWEST_CHECKS:
            return None
        away = np.linalg.norm(whole.move(source) - target, axis=1)
        near = away <= _STRAY_PX * _reach(image.shape) / _INLIER_PX
        source, target, away = source[near], target[near], away[near]
        own = _fit(source, target, image.shape) if len(source) >= _FEWEST_AROUND else None
        if own is not None and own.inliers >= _FEWEST_AROUND and _holds(own, source, target, image.shape):
            return own
        if len(source) < _FEWEST_CHECKS:
            return None
        error = float(np.sqrt(np.mean(away**2)))
        if error > _WORST_ERROR * image.shape[1]:
            return None
        return dataclasses.replace(whole, error_px=error, inliers=len(source))

    def _matched(self, one: _Features, other: _Features) -> tuple[Points, Points]:
        if one.descriptors is None or other.descriptors is None or not len(one.points):
            return np.empty((0, 2)), np.empty((0, 2))
        matches = self._matcher.match(one.descriptors, other.descriptors)
        return (
            np.array([one.points[m.queryIdx] for m in matches]).reshape(-1, 2),
            np.array([other.points[m.trainIdx] for m in matches]).reshape(-1, 2),
        )


def _describe(image: Image, most: int = _FEATURES, within: tuple[Points, Points] | None = None) -> _Features:
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    scale = min(1.0, _WIDTH / grey.shape[1])
    if scale < 1:
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    mask = None
    if within is not None:
        mask = np.zeros(grey.shape, np.uint8)
        (x0, y0), (x1, y1) = (np.maximum(corner * scale, 0).round().astype(int) for corner in within)
        mask[y0:y1, x0:x1] = 255
    # A low threshold: a floor has little texture, and it is where zones lie.
    points, descriptors = cv2.ORB_create(nfeatures=most, fastThreshold=8).detectAndCompute(grey, mask)
    return _Features(np.array([p.pt for p in points], dtype=np.float64).reshape(-1, 2) / scale, descriptors)


def _reach(shape: tuple[int, ...]) -> float:
    """How far an inlier may lie off, in pixels of the shown frame."""
    return _INLIER_PX * max(1.0, shape[1] / _WIDTH)


def _fit(source: Points, target: Points, shape: tuple[int, ...]) -> Registration | None:
    cv2.setRNGSeed(0)  # RANSAC draws at random: the same frames must give the same mapping
    matrix, mask = cv2.findHomography(source, target, cv2.RANSAC, _reach(shape), maxIters=1000, confidence=0.995)
    if matrix is None or not np.isfinite(matrix).all() or not _plausible(matrix, shape[1], shape[0]):
        return None
    kept = mask.ravel().astype(bool)
    moved = cv2.perspectiveTransform(source[None, kept], matrix)[0]
    error = float(np.sqrt(np.mean(np.sum((moved - target[kept]) ** 2, axis=1)))) if kept.any() else np.inf
    return Registration(matrix=matrix, error_px=error, inliers=int(kept.sum()))


def _holds(own: Registration, source: Points, target: Points, shape: tuple[int, ...]) -> bool:
    """True when the inliers surround the zone and are most of what was matched around it."""
    kept = np.linalg.norm(own.move(source) - target, axis=1) <= _reach(shape)
    return bool(kept.mean() >= 0.5 and _spread(target[kept]) >= 0.25 * _spread(target))


def _spread(points: Points) -> float:
    """Area of the convex hull in square pixels."""
    return float(cv2.contourArea(cv2.convexHull(points.astype(np.float32)))) if len(points) >= 3 else 0.0


def _plausible(matrix: Points, width: int, height: int) -> bool:
    """A camera that walks does not mirror the view or blow it up without bound."""
    corners = np.array([[[0, 0], [width, 0], [width, height], [0, height]]], dtype=np.float64)
    moved = cv2.perspectiveTransform(corners, matrix)[0]
    if not np.isfinite(moved).all():
        return False
    edges = np.roll(moved, -1, axis=0) - moved
    turns = edges[:, 0] * np.roll(edges[:, 1], -1) - edges[:, 1] * np.roll(edges[:, 0], -1)
    if not (turns > 0).all():  # not convex, or mirrored
        return False
    shape = float(turns.mean()) / (width * height)
    return 1 / _LARGEST_SCALE**2 < shape < _LARGEST_SCALE**2
