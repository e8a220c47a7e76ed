"""Opening: from what a user names to a source."""

from __future__ import annotations

import collections
import functools
import importlib
import os
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from taihang.core import errors
from taihang.engines.sources import arrow, delimited, folder, jsonl, lakes, memory, parquet, paths, source, sqlite

SUFFIXES = {
    ".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".json": "json",
    ".jsonl": "json", ".ndjson": "json", ".arrow": "arrow", ".arrows": "arrow", ".feather": "arrow", ".ipc": "arrow",
    ".xlsx": "excel", ".xlsm": "excel", ".xlsb": "excel", ".xls": "excel", ".ods": "excel",
    ".bson": "bson", ".db": "sqlite", ".sqlite": "sqlite", ".sqlite3": "sqlite",
}  # fmt: skip
_MAGIC = (
    (b"PAR1", "parquet"),
    (b"ARROW1", "arrow"),
    (b"\xff\xff\xff\xff", "arrow"),
    (b"SQLite format 3\x00", "sqlite"),
    (b"PK\x03\x04", "excel"),
    (b"\xd0\xcf\x11\xe0", "excel"),
)
# Scheme → module and class: a driver is loaded when an address asks for it, for some take a second.
DATABASES = {
    "postgresql": ("postgresql", "Postgresql"), "postgres": ("postgresql", "Postgresql"), "mysql": ("mysql", "Mysql"),
    "mariadb": ("mysql", "Mysql"), "clickhouse": ("clickhouse", "Clickhouse"), "trino": ("trino", "Trino"),
    "sc": ("spark", "Spark"), "mongodb": ("mongodb", "Mongodb"), "redis": ("redis", "Redis"),
    "rediss": ("redis", "Redis"),
}  # fmt: skip
_IN_FOLDERS = ("parquet", "csv", "json", "arrow")


def open(
    spec: str | os.PathLike[str],
    *,
    table: str | None = None,
    delimiter: str | None = None,
    header: bool | None = None,
    encoding: str | None = None,
    text: bool = False,
    remembered: memory.Memory | None = None,
) -> source.Source:
    """Open a table for scanning.

    `spec` is a file (Parquet, CSV, TSV, JSON, JSON Lines, BSON, Arrow, Feather, Excel, SQLite), a folder
    of files of one kind with or without Hive partitions, a Delta or Iceberg table's folder, `s3://…`, or
    a database's address (`postgresql://`, `mysql://`, `clickhouse://`, `trino://`, `sc://` of Spark
    Connect, `mongodb://`, `redis://`). `table` names a table, a sheet, a collection, a pattern of keys or a version;
    `spec#table` does too. `delimiter`, `header`, `encoding` and `text` (leave every column
    text) are for CSV. `remembered` spares opening a folder's
    unchanged files. Raises errors.UserError in one line for what cannot be read as a table, and
    errors.MissingExtra; errors.Failure when a database cannot be reached.
    """
    given = os.fspath(spec)
    scheme = given.partition("://")[0].lower() if "://" in given else ""
    if scheme in DATABASES:
        address, table = _fragment(given, table)
        return _made(*DATABASES[scheme], address, table=table)
    if scheme == "s3":
        address, table = _fragment(given, table)
        found: source.Source = _module("s3").open_s3(
            address,
            table,
            SUFFIXES,
            lambda kind, path, name: _open_file(kind, path, name, table),
            lambda *given, **options: _made("delta", "Delta", *given, **options),
        )
        return found
    if scheme in {"sqlite", "file"}:
        given = urllib.parse.unquote(given.split("://", 1)[1])
    elif scheme:
        known = ", ".join(sorted({*DATABASES, "s3", "sqlite", "file"}))
        raise errors.UserError("engines.sources:scheme", scheme=scheme, known=known)
    if "#" in given and not Path(given).exists():
        given, table = _fragment(given, table)
    path = paths.existing(given)
    if path.is_dir():
        return _folder(path, table, remembered)
    if (kind := _kind(path)) == "csv":
        return delimited.Delimited(path, delimiter=delimiter, header=header, codec=encoding, text=text)
    return _open_file(kind, path, table=table)


def _module(name: str) -> Any:
    return importlib.import_module(f"taihang.engines.sources.{name}")


def _made(module: str, kind: str, *given: Any, **options: Any) -> source.Source:
    return cast("source.Source", getattr(_module(module), kind)(*given, **options))


def _fragment(given: str, table: str | None) -> tuple[str, str | None]:
    address, _, named = given.partition("#")
    return address, table or urllib.parse.unquote(named) or None


def _kind(path: Path) -> str:
    """By the first bytes, which cannot be misnamed; then by the suffix."""
    with path.open("rb") as raw:
        head = raw.read(16)
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    found = SUFFIXES.get(path.suffix.lower())
    if found is None:
        raise errors.UserError("engines.sources:unknown", path=path, known=" ".join(sorted(SUFFIXES)))
    return found


def _folder(path: Path, table: str | None, remembered: memory.Memory | None) -> source.Source:
    if lakes.is_delta(path):
        return _made("delta", "Delta", path, version=table)
    if lakes.iceberg_metadata(path) is not None:
        return _made("iceberg", "Iceberg", path, snapshot=table)
    found: dict[str, list[Path]] = collections.defaultdict(list)
    passed: list[tuple[Path, str]] = []
    for file, reason in paths.files(path):
        kind = SUFFIXES.get(file.suffix.lower(), "")
        if paths.shown(file) != str(file):
            passed.append((file, "name"))
        elif reason or kind not in _IN_FOLDERS:
            passed.append((file, reason or "kind"))
        else:
            found[kind].append(file)
    if not found:
        for file in (file for file, reason in passed if reason == "name"):
            raise errors.UserError("engines.sources:no_utf8", path=paths.shown(file))
        raise errors.UserError("engines.sources:empty_folder", path=path)
    kind = max(sorted(found), key=lambda k: len(found[k]))
    passed += [(file, "kind") for other, files in found.items() if other != kind for file in files]
    opener = functools.partial(_open_file, kind)
    made = folder.Folder(path, kind, found[kind], opener, remembered.notes(path) if remembered else None)
    for file, reason in passed:
        made.faults.add(f"passed_{reason}", part=paths.shown(file.relative_to(path)))
    return made


def _open_file(kind: str, path: Path, name: str | None = None, table: str | None = None) -> source.Source:
    kinds: dict[str, Callable[[], source.Source]] = {
        "parquet": lambda: parquet.Parquet(path, name),
        "csv": lambda: delimited.Delimited(path, name),
        "json": lambda: jsonl.Json(path, name),
        "arrow": lambda: arrow.Arrow(path, name),
        "bson": lambda: _made("mongodb", "Bson", path, name),
        "excel": lambda: _made("excel", "Excel", path, name, sheet=table),
        "sqlite": lambda: sqlite.Sqlite(path, name, table=table),
    }
    return kinds[kind]()
