"""Folder: what makes a folder a node's own: a lock, the secret of its lot, lists that grow."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

from taihang.core import errors
from taihang.engines import stages


def alone(folder: Path) -> TextIO:
    """A lock on the folder, held until it is closed. Raises errors.Conflict when another node has it."""
    lock = (folder / "lock").open("w", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise errors.Conflict("use.video:edge.busy", path=folder) from None
    return lock


def lot(file: Path) -> bytes:
    """The secret of the audit's lot, made once."""
    if file.is_file() and len(key := file.read_bytes()) >= 16:
        return key
    key = os.urandom(32)
    stages.write_bytes(file, key)
    file.chmod(0o600)
    return key


def log(file: Path, row: Mapping[str, Any]) -> None:
    """Add a line. Raises errors.Failure when the disk does not take it."""
    with stages.disk(file), file.open("a", encoding="utf-8") as out:
        out.write(json.dumps(row, ensure_ascii=False) + "\n")


def tried(work: Callable[[], bool | None]) -> tuple[bool, str]:
    """Do what writes, and tell why the disk did not take it: whoever watches goes on watching and warning."""
    try:
        return work() is not False, ""
    except errors.Failure as error:
        return False, str(error)
