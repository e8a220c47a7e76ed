"""Looking: one file of a data set turned into a row of what was measured, whatever the file is."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from concurrent import futures
from pathlib import Path
from typing import Any

import cv2
import pyarrow as pa

from taihang.core import errors, ids
from taihang.data.quality.media import clouds, filming, layout, listening, tables, timing, unfit
from taihang.data.quality.metrics.picture import Picture
from taihang.engines.media import image

Row = dict[str, Any]
TABLES = {
    "image": "images", "video": "videos", "audio": "audio", "points": "clouds", "series": "series",
    "trajectory": "trajectories",
}  # fmt: skip
_Found = tuple[list[Row], list[Row]]


@dataclasses.dataclass(frozen=True)
class Shared:
    """What all pieces of one work have in common; `threads` a piece may use."""

    root: Path
    limits: layout.Limits
    threads: int


@dataclasses.dataclass(frozen=True)
class Piece:
    """Some files of one kind."""

    kind: str
    files: tuple[layout.File, ...]


def look(shared: Shared, piece: Piece) -> dict[str, pa.Table]:
    """The rows of the files in order, and the spans found in them. No file of them ends the work."""
    one: Callable[[Path, layout.File, layout.Limits], _Found] = {
        "image": _image, "video": _video, "audio": _audio, "points": _points, "series": _series,
        "trajectory": _trajectory,
    }[piece.kind]  # fmt: skip

    def safe(file: layout.File) -> _Found:
        row: Row = {"path": file.name, "bytes": file.size, "decoded": False}
        try:
            found, spans = one(shared.root / file.name, file, shared.limits)
        except (OSError, errors.TaihangError, MemoryError, ValueError, cv2.error) as error:
            return [{**row, "fault": _word(error)}], []
        return [{**row, **more} for more in found], [{"path": file.name, **span} for span in spans]

    # OpenCV and FFmpeg leave the interpreter's lock while they work; their own threads would only wait on each other.
    cv2.setNumThreads(1)
    with futures.ThreadPoolExecutor(max(1, shared.threads)) as pool:
        found = list(pool.map(safe, piece.files))
    spans = [span for _, some in found for span in some]
    rows = [row for some, _ in found for row in some]
    return {"rows": tables.made(TABLES[piece.kind], rows), "spans": tables.made("spans", spans)}


def threads(given: int | None) -> int:
    """How many threads a piece may use."""
    return given or len(os.sched_getaffinity(0))


def _image(path: Path, file: layout.File, limits: layout.Limits) -> _Found:
    if file.size > limits.max_picture_bytes:
        with path.open("rb") as raw:
            found = image.header(raw.read(1 << 16))
        return [{**_seen(found), "fault": "large"}], []
    data = path.read_bytes()
    row: Row = {"sha256": ids.digest(data)}
    try:
        found = image.header(data)
        row |= _seen(found)
        picture = Picture(image.decode(data, found, limits.max_picture_pixels), found.bits)
    except image.BadImage as fault:
        return [{**row, "fault": fault.fault}], []
    row |= _measures("images", picture)
    row["fingerprint"] = picture.fingerprint - (1 << 64 if picture.fingerprint >> 63 else 0)
    return [{**row, "decoded": True}], []


def _seen(found: image.Header) -> Row:
    return {
        "format": found.format,
        "width": found.width,
        "height": found.height,
        "short_side": float(min(found.width, found.height)),
        "megapixels": found.width * found.height / 1e6,
        "aspect": max(found.width, found.height) / min(found.width, found.height),
        "bit_depth": float(found.bits),
    }


def _video(path: Path, file: layout.File, limits: layout.Limits) -> _Found:
    film, more = filming.film(path, limits.max_frames)
    row = {**more, **_measures("videos", film), "sha256": _digest(path), "decoded": True}
    return [row], filming.spans(film)


def _audio(path: Path, file: layout.File, limits: layout.Limits) -> _Found:
    sound, more, spans = listening.sound(path, limits.max_sound_s)
    return [{**more, **_measures("audio", sound), "sha256": _digest(path), "decoded": True}], spans


def _points(path: Path, file: layout.File, limits: layout.Limits) -> _Found:
    cloud, more = clouds.cloud(path, limits.max_points)
    return [{**more, **_measures("clouds", cloud), "sha256": _digest(path), "decoded": True}], []


def _series(path: Path, file: layout.File, limits: layout.Limits) -> _Found:
    """A row for each column of numbers."""
    same = {"sha256": _digest(path), "decoded": True}
    return [
        {"column": name, "rows": len(one.times), **_measures("series", one), **same}
        for name, one in timing.columns(path, limits.max_points)
    ], []


def _trajectory(path: Path, file: layout.File, limits: layout.Limits) -> _Found:
    """A row for each path."""
    same = {"sha256": _digest(path), "decoded": True}
    return [
        {"track": name, "positions": len(one.times), **_measures("trajectories", one), **same}
        for name, one in timing.paths(path, limits.max_points, limits.max_label_bytes)
    ], []


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return ids.digest_stream(stream)


def _measures(name: str, item: Any) -> Mapping[str, float | None]:
    return {column: one.compute(item) for column, one in tables.measured(name).items()}


def _word(error: Exception) -> str:
    if isinstance(error, (image.BadImage, unfit.Unfit)):
        return error.fault
    if isinstance(error, errors.TaihangError):
        return error.message.key.rpartition(":")[2].rpartition(".")[2]
    return "unreadable" if isinstance(error, OSError) else "memory" if isinstance(error, MemoryError) else "damaged"
