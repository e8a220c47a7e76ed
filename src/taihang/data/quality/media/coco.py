"""COCO: object instances in one JSON document: images, categories, annotations."""

from __future__ import annotations

import json
import math
import posixpath
from typing import Any

from taihang.core import errors
from taihang.data.quality.media import layout, marking


def read(found: layout.Layout, marks: marking.Marks) -> None:
    """Add every annotation of every document; what names an image or category that is not there is a reference."""
    for name in found.labels:
        _document(found, name, marks)


def _document(found: layout.Layout, name: str, marks: marking.Marks) -> None:
    limit = layout.Limits.current().max_label_bytes
    try:
        document = json.loads(layout.read(found.root / name, limit))
    except (ValueError, RecursionError):
        marks.refer(name, "unreadable")
        return
    except errors.UserError:
        marks.refer(name, "large")
        return
    if not isinstance(document, dict):
        marks.refer(name, "unreadable")
        return
    marks.read(name)
    images = _by_id(document.get("images"), name, "image_twice", marks)
    categories = _by_id(document.get("categories"), name, "category_twice", marks)
    names = {id: str(one.get("name", id)) for id, one in categories.items()}
    marks.declared = (marks.declared or set()) | set(names.values())
    places = {id: _place(one, name, marks) for id, one in images.items()}
    marks.images |= places
    marks.names |= names
    seen: set[Any] = set()
    annotations = document.get("annotations")
    for at, one in enumerate(annotations if isinstance(annotations, list) else []):
        if not isinstance(one, dict):
            marks.refer(name, "unreadable", at)
            continue
        key = one.get("id")
        if _hashable(key) and key is not None:
            if key in seen:
                marks.refer(name, "annotation_twice", key)
            seen.add(key)
        _annotation(one, at, name, places, names, marks)


def _annotation(  # noqa: PLR0917 - what one annotation may refer to
    one: dict[str, Any], at: int, name: str, places: dict[Any, str], names: dict[Any, str], marks: marking.Marks
) -> None:
    key, image, category = one.get("id", at), one.get("image_id"), one.get("category_id")
    path = places.get(image) if _hashable(image) else None
    if path is None:
        marks.refer(name, "image_unknown", f"{key} → {image}")
    known = _hashable(category) and category in names
    if not known:
        marks.refer(name, "category_unknown", f"{key} → {category}")
    box = one.get("bbox")
    if box is None:
        return
    values = [marking.number(v) for v in box] if isinstance(box, list) and len(box) == 4 else []
    if len(values) != 4 or any(map(math.isnan, values)):
        marks.refer(name, "box_unreadable", key)
        return
    x, y, width, height = values
    shown = names[category] if known else str(category)
    where = path if path is not None else f"? {image}"
    marks.labelled.add(where)
    marks.boxes.append(marking.Box(where, name, at, shown, x, y, x + width, y + height))


def _by_id(given: Any, name: str, repeated: str, marks: marking.Marks) -> dict[Any, dict[str, Any]]:
    found: dict[Any, dict[str, Any]] = {}
    for at, one in enumerate(given if isinstance(given, list) else []):
        if not isinstance(one, dict) or not _hashable(one.get("id")):
            marks.refer(name, "unreadable", at)
            continue
        if one["id"] in found:
            marks.refer(name, repeated, one["id"])
        found[one["id"]] = one
    return found


def _place(one: dict[str, Any], name: str, marks: marking.Marks) -> str:
    """The image's file below the folder: beside the document, in `images`, or wherever one of that name is."""
    file = posixpath.normpath(str(one.get("file_name", "")).replace("\\", "/"))
    here = posixpath.dirname(name)
    tried = [
        file,
        posixpath.join(here, file),
        posixpath.join("images", file),
        posixpath.join(here, "..", "images", file),
    ]
    for place in map(posixpath.normpath, tried):
        if place in marks.sizes:
            return _sized(one, place, name, marks)
    found = marks.by_base.get(posixpath.basename(file))
    if found:
        return _sized(one, found, name, marks)
    marks.refer(name, "image_missing", file)
    return f"? {file}"


def _sized(one: dict[str, Any], place: str, name: str, marks: marking.Marks) -> str:
    said = tuple(marking.number(one.get(k)) for k in ("width", "height"))
    if not any(map(math.isnan, said)) and said != tuple(map(float, marks.sizes[place])):
        marks.refer(name, "size_differs", place)
    return place


def _hashable(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, float, bool))
