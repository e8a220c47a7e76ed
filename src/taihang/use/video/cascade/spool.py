"""Spool: segments and alerts on the disk until somebody took them, gravest first, within a size that is kept.

An entry is one folder that appears in one rename: a killed process leaves it whole or not at all. When there is no
room the least grave goes, is written down in `dropped.jsonl` and counted. What must not be lost is never dropped: it
may overdraw the size, and on a full disk it gives up its film before its facts.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
import shutil
import threading
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from taihang.core import errors, ids
from taihang.engines import stages

FACTS, FILM = "facts.json", "clip.mp4"
_JOURNAL = "dropped.jsonl"
_FIRST_REST_S, _LONGEST_REST_S = 60.0, 3600.0
_RULED_OUT = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One thing that waits. `rank` sorts: the lowest first. `keep`: never dropped. `sha256`: of facts and film."""

    id: str
    rank: tuple[float, ...]
    keep: bool
    size: int
    sha256: str
    folder: Path

    @property
    def whole(self) -> bool:
        """False when somebody took it off the disk."""
        return (self.folder / FACTS).is_file()

    def body(self) -> bytes:
        """What is told, as it was written. Raises OSError."""
        return (self.folder / FACTS).read_bytes()

    def facts(self) -> dict[str, Any]:
        """What is told. Raises OSError, ValueError when the folder was tampered with."""
        found: dict[str, Any] = json.loads(self.body())
        return found

    def film(self) -> bytes:
        """The clip's bytes, empty when there is none."""
        with contextlib.suppress(FileNotFoundError):
            return (self.folder / FILM).read_bytes()
        return b""


class Spool:
    """The entries below one folder; one process at a time. Threads may share it."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self.folder, self.most_bytes = folder, most_bytes
        self.dropped: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._busy: set[str] = set()
        self._apart: dict[str, tuple[float, float]] = {}  # until when (monotonic), and how long that was
        self._entries: dict[str, Entry] = {}
        with stages.disk(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self._resume()

    def put(self, ident: str, rank: tuple[float, ...], facts: Mapping[str, Any], film: bytes = b"", *,
            keep: bool, level: str = "") -> bool:  # fmt: skip
        """Keep an entry; False when it was dropped at once, because all else is graver and there is no room.

        An entry of the same id is left as it is. Raises errors.Failure when even what must be kept cannot be written.
        """
        with self._lock:
            if ident in self._entries:
                return True
            body = json.dumps(dict(facts), ensure_ascii=False, allow_nan=False).encode()
            need = len(body) + len(film)
            if not self._room(need, rank, keep=keep):
                self._drop_note(ident, level, need, "full")
                return False
            while True:
                try:
                    self._entries[ident] = self._write(ident, rank, body, film, keep=keep)
                    return True
                except OSError as error:
                    if error.errno not in _RULED_OUT:
                        with stages.disk(self.folder):
                            raise
                    if self._drop_last(rank, keep=keep):
                        continue
                    if not keep:
                        self._drop_note(ident, level, need, "disk")
                        return False
                    if not film:
                        raise errors.Failure("engines:disk_full", path=self.folder) from error
                    film = b""
                    self.dropped["film"] += 1

    def next(self) -> Entry | None:
        """The gravest that nobody is busy with; it is lent until `done` or `back`."""
        with self._lock:
            now = time.monotonic()
            free = [
                e
                for e in self._entries.values()
                if e.id not in self._busy and self._apart.get(e.id, (0.0, 0.0))[0] <= now
            ]
            if not free:
                return None
            best = min(free, key=lambda e: (e.rank, e.id))
            self._busy.add(best.id)
            return best

    def back(self, entry: Entry) -> None:
        """It was not taken: it waits again."""
        with self._lock:
            self._busy.discard(entry.id)

    def apart(self, entry: Entry) -> bool:
        """Its receiver refuses it: it waits for a while, longer each time, and others go on. True the first time."""
        with self._lock:
            self._busy.discard(entry.id)
            last = self._apart.get(entry.id, (0.0, 0.0))[1]
            rest = min(max(_FIRST_REST_S, 2 * last), _LONGEST_REST_S)
            self._apart[entry.id] = time.monotonic() + rest, rest
            return not last

    def lost(self, entry: Entry) -> None:
        """Somebody took it off the disk: there is nothing to hand on."""
        self.done(entry)
        with self._lock:
            self.dropped["damaged"] += 1

    def done(self, entry: Entry) -> None:
        """It was taken: it goes."""
        with self._lock:
            self._busy.discard(entry.id)
            self._apart.pop(entry.id, None)
            if self._entries.pop(entry.id, None) is not None:
                self._remove(entry.folder)

    def place(self, ident: str) -> Path:
        """The folder of an entry, while it is there."""
        return self.folder / f"entry-{ids.digest(ident.encode())[:24]}"

    def resize(self, most_bytes: int) -> None:
        """Another limit, from now on."""
        with self._lock:
            self.most_bytes = most_bytes

    @property
    def size(self) -> int:
        """Bytes that wait."""
        with self._lock:
            return self._size()

    def __len__(self) -> int:
        return len(self._entries)

    def _size(self) -> int:
        return sum(e.size for e in self._entries.values())

    def _room(self, need: int, rank: tuple[float, ...], *, keep: bool) -> bool:
        while self._size() + need > self.most_bytes:
            if not self._drop_last(rank, keep=keep):
                return keep
        return True

    def _drop_last(self, rank: tuple[float, ...], *, keep: bool) -> bool:
        """Drop the least grave that may go and is less grave than what comes; False when there is none."""
        free = [e for e in self._entries.values() if not e.keep and e.id not in self._busy]
        if not keep:
            free = [e for e in free if e.rank > rank]
        if not free:
            return False
        worst = max(free, key=lambda e: (e.rank, e.id))
        level = ""
        with contextlib.suppress(OSError, ValueError):
            level = str(worst.facts().get("level", ""))
        self._remove(worst.folder)
        del self._entries[worst.id]
        self._apart.pop(worst.id, None)
        self._drop_note(worst.id, level, worst.size, "full")
        return True

    def _drop_note(self, ident: str, level: str, size: int, why: str) -> None:
        self.dropped[level or "-"] += 1
        line = json.dumps({"id": ident, "level": level, "bytes": size, "why": why, "at": round(time.time(), 3)})
        # On a full disk the line may not fit either: the count stands in any case.
        with contextlib.suppress(OSError), (self.folder / _JOURNAL).open("a", encoding="utf-8") as out:
            out.write(line + "\n")

    def _write(self, ident: str, rank: tuple[float, ...], body: bytes, film: bytes, *, keep: bool) -> Entry:
        digest = ids.digest(body + film)
        head = {"id": ident, "rank": list(rank), "keep": keep, "sha256": digest}
        place = self.place(ident)
        part = self.folder / f".part-{place.name}"
        shutil.rmtree(part, ignore_errors=True)
        try:
            part.mkdir()
            for name, data in ((FACTS, body), (FILM, film), ("entry.json", json.dumps(head).encode())):
                if data:
                    with (part / name).open("wb") as out:
                        out.write(data)
                        out.flush()
                        os.fsync(out.fileno())
            part.rename(place)
        except OSError:
            shutil.rmtree(part, ignore_errors=True)
            raise
        return Entry(ident, rank, keep, len(body) + len(film), digest, place)

    def _resume(self) -> None:
        """Take up what an earlier process left: whole entries; parts and what was damaged are put aside or go."""
        for place in sorted(self.folder.iterdir()):
            if place.name.startswith(".part-"):
                shutil.rmtree(place, ignore_errors=True)
            elif place.name.startswith("entry-"):
                entry = _read(place)
                if entry is None:
                    place.rename(place.with_name(f"damaged-{place.name}-{time.time_ns()}"))
                    self.dropped["damaged"] += 1
                else:
                    self._entries[entry.id] = entry
        journal = self.folder / _JOURNAL
        if journal.exists():
            for line in journal.read_text(encoding="utf-8", errors="replace").splitlines():
                with contextlib.suppress(ValueError, AttributeError):
                    self.dropped[json.loads(line).get("level") or "-"] += 1

    def _remove(self, place: Path) -> None:
        gone = place.with_name(f".part-gone-{place.name}")
        with contextlib.suppress(OSError):
            place.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)


def _read(place: Path) -> Entry | None:
    try:
        head = json.loads((place / "entry.json").read_bytes())
        body = (place / FACTS).read_bytes()
        film = (place / FILM).read_bytes() if (place / FILM).exists() else b""
        if ids.digest(body + film) != head["sha256"]:
            return None
        rank = tuple(float(v) for v in head["rank"])
        return Entry(str(head["id"]), rank, bool(head["keep"]), len(body) + len(film), head["sha256"], place)
    except (OSError, ValueError, KeyError, TypeError):
        return None
