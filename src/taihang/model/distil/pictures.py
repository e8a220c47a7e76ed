"""Pictures: a folder of hard samples, and a labelled set held back, brought to the student's size."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from taihang.core import errors, ids
from taihang.data.quality.media import layout, reading
from taihang.engines.media import image, limits
from taihang.model.distil import answers

Image = npt.NDArray[np.uint8]


@dataclasses.dataclass(frozen=True, slots=True)
class Answered:
    """What was answered about a whole `segment`: whether this rule was violated in it."""

    segment: str
    rule: str
    violated: bool


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One picture, uint8 RGB as it was taken; `sha256` of its pixels; `hard` in 0 to 1, how hard its taker found it;
    `answered` where it is of a segment that was answered."""

    name: str
    image: Image
    sha256: str
    hard: float = 0.0
    answered: Answered | None = None


def named(name: str, pixels: Image, hard: float = 0.0, answered: Answered | None = None) -> Picture:
    """A picture with its hash."""
    plain = np.ascontiguousarray(pixels)
    return Picture(name, plain, ids.digest(repr(plain.shape).encode() + plain.tobytes()), hard, answered)


def folder(path: Path) -> Iterator[Picture]:
    """The pictures in a folder, those below it too, in order of their names; what is no picture is left out.

    Raises errors.UserError for a folder without any.
    """
    if not path.is_dir():
        raise errors.UserError("model.distil:no_pictures", path=path)
    count = 0
    for file in sorted(one for one in path.rglob("*") if one.suffix.lower() in image.SUFFIXES and one.is_file()):
        pixels = _read(file)
        if pixels is not None:
            count += 1
            yield named(file.relative_to(path).as_posix(), pixels)
    if not count:
        raise errors.UserError("model.distil:no_pictures", path=path)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Held:
    """Pictures held back, with the truth in pixels of the student's `size`; `sha256` over all of it."""

    pictures: tuple[Picture, ...]
    truth: tuple[answers.Boxes, ...]
    classes: tuple[str, ...]
    size: tuple[int, int]
    sha256: str


def held(path: Path, size: tuple[int, int], classes: tuple[str, ...] | None = None) -> Held:
    """A labelled set in COCO, YOLO or VOC; pictures without a box count as empty only where the labels name them.

    `classes`: those of the student, all that the labels declare when None; labels of other names are refused, since a
    box of a class by another name would count as a false alarm. Raises errors.UserError.
    """
    found = layout.recognise(path) if path.is_dir() else None
    if found is None or found.kind not in {"coco", "yolo", "voc"}:
        raise errors.UserError("model.distil:no_labels", path=path)
    images = {}
    for file in found.of("image"):
        pixels = _read(path / file.name)
        if pixels is not None:
            images[file.name] = pixels
    marks = reading.labels(found, {name: (pixels.shape[1], pixels.shape[0]) for name, pixels in images.items()})
    given = tuple(sorted({box.name for box in marks.boxes} | (marks.declared or set())))
    known = given if classes is None else classes
    if strangers := sorted({box.name for box in marks.boxes} - set(known)):
        raise errors.UserError(
            "model.distil:strangers", path=path, unknown=", ".join(strangers), known=", ".join(known)
        )
    named_ = [name for name in sorted(images) if name in marks.labelled or name in set(marks.images.values())]
    if not named_ or not marks.boxes:
        raise errors.UserError("model.distil:no_labels", path=path)
    by_image: dict[str, list[tuple[float, ...]]] = {name: [] for name in named_}
    for box in marks.boxes:
        if box.image in by_image:
            high, wide = images[box.image].shape[:2]
            x = sorted((box.x0 * size[1] / wide, box.x1 * size[1] / wide))
            y = sorted((box.y0 * size[0] / high, box.y1 * size[0] / high))
            by_image[box.image].append((x[0], y[0], x[1], y[1], float(known.index(box.name))))
    truth = tuple(_boxes(by_image[name]) for name in named_)
    pictures = tuple(named(name, images[name]) for name in named_)
    told = [[p.sha256, t.where.tolist(), t.classes.tolist()] for p, t in zip(pictures, truth, strict=True)]
    return Held(pictures, truth, known, size, ids.digest_json(told))


def sized(pixels: Image, size: tuple[int, int]) -> Image:
    """The picture at the student's size (height, width), stretched as the student will see it."""
    if pixels.shape[:2] == size:
        return pixels
    smaller = size[1] < pixels.shape[1]
    way = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, (size[1], size[0]), interpolation=way), np.uint8)


def _boxes(rows: list[tuple[float, ...]]) -> answers.Boxes:
    table = np.array(rows, np.float32).reshape(-1, 5)
    return answers.Boxes(table[:, :4], table[:, 4].astype(np.int64), np.ones(len(table), np.float32))


def _read(path: Path) -> Image | None:
    """Pixels as RGB; None for what is no whole picture."""
    try:
        data = path.read_bytes()
        pixels = image.decode(data, image.header(data), limits.Limits.current().max_pixels)
    except (OSError, image.BadImage):
        return None
    return np.repeat(pixels[:, :, None], 3, axis=2) if pixels.ndim == 2 else pixels
