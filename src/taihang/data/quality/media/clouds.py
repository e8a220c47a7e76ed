"""Clouds: points of a PLY, PCD or LAS file for their metrics; what a header claims is held against the file's size."""

from __future__ import annotations

import dataclasses
import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from taihang.data.quality.media import unfit

Cloud = npt.NDArray[np.float64]
SUFFIXES = frozenset({".ply", ".pcd", ".las", ".laz"})
_HEAD = 1 << 16
_PLY = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2", "ushort": "u2",
    "uint16": "u2", "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4", "float": "f4", "float32": "f4",
    "double": "f8", "float64": "f8",
}  # fmt: skip
_PCD = {"I": "i", "U": "u", "F": "f"}
_LAS_MASK = 0b0011_1111  # two high bits of a LAS record's format say that it is compressed


@dataclasses.dataclass(frozen=True)
class _Form:
    """Records of one type from byte `start`; `type` None: lines of text with the columns `names`."""

    format: str
    names: tuple[str, ...]
    count: int
    start: int
    type: np.dtype[Any] | None = None


def cloud(path: Path, most: int) -> tuple[Cloud, dict[str, Any]]:
    """The points (n, 3) in the file's unit, and what else is told of them.

    Raises unfit.Unfit: `not_points`, `compressed`, `large` for more than `most` points, `truncated`, `damaged`.
    """
    with path.open("rb") as raw:
        head = raw.read(_HEAD)
        if head.startswith(b"LASF"):
            return _las(raw, head, path.stat().st_size, most)
        if head.startswith(b"ply"):
            form = _ply(head)
        elif b"\nDATA " in head or head.startswith((b"# .PCD", b"VERSION")):
            form = _pcd(head)
        else:
            raise unfit.Unfit("not_points")
        if form.count > most:
            raise unfit.Unfit("large")
        raw.seek(form.start)
        return _points(raw, form, path.stat().st_size), {"format": form.format}


def _points(raw: BinaryIO, form: _Form, size: int) -> Cloud:
    if form.type is None:
        # A line holds two bytes a column at least.
        if form.count * 2 * len(form.names) > size:
            raise unfit.Unfit("truncated")
        try:
            table = np.loadtxt(raw, dtype=np.float64, max_rows=form.count, ndmin=2, comments=None)
        except (ValueError, UnicodeDecodeError):
            raise unfit.Unfit("damaged") from None
        if table.shape[0] < form.count:
            raise unfit.Unfit("truncated")
        if form.count and table.shape[1] < len(form.names):
            raise unfit.Unfit("damaged")
        return table[:, [form.names.index(axis) for axis in "xyz"]] if form.count else np.zeros((0, 3))
    if form.start + form.count * form.type.itemsize > size:
        raise unfit.Unfit("truncated")
    found = np.fromfile(raw, form.type, form.count)
    return np.column_stack([found[axis].astype(np.float64) for axis in "xyz"])


def _ply(head: bytes) -> _Form:
    end = head.find(b"end_header")
    start = head.find(b"\n", end) + 1
    if end < 0 or not start:
        raise unfit.Unfit("damaged")
    kind, count, element, names, types = "", None, "", [], []
    for line in head[:end].decode("ascii", "replace").splitlines():
        words = line.split()
        if words[:1] == ["format"] and len(words) > 1:
            kind = words[1]
        elif words[:1] == ["element"] and len(words) == 3:
            if element == "" and words[1] != "vertex":
                raise unfit.Unfit("not_points")  # nobody writes faces first; their length would have to be read
            element = words[1]
            if element == "vertex":
                count = _whole(words[2])
        elif words[:1] == ["property"] and element == "vertex":
            if len(words) != 3 or words[1] not in _PLY:
                raise unfit.Unfit("damaged")
            names.append(words[2])
            types.append(_PLY[words[1]])
    order = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}.get(kind)
    if count is None or order is None or not _placed(names):
        raise unfit.Unfit("not_points")
    record = np.dtype(list(zip(names, (f"{order}{t}" for t in types), strict=True))) if order else None
    return _Form("ply", tuple(names), count, start, record)


def _pcd(head: bytes) -> _Form:
    at = head.find(b"\nDATA ")
    start = head.find(b"\n", at + 1) + 1
    if at < 0 or not start:
        raise unfit.Unfit("damaged")
    said: dict[str, list[str]] = {}
    for line in head[:start].decode("ascii", "replace").splitlines():
        words = line.split()
        if words and not words[0].startswith("#"):
            said[words[0].upper()] = words[1:]
    names = [name.lower() for name in said.get("FIELDS", [])]
    sizes = [_whole(one) for one in said.get("SIZE", [])]
    counts = [_whole(one) for one in said.get("COUNT", [])] or [1] * len(names)
    kinds, data = said.get("TYPE", []), "".join(said["DATA"])
    if not len(names) == len(sizes) == len(kinds) == len(counts) or not _placed(names):
        raise unfit.Unfit("not_points")
    total = _whole("".join(said.get("POINTS", []))) if "POINTS" in said else _whole(said.get("WIDTH", ["0"])[0])
    if data == "binary_compressed":
        raise unfit.Unfit("compressed")
    if data == "ascii":
        wide = [f"{name}" if n == 0 else f"{name}#{n}" for name, c in zip(names, counts, strict=True) for n in range(c)]
        return _Form("pcd", tuple(wide), total, start)
    if data != "binary" or any(k not in _PCD for k in kinds) or max(counts) > 4096:
        raise unfit.Unfit("damaged")
    try:
        record = np.dtype([
            (f"{name}#{at}" if name == "_" else name, f"<{_PCD[kind]}{size}", (count,) if count > 1 else ())
            for at, (name, kind, size, count) in enumerate(zip(names, kinds, sizes, counts, strict=True))
        ])  # fmt: skip
    except (TypeError, ValueError):
        raise unfit.Unfit("damaged") from None
    return _Form("pcd", tuple(names), total, start, record)


def _las(raw: BinaryIO, head: bytes, size: int, most: int) -> tuple[Cloud, dict[str, Any]]:
    """ASPRS LAS 1.0 to 1.4: whole numbers with a scale and an offset, at the head of every record."""
    if len(head) < 227:
        raise unfit.Unfit("truncated")
    minor = head[25]
    (start,) = struct.unpack_from("<I", head, 96)
    kind, length, count = struct.unpack_from("<BHI", head, 104)
    if minor >= 4 and len(head) >= 255:
        count = struct.unpack_from("<Q", head, 247)[0] or count
    scale, offset = np.array(struct.unpack_from("<3d", head, 131)), np.array(struct.unpack_from("<3d", head, 155))
    if kind != kind & _LAS_MASK:
        raise unfit.Unfit("compressed")
    if count > most:
        raise unfit.Unfit("large")
    if length < 20 or not np.isfinite([*scale, *offset]).all():
        raise unfit.Unfit("damaged")
    if start + count * length > size:
        raise unfit.Unfit("truncated")
    raw.seek(start)
    record = np.dtype({"names": ["place"], "formats": [("<i4", (3,))], "offsets": [0], "itemsize": length})
    found = np.fromfile(raw, record, count)["place"] * scale + offset
    # Coordinates of a survey lie far from any sensor: they are told from the middle of their extent.
    if len(found):
        found = found - (found.min(axis=0) + found.max(axis=0)) / 2
    return np.asarray(found, np.float64), {"format": "las"}


def _placed(names: list[str]) -> bool:
    return set("xyz") <= set(names) and len(set(names)) == len([n for n in names if n != "_"]) + ("_" in names)


def _whole(text: str) -> int:
    if not text.isdecimal() or len(text) > 15:
        raise unfit.Unfit("damaged")
    return int(text)
