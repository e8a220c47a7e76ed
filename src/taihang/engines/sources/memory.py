"""Memory: what the files of a folder gave when they were opened, so that unchanged ones need not be opened again.

A file is the same while its size, time of change and inode are. One that was changed in the very moment in
which it was looked at could change again within the same tick of the clock: it is not remembered.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any

import pyarrow as pa

from taihang.core import errors, ids

# Clocks of file systems tick coarsely (FAT: two seconds).
UNSURE_NS = 2_000_000_000
_FORM = 1


def marked(path: Path) -> list[int]:
    """Size, time of change and inode of a file. Raises errors.Failure for one that is gone."""
    try:
        status = path.stat()
    except OSError as error:
        raise errors.Failure("engines.sources:vanished", path=path, reason=error.strerror or error) from error
    return [status.st_size, status.st_mtime_ns, status.st_ino]


def sure(mark: list[int]) -> bool:
    """False when the file was changed so lately that it could change again without a new mark."""
    return time.time_ns() - mark[1] > UNSURE_NS


class Memory:
    """A folder of notes, one file for each folder that was opened. Notes that cannot be read are as good as none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def notes(self, path: Path) -> Notes:
        """What is known of the files below a folder."""
        return Notes(self._folder / f"{ids.digest_json(str(path.absolute()))[:32]}.json")


class Notes:
    """Schema and rows of files, by their names below one folder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._schemas: list[pa.Schema] = []
        self._before: dict[str, list[Any]] = {}
        self._now: dict[str, list[Any]] = {}
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException):
            found = json.loads(path.read_text(encoding="utf-8"))
            if found["form"] == [_FORM, pa.__version__]:
                self._schemas = [pa.ipc.read_schema(pa.py_buffer(base64.b64decode(s))) for s in found["schemas"]]
                self._before = found["files"]

    def known(self, part: str, mark: list[int]) -> tuple[pa.Schema, int | None] | None:
        """Schema and rows of a file that is as it was."""
        found = self._before.get(part)
        if found is None or found[0] != mark:
            return None
        self._now[part] = found
        return self._schemas[found[2]], found[1]

    def learn(self, part: str, mark: list[int], schema: pa.Schema, rows: int | None) -> None:
        """Note a file that was opened and had no fault."""
        if not sure(mark):
            return
        if schema not in self._schemas:
            self._schemas.append(schema)
        self._now[part] = [mark, rows, self._schemas.index(schema)]

    def keep(self) -> None:
        """Write down what is known now, if it has changed. A disk that takes nothing costs time, not truth."""
        if self._now == self._before:
            return
        schemas = [base64.b64encode(s.serialize()).decode() for s in self._schemas]
        text = json.dumps({"form": [_FORM, pa.__version__], "schemas": schemas, "files": self._now})
        part = self._path.with_name(f".{self._path.name}-{os.getpid()}")
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(text, encoding="utf-8")
            part.replace(self._path)
