"""Settling: published files become durable behind the writer's back; only then does the journal let go.

Tiles say nothing that the journal does not, so a writer need not wait for their syncs. `settled` holds the
checkpoint up to which the files are known to be on the disk; what lies behind it is laid again from the
journal when the log is opened after a crash.
"""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Sequence
from pathlib import Path

from taihang.engines.blobs import disk
from taihang.trust.ledger import journal, store

NAME = "settled"


class Settler:
    """One thread that syncs what was laid; rounds that wait are settled together."""

    def __init__(self, folder: Path, files: store.Folder) -> None:
        """`folder` is where the journal is, `files` where the published files are."""
        self._folder = folder
        self._files = files
        self._names: list[str] = []
        self._newest: tuple[int, bytes] | None = None
        self._lock = threading.Lock()
        self._pool = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="ledger-settle")
        self._last: concurrent.futures.Future[None] | None = None
        self._failed: BaseException | None = None

    def add(self, names: Sequence[str], size: int, signed: bytes) -> None:
        """These files were laid, and with them the log of `size` entries under the checkpoint `signed`."""
        with self._lock:
            self._names += names
            self._newest = (size, signed)
        if self._last is None or self._last.done():
            self._last = self._pool.submit(self._settle)

    def wait(self) -> None:
        """Return when all that was added is durable. Raises errors.Failure when a sync failed."""
        while self._newest is not None and self._failed is None:
            if self._last is None or self._last.done():
                self._last = self._pool.submit(self._settle)
            self._last.result()
        if self._last is not None:
            self._last.result()
        if self._failed is not None:
            raise self._failed

    def close(self) -> None:
        """End the thread; what is not settled by now is laid again from the journal."""
        self._pool.shutdown(cancel_futures=True)

    def _settle(self) -> None:
        # After a sync that failed nobody knows what the disk holds, and a second one may claim success:
        # the journal stays until the log is opened anew.
        if self._failed is not None:
            return
        with self._lock:
            names, newest = self._names, self._newest
            self._names, self._newest = [], None
        if newest is None:
            return
        try:
            self._files.settle(names)
            mark(self._folder, newest[1])
            journal.drop(self._folder, newest[0])
        except BaseException as error:
            self._failed = error
            raise


def mark(folder: Path, signed: bytes) -> None:
    """Say that the files up to this checkpoint are on the disk. Raises errors.Failure."""
    disk.write({folder / NAME: signed})
