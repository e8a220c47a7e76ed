"""Register: where the reference frame's points lie in another frame of a moving camera.

ORB features matched both ways, a homography by RANSAC. The error that is stated is the root mean
square distance, in pixels of the shown frame, between matched inliers after the mapping; a
mapping that rests on few points, or on points in one corner of the frame, is refused.
"""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import numpy.typing as npt

_WIDTH = 640  # features are found at this width: enough for zones, cheap on a CPU
_FEATURES = 1200
_FEWEST_INLIERS = 20
_INLIER_PX = 3.0  # at the width above
_SMALLEST_SPREAD = 0.05  # of the frame, covered by the inliers' hull
_LARGEST_SCALE = 6.0


@dataclasses.dataclass(frozen=True, slots=True)
class Registration:
    """Mapping (3, 3) from reference pixels to this frame's, its RMS error in pixels, its inliers."""

    matrix: npt.NDArray[np.float64]
    error_px: float
    inliers: int

    def move(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Points (n, 2) of the reference frame in this frame."""
        return np.asarray(cv2.perspectiveTransform(points[None].astype(np.float64), self.matrix)[0])


class Reference:
    """The frame that zones were drawn on, ready to be found again."""

    def __init__(self, image: npt.NDArray[np.uint8]) -> None:
        """`image` is (H, W, 3) RGB."""
        self._orb = cv2.ORB_create(nfeatures=_FEATURES)
        self._matcher = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True)
        self._points, self._features = self._describe(image)

    def find(self, image: npt.NDArray[np.uint8]) -> Registration | None:
        """Where the reference lies in `image` (H, W, 3) RGB; None when it cannot be told."""
        points, features = self._describe(image)
        reach = _INLIER_PX * max(1.0, image.shape[1] / _WIDTH)
        if self._features is None or features is None:
            return None
        matches = self._matcher.match(self._features, features)
        if len(matches) < _FEWEST_INLIERS:
            return None
        source = np.array([self._points[m.queryIdx] for m in matches], dtype=np.float64)
        target = np.array([points[m.trainIdx] for m in matches], dtype=np.float64)
        cv2.setRNGSeed(0)  # RANSAC draws at random: the same frames must give the same mapping
        matrix, mask = cv2.findHomography(source, target, cv2.RANSAC, reach, maxIters=1000, confidence=0.995)
        if matrix is None or not np.isfinite(matrix).all():
            return None
        kept = mask.ravel().astype(bool)
        if int(kept.sum()) < _FEWEST_INLIERS or not _plausible(matrix, image.shape[1], image.shape[0]):
            return None
        hull = cv2.contourArea(cv2.convexHull(target[kept].astype(np.float32)))
        if hull < _SMALLEST_SPREAD * image.shape[0] * image.shape[1]:
            return None
        moved = cv2.perspectiveTransform(source[None, kept], matrix)[0]
        error = float(np.sqrt(np.mean(np.sum((moved - target[kept]) ** 2, axis=1))))
        return Registration(matrix=matrix, error_px=error, inliers=int(kept.sum()))

    def _describe(self, image: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint8] | None]:
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        scale = min(1.0, _WIDTH / grey.shape[1])
        if scale < 1:
            grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        points, features = self._orb.detectAndCompute(grey, None)
        return np.array([p.pt for p in points], dtype=np.float64).reshape(-1, 2) / scale, features


def _plausible(matrix: npt.NDArray[np.float64], width: int, height: int) -> bool:
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
