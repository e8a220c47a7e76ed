"""Opening: from what a user names to a source."""

from __future__ import annotations

import collections
import functools
import os
import urllib.parse
from collections.abc import Callable
from pathlib import Path

from taihang.core import errors
from taihang.engines.sources import (
    arrow,
    delimited,
    excel,
    folder,
    jsonl,
    parquet,
    paths,
    postgresql,
    source,
    sqlite,
)

SUFFIXES = {
    ".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".json": "json",
    ".jsonl": "json", ".ndjson": "json", ".arrow": "arrow", ".arrows": "arrow", ".feather": "arrow", ".ipc": "arrow",
    ".xlsx": "excel", ".xlsm": "excel", ".xlsb": "excel", ".xls": "excel", ".ods": "excel",
    ".db": "sqlite", ".sqlite": "sqlite", ".sqlite3": "sqlite",
}  # fmt: skip
_MAGIC = (
    (b"PAR1", "parquet"),
    (b"ARROW1", "arrow"),
    (b"\xff\xff\xff\xff", "arrow"),
    (b"SQLite format 3\x00", "sqlite"),
    (b"PK\x03\x04", "excel"),
    (b"\xd0\xcf\x11\xe0", "excel"),
)
_IN_FOLDERS = ("parquet", "csv", "json", "arrow")


def open(
    spec: str | os.PathLike[str],
    *,
    table: str | None = None,
    delimiter: str | None = None,
    header: bool | None = None,
    encoding: str | None = None,
    text: bool = False,
) -> source.Source:
    """Open a table for scanning.

    `spec` is a file (Parquet, CSV, TSV, JSON, JSON Lines, Arrow, Feather, Excel, SQLite), a folder of
    files of one kind with or without Hive partitions, or `postgresql://…`. `table` names a table or a
    sheet; `spec#table` does too. `delimiter`, `header`, `encoding` and `text` (leave every column
    text) are for CSV. Raises errors.UserError in one line for what cannot be read as a table, and
    errors.MissingExtra; errors.Failure when a database cannot be reached.
    """
    given = os.fspath(spec)
    scheme = given.partition("://")[0].lower() if "://" in given else ""
    if scheme in {"postgresql", "postgres"}:
        address, table = _fragment(given, table)
        return postgresql.Postgresql(address, table=table)
    if scheme in {"sqlite", "file"}:
        given = urllib.parse.unquote(given.split("://", 1)[1])
    elif scheme:
        raise errors.UserError("engines.sources:scheme", scheme=scheme, known="postgresql, sqlite, file")
    if "#" in given and not Path(given).exists():
        given, table = _fragment(given, table)
    path = paths.existing(given)
    if path.is_dir():
        return _folder(path)
    openers: dict[str, Callable[[], source.Source]] = {
        "parquet": lambda: parquet.Parquet(path),
        "arrow": lambda: arrow.Arrow(path),
        "json": lambda: jsonl.Json(path),
        "excel": lambda: excel.Excel(path, sheet=table),
        "sqlite": lambda: sqlite.Sqlite(path, table=table),
        "csv": lambda: delimited.Delimited(path, delimiter=delimiter, header=header, codec=encoding, text=text),
    }
    return openers[_kind(path)]()


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


def _folder(path: Path) -> source.Source:
    found: dict[str, list[Path]] = collections.defaultdict(list)
    passed: list[tuple[Path, str]] = []
    for file, reason in paths.files(path):
        kind = SUFFIXES.get(file.suffix.lower(), "")
        if reason or kind not in _IN_FOLDERS:
            passed.append((file, reason or "kind"))
        else:
            found[kind].append(file)
    if not found:
        raise errors.UserError("engines.sources:empty_folder", path=path)
    kind = max(sorted(found), key=lambda k: len(found[k]))
    passed += [(file, "kind") for other, files in found.items() if other != kind for file in files]
    opener = functools.partial(_open_file, kind)
    made = folder.Folder(path, kind, found[kind], opener)
    for file, reason in passed:
        made.faults.add(f"passed_{reason}", part=file.relative_to(path).as_posix())
    return made


def _open_file(kind: str, path: Path) -> source.Source:
    kinds: dict[str, Callable[[Path], source.Source]] = {
        "parquet": parquet.Parquet,
        "csv": delimited.Delimited,
        "json": jsonl.Json,
        "arrow": arrow.Arrow,
    }
    return kinds[kind](path)
