"""Reading: what can be masked: any table, and plain texts as a table of one text a file."""

from __future__ import annotations

from pathlib import Path

from taihang.engines.sources import opening, plaintext
from taihang.engines.sources import source as sourcing


def open(spec: str) -> sourcing.Source:
    """The source of a path or an address; a `.txt` or `.md` file, and a folder of them, are texts."""
    path = Path(spec)
    if path.is_file() and path.suffix.lower() in plaintext.SUFFIXES and path.stat().st_size:
        return plaintext.Plaintext(path)
    if path.is_dir() and plaintext.mostly(path, opening.SUFFIXES):
        return plaintext.Plaintext(path)
    return opening.open(spec)
