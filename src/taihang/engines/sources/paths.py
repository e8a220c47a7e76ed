"""Paths: what a user named, as a regular file or a folder of them that may be read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from taihang.core import errors, ids
from taihang.engines.sources import limits


def shown(path: Path) -> str:
    r"""The path as text; bytes of a name that are not UTF-8, which no report can hold, as \xNN."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def existing(given: str) -> Path:
    """The path of a regular, readable, non-empty file or of a folder; links that the user names are followed.

    Raises errors.UserError: missing, no right to read, a device or a pipe, empty, a name that is no text.
    """
    path = Path(given)
    if shown(path) != str(path):
        raise errors.UserError("engines.sources:no_utf8", path=shown(path))
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise errors.UserError("engines.sources:missing", path=given) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise errors.UserError("engines.sources:unreadable", path=given, reason=reason) from None
    if stat.S_ISDIR(status.st_mode):
        return path
    if not stat.S_ISREG(status.st_mode):
        raise errors.UserError("engines.sources:not_regular", path=given)
    if status.st_size == 0:
        raise errors.UserError("engines.sources:empty", path=given)
    if not os.access(path, os.R_OK):
        raise errors.UserError("engines.sources:unreadable", path=given, reason=os.strerror(13))
    return path


def files(folder: Path, most: int | None = None) -> Iterator[tuple[Path, str]]:
    """Regular files below a folder in order of name, each with why it is left out (or an empty text).

    Links are never followed: they could lead out of the folder or in circles. Hidden files and what
    engines leave beside their data (`_SUCCESS`, `_delta_log`) are passed over in silence.
    Raises errors.UserError for a folder of more files than `most`, or than the setting sources.max_files.
    """
    most = most or limits.Limits.current().max_files
    seen = 0
    for here, below, names in os.walk(folder, onerror=_told):
        linked = sorted(n for n in below if Path(here, n).is_symlink())
        below[:] = sorted(n for n in below if not n.startswith((".", "_")) and n not in linked)
        yield from ((Path(here, name), "link") for name in linked)
        for name in sorted(names):
            if name.startswith((".", "_")):
                continue
            seen += 1
            if seen > most:
                raise errors.UserError("engines.sources:many_files", path=folder, limit=most)
            path = Path(here, name)
            status = path.lstat()
            kind = "" if stat.S_ISREG(status.st_mode) else "link" if stat.S_ISLNK(status.st_mode) else "special"
            yield path, kind if kind or status.st_size else "empty"


def digest(path: Path) -> tuple[str, int]:
    """SHA-256 and size of a file."""
    with path.open("rb") as stream:
        return ids.digest_stream(stream), path.stat().st_size


def _told(error: OSError) -> None:
    raise errors.UserError("engines.sources:unreadable", path=error.filename, reason=error.strerror or str(error))
