"""Disk: files that are there after a power cut, or an error in one line."""

from __future__ import annotations

import concurrent.futures
import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from taihang.core import errors

# Concurrent syncs share one commit of the file system's journal: 100 files in a sixth of the time.
_TOGETHER = 8


@contextmanager
def spoken(path: Path) -> Iterator[None]:
    """Turns what the system says of `path` into one line. Raises errors.Failure."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise errors.Failure("engines:disk_full", path=path) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise errors.Failure("engines:not_writable", path=path, reason=error.strerror) from error
        raise errors.Failure("engines:disk", path=path, reason=error.strerror or str(error)) from error


def write(files: Mapping[Path, bytes]) -> None:
    """Write each file whole or not at all, and return when all of them are durable.

    A temporary name in the same folder, fsync, rename, fsync of the folder. Raises errors.Failure.
    """
    folders = {path.parent for path in files}
    for folder in sorted(folders):
        made(folder)
    if len(files) < 3:
        for item in files.items():
            _write(item)
    else:
        with concurrent.futures.ThreadPoolExecutor(_TOGETHER) as pool:
            list(pool.map(_write, files.items()))
    for folder in sorted(folders):
        sync(folder)


def settle(paths: Sequence[Path]) -> None:
    """Make files that were written before durable, and their names; one that is gone is left out.

    Raises errors.Failure.
    """
    with concurrent.futures.ThreadPoolExecutor(_TOGETHER) as pool:
        list(pool.map(_settle, paths))
    for folder in sorted({path.parent for path in paths}):
        sync(folder)


def sync(folder: Path) -> None:
    """Make the names in a folder durable. Raises errors.Failure."""
    with spoken(folder):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def made(folder: Path) -> None:
    """Make the folder and those above it, their names durable. Raises errors.Failure."""
    with spoken(folder):
        if folder.is_dir():
            return
        made(folder.parent)
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
    sync(folder.parent)


def _settle(path: Path) -> None:
    with spoken(path):
        try:
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _write(item: tuple[Path, bytes]) -> None:
    path, data = item
    with spoken(path):
        handle, temporary = tempfile.mkstemp(prefix=".part-", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(data)
                out.flush()
                os.fchmod(out.fileno(), 0o644)
                os.fsync(out.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
