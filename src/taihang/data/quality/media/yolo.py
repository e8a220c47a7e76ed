"""YOLO: a text file beside each image, a line an object: class, then centre and size as shares of the image."""

from __future__ import annotations

import math
import posixpath
from typing import Any

import yaml

from taihang.core import errors
from taihang.data.quality.media import layout, marking


def read(found: layout.Layout, marks: marking.Marks) -> None:
    """Add every line of every label file; files without an image and lines that say nothing are references."""
    names = _names(found, marks)
    marks.declared = set(names.values()) if names else None
    images = {posixpath.splitext(name)[0]: name for name in marks.sizes}
    for label in found.labels:
        image = _image(label, images)
        if image is None:
            marks.refer(label, "label_without_image")
        else:
            marks.labelled.add(image)
        try:
            text = layout.read(found.root / label, 64 << 20).decode("utf-8-sig", "replace")
        except errors.UserError:
            marks.refer(label, "large")
            continue
        marks.read(label)
        for line, words in enumerate(text.splitlines(), 1):
            if words.strip():
                _object(words.split(), line, label, image, names, marks)


def _object(  # noqa: PLR0917 - what one line may refer to
    words: list[str], line: int, label: str, image: str | None, names: dict[int, str], marks: marking.Marks
) -> None:
    values = [marking.number(word) for word in words]
    if len(values) < 5 or any(map(math.isnan, values)) or values[0] != int(values[0]):
        marks.refer(label, "box_unreadable", " ".join(words), line)
        return
    if len(values) > 6 and len(values) % 2:  # an outline: its corners
        xs, ys = values[1::2], values[2::2]
        x0, x1, y0, y1 = min(xs), max(xs), min(ys), max(ys)
    else:
        _, x, y, w, h = values[:5]
        x0, x1, y0, y1 = x - w / 2, x + w / 2, y - h / 2, y + h / 2
    wide, high = marks.sizes.get(image or "", (1, 1))
    name = names.get(int(values[0]), str(int(values[0])))
    where = image or f"? {label}"
    marks.boxes.append(marking.Box(where, label, line, name, x0 * wide, y0 * high, x1 * wide, y1 * high))


def _image(label: str, images: dict[str, str]) -> str | None:
    bare = posixpath.splitext(label)[0]
    if bare in images:
        return images[bare]
    return images.get("/".join("images" if part == "labels" else part for part in bare.split("/")))


def _names(found: layout.Layout, marks: marking.Marks) -> dict[int, str]:
    for name in found.also:
        try:
            text = layout.read(found.root / name, 1 << 20).decode("utf-8-sig", "replace")
        except errors.UserError:
            marks.refer(name, "large")
            continue
        if name.endswith((".yaml", ".yml")):
            names = _listed(text)
            if names is None:
                marks.refer(name, "unreadable")
            elif names:
                return names
        else:
            return dict(enumerate(line.strip() for line in text.splitlines() if line.strip()))
    return {}


def _listed(text: str) -> dict[int, str] | None:
    """The class names of a YAML file; None for what is none. Aliases are refused: they can grow without end."""
    try:
        if any(isinstance(event, yaml.events.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
            return None
        given: Any = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError):
        return None
    names = given.get("names") if isinstance(given, dict) else None
    if isinstance(names, list):
        return {n: str(name) for n, name in enumerate(names)}
    if isinstance(names, dict):
        return {int(n): str(name) for n, name in names.items() if str(n).lstrip("-").isdigit()}
    return {}
