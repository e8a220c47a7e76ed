"""Detections: a detector's boxes beside the labels (COCO results), and the labels that they speak against."""

from __future__ import annotations

import collections
import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from taihang.core import errors
from taihang.data.quality.media import layout, marking
from taihang.data.quality.metrics import suspects
from taihang.data.quality.metrics.boxes import Marked

Row = dict[str, Any]


def rows(found: layout.Layout, marks: marking.Marks) -> Iterator[Row]:
    """Rows of the table `suspects`: what speaks against labels, and a row `agreed` for each image compared."""
    if found.kind != "coco" or not found.also:
        return
    seen: dict[str, list[tuple[list[float], str, float]]] = collections.defaultdict(list)
    for name in found.also:
        _read(found, name, marks, seen)
    labelled: dict[str, list[marking.Box]] = collections.defaultdict(list)
    for box in marks.boxes:
        labelled[box.image].append(box)
    images = [name for name in seen if name in marks.sizes]
    labels = [Marked(_corners([[b.x0, b.y0, b.x1, b.y1] for b in labelled[i]]), tuple(b.name for b in labelled[i]))
              for i in images]  # fmt: skip
    detected = [
        suspects.Detected(_corners([c for c, _, _ in seen[i]]), tuple(n for _, n, _ in seen[i]),
                          np.array([s for _, _, s in seen[i]], np.float64))
        for i in images
    ]  # fmt: skip
    yield from ({"path": image, "kind": "agreed", "suspicion": 0.0} for image in images)
    for one in suspects.suspects(labels, detected):
        image = images[one.image]
        at = seen[image][one.number][0] if one.kind == "omitted" else labels[one.image].corners[one.number].tolist()
        own = None if one.kind == "omitted" else labelled[image][one.number]
        yield {
            "path": image, "kind": one.kind, "number": own.number if own else None, "class": own.name if own else None,
            "seen_as": one.name, "suspicion": one.suspicion, "x0": at[0], "y0": at[1], "x1": at[2], "y1": at[3],
        }  # fmt: skip


def _read(found: layout.Layout, name: str, marks: marking.Marks, seen: dict[str, Any]) -> None:
    try:
        given = json.loads(layout.read(found.root / name, layout.Limits.current().max_label_bytes))
    except (ValueError, RecursionError, errors.UserError):
        marks.refer(name, "unreadable")
        return
    for one in given if isinstance(given, list) else []:
        box, score = (one.get("bbox"), marking.number(one.get("score"))) if isinstance(one, dict) else (None, math.nan)
        values = [marking.number(v) for v in box] if isinstance(box, list) and len(box) == 4 else [math.nan]
        key, kind = (one.get("image_id"), one.get("category_id")) if isinstance(one, dict) else (None, None)
        known = isinstance(key, (int, str)) and isinstance(kind, (int, str))
        if not known or key not in marks.images or math.isnan(score) or any(map(math.isnan, values)):
            marks.refer(name, "detection_unreadable", key)
            continue
        x, y, width, height = values
        shown = marks.names.get(kind, str(kind))
        seen[marks.images[key]].append(([x, y, x + width, y + height], shown, min(max(score, 0.0), 1.0)))


def _corners(given: list[list[float]]) -> Any:
    return np.array(given, np.float64).reshape(-1, 4)
