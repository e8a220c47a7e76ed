"""Flat: a batch with the fields of structs as columns of their own, in types that all measures know."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from taihang.engines.sources import names, source

_DEEPEST = 4


class Flat:
    """The flat form of a source's columns; `originals` are the paths that the source knows them by."""

    def __init__(self, columns: tuple[source.Column, ...]) -> None:
        listed = [(path, kind) for c in columns for path, kind in _below(c.name, c.type, 0)]
        self.originals = tuple(path for path, _ in listed)
        self.names = names.unique(self.originals)
        self.types = tuple(_simple(kind) for _, kind in listed)
        # What a scan must read for each flat column.
        self.sources = tuple(c.name for c in columns for _ in _below(c.name, c.type, 0))

    def batch(self, data: pa.RecordBatch, chosen: set[str] | None = None) -> pa.RecordBatch:
        """The flat batch, or only the chosen flat columns that `data` has."""
        made, kept = [], []
        place = 0
        present = set(data.schema.names)
        for column in data.columns:
            for values in _values(column, 0):
                while self.sources[place] not in present:
                    place += 1
                if chosen is None or self.names[place] in chosen:
                    wanted = self.types[place]
                    made.append(values if values.type == wanted else values.cast(wanted))
                    kept.append(self.names[place])
                place += 1
        return pa.RecordBatch.from_arrays(made, names=kept)


def _below(name: str, kind: pa.DataType, depth: int) -> Iterator[tuple[str, pa.DataType]]:
    yield name, kind
    if pa.types.is_struct(kind) and depth < _DEEPEST:
        for i in range(kind.num_fields):
            yield from _below(f"{name}.{kind.field(i).name}", kind.field(i).type, depth + 1)


def _values(column: pa.Array, depth: int) -> Iterator[pa.Array]:
    if pa.types.is_run_end_encoded(column.type):
        column = pc.run_end_decode(column)
    yield column
    if pa.types.is_struct(column.type) and depth < _DEEPEST:
        for i in range(column.type.num_fields):
            # The kernel also makes a field null where its struct is.
            yield from _values(pc.struct_field(column, [i]), depth + 1)


def _simple(kind: pa.DataType) -> pa.DataType:
    if isinstance(kind, pa.BaseExtensionType):
        return _simple(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return _simple(kind.value_type)
    if pa.types.is_run_end_encoded(kind):
        return _simple(kind.value_type)
    if kind == pa.string_view():
        return pa.large_string()
    if kind == pa.binary_view():
        return pa.large_binary()
    return pa.float32() if pa.types.is_float16(kind) else kind
