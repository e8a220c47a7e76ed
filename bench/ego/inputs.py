"""Where the bench finds its real inputs and keeps what it derives from them."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("TAIHANG_TEST_DATA", ROOT.parent / "shared" / "data"))
PEOPLE = DATA / "video" / "intel_one-by-one-person.mp4"
WORKER = DATA / "video" / "intel_worker-zone-detection.preview.gif"
WALK = DATA / "video" / "gopro_max-heromode.mp4"
DETECTOR = DATA / "weights" / "yolox_nano.onnx"


def cache() -> Path:
    """Folder for everything derived from footage; frames of it never enter the tree."""
    folder = Path(os.environ.get("TAIHANG_BENCH_CACHE", Path.home() / ".cache" / "taihang-bench")) / "ego"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
