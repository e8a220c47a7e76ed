"""Layout: which kind of data set a folder is, by what is in it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pydantic

from taihang.core import errors, settings
from taihang.data.quality.media import clouds, timing
from taihang.engines.media import image
from taihang.engines.sources import paths

Kind = Literal["coco", "yolo", "voc", "tc609", "alpaca", "jsonl", "media", "points", "series", "trajectory"]
Taken = Literal["series", "trajectory"]
VIDEOS = frozenset({".mp4", ".mov", ".mkv", ".avi", ".ts", ".m4v", ".flv", ".wmv", ".webm", ".mpg", ".mpeg"})
SOUNDS = frozenset({".wav", ".mp3", ".flac", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".wma", ".amr"})
_TABLES = frozenset({".parquet", ".pq", ".csv", ".tsv", ".arrow", ".feather", ".ipc", ".avro", ".orc"})
_HEAD = 1 << 16
_NAMES = {"classes.txt", "obj.names", "labels.txt", "predefined_classes.txt"}


class Limits(settings.Section):
    """`[dataset]` of the settings: how much of a folder is looked at.

    `max_files` of a folder; `max_picture_pixels` of a picture that is decoded, larger ones are judged by
    their header; `max_picture_bytes` of a picture's file; `max_label_bytes` of one file of labels or records;
    `max_points` of a cloud, series or path, of which a larger one is not measured;
    `max_sound_s` and `max_frames` of one sound or film, beyond which parts spread evenly are looked at.
    """

    name = "dataset"
    max_files: int = pydantic.Field(default=2_000_000, ge=1)
    max_picture_pixels: int = pydantic.Field(default=100_000_000, ge=1)
    max_picture_bytes: int = pydantic.Field(default=512 << 20, ge=1)
    max_label_bytes: int = pydantic.Field(default=1 << 30, ge=1)
    max_points: int = pydantic.Field(default=10_000_000, ge=1)
    max_sound_s: float = pydantic.Field(default=300.0, gt=0)
    max_frames: int = pydantic.Field(default=1500, ge=50)
    batch: int = pydantic.Field(default=128, ge=1, le=10_000)


@dataclasses.dataclass(frozen=True)
class File:
    """A file below the folder: its name there, and its kind.

    `image`, `video`, `audio`, `points`, `series`, `trajectory`, `text`, `label` or `other`.
    """

    name: str
    kind: str
    size: int
    changed_ns: int
    fault: str = ""


@dataclasses.dataclass(frozen=True)
class Layout:
    """A folder that was recognised; `labels` are the names of the files that hold labels, `also` of class names."""

    root: Path
    kind: Kind
    files: tuple[File, ...]
    labels: tuple[str, ...] = ()
    also: tuple[str, ...] = ()

    def of(self, kind: str) -> list[File]:
        """The sound files of a kind, in order of their names."""
        return [file for file in self.files if file.kind == kind and not file.fault]


def recognise(root: Path, taken: Taken | None = None) -> Layout | None:  # noqa: PLR0911 - a layout each
    """The layout of a folder; None when it is no data set of media, labels or texts, but perhaps of tables.

    `taken`: its tables are time series, or paths, and nothing else in it is looked at. Raises errors.UserError
    for a folder of too many files, one that cannot be listed, or one that holds nothing of what it is taken for.
    """
    files = [_file(root, path, reason) for path, reason in paths.files(root, Limits.current().max_files)]
    if taken is not None:
        return _taken(root, taken, files)
    suffixes = {Path(f.name).suffix.lower() for f in files if not f.fault}
    measured = {f.kind for f in files if not f.fault} & {"image", "video", "audio", "points", "trajectory"}
    media = bool(measured)
    if not media and suffixes & _TABLES:
        return None
    by_name = {f.name: f for f in files if not f.fault}
    documents = [n for n in by_name if n.lower().endswith(".json")]
    coco = tuple(n for n in documents if _looks_coco(root / n))
    if coco:
        return _labelled(root, "coco", files, coco, tuple(n for n in documents if _looks_found(_head(root / n))))
    voc = tuple(n for n in by_name if n.lower().endswith(".xml") and b"<annotation" in _head(root / n))
    if voc:
        return _labelled(root, "voc", files, voc, _class_files(by_name))
    images = {str(Path(f.name).with_suffix("")) for f in files if f.kind == "image"}
    yaml = [n for n in by_name if Path(n).name in {"data.yaml", "data.yml", "dataset.yaml"}]
    yolo = tuple(n for n in by_name if n.endswith(".txt") and Path(n).name not in _NAMES and _paired(n, images, yaml))
    if yolo and (media or yaml):
        return _labelled(root, "yolo", files, yolo, (*yaml, *_class_files(by_name)))
    records = tuple(n for n in by_name if n.lower().endswith((".jsonl", ".ndjson")) or n in documents)
    kinds = {n: found for n in records if (found := _records(root / n))}
    if "tc609" in kinds.values():
        return _labelled(root, "tc609", files, tuple(n for n, found in kinds.items() if found == "tc609"))
    if kinds and not media:
        kind: Kind = "alpaca" if "alpaca" in kinds.values() else "jsonl"
        return _labelled(root, kind, files, tuple(kinds))
    if not media:
        return None
    alone: Kind = "points" if measured == {"points"} else "trajectory" if measured == {"trajectory"} else "media"
    return Layout(root, alone, tuple(files), tuple(kinds))


def _taken(root: Path, taken: Taken, files: list[File]) -> Layout:
    """Tables as series or paths; documents of paths too when these are asked for."""
    known = timing.TABLES | (timing.PATHS if taken == "trajectory" else frozenset())
    kept = [dataclasses.replace(f, kind=taken if Path(f.name).suffix.lower() in known else "other") for f in files]
    if not any(f.kind == taken for f in kept):
        raise errors.UserError("data.quality.media:not_taken", path=root, suffixes=", ".join(sorted(known)))
    return Layout(root, taken, tuple(kept))


def _file(root: Path, path: Path, reason: str) -> File:
    status, suffix = path.lstat(), path.suffix.lower()
    kind = (
        "image" if suffix in image.SUFFIXES else "video" if suffix in VIDEOS else "audio" if suffix in SOUNDS
        else "points" if suffix in clouds.SUFFIXES else "trajectory" if suffix in timing.PATHS
        else "text" if suffix in {".txt", ".jsonl", ".json", ".ndjson", ".md"} else "other"
    )  # fmt: skip
    return File(path.relative_to(root).as_posix(), kind, status.st_size, status.st_mtime_ns, reason)


def _labelled(root: Path, kind: Kind, files: list[File], labels: tuple[str, ...], also: tuple[str, ...] = ()) -> Layout:
    known = {*labels, *also}
    marked = tuple(dataclasses.replace(f, kind="label") if f.name in known else f for f in files)
    return Layout(root, kind, marked, labels, also)


def _class_files(by_name: Mapping[str, File]) -> tuple[str, ...]:
    return tuple(n for n in by_name if Path(n).name in _NAMES)


def _paired(name: str, images: set[str], yaml: list[str]) -> bool:
    bare = str(Path(name).with_suffix(""))
    parts = Path(bare).parts
    swapped = str(Path(*["images" if p == "labels" else p for p in parts]))
    return bare in images or swapped in images or (bool(yaml or images) and "labels" in parts)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as raw:
            return raw.read(_HEAD)
    except OSError:
        return b""


def _looks_coco(path: Path) -> bool:
    head = _head(path).lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head.startswith(b"{"):
        return False
    if len(head) < _HEAD - 8:
        try:
            return {"images", "annotations"} <= set(json.loads(head))
        except (ValueError, RecursionError):
            return b'"annotations"' in head and b'"images"' in head
    # In a long document one of the lists may come first and hide the other.
    return any(f'"{word}"'.encode() in head for word in ("annotations", "images")) and (
        b'"file_name"' in head or b'"bbox"' in head or b'"categories"' in head
    )


def _looks_found(head: bytes) -> bool:
    """True for detections in COCO's form of results: a list of boxes with scores."""
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[") and b'"score"' in head and b'"image_id"' in head


def _records(path: Path) -> str:
    """What a file's first record is: `tc609`, `alpaca`, `marks`, `jsonl` (any other object of texts) or nothing."""
    head = _head(path).lstrip(b"\xef\xbb\xbf \t\r\n")
    line = head.split(b"\n", 1)[0].strip()
    try:
        if head.startswith(b"["):
            first, _ = json.JSONDecoder().raw_decode(head[1:].decode("utf-8", "replace").lstrip())
        else:
            first = json.loads(line)
    except (ValueError, RecursionError):
        return "jsonl" if path.suffix.lower() in {".jsonl", ".ndjson"} else ""
    return _record(first)


def _record(first: Any) -> str:
    if not isinstance(first, dict):
        return ""
    if "data_content" in first:
        return "tc609"
    if {"item", "annotator", "label"} <= set(first):
        return "marks"
    if "instruction" in first and "output" in first:
        return "alpaca"
    words = {"text", "content", "prompt", "response", "question", "answer", "messages", "conversations", "input"}
    return "jsonl" if words & set(first) else ""


def read(path: Path, limit: int) -> bytes:
    """A file of labels or records. Raises errors.UserError for one over the limit or that cannot be read."""
    try:
        if path.stat().st_size > limit:
            raise errors.UserError("data.quality.media:large", path=path, limit=limit)
        return path.read_bytes()
    except OSError as error:
        raise errors.UserError(
            "data.quality.media:unreadable", path=path, reason=error.strerror or str(error)
        ) from error
