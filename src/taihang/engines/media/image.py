"""Image: a still picture's header and its pixels, from bytes that nobody vouches for."""

from __future__ import annotations

import dataclasses
import struct
import zlib
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

Fault = Literal["not_image", "empty", "truncated", "damaged", "large"]
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif"})
_PNG = b"\x89PNG\r\n\x1a\n"
# Markers of JPEG frames (SOF), without those of tables that share their range.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PNG_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}


class BadImage(Exception):
    """What is wrong with one file; `fault` says it in one word."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault: Fault = fault


@dataclasses.dataclass(frozen=True, slots=True)
class Header:
    """What the first bytes say. `bits` a channel; width and height as stored, before any rotation."""

    format: str
    width: int
    height: int
    channels: int
    bits: int


def header(data: bytes) -> Header:
    """The header of a PNG, JPEG, BMP, GIF, WebP or TIFF. Raises BadImage for anything else and for what is cut off."""
    if not data:
        raise BadImage("empty")
    try:
        found = _header(data)
    except (struct.error, IndexError):
        raise BadImage("truncated") from None
    if found is None:
        raise BadImage("not_image")
    if found.width <= 0 or found.height <= 0:
        raise BadImage("damaged")
    return found


def decode(data: bytes, known: Header, most: int) -> npt.NDArray[np.uint8]:
    """Pixels as shown: uint8 RGB (height, width, 3), or grey (height, width).

    Nothing is decoded of more than `most` pixels. A PNG's checksums and a JPEG's end are looked at first,
    because decoders fill what is missing in silence. Raises BadImage.
    """
    if known.width * known.height > most:
        raise BadImage("large")
    whole(data, known)
    flag = cv2.IMREAD_GRAYSCALE if known.channels == 1 else cv2.IMREAD_COLOR
    try:
        found = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    except cv2.error:
        found = None
    if found is None:
        raise BadImage("damaged")
    return found if found.ndim == 2 else np.asarray(cv2.cvtColor(found, cv2.COLOR_BGR2RGB))


def whole(data: bytes, known: Header) -> None:
    """Raise BadImage for a PNG or JPEG that is cut off or whose parts do not add up."""
    if known.format == "png":
        at = 8
        while True:
            if at + 12 > len(data):
                raise BadImage("truncated")
            length, kind = struct.unpack_from(">I4s", data, at)
            end = at + 12 + length
            if end > len(data):
                raise BadImage("truncated")
            if zlib.crc32(memoryview(data)[at + 4 : end - 4]) != struct.unpack_from(">I", data, end - 4)[0]:
                raise BadImage("damaged")
            if kind == b"IEND":
                return
            at = end
    # Cameras put padding behind the end marker; a cut file has none at all near its end.
    if known.format == "jpeg" and data.rfind(b"\xff\xd9", max(0, len(data) - (1 << 16))) < 0:
        raise BadImage("truncated")


def _header(data: bytes) -> Header | None:  # noqa: PLR0911 - a format each
    if data.startswith(_PNG):
        width, height, bits, colour = struct.unpack_from(">IIBB", data, 16)
        return Header("png", width, height, _PNG_CHANNELS.get(colour, 3), bits)
    if data.startswith(b"\xff\xd8"):
        return _jpeg(data)
    if data.startswith(b"BM"):
        width, height, _, bits = struct.unpack_from("<iiHH", data, 18)
        return Header("bmp", width, abs(height), 1 if bits <= 8 else 3, 8)
    if data.startswith((b"GIF87a", b"GIF89a")):
        width, height = struct.unpack_from("<HH", data, 6)
        return Header("gif", width, height, 3, 8)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _webp(data)
    if data.startswith((b"II*\0", b"MM\0*")):
        return _tiff(data)
    return None


def _jpeg(data: bytes) -> Header:
    at = 2
    while True:
        while data[at] != 0xFF:
            at += 1
        while data[at] == 0xFF:
            at += 1
        marker = data[at]
        if marker in _FRAMES:
            bits, height, width, channels = struct.unpack_from(">BHHB", data, at + 3)
            return Header("jpeg", width, height, channels, bits)
        if marker in {0xD9, 0xDA}:
            raise BadImage("damaged")
        at += 1 if 0xD0 <= marker <= 0xD8 or marker == 1 else 1 + struct.unpack_from(">H", data, at + 1)[0]


def _webp(data: bytes) -> Header | None:
    kind = data[12:16]
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return Header("webp", width & 0x3FFF, height & 0x3FFF, 3, 8)
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return Header("webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, 4, 8)
    if kind == b"VP8X":
        wide, high = (int.from_bytes(data[n : n + 3], "little") + 1 for n in (24, 27))
        return Header("webp", wide, high, 3, 8)
    return None


def _tiff(data: bytes) -> Header:
    order = "<" if data[:2] == b"II" else ">"
    at = struct.unpack_from(f"{order}I", data, 4)[0]
    found = {256: 0, 257: 0, 258: 1, 277: 1}
    for n in range(min(struct.unpack_from(f"{order}H", data, at)[0], 4096)):
        tag, kind, count, _ = struct.unpack_from(f"{order}HHII", data, at + 2 + 12 * n)
        if tag in found:
            place = at + 10 + 12 * n
            if kind == 3 and count > 2:
                place = struct.unpack_from(f"{order}I", data, place)[0]
            found[tag] = struct.unpack_from(f"{order}{'H' if kind == 3 else 'I'}", data, place)[0]
    return Header("tiff", found[256], found[257], found[277], found[258])
