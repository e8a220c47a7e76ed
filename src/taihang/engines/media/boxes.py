"""The outermost boxes of an ISO media file (ISO/IEC 14496-12, 4.2), and why a file cannot be opened."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path

from taihang.core import errors

_MOST = 10_000
_FIRST = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp"}
_PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"[playlist]", b"v=0", b"<MPD", b"<?xml", b"[InternetShortcut]", b"<smil")


def outermost(path: Path) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and declared end of each outermost box, in file order; stops at nonsense.

    The end may lie past the end of the file: then the file was cut.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = 0
        for _ in range(_MOST):
            if start >= size:
                return
            file.seek(start)
            head = file.read(16)
            if len(head) < 8:
                return
            length, kind = struct.unpack(">I4s", head[:8])
            if length == 1 and len(head) == 16:
                length = struct.unpack(">Q", head[8:])[0]
            elif length == 0:
                length = size - start
            if length < 8:
                return
            yield kind, start, start + length
            start += length


def explain(path: str | os.PathLike[str], where: Path, error: Exception) -> errors.UserError:
    """Why FFmpeg could not open the file, in words of the one who gave it."""
    shown = str(path)
    if isinstance(error, PermissionError):
        return errors.UserError("engines.media:unreadable", path=shown, reason=os.strerror(13))
    with where.open("rb") as file:
        head = file.read(4096)
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(_PLAYLISTS):
        return errors.UserError("engines.media:playlist", path=shown)
    kinds = [kind for kind, _, _ in outermost(where)]
    if kinds and kinds[0] in _FIRST and b"moov" not in kinds:
        return errors.UserError("engines.media:no_index", path=shown)
    if _is_text(head):
        return errors.UserError("engines.media:text", path=shown)
    return errors.UserError("engines.media:unknown", path=shown)


def _is_text(head: bytes) -> bool:
    if b"\0" in head:
        return False
    try:
        head[: max(0, len(head) - 4)].decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
