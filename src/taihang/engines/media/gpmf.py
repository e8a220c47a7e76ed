"""GPMF: the key-length-value metadata of GoPro cameras (github.com/gopro/gpmf-parser, README).

Every length is checked against the bytes that are there, nesting is bounded, and what does not fit
is left out: the data may come from anywhere.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

_DEEPEST = 8
_NUMBERS = {
    "b": ">i1", "B": ">u1", "d": ">f8", "f": ">f4", "j": ">i8", "J": ">u8", "l": ">i4", "L": ">u4",
    "s": ">i2", "S": ">u2", "q": ">i4", "Q": ">i8",
}  # fmt: skip
# Fixed point: what a raw integer is divided by.
_FIXED = {"q": 65536.0, "Q": 4294967296.0}
_WIDTH = {"c": 1, "F": 4, "G": 16, "U": 16}
_STRUCTURE = re.compile(r"([A-Za-z])(?:\[(\d{1,3})\])?")


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """One key-length-value entry; `repeat` structures of `size` bytes of `kind`."""

    key: str
    kind: str
    size: int
    repeat: int
    data: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Samples:
    """Samples of one sensor from one payload: `values` float64 (samples, elements), scaled to `unit`."""

    name: str
    unit: str
    values: npt.NDArray[np.float64]


def items(data: bytes) -> Iterator[Item]:
    """Entries of one level; stops at the first that does not fit."""
    place = 0
    while place + 8 <= len(data):
        key, kind, size = data[place : place + 4], data[place + 4], data[place + 5]
        repeat = int.from_bytes(data[place + 6 : place + 8], "big")
        end = place + 8 + size * repeat
        if end > len(data) or not key.isalnum():
            return
        yield Item(key.decode("ascii"), chr(kind), size, repeat, data[place + 8 : end])
        place = end + -end % 4


def samples(payload: bytes) -> Iterator[Samples]:
    """The sensor samples of one payload, stream by stream."""
    yield from _streams(payload, 0)


def _streams(data: bytes, depth: int) -> Iterator[Samples]:
    if depth > _DEEPEST:
        return
    for item in items(data):
        if item.kind != "\0":
            continue
        if item.key == "STRM":
            found = _stream(list(items(item.data)))
            if found is not None:
                yield found
        else:
            yield from _streams(item.data, depth + 1)


def _stream(entries: list[Item]) -> Samples | None:
    """The measurement of a stream is its last entry; those before it describe it."""
    if not entries:
        return None
    about = {entry.key: entry for entry in entries[:-1]}
    raw = _values(entries[-1], _text(about.get("TYPE")))
    if raw is None or not raw.size:
        return None
    scale = _values(about["SCAL"], "") if "SCAL" in about else None
    if scale is not None and scale.size in (1, raw.shape[1]):
        divisor = scale.reshape(-1)
        raw = raw / np.where(divisor == 0, 1.0, divisor)
    unit = _units(about.get("SIUN") or about.get("UNIT"))
    return Samples(entries[-1].key, unit, np.nan_to_num(raw, nan=0.0, posinf=0.0, neginf=0.0))


def _values(item: Item, structure: str) -> npt.NDArray[np.float64] | None:
    """Numbers of an entry, (repeat, elements); None when it holds none."""
    if not item.size or not item.repeat:
        return None
    kinds = _kinds(structure, item.size) if item.kind == "?" else _same(item)
    if kinds is None:
        return None
    rows = np.frombuffer(item.data, dtype=np.uint8).reshape(item.repeat, item.size)
    columns: list[npt.NDArray[np.float64]] = []
    place = 0
    for kind in kinds:
        width = np.dtype(_NUMBERS[kind]).itemsize if kind in _NUMBERS else _WIDTH[kind]
        if kind in _NUMBERS:
            bits = np.ascontiguousarray(rows[:, place : place + width]).view(_NUMBERS[kind])[:, 0]
            columns.append(bits.astype(np.float64) / _FIXED.get(kind, 1.0))
        place += width
    return np.stack(columns, axis=1) if columns else None


def _same(item: Item) -> str | None:
    if item.kind not in _NUMBERS:
        return None
    width = np.dtype(_NUMBERS[item.kind]).itemsize
    return item.kind * (item.size // width) if item.size % width == 0 else None


def _kinds(structure: str, size: int) -> str | None:
    """Letters of a complex structure such as `Lffff` or `c[8]f`, if they fill `size` bytes."""
    letters = "".join(kind * int(times or 1) for kind, times in _STRUCTURE.findall(structure)[:size])
    width = 0
    for kind in letters:
        if kind not in _NUMBERS and kind not in _WIDTH:
            return None
        width += np.dtype(_NUMBERS[kind]).itemsize if kind in _NUMBERS else _WIDTH[kind]
    return letters if width == size else None


def _text(item: Item | None) -> str:
    return item.data.rstrip(b"\0").decode("latin-1") if item is not None and item.kind == "c" else ""


def _units(item: Item | None) -> str:
    """Unit of each element, joined by commas when they differ."""
    if item is None or item.kind != "c" or not item.size:
        return ""
    each = [item.data[i : i + item.size] for i in range(0, len(item.data), item.size)]
    names = [e.rstrip(b"\0").decode("latin-1").strip() for e in each]
    return names[0] if len(set(names)) == 1 else ",".join(names)
