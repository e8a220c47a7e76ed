"""Restoring: a log's folder out of an export."""

from __future__ import annotations

import itertools
from pathlib import Path

from taihang.core import errors
from taihang.trust.ledger import checkpoint, journal, store, tiles, verify

_TOGETHER = 128  # files that are written together


def restore(archive: Path, folder: Path, policy: checkpoint.Policy) -> None:
    """Make a log's folder out of an exported file, which is verified first.

    Raises errors.UserError when there is a log already, forged.Forged when the file does not hold.
    """
    if folder.exists() and any(folder.iterdir()):
        raise errors.UserError("trust:ledger.exists", path=folder)
    files = store.read_only(archive)
    found = verify.log(files, policy)
    target, reader = store.Folder(folder), tiles.Reader(files, found.size)
    places = tiles.layout(found.size)
    while some := list(itertools.islice(places, _TOGETHER)):
        target.write({tiles.name(*place): reader.file(*place[:2]) for place in some})
    target.write({"checkpoint": found.checkpoint})
    journal.Journal(folder, found.size, 0, found.size).close()
