"""Home: where Taihang keeps what it works with."""

from __future__ import annotations

import os
from pathlib import Path


def folder() -> Path:
    """`TAIHANG_HOME`, else `.taihang` in the working folder."""
    return Path(os.environ.get("TAIHANG_HOME") or ".taihang")
