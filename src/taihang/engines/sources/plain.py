"""Plain: one type for one meaning, and values as Python has them.

Arrow stores the same text as `string`, `string_view` (what Polars writes) or run-end encoded, and half floats that no
database takes. Whoever looks for texts looks for `string`: a type that slipped by would be a text that nobody masks.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_DIGITS = 38  # what databases take, too
_SAME = {pa.string_view(): pa.string(), pa.binary_view(): pa.binary(), pa.float16(): pa.float32()}


def kind(given: pa.DataType) -> pa.DataType:
    """The type that every reader here knows for a stored one; most types are their own."""
    types = pa.types
    made = given
    if given in _SAME:
        made = _SAME[given]
    elif types.is_decimal(given) and given.precision <= _DIGITS:
        made = pa.decimal128(given.precision, given.scale)
    elif types.is_run_end_encoded(given) or (types.is_dictionary(given) and kind(given.value_type) != given.value_type):
        made = kind(given.value_type)
    elif isinstance(given, pa.BaseExtensionType):
        # An identifier (arrow.uuid) is a value of its own; a text by another name (arrow.json) is a text.
        stored = kind(given.storage_type)
        made = stored if types.is_string(stored) or types.is_large_string(stored) else given
    elif types.is_struct(given):
        made = pa.struct([field.with_type(kind(field.type)) for field in given])
    elif types.is_map(given):
        made = pa.map_(kind(given.key_type), kind(given.item_type), given.keys_sorted)
    elif types.is_nested(given) and not types.is_union(given):
        made = _list(given)
    return given if made == given else made


def _list(given: pa.DataType) -> pa.DataType:
    item = given.value_field.with_type(kind(given.value_type))
    if pa.types.is_fixed_size_list(given):
        return pa.list_(item, given.list_size)
    return pa.list_(item) if pa.types.is_list(given) else pa.large_list(item)


def array(values: pa.Array, wanted: pa.DataType) -> pa.Array:
    """A stored column in the type that `kind` gave for it."""
    if values.type == wanted:
        return values
    if pa.types.is_run_end_encoded(values.type):
        values = pc.run_end_decode(values)
    if isinstance(values.type, pa.BaseExtensionType):
        values = values.storage
    return values.cast(wanted)


def listed(column: pa.Array | pa.ChunkedArray) -> list[Any]:
    """Values as Python has them. A time that Python cannot hold (outside the years 1 to 9999, finer than a
    microsecond) is the text that Arrow writes for it."""
    try:
        return list(column.to_pylist())
    except (OverflowError, ValueError):
        return [_value(column.slice(n, 1)) for n in range(len(column))]


def rows(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Rows as dictionaries, with values as `listed` gives them."""
    columns = [listed(column) for column in batch.columns]
    names = batch.schema.names
    return [dict(zip(names, (values[n] for values in columns), strict=True)) for n in range(batch.num_rows)]


def _value(one: pa.Array | pa.ChunkedArray) -> Any:
    try:
        return one.to_pylist()[0]
    except (OverflowError, ValueError):
        try:
            return one.cast(pa.string()).to_pylist()[0]
        except pa.ArrowException:  # a list or a structure that holds such a time
            return " ".join(line.strip() for line in one.to_string().splitlines()).strip("[ ]")
