"""Folders: files that appear in a watched folder start a job each, once they have settled."""

from __future__ import annotations

import fnmatch
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from taihang.app.jobs import schedules, tables, triggers
from taihang.core import ids
from taihang.core import job as jobs_
from taihang.engines.store import opening

_MOST_FILES = 20_000
_MOST_STARTS = 50

Signature = tuple[str, int, int]
"""Name, size in bytes, time of the last change in nanoseconds: what a file is known by without reading it."""


class Folders:
    """Looks into the folders of all schedules; remembers what it has seen there."""

    def __init__(self, made: schedules.Schedules, store: opening.Store, clock: Callable[[], float] = time.monotonic):
        self._schedules = made
        self._store = store
        self._clock = clock
        self._seen: dict[str, dict[str, tuple[Signature, float]]] = {}
        self._known: dict[str, set[str]] = {}

    def look(self) -> list[jobs_.Job]:
        """Start jobs for the files that are there and have not changed for long enough."""
        table = tables.schedules
        with self._store.read() as conn:
            rows = conn.execute(sa.select(table).where(table.c.trigger == "folder", table.c.enabled)).all()
        self._seen = {row.id: self._seen.get(row.id, {}) for row in rows}
        self._known = {row.id: self._known[row.id] for row in rows if row.id in self._known}
        return [job for row in rows for job in self._one(row)]

    def _one(self, row: Any) -> list[jobs_.Job]:
        trigger = triggers.Folder.model_validate(row.when)
        started: list[jobs_.Job] = []
        for name, settled in self._settled(row, trigger):
            if len(started) >= _MOST_STARTS:
                break
            source = _source(settled)
            path = Path(trigger.path, name)
            digest = None if source in self._known[row.id] else _digest(path, settled)
            if digest is None:
                continue
            values = {schedules.FILE: str(path)}
            job = self._store.run(
                lambda conn, d=digest, s=source, v=values: self._schedules.fire(conn, row, d, v, s)  # type: ignore[misc]
            )
            self._known[row.id].add(source)
            started += [job] if job is not None else []
        return started

    def _settled(self, row: Any, trigger: triggers.Folder) -> list[tuple[str, Signature]]:
        """Files that have looked the same for `settle_s` of this process's own clock."""
        if row.id not in self._known:
            firings = tables.firings
            with self._store.read() as conn:
                own = self._store.scope(row.tenant).select(firings, firings.c.source)
                self._known[row.id] = {s for s in conn.execute(own.where(firings.c.schedule == row.id)).scalars() if s}
        now, before = self._clock(), self._seen[row.id]
        there = {s[0]: s for s in _files(Path(trigger.path), trigger.pattern)}
        self._seen[row.id] = {
            name: before[name] if name in before and before[name][0] == found else (found, now)
            for name, found in there.items()
        }
        return [(name, s) for name, (s, since) in sorted(self._seen[row.id].items()) if now - since >= trigger.settle_s]


def _files(folder: Path, pattern: str) -> list[Signature]:
    """Regular files; a link may lead anywhere and is left out, as are hidden files, which are often unfinished."""
    found: list[Signature] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if len(found) >= _MOST_FILES:
                    break
                if entry.name.startswith(".") or not fnmatch.fnmatch(entry.name, pattern):
                    continue
                if entry.is_file(follow_symlinks=False):
                    status = entry.stat(follow_symlinks=False)
                    found.append((entry.name, status.st_size, status.st_mtime_ns))
    except OSError:
        return []  # not there for the moment: a network folder comes back
    return found


def _digest(path: Path, expected: Signature) -> str | None:
    """The content's hash; None when the file is gone or changed while it was read."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as stream:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                return None
            digest = ids.digest_stream(stream)
            after = os.fstat(handle)
    except OSError:
        return None
    return digest if (after.st_size, after.st_mtime_ns) == expected[1:] else None


def _source(signature: Signature) -> str:
    return ids.digest_json([os.fsencode(signature[0]).hex(), *signature[1:]])
