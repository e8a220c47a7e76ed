"""Locking: one writer to a log's folder, over all processes; the lock dies with its holder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from taihang.core import errors
from taihang.engines.blobs import disk


def begun(folder: Path) -> bool:
    """True when anything but the lock is there."""
    with disk.spoken(folder):
        return any(path.name != "lock" and not path.name.startswith(".part-") for path in folder.iterdir())


def locked(folder: Path) -> int:
    """An exclusive lock that ends with the process. Raises errors.UserError when another one holds it."""
    with disk.spoken(folder):
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise errors.UserError("trust:ledger.locked", path=folder) from None
    return handle
