"""Objects: rows that come as names with values, each with names of its own; their types are found by looking."""

from __future__ import annotations

import abc
import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from taihang.core import errors
from taihang.engines.sources import faults, source, texts

_SAMPLE_ROWS = 10_000
Object = dict[str, Any]


_HALVED = re.compile(r"\\u[dD][89a-fA-F]")
_HALF = re.compile("[\ud800-\udfff]")


def loads(text: str | bytes) -> tuple[Any, bool]:
    """A JSON value, and whether it held halves of characters, as a text does that was cut: they become �.

    Raises ValueError, RecursionError.
    """
    found = json.loads(text)
    shown = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    if not _HALVED.search(shown):
        return found, False
    whole = _whole(found)
    return whole, whole != found


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return _HALF.sub("\ufffd", value)
    if isinstance(value, list):
        return [_whole(one) for one in value]
    if isinstance(value, dict):
        return {_whole(key): _whole(one) for key, one in value.items()}
    return value


class Objects(source.Source):
    """Types come from the first 10,000 objects; a later value that does not fit is null, and told.

    Names that only later objects have are told and left out.
    """

    part: str
    lined = False  # whether an object's number is a line of a text file

    def _look(self) -> None:
        """Find names and types. Raises errors.UserError when there is no object."""
        sample = [found for found, _ in itertools.islice(self._objects(faults.Faults()), _SAMPLE_ROWS)]
        names = list(dict.fromkeys(key for one in sample for key in one))
        if not names:
            raise errors.UserError("engines.sources:no_objects", path=self.name)
        self._known = set(names)
        self._declare(names, [_type([one.get(key) for one in sample]) for key in names])

    @abc.abstractmethod
    def _objects(self, noted: faults.Faults) -> Iterator[tuple[Object, int]]:
        """Every object with its one-based number; what cannot be read is noted."""

    def _scan(self, wanted: tuple[source.Column, ...], rows: int) -> Iterator[source.Chunk]:
        strange = set[str]()
        done = 0
        objects = self._objects(self.faults)
        while piece := list(itertools.islice(objects, rows)):
            numbers = np.array([number for _, number in piece], np.int64)
            for found, number in piece:
                for key in found.keys() - self._known - strange:
                    strange.add(key)
                    self.faults.add("late_name", part=self.part, line=number, column=key, rows=0)
            arrays = [self._array(column, [one.get(column.original) for one, _ in piece], numbers) for column in wanted]
            data = pa.RecordBatch.from_arrays(arrays, names=[c.name for c in wanted])
            yield source.Chunk(data, done, self.part, done, lines=numbers if self.lined else None)
            done += len(piece)

    def _array(self, column: source.Column, values: list[Any], numbers: Any) -> pa.Array:
        try:
            return pa.array(_plain(values, column.type), column.type)
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            pass
        made = []
        first, wrong = -1, 0
        for row, value in enumerate(values):
            try:
                made.append(pa.scalar(_plain([value], column.type)[0], column.type).as_py())
            except (pa.ArrowException, TypeError, ValueError, OverflowError):
                made.append(None)
                first, wrong = (row if first < 0 else first), wrong + 1
        misfit = texts.Misfit(column.name, column.type, wrong, first, str(values[first])[:60])
        texts.tell(self.faults, misfit, self.part, int(numbers[first]))
        return pa.array(made, column.type)


def _type(values: list[Any]) -> pa.DataType:
    kinds = {type(v) for v in values if v is not None}
    if not kinds:
        return pa.string()
    if kinds <= {int, float} and float in kinds:
        return pa.float64()
    try:
        found = pa.array(values).type
    except (pa.ArrowException, OverflowError):
        if kinds == {int}:
            return pa.decimal128(38, 0) if all(v is None or abs(v) < 10**38 for v in values) else pa.string()
        return pa.string()
    return found if not _has_null(found) else pa.string()


def _has_null(kind: pa.DataType) -> bool:
    if pa.types.is_nested(kind):
        return not kind.num_fields or any(_has_null(kind.field(i).type) for i in range(kind.num_fields))
    return bool(pa.types.is_null(kind))


def _plain(values: list[Any], kind: pa.DataType) -> list[Any]:
    """Texts where a text is wanted; a number never passes as a text, nor True as 1, without being told."""
    if pa.types.is_string(kind):
        return [v if v is None or isinstance(v, str) else _text(v) for v in values]
    if not pa.types.is_boolean(kind) and any(isinstance(v, bool) for v in values):
        raise TypeError
    return values


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
