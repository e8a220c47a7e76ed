"""Traces: reading what is on the disk, byte by byte, for what must not be there any more."""

from __future__ import annotations

import dataclasses
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

_PIECE = 4 << 20
_WINDOW = 48
_WINDOWS = 16
# What all sorts of files hold, such as runs of one byte, is no trace of this one.
_LEAST_DIFFERENT = 12


@dataclasses.dataclass(frozen=True, slots=True)
class Probes:
    """Byte strings by what they are a trace of."""

    rows: tuple[bytes, ...] = ()
    content: tuple[bytes, ...] = ()
    hash: tuple[bytes, ...] = ()

    def groups(self) -> Mapping[str, tuple[bytes, ...]]:
        """Name → probes."""
        return {"rows": self.rows, "content": self.content, "hash": self.hash}


def windows(source: BinaryIO, size: int) -> Iterator[bytes]:
    """Some pieces of a file that tell it from others, spread over it."""
    step = max(_WINDOW, size // _WINDOWS)
    for start in range(0, max(size - _WINDOW, 0) + 1, step):
        source.seek(start)
        piece = source.read(_WINDOW)
        if len(piece) >= 24 and len(set(piece)) >= _LEAST_DIFFERENT:
            yield piece


def search(path: Path, probes: Probes) -> dict[str, int]:
    """How often each kind of probe is in a file; symbolic links are not followed. Raises OSError."""
    found = dict.fromkeys(probes.groups(), 0)
    longest = max((len(p) for group in probes.groups().values() for p in group), default=1)
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        tail = b""
        while piece := file.read(_PIECE):
            data = tail + piece
            for name, group in probes.groups().items():
                # What lies in the tail alone was counted with the piece before.
                found[name] += sum(data.count(p) - tail.count(p) for p in group)
            tail = data[-(longest - 1) :] if longest > 1 else b""
    return found


def files(folder: Path) -> Iterator[Path]:
    """All regular files below a folder; symbolic links are not followed."""
    for place, names, here in os.walk(folder):
        names.sort()
        for name in sorted(here):
            path = Path(place) / name
            if stat.S_ISREG(path.lstat().st_mode):
                yield path


def found(paths: Iterable[Path], probes: Probes) -> tuple[int, dict[str, int]]:
    """Bytes read and traces in many files; one that vanished meanwhile holds nothing."""
    total, size = dict.fromkeys(probes.groups(), 0), 0
    for path in paths:
        try:
            size += path.lstat().st_size
            for name, count in search(path, probes).items():
                total[name] += count
        except FileNotFoundError:
            continue
    return size, total
