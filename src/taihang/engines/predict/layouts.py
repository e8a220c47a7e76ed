"""The output layouts that are known: how each is recognised, fed and read.

YOLOX: Ge et al., 2021 (arXiv:2107.08430). RT-DETR: Zhao et al., 2023 (arXiv:2304.08069), as its
authors' exporter and as transformers' exporters write it. FastestDet: its author's exporter.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from taihang.engines.predict import boxes as geometry
from taihang.engines.predict import picture, sidecar

Array = npt.NDArray[np.float32]
Outputs = Mapping[str, npt.NDArray[np.generic]]
Found = tuple[Array, npt.NDArray[np.int64], Array]
"""Boxes (n, 4) in pixels of the network's input, class ids (n,), scores (n,)."""
_NOTHING = (np.empty((0, 4), np.float32), np.empty(0, np.int64), np.empty(0, np.float32))
_BEND = np.array([[1], [1], [0.5], [0.5]], np.float32)
_STRIDES = ((8, 16, 32), (8, 16, 32, 64))


@dataclasses.dataclass(frozen=True, slots=True)
class Port:
    """An input or output of a graph: a free dimension is None."""

    name: str
    shape: tuple[int | None, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Layout:
    """One layout; `classes` is None when the output's shape does not tell how many there are.

    `threshold` and `sure` are the scores that its authors report from and believe from.
    `read` may leave out what scores below its third argument.
    """

    name: sidecar.LayoutName
    intake: picture.Intake
    classes: int | None
    suppress: bool
    read: Callable[[Outputs, picture.Intake, float], Found]
    threshold: float = 0.25
    sure: float = 0.5


def recognise(inputs: Sequence[Port], outputs: Sequence[Port], said: sidecar.Sidecar) -> Layout | None:
    """The layout of a graph from its ports and its sidecar, or None.

    For a YOLOX grid `yolox-raw` stands for either form: its values tell (`grid_is_raw`).
    """
    image = next((p for p in inputs if len(p.shape) == 4 and p.shape[1] in (3, None)), None)
    if image is None:
        return None
    for attempt in (_rt_detr, _rt_detr_logits, _yolox, _fastestdet):
        layout = attempt(image, inputs, outputs, said)
        if layout is not None and (said.layout is None or _family(said.layout) == _family(layout.name)):
            return layout
    return None


def as_decoded(layout: Layout) -> Layout:
    """The same YOLOX grid with boxes already in pixels."""
    return dataclasses.replace(layout, name="yolox-decoded", read=_read_decoded)


def grid_is_raw(outputs: Outputs, intake: picture.Intake) -> bool:
    """Whether a YOLOX grid's first two values are offsets in cells rather than pixels."""
    values = _only(outputs)[0, :, :2].astype(np.float32)
    cells, strides = _grid(intake, len(values))
    from_raw = np.median(np.abs(values - 0.5))
    from_pixels = np.median(np.abs(values / strides - cells - 0.5))
    return bool(from_raw <= from_pixels)


def _family(name: str) -> str:
    return "yolox" if name.startswith("yolox") else name


def _intake(image: Port, said: sidecar.Sidecar, default: int, like: picture.Intake) -> picture.Intake:
    height, width = image.shape[2], image.shape[3]
    chosen = {
        "width": width or said.width or default,
        "height": height or said.height or default,
        **{
            key: value
            for key in ("channels", "resize", "rescale", "mean", "std")
            if (value := getattr(said, key)) is not None
        },
    }
    return dataclasses.replace(like, **chosen)


def _rt_detr(image: Port, inputs: Sequence[Port], outputs: Sequence[Port], said: sidecar.Sidecar) -> Layout | None:
    if {p.name for p in outputs} != {"labels", "boxes", "scores"}:
        return None
    if {p.name for p in inputs} - {image.name} != {"orig_target_sizes"}:
        return None
    intake = _intake(image, said, 640, picture.Intake(0, 0))
    return Layout("rt-detr", intake, None, False, _read_rt_detr)


def _rt_detr_logits(
    image: Port, inputs: Sequence[Port], outputs: Sequence[Port], said: sidecar.Sidecar
) -> Layout | None:
    ports = {p.name: p for p in outputs}
    if not {"logits", "pred_boxes"} <= set(ports) or len(inputs) != 1:
        return None
    logits, where = ports["logits"].shape, ports["pred_boxes"].shape
    if len(logits) != 3 or len(where) != 3 or where[2] not in (4, None):
        return None
    intake = _intake(image, said, 640, picture.Intake(0, 0))
    return Layout("rt-detr-logits", intake, logits[2], False, _read_logits)


def _yolox(image: Port, inputs: Sequence[Port], outputs: Sequence[Port], said: sidecar.Sidecar) -> Layout | None:
    if len(inputs) != 1 or len(outputs) != 1 or len(outputs[0].shape) != 3:
        return None
    _, anchors, width = outputs[0].shape
    like = picture.Intake(0, 0, channels="bgr", resize="letterbox", rescale=1.0)
    intake = _intake(image, said, 640, like)
    if width is None or width <= 5 or (anchors is not None and _strides(intake, anchors) is None):
        return None
    return Layout("yolox-raw", intake, width - 5, True, _read_raw)


def _fastestdet(image: Port, inputs: Sequence[Port], outputs: Sequence[Port], said: sidecar.Sidecar) -> Layout | None:
    if len(inputs) != 1 or len(outputs) != 1 or len(outputs[0].shape) != 4:
        return None
    _, depth, high, wide = outputs[0].shape
    intake = _intake(image, said, 352, picture.Intake(0, 0, channels="bgr"))
    if depth is None or depth <= 5 or high != intake.height // 16 or wide != intake.width // 16:
        return None
    return Layout("fastestdet", intake, depth - 5, True, _read_fastestdet, threshold=0.5, sure=0.65)


def _read_raw(outputs: Outputs, intake: picture.Intake, least: float) -> Found:
    values = _only(outputs)[0].astype(np.float32)
    cells, strides = _grid(intake, len(values))
    centres = (values[:, :2] + cells) * strides
    sizes = np.exp(np.clip(values[:, 2:4], -20, 20)) * strides
    return _best(np.concatenate([centres, sizes], axis=1), values[:, 4:5] * values[:, 5:])


def _read_decoded(outputs: Outputs, intake: picture.Intake, least: float) -> Found:
    values = _only(outputs)[0].astype(np.float32)
    return _best(values[:, :4], values[:, 4:5] * values[:, 5:])


def _read_rt_detr(outputs: Outputs, intake: picture.Intake, least: float) -> Found:
    where = outputs["boxes"].reshape(-1, 4).astype(np.float32)
    return where, outputs["labels"].reshape(-1).astype(np.int64), outputs["scores"].reshape(-1).astype(np.float32)


def _read_logits(outputs: Outputs, intake: picture.Intake, least: float) -> Found:
    logits = outputs["logits"][0].astype(np.float32)
    scale = np.array([intake.width, intake.height] * 2, np.float32)
    return _best(outputs["pred_boxes"][0].astype(np.float32) * scale, sigmoid(logits))


def _read_fastestdet(outputs: Outputs, intake: picture.Intake, least: float) -> Found:
    values = np.asarray(_only(outputs)[0], np.float32)
    _, high, wide = values.shape
    values = values.reshape(len(values), -1)
    # A class adds at most 1 to the product, so that a cell with less of a thing than this needs no second look.
    cells = np.flatnonzero(values[0] >= (least - 1e-6) ** (1 / 0.6))
    if not len(cells):
        return _NOTHING
    values = values[:, cells]
    given = np.clip(values[5:], 0, 1)
    # Powers keep the order: only the best class of each cell needs one.
    classes = given.argmax(axis=0).astype(np.int64)
    scores = np.clip(values[0], 0, 1) ** 0.6 * given[classes, np.arange(len(cells))] ** 0.4
    # Offsets of centres are tanh, sizes the logistic function, which is half of one at half the value and a half.
    bent = np.tanh(values[1:5] * _BEND)
    centres = np.stack(np.divmod(cells, wide)[::-1]) + bent[:2]
    half = (0.25 * bent[2:] + 0.25) * np.array([[wide], [high]])
    cell = np.array([intake.width / wide, intake.height / high] * 2, np.float32)
    return np.concatenate([centres - half, centres + half]).T * cell, classes, scores


def sigmoid(values: Array) -> Array:
    """The logistic function without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * values)), np.float32)


def _best(centred: Array, scores: Array) -> Found:
    classes = scores.argmax(axis=1).astype(np.int64)
    return geometry.from_centres(centred), classes, scores[np.arange(len(scores)), classes]


def _only(outputs: Outputs) -> npt.NDArray[np.generic]:
    return next(iter(outputs.values()))


def _strides(intake: picture.Intake, anchors: int) -> tuple[int, ...] | None:
    for strides in _STRIDES:
        if sum((intake.height // s) * (intake.width // s) for s in strides) == anchors:
            return strides
    return None


def _grid(intake: picture.Intake, anchors: int) -> tuple[Array, Array]:
    strides = _strides(intake, anchors)
    if strides is None:
        raise ValueError(f"{anchors} rows fit no grid of {intake.width} x {intake.height}")
    cells, sizes = [], []
    for stride in strides:
        y, x = np.mgrid[: intake.height // stride, : intake.width // stride].astype(np.float32)
        cells.append(np.stack([x.ravel(), y.ravel()], axis=1))
        sizes.append(np.full((x.size, 1), stride, np.float32))
    return np.concatenate(cells), np.concatenate(sizes)
