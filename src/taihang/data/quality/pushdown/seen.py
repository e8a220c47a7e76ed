"""Seen: how an engine sees a table: what to select from, how its columns read, and what says where a row is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlglot import exp

from taihang.core import errors
from taihang.data.quality import target
from taihang.data.quality.pushdown import dialects, trees
from taihang.engines.databases import database
from taihang.engines.sources import folder, parquet, postgresql
from taihang.engines.sources import source as sourcing


@dataclasses.dataclass(frozen=True)
class Seen:
    """`origin` is what stands after FROM; `place` the expressions that together say where a row is.

    `position` makes the row's position of them: the one that the source itself counts for files, and
    block and place in it for PostgreSQL. `odd` says of columns whose values cannot all be read (a NaN among
    decimals, a day before year 1) when a row holds such a one; in other rows a column is as `raw` says.
    """

    name: str
    origin: str
    columns: Mapping[str, trees.Tree]
    place: tuple[str, ...]
    position: Callable[[Sequence[Any]], int]
    schema: pa.Schema
    plain: Mapping[str, trees.Tree] | None = None
    odd: Mapping[str, trees.Tree] = dataclasses.field(default_factory=dict)

    @property
    def raw(self) -> Mapping[str, trees.Tree]:
        """The columns of a row that holds nothing odd."""
        return self.columns if self.plain is None else self.plain


def files(source: sourcing.Source) -> list[tuple[Path, int]] | None:
    """The Parquet files of a source and where each one's rows begin; None when it has others."""
    if isinstance(source, parquet.Parquet):
        return [(source.path, 0)]
    if isinstance(source, folder.Folder) and source.kind == "parquet":
        return source.starts()
    return None


def in_one_database(targets: Mapping[str, target.Target]) -> bool:
    """True when all tables are plain tables of one PostgreSQL database."""
    sources = [on.source for on in targets.values()]
    addresses = {s.address for s in sources if isinstance(s, postgresql.Postgresql) and s.located}
    plain = all(isinstance(s, postgresql.Postgresql) and s.located for s in sources)
    return bool(sources) and plain and len(addresses) == 1


def on_spark(name: str, on: target.Target) -> Seen:
    """A view made of the Parquet files."""
    starts = _starts(on)
    columns = {c.name: exp.column(c.original, quoted=True) for c in _plain(on)}

    def position(place: Sequence[Any]) -> int:
        return starts[_key(Path(str(place[0]).removeprefix("file:").replace("///", "/")))] + int(place[1])

    place = (_quoted(database.FILE), _quoted(database.POSITION))
    return Seen(name, _quoted(view(name)), columns, place, position, on.source.schema)


def on_clickhouse(name: str, on: target.Target) -> Seen:
    """The table function over the Parquet files."""
    starts = _starts(on)
    path = on.source.path if isinstance(on.source, (parquet.Parquet, folder.Folder)) else Path()
    glob = str(path / "**" / "*.{parquet,pq}") if path.is_dir() else str(path)
    if any(c in str(path) for c in "*?{}[]'\\\n"):
        raise errors.UserError("data.quality:pushdown.path", path=path)
    columns = {c.name: exp.column(c.original, quoted=True) for c in _plain(on)}

    def position(place: Sequence[Any]) -> int:
        return starts[_key(Path("/" + str(place[0]).lstrip("/")))] + int(place[1])

    origin = f"file({dialects.CLICKHOUSE.render(exp.Literal.string(glob))}, 'Parquet')"
    return Seen(name, origin, columns, ("_path", "_row_number"), position, on.source.schema)


def root(on: target.Target) -> Path:
    """The file or folder of a source of Parquet files."""
    _starts(on)
    assert isinstance(on.source, (parquet.Parquet, folder.Folder))
    return on.source.path


def view(name: str) -> str:
    """The name under which a view is made for a table."""
    return "taihang_" + "".join(c if c.isascii() and c.isalnum() else f"_{ord(c):x}" for c in name)


def _starts(on: target.Target) -> dict[str, int]:
    found = files(on.source)
    if found is None:
        raise errors.UserError("data.quality:pushdown.files", path=on.source.name)
    return {_key(path): start for path, start in found}


def _key(path: Path) -> str:
    return str(path.resolve())


def _plain(on: target.Target) -> list[sourcing.Column]:
    """The columns, none of whose names repeats: engines elsewhere would not know which is meant."""
    names = [c.original.casefold() for c in on.source.columns]
    for column in on.source.columns:
        if names.count(column.original.casefold()) > 1:
            raise errors.UserError("data.quality:pushdown.repeated", path=on.source.name, column=column.original)
    return list(on.source.columns)


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
