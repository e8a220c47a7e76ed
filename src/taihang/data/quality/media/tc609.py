"""TC609-5-2025-02: records of a high-quality data set in JSON Lines, read, checked and written.

The text of the document could not be read: fields, types and the values of enumerations are those that
the public Dingo project checks and documents (Apache-2.0, its pages on TC609), as a secondary source.
"""

from __future__ import annotations

import json
import math
import posixpath
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from taihang.core import errors
from taihang.engines import stages

Row = dict[str, Any]
FIELDS: dict[str, tuple[tuple[type, ...], bool]] = {
    # The types of a value, and whether null may stand in its place.
    "id": ((str,), False),
    "rid": ((list,), True),
    "data_content": ((list,), False),
    "annotation": ((dict,), True),
    "original_time": ((str,), False),
    "last_modified_time": ((str,), False),
    "version": ((str,), False),
    "license": ((str,), False),
    "source": ((str,), False),
    "source_details": ((str,), False),
    "generated_data_indicator": ((int,), False),
}
METHODS = frozenset({"人工标注", "自动标注", "半自动标注", "其他"})
ANNOTATORS = frozenset({"普通标注员", "专业标注员", "行业领域专家", "其他"})
_TIME = re.compile(r"\d{4}-\d{1,2}-\d{1,2}(?:[ T]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?")


def check(value: Any) -> Row:
    """What is wrong with one record, a column a kind of fault: NULL where nothing is.

    `missing` and `wrong` name fields; `annotation_fault` and `media_fault` name the part; `untold` names
    fields of origin that are blank.
    """
    if not isinstance(value, dict):
        return {"fault": "damaged"}
    missing = [name for name in FIELDS if name not in value]
    wrong = [name for name in FIELDS if name in value and not _fits(value[name], *FIELDS[name])]
    return {
        "id": value.get("id") if isinstance(value.get("id"), str) else None,
        "missing": ", ".join(missing) or None,
        "wrong": ", ".join(wrong) or None,
        "annotation_fault": _annotation(value.get("annotation")),
        "media_fault": _media(value.get("data_content")),
        "untold": ", ".join(n for n in ("license", "source", "source_details") if _blank(value.get(n))) or None,
        "generated": value.get("generated_data_indicator") == 1,
    }


def contents(value: Any) -> list[tuple[str, str]]:
    """The media type and content of each part of a record, of those that have both."""
    parts = value.get("data_content") if isinstance(value, dict) else None
    return [
        (part["media_type"], part["content"])
        for part in (parts if isinstance(parts, list) else [])
        if isinstance(part, dict) and isinstance(part.get("media_type"), str) and isinstance(part.get("content"), str)
    ]


def lost(value: Any, name: str, files: Collection[str]) -> list[str]:
    """Files that a record names and that are not in the folder; its own file `name` tells where it stands."""
    found = []
    for kind, content in contents(value):
        if kind == "text" or "://" in content:
            continue
        here = posixpath.dirname(name)
        tried = {posixpath.normpath(content), posixpath.normpath(posixpath.join(here, content))}
        if not tried & set(files):
            found.append(content)
    return found


def write(path: Path, records: Iterable[Mapping[str, Any]]) -> int:
    """Write records as UTF-8 JSON Lines, whole or not at all; returns how many.

    Raises errors.UserError for the first record that is not in order, and for an id that repeats.
    """
    lines: list[str] = []
    seen: set[str] = set()
    for number, record in enumerate(records, 1):
        faults = {k: v for k, v in check(dict(record)).items() if v and k not in {"id", "generated"}}
        if not faults and record["id"] in seen:
            faults = {"id": record["id"]}
        if faults:
            what = "; ".join(f"{name}: {value}" for name, value in faults.items())
            raise errors.UserError("data.quality.media:tc609.record", path=path, number=number, what=what)
        seen.add(record["id"])
        lines.append(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n")
    stages.write_bytes(path, "".join(lines).encode())
    return len(lines)


def _fits(value: Any, kinds: tuple[type, ...], null: bool) -> bool:
    if value is None:
        return null
    if isinstance(value, bool) or not isinstance(value, kinds):
        return False
    return not (isinstance(value, float) and not math.isfinite(value))


def _annotation(value: Any) -> str | None:
    if not isinstance(value, dict):
        return None  # of a wrong type, or none at all: `wrong` tells the former
    if not isinstance(value.get("label"), list) or not value["label"]:
        return "label"
    if value.get("annotation_method") not in {*METHODS, None}:
        return "annotation_method"
    return None if value.get("annotator") in {*ANNOTATORS, None} else "annotator"


def _media(value: Any) -> str | None:
    if not isinstance(value, list):
        return None
    if not value:
        return "data_content"
    for part in value:
        if not isinstance(part, dict) or not isinstance(part.get("media_type"), str):
            return "media_type"
        if _blank(part.get("content")):
            return "content"
    return None


def _blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def timed(value: Any) -> str | None:
    """The field of time whose text is no day (and time) as ISO 8601 or a like form writes it; None when both are."""
    for name in ("original_time", "last_modified_time"):
        given = value.get(name) if isinstance(value, dict) else None
        if isinstance(given, str) and not _TIME.fullmatch(given.strip()):
            return name
    return None
