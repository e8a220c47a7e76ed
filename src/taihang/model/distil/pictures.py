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

_VIEW = "~"
_TURN, _ZOOM, _MOVE = 5.0, (0.75, 1.35), 0.15  # degrees (one sigma), factors, shares of the sides


@dataclasses.dataclass(frozen=True, slots=True)
class Answered:
    """What was answered about a whole `segment`: whether this rule was violated in it."""

    segment: str
    rule: str
    violated: bool


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One picture, uint8 RGB as it was taken; `sha256` of its pixels; `hard` in 0 to 1, how hard its taker found it;
    `answered` where it is of a segment that was answered. A view `of` another picture names that one's hash."""

    name: str
    image: Image
    sha256: str
    hard: float = 0.0
    answered: Answered | None = None
    of: str = ""

    @property
    def key(self) -> str:
        """What its lesson is called."""
        return f"{self.of}{_VIEW}{self.sha256[:16]}" if self.of else self.sha256


def named(name: str, pixels: Image, hard: float = 0.0, answered: Answered | None = None) -> Picture:
    """A picture with its hash."""
    plain = np.ascontiguousarray(pixels)
    return Picture(name, plain, ids.digest(repr(plain.shape).encode() + plain.tobytes()), hard, answered)


def views(one: Picture, count: int) -> Iterator[Picture]:
    """A picture as it is, and then nearer, farther, moved, turned a little or mirrored: the same ones each time.

    What lies beyond its edge is mirrored into it; whoever is asked about the view says what is there.
    """
    yield one
    high, wide = one.image.shape[:2]
    for number in range(1, count):
        dice = np.random.default_rng([number, *bytes.fromhex(one.sha256)[:16]])
        turn = cv2.getRotationMatrix2D((wide / 2, high / 2), dice.normal(0, _TURN), dice.uniform(*_ZOOM))
        turn[:, 2] += dice.uniform(-_MOVE, _MOVE, 2) * (wide, high)
        if dice.random() < 0.5:
            turn = turn @ np.array([[-1.0, 0, wide - 1], [0, 1, 0], [0, 0, 1]])
        pixels = cv2.warpAffine(one.image, turn, (wide, high), borderMode=cv2.BORDER_REFLECT_101)
        view = named(f"{one.name}{_VIEW}{number}", np.asarray(pixels, np.uint8), one.hard, one.answered)
        yield dataclasses.replace(view, of=one.sha256)


def is_view(key: str) -> bool:
    """Whether a lesson is of another view of a picture."""
    return _VIEW in key


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
