"""Folder: files of one kind as one table; folders named `key=value` are columns (Hive partitions)."""

from __future__ import annotations

import copy
import dataclasses
import urllib.parse
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from taihang.core import errors, ids
from taihang.engines.sources import faults, memory, names, paths, source

_NOTHING = "__HIVE_DEFAULT_PARTITION__"


@dataclasses.dataclass(frozen=True, slots=True)
class _File:
    path: Path
    part: str
    keys: dict[str, str | None]
    rows: int | None


class Folder(source.Source):
    """Files of the kind that most of them have, in order of their paths, below one folder.

    Columns are the union over the files; a file that cannot be opened, or whose types cannot be
    joined with those of the others, is a fault, and the rest goes on.
    """

    def __init__(
        self,
        path: Path,
        kind: str,
        listed: list[Path],
        open_file: Callable[[Path], source.Source],
        notes: memory.Notes | None = None,
    ) -> None:
        super().__init__()
        self.kind = kind
        self.name = str(path)
        self.path = path
        self._open = open_file
        self._files: list[_File] = []
        schemas: list[pa.Schema] = []
        for file in listed:
            part = file.relative_to(path).as_posix()
            try:
                schema, rows, found = _told(file, part, open_file, notes)
                joined = pa.unify_schemas([*schemas[-1:], schema], promote_options="permissive")
            except (errors.UserError, pa.ArrowException) as error:
                reason = error.message if isinstance(error, errors.UserError) else str(error).split("\n", 1)[0]
                self._opening.add("file", part=part, reason=reason)
                continue
            schemas[:] = [joined]
            for fault in found:
                if fault.code not in self._opening.counts or fault.rows:
                    self._opening.listed.append(fault)
                self._opening.counts[fault.code] += 1
            self._files.append(_File(file, part, _keys(part), rows))
        if notes is not None:
            notes.keep()
        if not self._files:
            raise errors.UserError("engines.sources:no_file_opens", path=self.name, count=len(listed))
        own = schemas[0]
        keys = list(dict.fromkeys(key for file in self._files for key in file.keys if key not in own.names))
        kinds = [_partition_type([file.keys.get(key) for file in self._files]) for key in keys]
        self._keys = dict(zip(keys, kinds, strict=True))
        self._declare([*own.names, *keys], [*own.types, *kinds])
        counts = [file.rows for file in self._files]
        self.rows = None if None in counts else sum(c or 0 for c in counts)

    def digest(self) -> tuple[str, int]:
        """SHA-256 over the files' names and hashes, and their size in all."""
        found = [(file.part, *paths.digest(file.path)) for file in self._files]
        return ids.digest_json([[part, sha256] for part, sha256, _ in found]), sum(size for _, _, size in found)

    def parts(self) -> list[tuple[str, Path, int | None]]:
        """Each file: its name below the folder, its path, and how many rows it says it has."""
        return [(file.part, file.path, file.rows) for file in self._files]

    def only(self, parts: Collection[str]) -> Folder:
        """The same table, of some of its files alone."""
        made = copy.copy(self)
        # What was met while opening is the whole table's, which tells it once.
        made.faults = made._opening = faults.Faults()
        made._files = [file for file in self._files if file.part in parts]
        counts = [file.rows for file in made._files]
        made.rows = None if None in counts else sum(c or 0 for c in counts)
        return made

    def starts(self) -> list[tuple[Path, int]] | None:
        """Each file and the position of its first row; None when a file does not say how many it has."""
        found, at = [], 0
        for file in self._files:
            found.append((file.path, at))
            if file.rows is None:
                return None
            at += file.rows
        return found

    def _scan(self, wanted: tuple[source.Column, ...], rows: int) -> Iterator[source.Chunk]:
        start = 0
        for file in self._files:
            try:
                one = self._open(file.path)
            except errors.UserError as error:
                self.faults.add("file", part=file.part, rows=file.rows, reason=error.message)
                continue
            have = {c.name for c in one.columns}
            for column in wanted:
                if column.name not in have and column.name not in self._keys:
                    self.faults.add("column_absent", part=file.part, column=column.name, rows=0)
            read = 0
            own = [c.name for c in wanted if c.name in have]
            for chunk in one.chunks(own, rows):
                arrays = [self._column(column, chunk, file, have) for column in wanted]
                data = pa.RecordBatch.from_arrays(arrays, names=[c.name for c in wanted]) if wanted else chunk.data
                yield dataclasses.replace(chunk, data=data, start=start + chunk.start, part=file.part)
                read = chunk.start + chunk.data.num_rows
            _hand_on(one.faults, self.faults, file.part)
            start += file.rows if file.rows is not None else read

    def _column(self, column: source.Column, chunk: source.Chunk, file: _File, have: set[str]) -> pa.Array:
        batch = chunk.data
        if column.name in have:
            values = batch.column(column.name)
            return values if values.type == column.type else self._joined(column, values, chunk.start, file.part)
        if column.name not in self._keys:
            return pa.nulls(batch.num_rows, column.type)
        given = file.keys.get(column.original)
        value = int(given) if given is not None and pa.types.is_integer(column.type) else given
        return pa.repeat(pa.scalar(value, column.type), batch.num_rows)

    def _joined(self, column: source.Column, values: pa.Array, start: int, part: str) -> pa.Array:
        """A file's values in the type that all files have together; those that do not fit it are null, and told."""
        try:
            return values.cast(column.type)
        except pa.ArrowException:
            fitted, strays = _fitted(values, column.type)
        try:
            first = str(strays[0])[:80]
        except (OverflowError, ValueError):  # a time beyond the year 9999
            first = "…"
        given: dict[str, Any] = {
            "column": column.name,
            "kind": str(column.type),
            "count": len(strays),
            "row": start,
            "value": first,
        }
        self.faults.add("misfit_row", part=part, rows=0, **given)
        return fitted


def _fitted(values: pa.Array, kind: pa.DataType) -> tuple[pa.Array, list[pa.Scalar]]:
    """Values in another type, and those that have no place in it: halved until they stand alone, since they are few."""
    try:
        return values.cast(kind), []
    except pa.ArrowException:
        if len(values) == 1:
            return pa.nulls(1, kind), [values[0]]
    # Taken, not sliced: of a slice of lists every item of the whole would be cast.
    here, there = np.array_split(np.arange(len(values)), 2)
    (one, before), (other, after) = _fitted(values.take(here), kind), _fitted(values.take(there), kind)
    return pa.concat_arrays([one, other]), [*before, *after]


def _told(
    path: Path, part: str, open_file: Callable[[Path], source.Source], notes: memory.Notes | None
) -> tuple[pa.Schema, int | None, list[faults.Fault]]:
    """Schema, rows and faults of a file: opened, unless it is known."""
    mark: list[int] = []
    if notes is not None:
        try:
            mark = memory.marked(path)
        except errors.Failure:  # gone since it was listed: opening it says so
            notes = None
    if notes is not None and (known := notes.known(part, mark)) is not None:
        return *known, []
    one = open_file(path)
    if notes is not None and not one.faults.listed:
        notes.learn(part, mark, one.schema, one.rows)
    return one.schema, one.rows, one.faults.listed


def _hand_on(found: faults.Faults, into: faults.Faults, part: str) -> None:
    for fault in found.listed:
        into.counts[fault.code] += 1
        if into.counts[fault.code] <= 100:
            into.listed.append(fault.model_copy(update={"part": part}))
    into.rows_lost += found.rows_lost


def _keys(part: str) -> dict[str, str | None]:
    pairs = [folder.split("=", 1) for folder in part.split("/")[:-1] if "=" in folder]
    found = {}
    for key, value in pairs:
        plain = urllib.parse.unquote(value)
        found[urllib.parse.unquote(key)] = None if plain == _NOTHING else plain
    return dict(zip(names.unique(list(found)), found.values(), strict=True))


def _partition_type(values: list[str | None]) -> pa.DataType:
    present = [v for v in values if v is not None]
    whole = all(v.isascii() and v.lstrip("-").isdigit() and str(int(v)) == v and len(v) < 18 for v in present)
    return pa.int64() if present and whole else pa.string()
