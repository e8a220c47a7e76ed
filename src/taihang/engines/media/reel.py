"""Reel: a short film from pictures that are in memory, as H.264 that browsers play."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction

import av
import cv2
import numpy as np

from taihang.engines.media import frame

_CLOCK = Fraction(1, 90_000)


def small(image: frame.Image, width: int = 640) -> frame.Image:
    """A picture at most `width` wide, of even size, as `film` wants it."""
    rows, columns = image.shape[:2]
    wide = min(width, columns) // 2 * 2 or 2
    high = max(2, round(rows * wide / columns / 2) * 2)
    if (wide, high) == (columns, rows):
        return image
    # Below half the size areas must be averaged; above, that costs four times as much and shows nothing more.
    way = cv2.INTER_AREA if columns >= 2 * wide else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (wide, high), interpolation=way), np.uint8)


def film(pictures: Sequence[tuple[float, frame.Image]], *, crf: int = 28, comment: str = "") -> bytes:
    """The bytes of an MP4 of RGB pictures with their seconds, in order; those of another size than the last are left
    out. Nothing for no pictures. `comment` stands in its tags."""
    if not pictures:
        return b""
    rows, columns = pictures[-1][1].shape[:2]
    kept = [(time_s, image) for time_s, image in pictures if image.shape[:2] == (rows, columns)]
    # In fragments: FFmpeg would have to read the file again to put its index first, and there is no file.
    target = io.BytesIO()
    with av.open(
        target,
        "w",
        format="mp4",
        options={"movflags": "frag_keyframe+empty_moov+default_base_moof", "fflags": "+bitexact"},
    ) as container:
        if comment:
            container.metadata["comment"] = comment
        stream = container.add_stream("libx264", options={"crf": str(crf), "preset": "veryfast", "profile": "main"})
        stream.width, stream.height, stream.pix_fmt = columns, rows, "yuv420p"
        stream.codec_context.time_base = stream.time_base = _CLOCK
        stream.codec_context.thread_count = 1
        last = -1
        for time_s, image in kept:
            coded = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            coded.pts = last = max(last + 1, round((time_s - kept[0][0]) / _CLOCK))
            coded.time_base = _CLOCK
            container.mux(stream.encode(coded))
        container.mux(stream.encode(None))
    return target.getvalue()
