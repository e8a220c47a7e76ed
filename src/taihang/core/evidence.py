"""Evidence: a hash-bound pointer into an asset, with the version of whatever produced it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pydantic

from taihang.core import words

Covers = Literal["file", "pixels", "table", "text"]


class Digest(words.Word):
    """A SHA-256 and the bytes it covers.

    `file`: every byte of the named file. `pixels`: the decoded frame as RGB, 8 bits a channel,
    row by row from the top left, after rotation and before anything is drawn on it.
    `table`: the Arrow IPC stream of the rows. `text`: the UTF-8 text.
    """

    sha256: words.Sha256
    covers: Covers
    file: str | None = None


class Box(words.Word):
    """A box in pixels of the shown (rotated) frame; `x1`, `y1` are exclusive."""

    x0: float
    y0: float
    x1: float
    y1: float
    label: str = ""
    score: float | None = None
    track: int | None = None


class Outline(words.Word):
    """A polygon in pixels of the shown frame, such as a zone."""

    points: tuple[tuple[float, float], ...]
    label: str = ""


def _told(schema: dict[str, Any]) -> None:
    """Its kind tells evidence apart, so it must be there though it is always the same."""
    if "kind" in schema.get("properties", {}) and "kind" not in schema.setdefault("required", []):
        schema["required"].append("kind")


class _Pointer(words.Word):
    model_config = pydantic.ConfigDict(json_schema_extra=_told)

    asset: words.Sha256
    produced_by: tuple[words.Producer, ...] = ()


class Rows(_Pointer):
    """Rows of a table, by zero-based position."""

    kind: Literal["rows"] = "rows"
    table: str
    rows: tuple[int, ...]
    total: int
    digest: Digest | None = None


class Frame(_Pointer):
    """One frame of a video: its presentation time, its number in presentation order."""

    kind: Literal["frame"] = "frame"
    time_s: float
    pts: int
    number: int
    width: int
    height: int
    boxes: tuple[Box, ...] = ()
    outlines: tuple[Outline, ...] = ()
    digests: tuple[Digest, ...] = ()
    file: str | None = None


class Span(_Pointer):
    """A time span of a video or a series; `file` is a clip of it."""

    kind: Literal["span"] = "span"
    start_s: float
    end_s: float
    digests: tuple[Digest, ...] = ()
    file: str | None = None


class Clause(_Pointer):
    """A clause of a contract or regulation."""

    kind: Literal["clause"] = "clause"
    document: str
    number: str
    digest: Digest | None = None


class Entry(_Pointer):
    """An entry of a log."""

    kind: Literal["entry"] = "entry"
    log: str
    number: int


Evidence = Annotated[Rows | Frame | Span | Clause | Entry, pydantic.Field(discriminator="kind")]
