"""Shrinking: a picture made smaller by averaging areas, as the planes a network takes.

OpenCV averages areas in floats, a value at a time, unless both factors are whole numbers; FFmpeg's scaler does the same
many values at once. Its own colours are of no use here, so each channel goes as a plane that it takes for one of YUV
4:4:4, and the three come back as they went. Its rounding differs from OpenCV's by one of 256 steps now and then.
"""

from __future__ import annotations

import threading

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.video.reformatter import Interpolation, VideoReformatter

Image = npt.NDArray[np.uint8]
_FORMAT = "yuv444p"
_SMALLEST = 16  # fewer pixels a side than this and the scaler's edges show
_MOST_PIXELS = 1 << 24  # what a thread keeps three planes of
_kept = threading.local()


class _Room:
    """Planes for pictures of one size, and the scaler that knows what it did last."""

    def __init__(self, columns: int, rows: int) -> None:
        self.size = (columns, rows)
        self._frame = av.VideoFrame(columns, rows, _FORMAT)
        self._planes = _views(self._frame)
        self._scaler = VideoReformatter()

    def shrink(self, image: Image, wide: int, high: int) -> list[Image]:
        cv2.split(image, self._planes)
        # One thread: the scaler's own would take more from the other streams than they give to this one.
        done = self._scaler.reformat(self._frame, wide, high, _FORMAT, interpolation=Interpolation.AREA, threads=1)
        return _views(done)


def shrink(image: Image, wide: int, high: int) -> list[Image]:
    """The three channels of `image` (h, w, 3) as planes (high, wide), in its order.

    Averages areas where it gets smaller in width, else interpolates.
    """
    rows, columns = image.shape[:2]
    quick = _SMALLEST <= wide < columns and _SMALLEST <= high < rows and rows * columns <= _MOST_PIXELS
    if not quick:
        way = cv2.INTER_AREA if wide < columns else cv2.INTER_LINEAR
        return list(cv2.split(cv2.resize(image, (wide, high), interpolation=way)))
    room = getattr(_kept, "room", None)
    if room is None or room.size != (columns, rows):
        room = _kept.room = _Room(columns, rows)
    return room.shrink(image, wide, high)


def _views(frame: av.VideoFrame) -> list[Image]:
    return [
        np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: frame.height, : frame.width]
        for plane in frame.planes
    ]
