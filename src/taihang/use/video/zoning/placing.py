"""Placing: where each zone lies in each looked-at frame."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from taihang.core import errors
from taihang.engines.media import frames
from taihang.use.video.zoning import register, zones

Outlines = dict[str, list[npt.NDArray[np.float64] | None]]
_SMALLEST_IN_VIEW = 0.3  # of a zone's area; with less in view, who stands in it cannot be told
_NUDGE = 0.02  # of the width: a fixed camera whose zones seem to move less has not been moved


def belongs(drawn: zones.Zones, video: str) -> None:
    """Refuse zones that were drawn on another film, unless their reference picture is beside them.

    Raises errors.UserError.
    """
    if drawn.frame.video not in (None, video) and drawn.frame.image is None:
        raise errors.UserError("use.video:zones.other", path=drawn.path)


def reference(path: str | os.PathLike[str], packets: pa.Table, drawn: zones.Zones) -> npt.NDArray[np.uint8]:
    """The picture the zones were drawn on: the file beside them, else the video's frame at that time.

    Raises errors.UserError when there is no such picture.
    """
    beside = drawn.image()
    if beside is not None:
        return _read(beside, drawn)
    times = packets["time_s"].to_numpy()
    number = int(np.clip(np.searchsorted(times, drawn.frame.time_s, side="right") - 1, 0, len(times) - 1))
    for shot in frames.frames(path, [number], packets):
        return shot.image
    raise errors.UserError("use.video:zones.no_reference", path=drawn.path, time_s=f"{drawn.frame.time_s:g}")


def _read(path: Path, drawn: zones.Zones) -> npt.NDArray[np.uint8]:
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise errors.UserError(
            "use.video:zones.no_picture", path=drawn.path, picture=path, reason=error.strerror
        ) from None
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if image is None:
        raise errors.UserError("use.video:zones.form", path=drawn.path, reason=f"image: {path.name}")
    rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    size = (drawn.frame.width, drawn.frame.height)
    return np.asarray(rgb if rgb.shape[1::-1] == size else cv2.resize(rgb, size))


def outlines(drawn: zones.Zones | None, looked: pa.Table, size: tuple[int, int], fixed: bool) -> Outlines:
    """Per zone, its polygon in each row of `looked` (schema look.FRAMES), or None where it has no place.

    On a worn camera a zone is where the frame's registration puts it. On a fixed one it stays where
    it was drawn, unless the registration shows that the camera was knocked out of place.
    """
    if drawn is None:
        return {}
    per_frame = looked["matrix"].to_pylist()
    found = [[_matrix(one, i) for one in per_frame] for i in range(len(drawn.zones))]
    # The picture of another place is found in no frame; then a fixed camera is no reason to trust it.
    trusted = fixed and (drawn.frame.image is None or any(m is not None for zone in found for m in zone))
    return {
        zone.name: [_placed(zone.array(), matrix, size, trusted) for matrix in matrices]
        for zone, matrices in zip(drawn.zones, found, strict=True)
    }


def errors_px(drawn: zones.Zones | None, looked: pa.Table) -> dict[str, list[float | None]]:
    """Per zone, the stated error of its place in each row of `looked`, in pixels; None without one."""
    per_frame = looked["error_px"].to_pylist()
    return {z.name: [f[i] if f else None for f in per_frame] for i, z in enumerate(drawn.zones)} if drawn else {}


def _matrix(found: list[list[float] | None] | None, zone: int) -> npt.NDArray[np.float64] | None:
    one = found[zone] if found else None
    return None if one is None else np.array(one).reshape(3, 3)


def _placed(
    points: npt.NDArray[np.float64],
    matrix: npt.NDArray[np.float64] | None,
    size: tuple[int, int],
    fixed: bool,
) -> npt.NDArray[np.float64] | None:
    if matrix is None:
        return points if fixed else None
    moved = register.Registration(matrix, 0.0, 0).move(points)
    if fixed and float(np.abs(moved - points).max()) < _NUDGE * size[0]:
        return points
    return moved if _in_view(moved, size) >= _SMALLEST_IN_VIEW else None


def _in_view(points: npt.NDArray[np.float64], size: tuple[int, int]) -> float:
    """Share of a polygon's area that lies inside the frame."""
    whole = zones.area(points)
    if not np.isfinite(points).all() or whole < 1.0:
        return 0.0
    # Drawn on a canvas three frames wide: what lies further out is out of view anyway.
    scale = 100.0 / max(size)
    canvas = np.zeros((300, 300), np.uint8)
    corners = np.clip((points + np.array(size)) * scale, -10_000, 10_000).round().astype(np.int32)
    cv2.fillPoly(canvas, [corners], 1)
    width, height = (round(s * scale) for s in size)
    inside = canvas[height : 2 * height, width : 2 * width].sum()
    return float(inside) / max(whole * scale * scale, 1.0)
