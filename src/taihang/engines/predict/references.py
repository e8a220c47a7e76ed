"""Which other files an ONNX model points to, read from its bytes without loading it.

ONNX may keep tensors in files beside the model. A path in there is chosen by whoever made the
model, so it is checked before any runtime follows it. The wire format is that of Protocol Buffers,
the field numbers those of onnx.proto3 (ONNX IR 3 to 13).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from taihang.core import errors

# message → {field number: message it holds}; other fields are skipped.
_HOLDS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}
_DEEPEST = 64


def external(model: bytes, folder: Path) -> tuple[Path, ...]:
    """The external data files of a model that lies in `folder`, resolved, sorted.

    Raises errors.UserError when the bytes are no protobuf message, or a path leaves the folder or
    names no plain file.
    """
    try:
        names = set(_locations(memoryview(model), "model", 0))
    except (ValueError, IndexError, UnicodeDecodeError):
        raise errors.UserError("engines.predict:not_onnx") from None
    return tuple(sorted(_checked(name, folder) for name in names))


def _checked(name: str, folder: Path) -> Path:
    base = folder.resolve()
    pure = PurePosixPath(name)
    inside = bool(name) and "\0" not in name and not pure.is_absolute() and ".." not in pure.parts
    path = (base / name).resolve() if inside else base
    if not inside or not path.is_relative_to(base):
        raise errors.UserError("engines.predict:external_outside", file=name)
    if not path.is_file():
        raise errors.UserError("engines.predict:external_missing", file=name)
    return path


def _locations(data: memoryview, kind: str, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        raise ValueError("nested too deep")
    for number, value in _fields(data):
        held = _HOLDS[kind].get(number)
        if held is None:
            continue
        if not isinstance(value, memoryview):
            raise ValueError("a message was expected")
        if held == "entry":
            entry = dict(_fields(value))
            key, text = entry.get(1), entry.get(2)
            if isinstance(key, memoryview) and bytes(key) == b"location":
                yield bytes(text).decode() if isinstance(text, memoryview) else ""
        else:
            yield from _locations(value, held, depth + 1)


def _fields(data: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    place = 0
    while place < len(data):
        tag, place = _varint(data, place)
        number, wire = tag >> 3, tag & 7
        if number == 0:
            raise ValueError("field number 0")
        if wire == 0:
            value, place = _varint(data, place)
            yield number, value
            continue
        if wire == 2:
            length, place = _varint(data, place)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise ValueError("unknown wire type")
        if place + length > len(data):
            raise ValueError("truncated")
        yield number, data[place : place + length]
        place += length


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place
        if shift > 63:
            raise ValueError("varint too long")
