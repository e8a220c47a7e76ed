"""Tiny ONNX files written by hand: just enough protobuf for the shapes of real detectors.

Every graph maps its image to constants plus zero times the image's mean, so that outputs are known.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

_FLOAT, _INT64 = 1, 7


def _varint(value: int) -> bytes:
    out = b""
    while True:
        value, low = value >> 7, value & 127
        out += bytes([low | (128 if value else 0)])
        if not value:
            return out


def number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def message(field: int, data: bytes | str) -> bytes:
    raw = data.encode() if isinstance(data, str) else data
    return _varint(field << 3 | 2) + _varint(len(raw)) + raw


def tensor(name: str, values: np.ndarray, external: str | None = None) -> bytes:
    kind = _INT64 if values.dtype == np.int64 else _FLOAT
    head = b"".join(number(1, d) for d in values.shape) + number(2, kind) + message(8, name)
    if external is None:
        return head + message(9, values.tobytes())
    return head + message(13, message(1, "location") + message(2, external)) + number(14, 1)


def node(kind: str, inputs: list[str], outputs: list[str], attributes: bytes = b"") -> bytes:
    return (
        b"".join(message(1, i) for i in inputs)
        + b"".join(message(2, o) for o in outputs)
        + message(4, kind)
        + attributes
    )


def port(name: str, shape: tuple[int, ...], kind: int = _FLOAT) -> bytes:
    dims = b"".join(message(1, number(1, d)) for d in shape)
    return message(1, name) + message(2, message(1, number(1, kind) + message(2, dims)))


def model(
    outputs: dict[str, np.ndarray],
    size: tuple[int, int] = (64, 64),
    *,
    inputs: tuple[str, ...] = ("images",),
    names: str | None = None,
    external: str | None = None,
) -> bytes:
    """Bytes of a model whose outputs are these arrays, whatever the image."""
    graph = b""
    # The mean of the image, times 0, added to each float output: the image takes part.
    graph += message(
        1, node("ReduceMean", ["images"], ["mean"], message(5, message(1, "keepdims") + number(3, 0) + number(20, 2)))
    )
    graph += message(1, node("Mul", ["mean", "zero"], ["nothing"]))
    graph += message(5, tensor("zero", np.zeros((), np.float32)))
    for name, values in outputs.items():
        graph += message(5, tensor(f"{name}_value", values, external))
        if values.dtype == np.int64:
            graph += message(1, node("Identity", [f"{name}_value"], [name]))
        else:
            graph += message(1, node("Add", [f"{name}_value", "nothing"], [name]))
    graph += message(2, "tiny")
    graph += message(11, port("images", (1, 3, *size)))
    if "orig_target_sizes" in inputs:
        graph += message(11, port("orig_target_sizes", (1, 2), _INT64))
    for name, values in outputs.items():
        graph += message(12, port(name, values.shape, _INT64 if values.dtype == np.int64 else _FLOAT))
    metadata = b"" if names is None else message(14, message(1, "names") + message(2, names))
    return number(1, 8) + message(7, graph) + message(8, number(2, 17)) + metadata


def write(path: Path, *args, **kwargs) -> Path:
    path.write_bytes(model(*args, **kwargs))
    return path


def yolox(raw: bool = True, classes: int = 2, shift: float = 0.0) -> dict[str, np.ndarray]:
    """A YOLOX grid for 64 x 64: one sure box of class 1 at x 16…48, y 8…56, its neighbour a double."""
    cells = [(x, y, s) for s in (8, 16, 32) for y in range(64 // s) for x in range(64 // s)]
    grid = np.zeros((1, len(cells), 5 + classes), np.float32)
    for place, (x, y, stride) in enumerate(cells):
        grid[0, place, :4] = (0.5, 0.5, 0, 0) if raw else ((x + 0.5) * stride, (y + 0.5) * stride, stride, stride)
    for place, score in ((3 * 8 + 3, 0.9), (4 * 8 + 4, 0.8)):
        x, y, stride = cells[place]
        box = np.array([32 + shift, 32, 32, 48], np.float32)
        if raw:
            box = np.array([*(box[:2] / stride - (x, y)), *np.log(box[2:] / stride)], np.float32)
        grid[0, place, :5] = (*box, 1.0)
        grid[0, place, 6 if classes > 1 else 5] = score
    return {"output": grid}


def rt_detr() -> dict[str, np.ndarray]:
    """The authors' export: boxes in pixels of the asked size (64 x 64)."""
    return {
        "labels": np.array([[0, 1, 1]], np.int64),
        "boxes": np.array([[[16, 8, 48, 56], [0, 0, 10, 10], [5, 5, 9, 9]]], np.float32),
        "scores": np.array([[0.9, 0.6, 0.01]], np.float32),
    }


def rt_detr_logits() -> dict[str, np.ndarray]:
    """transformers' export: logits, and centred boxes as shares of the picture."""
    return {
        "logits": np.array([[[3.0, -5.0], [-5.0, -5.0]]], np.float32),
        "pred_boxes": np.array([[[0.5, 0.5, 0.5, 0.75], [0.1, 0.1, 0.1, 0.1]]], np.float32),
    }
