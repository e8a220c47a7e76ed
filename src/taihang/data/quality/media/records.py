"""Records: texts a line or an element each, in JSON Lines or a JSON list (Alpaca and others), streamed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from taihang.core import errors
from taihang.data.quality.media import layout, tc609

Row = dict[str, Any]
_MOST_LINE = 16 << 20
_ALPACA = ("instruction", "input", "output")


def read(found: layout.Layout, name: str) -> Iterator[tuple[int, Any]]:
    """Number (a line, from one) and value of each record; None for what is no JSON. Raises errors.UserError."""
    path = found.root / name
    with path.open("rb") as raw:
        head = raw.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith(b"[") or (path.suffix.lower() == ".json" and not _lines(path)):
        yield from _document(path)
        return
    with path.open("rb") as raw:
        number = 0
        while line := raw.readline(_MOST_LINE + 1):
            number += 1
            if len(line) > _MOST_LINE:
                while line and not line.endswith(b"\n"):
                    line = raw.readline(_MOST_LINE + 1)
                yield number, None
            elif line.strip(b"\xef\xbb\xbf \t\r\n"):
                yield number, _value(line)


def row(value: Any, kind: layout.Kind) -> Row:
    """The text of a record, and what is wrong with it: `damaged`, `field` (one is missing), `empty`."""
    if not isinstance(value, dict):
        return {"fault": "damaged"}
    if kind == "tc609":
        text = "\n".join(content for medium, content in tc609.contents(value) if medium == "text")
        return {"text": text or None, "length": len(text), "fault": None}
    if kind == "alpaca":
        missing = [k for k in ("instruction", "output") if not isinstance(value.get(k), str)]
        parts = [str(value[k]) for k in _ALPACA if isinstance(value.get(k), str)]
    else:
        missing = []
        parts = list(_texts(value))
    text = "\n".join(part for part in parts if part.strip())
    fault = "field" if missing else None if text.strip() else "empty"
    if kind == "alpaca" and not missing and not (value["instruction"].strip() and value["output"].strip()):
        fault = "empty"
    return {"text": text, "length": len(text), "fault": fault}


def _texts(value: Any, depth: int = 0) -> Iterator[str]:
    if depth > 8:
        return
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part, depth + 1)
    elif isinstance(value, dict):
        for part in value.values():
            yield from _texts(part, depth + 1)


def _lines(path: Path) -> bool:
    """True when the first line is a whole value, so that others follow."""
    with path.open("rb") as raw:
        return _value(raw.readline(_MOST_LINE)) is not None


def _document(path: Path) -> Iterator[tuple[int, Any]]:
    limit = layout.Limits.current().max_label_bytes
    try:
        given = json.loads(layout.read(path, limit))
    except (ValueError, RecursionError):
        raise errors.UserError("data.quality.media:damaged", path=path) from None
    yield from enumerate(given if isinstance(given, list) else [given], 1)


def _value(line: bytes) -> Any:
    try:
        return json.loads(line.lstrip(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError):
        return None
