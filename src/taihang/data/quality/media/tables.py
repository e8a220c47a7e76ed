"""Tables: what is observed of a folder, each under a name that rulebooks use, with its columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from taihang.data.quality.metrics import registry

_TEXT, _WHOLE, _NUMBER, _YES = pa.string(), pa.int64(), pa.float64(), pa.bool_()
_FILE = {"path": _TEXT, "bytes": _WHOLE, "sha256": _TEXT, "fault": _TEXT, "decoded": _YES}
_OWN: dict[str, dict[str, pa.DataType]] = {
    # A path, what it is taken for, and what is wrong with it as a file: nothing, or a word.
    "files": {"path": _TEXT, "kind": _TEXT, "bytes": _WHOLE, "fault": _TEXT},
    "images": {
        **_FILE, "format": _TEXT, "width": _WHOLE, "height": _WHOLE, "fingerprint": _WHOLE,
        "copy_of": _TEXT, "near_of": _TEXT, "near_bits": _WHOLE,
    },
    "videos": {**_FILE, "codec": _TEXT, "width": _WHOLE, "height": _WHOLE, "seen": _NUMBER, "copy_of": _TEXT},
    "audio": {**_FILE, "codec": _TEXT, "seen": _NUMBER, "copy_of": _TEXT},
    "clouds": {**_FILE, "format": _TEXT, "copy_of": _TEXT},
    # A row a column of numbers of a table over its times, and a row a path.
    "series": {**_FILE, "column": _TEXT, "rows": _WHOLE},
    "trajectories": {**_FILE, "track": _TEXT, "positions": _WHOLE},
    # Where in a film or sound something is: frozen, black, dropped, silent, clipped.
    "spans": {"path": _TEXT, "kind": _TEXT, "start_s": _NUMBER, "end_s": _NUMBER, "length_s": _NUMBER},
    "boxes": {
        "path": _TEXT, "label_file": _TEXT, "number": _WHOLE, "class": _TEXT, "declared": _YES,
        "x0": _NUMBER, "y0": _NUMBER, "x1": _NUMBER, "y1": _NUMBER, "width": _NUMBER, "height": _NUMBER,
        "image_width": _WHOLE, "image_height": _WHOLE, "outside": _NUMBER, "area_share": _NUMBER,
        "twin_iou": _NUMBER, "rival_iou": _NUMBER,
    },
    "classes": {"class": _TEXT, "declared": _YES, "boxes": _WHOLE, "images": _WHOLE, "share": _NUMBER},
    # Labels that a detector's boxes speak against: `swapped`, `shifted` (a label) and `omitted` (a detection).
    "suspects": {
        "path": _TEXT, "kind": _TEXT, "number": _WHOLE, "class": _TEXT, "seen_as": _TEXT, "suspicion": _NUMBER,
        "x0": _NUMBER, "y0": _NUMBER, "x1": _NUMBER, "y1": _NUMBER,
    },
    # What names something that is not there, or cannot be read as a label.
    "links": {"path": _TEXT, "kind": _TEXT, "id": _TEXT, "line": _WHOLE},
    # A record of TC609-5-2025-02 a row, a column a kind of fault, and the aspects that documents mention.
    "records": {
        "path": _TEXT, "line": _WHOLE, "id": _TEXT, "fault": _TEXT, "missing": _TEXT, "wrong": _TEXT, "time": _TEXT,
        "annotation_fault": _TEXT, "media_fault": _TEXT, "lost": _TEXT, "untold": _TEXT, "repeated": _YES,
        "generated": _YES,
    },
    "documents": {"path": _TEXT, "indicator": _TEXT, "aspect": _TEXT, "mentioned": _YES},
    "texts": {"path": _TEXT, "line": _WHOLE, "fault": _TEXT, "text": _TEXT, "length": _WHOLE, "copy_of": _WHOLE},
    "agreement": {
        "annotators": _TEXT, "items": _WHOLE, "shared": _WHOLE, "agreed": _NUMBER, "cohen_kappa": _NUMBER,
        "fleiss_kappa": _NUMBER, "krippendorff_alpha": _NUMBER,
    },
    # One row about the whole.
    "dataset": {
        "layout": _TEXT, "files": _WHOLE, "bytes": _WHOLE, "images": _WHOLE, "videos": _WHOLE, "audio": _WHOLE,
        "clouds": _WHOLE, "series": _WHOLE, "trajectories": _WHOLE, "texts": _WHOLE,
        "boxes": _WHOLE, "classes": _WHOLE, "labelled_share": _NUMBER, "balance": _NUMBER, "evenness": _NUMBER,
        "documents": _WHOLE,
    },
}  # fmt: skip
_MEASURED = {
    "images": "image", "videos": "video", "audio": "audio", "clouds": "points", "series": "series",
    "trajectories": "trajectory", "texts": "text",
}  # fmt: skip
# Columns that shipped rulebooks name: NULL, so not judged, where no metric of that name is registered.
_NAMED = {
    "texts": (
        "perplexity", "density", "repetition", "completeness", "missing", "purity", "coherence",
        "sensitive", "personal",
    ),
}  # fmt: skip
NAMES = tuple(_OWN)


def measured(name: str) -> dict[str, registry.Metric]:
    """The metrics that are columns of a table, by column."""
    modality = _MEASURED.get(name)
    own = _OWN[name]
    return {c: m for c, m in registry.columns(modality).items() if c not in own} if modality else {}


def schema(name: str) -> pa.Schema:
    """The columns of a table: its own, then the metrics."""
    extra = dict.fromkeys((*_NAMED.get(name, ()), *measured(name)), _NUMBER)
    return pa.schema([pa.field(column, kind) for column, kind in {**_OWN[name], **extra}.items()])


def made(name: str, rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """A table of these rows; what a row does not say is NULL."""
    listed, form = list(rows), schema(name)
    return pa.table({f.name: pa.array([row.get(f.name) for row in listed], f.type) for f in form}, schema=form)
