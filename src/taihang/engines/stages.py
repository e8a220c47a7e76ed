"""Stages: steps whose result is kept under a hash of all that decides it, so that work resumes.

A stage is skipped when its result is there. A result is a folder of Arrow files that appears in
one rename, so a killed process leaves either all of it or nothing.
"""

from __future__ import annotations

import errno
import functools
import importlib.util
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from taihang.core import errors, ids

Tables = dict[str, pa.Table]
_MANIFEST = "stage.json"


class Stages:
    """The stages of one input, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def tables(self, name: str, key: Mapping[str, Any], make: Callable[[], Tables]) -> Tables:
        """The stage's tables: read when they are there and whole, else made and written.

        `key` is a JSON value of everything that decides the result: hashes of the inputs,
        parameters, code version. Raises errors.Failure when the disk is full or not writable.
        """
        place = self.folder / f"{name}-{ids.digest_json(key)[:20]}"
        kept = _read(place)
        if kept is not None:
            return kept
        made = make()
        with disk(place):
            _write(place, made, key)
        return made

    def holds(self, name: str, key: Mapping[str, Any]) -> bool:
        """True when the stage was made; whether it is whole shows when it is read."""
        return (self.folder / f"{name}-{ids.digest_json(key)[:20]}" / _MANIFEST).is_file()

    def table(self, name: str, key: Mapping[str, Any], make: Callable[[], pa.Table]) -> pa.Table:
        """Like `tables`, for a stage that makes one table."""
        return self.tables(name, key, lambda: {"table": make()})["table"]


@contextmanager
def disk(path: Path) -> Iterator[None]:
    """Turns a full or unwritable disk into one clear line.

    Raises errors.Failure naming `path`.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise errors.Failure("engines:disk_full", path=path) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise errors.Failure("engines:not_writable", path=path, reason=error.strerror) from error
        raise errors.Failure("engines:disk", path=path, reason=error.strerror or str(error)) from error


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: a temporary name in the same folder, fsync, rename."""
    with disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=".part-", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


@functools.cache
def code_version(*packages: str) -> str:
    """Hash of the source of packages or modules: a stage made by other code is made again."""
    parts: list[tuple[str, str]] = []
    for name in packages:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(name)
        origin = Path(spec.origin)
        files = sorted(origin.parent.rglob("*.py")) if origin.name == "__init__.py" else [origin]
        parts += [(f"{name}/{f.name}", ids.digest(f.read_bytes())) for f in files]
    return ids.digest_json(parts)


def _read(place: Path) -> Tables | None:
    """The stage's tables, or None when they are absent or damaged."""
    try:
        manifest = json.loads((place / _MANIFEST).read_text(encoding="utf-8"))
        found: Tables = {}
        for name, digest in manifest["tables"].items():
            data = (place / f"{name}.arrow").read_bytes()
            if ids.digest(data) != digest:
                return None
            found[name] = pa.ipc.open_stream(data).read_all()
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException):
        return None
    return found


def _write(place: Path, tables: Tables, key: Mapping[str, Any]) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".part-", dir=place.parent))
    try:
        digests = {}
        for name, table in tables.items():
            data = serialise(table)
            digests[name] = ids.digest(data)
            _synced(temporary / f"{name}.arrow", data)
        manifest = {"tables": digests, "key": key}
        _synced(temporary / _MANIFEST, json.dumps(manifest, indent=1, sort_keys=True).encode())
        if place.exists():  # damaged, or another process was quicker: what we made replaces it
            shutil.rmtree(place, ignore_errors=True)
        try:
            temporary.rename(place)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def serialise(table: pa.Table) -> bytes:
    """The table as one Arrow IPC stream; equal tables give equal bytes."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return bytes(sink.getvalue())


def _synced(path: Path, data: bytes) -> None:
    with path.open("wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
