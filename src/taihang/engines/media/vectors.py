"""Codec motion vectors of a frame, gathered on a grid as motion from the previous frame.

FFmpeg tells of a vector only whether it points to an earlier or a later frame, not to which one. It
is taken to be the nearest reference frame on that side, which is what encoders use almost always;
which frames are references is read from the bit stream (ITU-T H.264 7.4.1, nal_ref_idc) or follows
from the picture type. Vectors are divided by that distance, so that they are pixels per frame.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from av.sidedata.sidedata import Type
from av.video.frame import PictureType

from taihang.engines.media import decode, frame, orientation, source

# Codecs for which FFmpeg exports vectors.
CODECS = frozenset({"h264", "mpeg1video", "mpeg2video", "mpeg4", "h263", "h263p", "flv1", "wmv1", "wmv2", "msmpeg4v3"})
_COLUMNS, _ROWS, _SMALLEST = 80, 45, 16
# Longest way back to a reference frame that is remembered.
_MEMORY = 64


def cell_size(width: int, height: int) -> int:
    """Side of a grid cell in pixels: at least a macroblock, at most 80 x 45 cells (or 45 x 80)."""
    long, short = max(width, height), min(width, height)
    return max(_SMALLEST, math.ceil(long / _COLUMNS), math.ceil(short / _ROWS))


class Exporter:
    """Follows one decoder: is told each packet before it is decoded, then makes fields of its frames."""

    # Vectors come from the bit stream, so the loop filter does not change them.
    options = {"flags2": "+export_mvs", "skip_loop_filter": "all"}

    def __init__(self, opened: source.Source, track: decode.Track) -> None:
        self._track = track
        self._references = References(opened, track)

    def packet(self, number: int, packet: Any) -> None:
        """Note a packet before it is decoded."""
        self._references.packet(number, packet)

    def field(self, shown: decode.Shown, turned: orientation.Orientation) -> frame.MotionField:
        """The motion field of a frame that was just decoded."""
        past, future = self._references.distances(shown.number, shown.picture.pict_type)
        width, height = shown.picture.width, shown.picture.height
        side = orientation.side_data(shown.picture, Type.MOTION_VECTORS)
        table = side.to_ndarray() if side is not None else np.zeros(0, dtype=_VECTOR)
        cell = cell_size(width, height)
        dx, dy, present = _grid(table, (past, future), (width, height), turned, cell)
        number = shown.number
        return frame.MotionField(
            dx, dy, present, float(self._track.time_s[number]), cell, int(self._track.pts[number]),
            bool(self._track.key[number]),
        )  # fmt: skip


_VECTOR = np.dtype(
    [
        ("source", "i4"), ("w", "u1"), ("h", "u1"), ("src_x", "i2"), ("src_y", "i2"), ("dst_x", "i2"),
        ("dst_y", "i2"), ("flags", "u8"), ("motion_x", "i4"), ("motion_y", "i4"), ("motion_scale", "u2"),
    ],
    align=True,
)  # fmt: skip


def _grid(
    table: npt.NDArray[Any],
    reference: tuple[int, int],
    size: tuple[int, int],
    turned: orientation.Orientation,
    cell: int,
) -> tuple[frame.Grid, frame.Grid, frame.Mask]:
    """Mean vector of each cell, weighted by the area of the blocks whose centres lie in it."""
    width, height = turned.shown(*size)
    rows, columns = math.ceil(height / cell), math.ceil(width / cell)
    # motion = (where it comes from in the reference) - (where it is), in 1/scale pixels: for an
    # earlier reference the movement since is its negative, for a later one it is the movement to come.
    distance = np.where(table["source"] < 0, -reference[0], reference[1]).astype(np.float64)
    scale = np.maximum(table["motion_scale"], 1) * distance
    x, y = turned.vectors(table["motion_x"] / scale, table["motion_y"] / scale)
    at_x, at_y = turned.points(table["dst_x"].astype(np.int64), table["dst_y"].astype(np.int64), *size)
    column = np.clip(at_x // cell, 0, columns - 1)
    row = np.clip(at_y // cell, 0, rows - 1)
    place = row * columns + column
    area = table["w"].astype(np.float64) * table["h"]
    weight = np.bincount(place, area, rows * columns)
    present = weight > 0
    least = np.where(present, weight, 1.0)
    dx = np.bincount(place, area * x, rows * columns) / least
    dy = np.bincount(place, area * y, rows * columns) / least
    shape = (rows, columns)
    return dx.reshape(shape).astype(np.float32), dy.reshape(shape).astype(np.float32), present.reshape(shape)


class References:
    """Which recent frames are references, and how far a frame is from the nearest ones."""

    def __init__(self, opened: source.Source, track: decode.Track) -> None:
        decoder = opened.stream.codec_context
        self._track = track
        self._h264 = decoder.name == "h264"
        extra = decoder.extradata or b""
        # avcC (ISO/IEC 14496-15, 5.3.3.1) has lengths before its units; else start codes stand there.
        self._length = (extra[4] & 3) + 1 if len(extra) > 6 and extra[0] == 1 else 0
        self._sent: dict[int, bool] = {}
        self._bidirectional: set[int] = set()

    def packet(self, number: int, packet: Any) -> None:
        """Note a packet before it is decoded."""
        self._sent[number] = not (self._h264 and disposable(memoryview(packet), self._length))
        if len(self._sent) > 2 * _MEMORY:
            for old in sorted(self._sent)[:_MEMORY]:
                del self._sent[old]
                self._bidirectional.discard(old)

    def distances(self, number: int, kind: int) -> tuple[int, int]:
        """Frames to the nearest earlier and later reference of frame `number`; 1 where there is none."""
        order = self._track.order
        if kind == PictureType.B:
            self._bidirectional.add(number)
        past = future = 0
        for other, reference in self._sent.items():
            if not reference or order[other] >= order[number]:
                continue
            if other < number and not (other in self._bidirectional and not self._h264):
                past = max(past, other + 1)
            elif other > number:
                future = min(future or other, other)
        return (number + 1 - past if past else 1), (future - number if future else 1)


def disposable(data: memoryview, length: int) -> bool:
    """True when an H.264 packet is no reference for any other: its first slice has nal_ref_idc 0.

    `length`: bytes of the length before each unit, 0 for start codes.
    """
    place = 0
    end = min(len(data), 1 << 16)
    while place < end:
        if length:
            size = int.from_bytes(data[place : place + length], "big")
            place += length
        else:
            found = bytes(data[place:end]).find(b"\0\0\1")
            if found < 0:
                return False
            place, size = place + found + 3, 0
        if place >= len(data):
            return False
        if data[place] & 31 in (1, 2, 5):
            return data[place] >> 5 & 3 == 0
        place += size
    return False
