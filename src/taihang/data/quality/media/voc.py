"""Pascal VOC: an XML document beside each image, an object a box of pixels."""

from __future__ import annotations

import math
import posixpath
import xml.etree.ElementTree as ET

from taihang.core import errors
from taihang.data.quality.media import layout, marking


def read(found: layout.Layout, marks: marking.Marks) -> None:
    """Add every object of every document. Classes are declared only by a file of class names."""
    marks.declared = _declared(found, marks)
    for name in found.labels:
        try:
            data = layout.read(found.root / name, 16 << 20)
        except errors.UserError:
            marks.refer(name, "large")
            continue
        if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
            marks.refer(name, "unreadable")
            continue
        try:
            root = ET.fromstring(data)  # noqa: S314 - see above
        except (ET.ParseError, ValueError, LookupError, RecursionError):
            marks.refer(name, "unreadable")
            continue
        marks.read(name)
        _document(root, name, marks)


def _document(root: ET.Element, name: str, marks: marking.Marks) -> None:
    image = _image(root.findtext("filename") or "", name, marks)
    if image is None:
        marks.refer(name, "image_missing", root.findtext("filename") or "")
    else:
        said = tuple(marking.number(root.findtext(f"size/{k}")) for k in ("width", "height"))
        if not any(map(math.isnan, said)) and said != tuple(map(float, marks.sizes[image])):
            marks.refer(name, "size_differs", image)
        marks.labelled.add(image)
    for at, one in enumerate(root.iter("object")):
        values = [marking.number(one.findtext(f"bndbox/{k}")) for k in ("xmin", "ymin", "xmax", "ymax")]
        if any(map(math.isnan, values)):
            marks.refer(name, "box_unreadable", at)
            continue
        shown = (one.findtext("name") or "").strip()
        marks.boxes.append(marking.Box(image or f"? {name}", name, at, shown, *values))


def _image(file: str, name: str, marks: marking.Marks) -> str | None:
    stem = posixpath.splitext(posixpath.basename(name))[0]
    here = posixpath.dirname(name)
    tried = (file, posixpath.join(here, file), posixpath.join(here, "..", "JPEGImages", file))
    for place in map(posixpath.normpath, tried):
        if place in marks.sizes:
            return place
    return marks.by_base.get(posixpath.basename(file.replace("\\", "/"))) or marks.by_stem.get(stem)


def _declared(found: layout.Layout, marks: marking.Marks) -> set[str] | None:
    names: set[str] = set()
    for name in found.also:
        try:
            text = layout.read(found.root / name, 1 << 20).decode("utf-8-sig", "replace")
        except errors.UserError:
            marks.refer(name, "large")
            continue
        names |= {line.strip() for line in text.splitlines() if line.strip()}
    return names or None
