"""Journal: where appended entries are durable before they are published as tiles.

One local file, `journal-<first entry>`, of frames: a mark, the payload's length, the number of its
first entry, 16 bytes of SHA-256 over number and payload, and the payload in the form of a bundle. One
frame is one sync, so a frame that is broken while a good one follows was acknowledged and then damaged;
a broken last frame was never acknowledged and is cut off.
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
from collections.abc import Sequence
from pathlib import Path

from taihang.core import errors
from taihang.engines.blobs import disk
from taihang.trust.ledger import forged, tiles

_HEAD = struct.Struct(">4sIQ16s")
_MARK = b"THJ1"
LARGEST_FRAME = 1 << 26
_NAME = re.compile(r"journal-([0-9]{20})")


class Journal:
    """The open journal; whoever holds it is the only writer."""

    def __init__(self, folder: Path, first: int, length: int, size: int) -> None:
        """`size` entries stand in the log; the good part of the file is `length` bytes long."""
        self.path = folder / f"journal-{first:020}"
        self.size = size
        self._length = length
        self._broken = False
        with disk.spoken(self.path):
            self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
            os.ftruncate(self._handle, length)
            os.fsync(self._handle)
        disk.sync(folder)

    def append(self, entries: Sequence[bytes]) -> None:
        """Write entries and sync. On return they are durable; on errors.Failure none of them is there."""
        if self._broken:
            raise errors.Failure("trust:ledger.broken", path=self.path)
        payload = tiles.bundle(entries)
        frame = _HEAD.pack(_MARK, len(payload), self.size, _digest(self.size, payload)) + payload
        with disk.spoken(self.path):
            try:
                self._write(frame)
            except BaseException:
                self._undo()
                raise
            try:
                os.fdatasync(self._handle)
            except BaseException:
                # What a failed sync left on the disk is unknown, and a second one may claim success.
                self._undo()
                self._broken = True
                raise
        self._length += len(frame)
        self.size += len(entries)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._handle)

    def _write(self, frame: bytes) -> None:
        rest, place = memoryview(frame), self._length
        while rest:
            done = os.pwrite(self._handle, rest, place)
            rest, place = rest[done:], place + done

    def _undo(self) -> None:
        try:
            os.ftruncate(self._handle, self._length)
            os.fsync(self._handle)
        except OSError:
            self._broken = True


def recover(folder: Path, published: int) -> tuple[list[bytes], int, int]:
    """What the journals hold beyond the `published` entries: (entries, first of the last file, its good length).

    Raises forged.Forged when acknowledged entries are damaged or missing.
    """
    with disk.spoken(folder):
        files = sorted((int(m[1]), p) for p in folder.iterdir() if (m := _NAME.fullmatch(p.name)))
    if not files:
        raise forged.Forged("trust:ledger.missing", where=folder / f"journal-{published:020}")
    waiting: list[bytes] = []
    first, length, size = published, 0, published
    for number, (first, path) in enumerate(files):
        if first > size:
            raise forged.Forged("trust:ledger.journal_gap", where=path, found=first, right=size)
        with disk.spoken(path):
            data = path.read_bytes()
        frames, length = _frames(data, path, last=number == len(files) - 1)
        end = first
        for start, entries in frames:
            if start != end:
                raise forged.Forged("trust:ledger.journal_gap", where=path, found=start, right=end)
            end = start + len(entries)
            waiting += entries[max(0, size - start) :]
            size = max(size, end)
    if end < published:
        # Published entries were all in a journal first, and the last journal starts where they end.
        raise forged.Forged("trust:ledger.journal_gap", where=path, found=end, right=published)
    return waiting, first, length


def drop(folder: Path, below: int) -> None:
    """Delete the journals whose entries are all published: those that start before entry `below`."""
    with disk.spoken(folder):
        for path in folder.iterdir():
            found = _NAME.fullmatch(path.name)
            if found and int(found[1]) < below:
                path.unlink(missing_ok=True)


def _frames(data: bytes, path: Path, *, last: bool) -> tuple[list[tuple[int, list[bytes]]], int]:
    found, place = [], 0
    while place < len(data):
        frame = _frame(data, place)
        if frame is None:
            # Only the last frame of the last file can have been under way when the power went.
            if not last or _another(data, place + 1):
                raise forged.Forged("trust:ledger.journal_frame", where=path, place=place)
            break
        start, payload = frame
        found.append((start, tiles.entries(payload, path)))
        place += _HEAD.size + len(payload)
    return found, place


def _frame(data: bytes, place: int) -> tuple[int, bytes] | None:
    if place + _HEAD.size > len(data):
        return None
    mark, length, start, digest = _HEAD.unpack_from(data, place)
    payload = data[place + _HEAD.size : place + _HEAD.size + length]
    if mark != _MARK or length > LARGEST_FRAME or len(payload) != length or _digest(start, payload) != digest:
        return None
    return start, payload


def _another(data: bytes, place: int) -> bool:
    """True when a whole frame stands anywhere behind `place`."""
    while (place := data.find(_MARK, place)) >= 0:
        if _frame(data, place) is not None:
            return True
        place += 1
    return False


def _digest(start: int, payload: bytes) -> bytes:
    return hashlib.sha256(struct.pack(">Q", start) + payload).digest()[:16]
