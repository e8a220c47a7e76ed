"""Reading: the labels and texts of a folder, by its layout."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from taihang.core import errors, ids
from taihang.data.quality.media import coco, layout, marking, records, tables, tc609, voc, yolo

Row = dict[str, Any]


def labels(found: layout.Layout, sizes: Mapping[str, tuple[int, int]]) -> marking.Marks:
    """The boxes of a folder's label files over images of these sizes, and what they refer to in vain."""
    marks = marking.Marks(sizes)
    readers = {"coco": coco.read, "yolo": yolo.read, "voc": voc.read}
    if found.kind in readers:
        readers[found.kind](found, marks)
        for name in sizes:
            if name not in marks.labelled:
                marks.refer(name, "image_unlabelled")
    return marks


def texts(found: layout.Layout, marks: marking.Marks) -> Iterator[Row]:
    """Rows of the table `texts`: one a record of the folder's record files, with what is measured of its text."""
    if found.kind not in {"alpaca", "jsonl", "tc609", "media"}:
        return
    measured = {c: m for c, m in tables.measured("texts").items() if m.cost in {"header", "scan"}}
    seen: dict[bytes, int] = {}
    count = 0
    for name in found.labels:
        try:
            for line, value in records.read(found, name):
                if isinstance(value, dict) and {"item", "annotator", "label"} <= set(value):
                    break
                row = records.row(value, found.kind)
                text = row.get("text")
                if found.kind == "tc609" and not text:
                    continue
                if text:
                    key = bytes.fromhex(ids.digest(text.encode("utf-8", "surrogatepass")))[:16]
                    earlier = seen.setdefault(key, count)
                    row["copy_of"] = earlier if earlier != count else None
                    row |= {column: one.compute(text) for column, one in measured.items()}
                count += 1
                yield {"path": name, "line": line, **row}
        except errors.UserError:
            marks.refer(name, "unreadable")


def standard(found: layout.Layout, marks: marking.Marks) -> Iterator[Row]:
    """Rows of the table `records`: each record of TC609-5-2025-02 with what is wrong with it."""
    if found.kind != "tc609":
        return
    files = {file.name for file in found.files if not file.fault}
    seen: set[bytes] = set()
    for name in found.labels:
        try:
            for line, value in records.read(found, name):
                row = tc609.check(value)
                if row.get("id") is not None:
                    key = bytes.fromhex(ids.digest(row["id"].encode("utf-8", "surrogatepass")))[:16]
                    row["repeated"] = key in seen
                    seen.add(key)
                row |= {"lost": ", ".join(tc609.lost(value, name, files)) or None, "time": tc609.timed(value)}
                yield {"path": name, "line": line, **row}
        except errors.UserError:
            marks.refer(name, "unreadable")
