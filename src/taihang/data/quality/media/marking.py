"""Marking: boxes of any label format brought to one form, and what their files name that is not there."""

from __future__ import annotations

import collections
import dataclasses
import functools
import math
import posixpath
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from taihang.data.quality.metrics import boxes

Row = dict[str, Any]
_MOST_PAIRS = 2000


@dataclasses.dataclass(frozen=True, slots=True)
class Box:
    """A box on an image, in pixels, as its label file has it: `x1` and `y1` may lie before `x0` and `y0`."""

    image: str
    label_file: str
    number: int
    name: str
    x0: float
    y0: float
    x1: float
    y1: float


@dataclasses.dataclass
class Marks:
    """All that label files say. `declared` are the class names that they list; None when they list none.

    `sizes` are those of the images that are there; `images` and `names` tell what ids stand for.
    """

    sizes: Mapping[str, tuple[int, int]]
    declared: set[str] | None = None
    boxes: list[Box] = dataclasses.field(default_factory=list)
    links: list[Row] = dataclasses.field(default_factory=list)
    labelled: set[str] = dataclasses.field(default_factory=set)
    images: dict[Any, str] = dataclasses.field(default_factory=dict)
    names: dict[Any, str] = dataclasses.field(default_factory=dict)

    @functools.cached_property
    def by_base(self) -> dict[str, str]:
        """Image names by their last part, where only one image has it."""
        return _single((posixpath.basename(name), name) for name in self.sizes)

    @functools.cached_property
    def by_stem(self) -> dict[str, str]:
        """Image names by their last part without suffix, where only one image has it."""
        return _single((posixpath.splitext(posixpath.basename(name))[0], name) for name in self.sizes)

    def refer(self, path: str, kind: str, id: object = "", line: int | None = None) -> None:
        """Note what is named and not there, or cannot be read."""
        self.links.append({"path": path, "kind": kind, "id": str(id)[:200], "line": line})

    def read(self, path: str) -> None:
        """Note a label file that could be read: a row that rules find nothing wrong with."""
        self.links.append({"path": path, "kind": "read", "id": "", "line": None})

    def rows(self) -> Iterator[Row]:
        """Rows of the table `boxes`."""
        by_image: dict[str, list[Box]] = collections.defaultdict(list)
        for box in self.boxes:
            by_image[box.image].append(box)
        for image, some in by_image.items():
            yield from self._rows(image, some)

    def classes(self) -> list[Row]:
        """Rows of the table `classes`."""
        counts = collections.Counter(box.name for box in self.boxes)
        images: dict[str, set[str]] = collections.defaultdict(set)
        for box in self.boxes:
            images[box.name].add(box.image)
        total = sum(counts.values())
        return [
            {
                "class": name,
                "declared": None if self.declared is None else name in self.declared,
                "boxes": counts[name],
                "images": len(images[name]),
                "share": counts[name] / total if total else None,
            }
            for name in sorted({*counts, *(self.declared or ())})
        ]

    def _rows(self, image: str, some: list[Box]) -> Iterator[Row]:
        corners = np.array([[b.x0, b.y0, b.x1, b.y1] for b in some], np.float64)
        wide, high = self.sizes.get(image, (None, None))
        twins, rivals = _nearest(corners, [b.name for b in some])
        for at, box in enumerate(some):
            width, height = box.x1 - box.x0, box.y1 - box.y0
            row: Row = {
                "path": image, "label_file": box.label_file, "number": box.number, "class": box.name,
                "declared": None if self.declared is None else box.name in self.declared,
                "x0": box.x0, "y0": box.y0, "x1": box.x1, "y1": box.y1, "width": width, "height": height,
                "image_width": wide, "image_height": high, "twin_iou": twins[at], "rival_iou": rivals[at],
            }  # fmt: skip
            if wide and high:
                row["outside"] = boxes.outside((corners[at : at + 1], wide, high))
                row["area_share"] = max(0.0, width) * max(0.0, height) / (wide * high)
            yield row


def _single(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    twice: set[str] = set()
    for key, name in pairs:
        if key in found:
            twice.add(key)
        found[key] = name
    return {key: name for key, name in found.items() if key not in twice}


def number(value: Any) -> float:
    """A finite number, or NaN for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return math.nan
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return math.nan
    return found if math.isfinite(found) else math.nan


def _nearest(corners: Any, names: list[str]) -> tuple[list[float], list[float]]:
    """For each box the greatest IoU with an earlier one of its class, and with one of another class."""
    count = len(names)
    if count == 1 or count > _MOST_PAIRS:
        return [0.0] * count, [0.0] * count
    overlap = boxes.ious(corners, corners)
    classes = np.array([hash(n) for n in names])
    same = classes[:, None] == classes[None, :]
    earlier = np.tril(np.ones((count, count), bool), -1)
    twins = np.where(same & earlier, overlap, 0).max(axis=1)
    rivals = np.where(~same, overlap, 0).max(axis=1)
    return twins.tolist(), rivals.tolist()
