"""Synthetic: whether a video says of itself that it was rendered, so that every report says so too."""

from __future__ import annotations

import json
from pathlib import Path

import av
import av.error

from taihang.engines.media import probe as probing

_LARGEST = 64 << 20


def is_synthetic(path: Path, probe: probing.Probe) -> bool:
    """True when the container is tagged synthetic, or the manifest beside it names these bytes."""
    return _tagged(path) or _manifested(path, probe.sha256)


def _tagged(path: Path) -> bool:
    try:
        with av.open(str(path), options={"protocol_whitelist": "file"}) as container:
            return any("synthetic" in str(v).lower() for v in container.metadata.values())
    except (av.error.FFmpegError, OSError):
        return False


def _manifested(path: Path, sha256: str) -> bool:
    beside = path.with_name(f"{path.stem}.synthetic.json")
    try:
        if beside.stat().st_size > _LARGEST:
            return False
        manifest = json.loads(beside.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(manifest, dict) and manifest.get("sha256") == sha256
