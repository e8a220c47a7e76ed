"""Lakes: how a folder is known for a Delta or an Iceberg table, without the library that reads it."""

from __future__ import annotations

import re
from pathlib import Path

DELTA_LOG = "_delta_log"
METADATA = "metadata"


def is_delta(folder: Path) -> bool:
    """True for a folder with Delta Lake's log."""
    return (folder / DELTA_LOG).is_dir()


def iceberg_metadata(folder: Path) -> Path | None:
    """The newest metadata file of a table's folder: the hint's, else that of the highest number."""
    inside = folder / METADATA
    if not inside.is_dir():
        return None
    listed = [p for p in inside.iterdir() if p.name.endswith(".metadata.json") and p.is_file()]
    hint = inside / "version-hint.text"
    if hint.is_file() and hint.stat().st_size < 100:
        wanted = f"v{hint.read_text(encoding='utf-8', errors='replace').strip()}.metadata.json"
        listed = [p for p in listed if p.name == wanted] or listed

    def number(path: Path) -> tuple[int, float]:
        digits = re.match(r"v?(\d+)", path.name)
        return (int(digits[1]) if digits else -1, path.stat().st_mtime)

    return max(listed, key=number, default=None)
