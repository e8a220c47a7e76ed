"""Reader: a blob as a stream that is hashed as it is read, so that a cut or changed one is noticed."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable
from typing import Any

from taihang.engines.blobs import blob

BUFFER = 4 << 20


class Reader(io.RawIOBase):
    """Reads by `fetch(start, end)`. Whoever reads from start to end gets all bytes checked; a jump checks nothing.

    Raises blob.Damaged when a part is shorter than it should be, or when the whole does not have the hash.
    """

    def __init__(self, fetch: Callable[[int, int], bytes], size: int, sha256: str, store: str) -> None:
        super().__init__()
        self._fetch, self._size, self._sha256, self._store = fetch, size, sha256, store
        self._place = self._hashed = 0
        self._state = hashlib.sha256()

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """Bytes from the start."""
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """See io.IOBase.seek."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError(f"negative place {base + offset}")
        self._place = base + offset
        return self._place

    def readinto(self, into: Any) -> int:
        """See io.RawIOBase.readinto."""
        end = min(self._place + len(into), self._size)
        data = self._fetch(self._place, end) if end > self._place else b""
        if len(data) != max(0, end - self._place):
            raise self._damaged()
        into[: len(data)] = data
        if self._place <= self._hashed < end or (self._place == self._hashed and not self._size):
            self._state.update(memoryview(data)[self._hashed - self._place :])
            self._hashed = end
            if end == self._size and self._state.hexdigest() != self._sha256:
                raise self._damaged()
        self._place += len(data)
        return len(data)

    def _damaged(self) -> blob.Damaged:
        return blob.Damaged("engines:blobs.damaged", store=self._store, sha256=self._sha256)
