"""Synthetic: whether a video says of itself that it was rendered, so that every report says so too."""

from __future__ import annotations

import json
from pathlib import Path

import av
import av.error

from taihang.core import ids
from taihang.engines.media import live
from taihang.engines.media import probe as probing

TAG = "synthetic"
_LARGEST = 64 << 20


def is_synthetic(path: Path, probe: probing.Probe) -> bool:
    """True when the container is tagged synthetic, or the manifest beside it names these bytes."""
    return _tagged(path) or _manifested(path, probe.sha256)


def of_origin(origin: live.Origin) -> bool:
    """As `is_synthetic`, of where a live picture comes from."""
    if _says(origin.comment):
        return True
    if origin.path is None or not _beside(origin.path).is_file():
        return False
    try:
        with origin.path.open("rb") as stream:  # read whole only where a manifest may speak of it
            return _manifested(origin.path, ids.digest_stream(stream))
    except OSError:  # gone meanwhile: what was read of it is watched all the same
        return False


def _says(comment: str) -> bool:
    # The whole comment, and no other tag: a camera at an ammonia synthesis is a real one.
    return comment.strip().lower() == TAG


def _tagged(path: Path) -> bool:
    try:
        with av.open(str(path), options={"protocol_whitelist": "file"}) as container:
            return _says(container.metadata.get("comment", ""))
    except (av.error.FFmpegError, OSError):
        return False


def _manifested(path: Path, sha256: str) -> bool:
    beside = _beside(path)
    try:
        if beside.stat().st_size > _LARGEST:
            return False
        manifest = json.loads(beside.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(manifest, dict) and manifest.get("sha256") == sha256


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.stem}.synthetic.json")
