"""Conditions: what a chunk's own values decide without SQL, by Arrow and NumPy, in SQL's three-valued logic.

Most rules compare a column with constants, ask for a pattern, a length or one of a few values. To hand the rows to
the database for that and take a verdict a row back costs more than the comparison. What is not known here to mean
the same as in DuckDB (casts, arithmetic, floats beside floats, a moment in a zone, classes of letters that grow with
Unicode) stays SQL.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from taihang.data.quality import shapes

Flags = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]
_NO_ROWS = np.zeros(0, np.int64)
_ASCII = 0x80


class Verdict(NamedTuple):
    """For each row, or for all of them alike: whether it is TRUE, and whether it is known; None when all are.

    What is not known is not TRUE.
    """

    true: Flags | np.bool_
    known: Flags | None


class Held:
    """A chunk's columns with what was found of them: rules ask the same again and again."""

    def __init__(self, data: pa.RecordBatch) -> None:
        self.data = data
        self._texts: dict[str, shapes.Texts] = {}
        self._valid: dict[str, Flags | None] = {}
        self._lengths: dict[str, npt.NDArray[Any]] = {}
        self._found: dict[Condition, Verdict] = {}

    def column(self, name: str) -> pa.Array:
        """A column."""
        return self.data.column(name)

    def texts(self, name: str) -> shapes.Texts:
        """A column of texts, as bytes."""
        if name not in self._texts:
            self._texts[name] = shapes.Texts(self.column(name))
        return self._texts[name]

    def valid(self, name: str) -> Flags | None:
        """Which rows have a value; None when all do."""
        if name not in self._valid:
            column = self.column(name)
            some = column.null_count > 0
            self._valid[name] = column.is_valid().to_numpy(zero_copy_only=False) if some else None
        return self._valid[name]

    def numbers(self, name: str) -> npt.NDArray[Any]:
        """A column of numbers, days or moments as it lies in memory; anything where there is no value."""
        column = self.column(name)
        kind = np.dtype(f"i{column.type.byte_width}" if is_time(column.type) else column.type.to_pandas_dtype())
        held = column.buffers()[1]
        if held is None:
            return np.zeros(len(column), kind)
        return np.frombuffer(held, kind, len(column), column.offset * kind.itemsize)

    def lengths(self, name: str) -> npt.NDArray[Any]:
        """How many characters each text of a column has."""
        if name not in self._lengths:
            texts = self.texts(name)
            inside = texts.data[texts.starts[0] : texts.starts[-1]] if len(texts.starts) else texts.data
            if len(inside) and inside.max() >= _ASCII:
                counted = pc.utf8_length(self.column(name)).fill_null(0)
                self._lengths[name] = counted.to_numpy(zero_copy_only=False)
            else:
                self._lengths[name] = texts.lengths
        return self._lengths[name]

    def found(self, condition: Condition) -> Verdict:
        """The verdict of a condition that rules have in common, found once."""
        if condition not in self._found:
            self._found[condition] = condition.verdict(self)
        return self._found[condition]


class Condition(Protocol):
    """A condition that can be told of a chunk; equal ones give the same."""

    def verdict(self, held: Held) -> Verdict:
        """What it is for each row."""


@dataclasses.dataclass(frozen=True)
class Always:
    """The same for every row."""

    value: bool

    def verdict(self, held: Held) -> Verdict:
        """What it is for each row."""
        return Verdict(np.bool_(self.value), None)


@dataclasses.dataclass(frozen=True)
class Absent:
    """There is no value."""

    column: str

    def verdict(self, held: Held) -> Verdict:
        """What it is for each row."""
        valid = held.valid(self.column)
        return Verdict(np.bool_(False) if valid is None else ~valid, None)


@dataclasses.dataclass(frozen=True)
class Compared:
    """A number, day or moment beside a constant; NaN is above all numbers. `than` is a column when it is a text."""

    column: str
    sign: str
    than: int | float | str

    def verdict(self, held: Held) -> Verdict:
        """What it is for each row."""
        one = held.numbers(self.column)
        other: Any = held.numbers(self.than) if isinstance(self.than, str) else self.than
        known = _both(held.valid(self.column), held.valid(self.than) if isinstance(self.than, str) else None)
        return _told(_SIGNS[self.sign](one, other), known)


@dataclasses.dataclass(frozen=True)
class Measured:
    """The number of a text's characters beside a constant."""

    column: str
    sign: str
    than: int

    def verdict(self, held: Held) -> Verdict:
        """What it is for each row."""
        return _told(_SIGNS[self.sign](held.lengths(self.column), self.than), held.valid(self.column))


@dataclasses.dataclass(frozen=True)
class Finite:
    """A number that is neither NaN nor infinite."""

    column: str

    def verdict(self, held: Held) -> Verdict:
        """What it is for each row."""
        return _told(np.isfinite(held.numbers(self.column)), held.valid(self.column))


@dataclasses.dataclass(frozen=True)
class Among:
    """One of some texts or whole numbers."""

    column: str
    values: tuple[str, ...] | tuple[int, ...]

    def verdict(self, held: Held) -> Verdict:
        """What it is for each row."""
        column = held.column(self.column)
        found = pc.is_in(column, pa.array(self.values, column.type))
        return _told(found.to_numpy(zero_copy_only=False), held.valid(self.column))


@dataclasses.dataclass(frozen=True)
class Shaped:
    """A text of a shape."""

    shape: shapes.Shape

    def verdict(self, held: Held) -> Verdict:
        """What it is for each row."""
        column = self.shape.column
        return _told(self.shape.found(held.texts(column)), held.valid(column))


@dataclasses.dataclass(frozen=True)
class Matched:
    """A text in which a pattern (RE2) is found."""

    column: str
    regex: str

    def verdict(self, held: Held) -> Verdict:
        """What it is for each row."""
        found = pc.match_substring_regex(held.column(self.column), self.regex)
        valid = held.valid(self.column)
        return _told((found if valid is None else found.fill_null(False)).to_numpy(zero_copy_only=False), valid)


@dataclasses.dataclass(frozen=True)
class Not:
    """The opposite."""

    of: Condition

    def verdict(self, held: Held) -> Verdict:
        """What it is for each row."""
        true, known = held.found(self.of)
        return Verdict(~true if known is None else known & ~true, known)


@dataclasses.dataclass(frozen=True)
class Either:
    """One of two, or both."""

    one: Condition
    other: Condition

    def verdict(self, held: Held) -> Verdict:
        """What it is for each row."""
        one, other = held.found(self.one), held.found(self.other)
        true = one.true | other.true
        known = _both(one.known, other.known)
        return Verdict(true, known if known is None else known | true)


@dataclasses.dataclass(frozen=True)
class Known:
    """Known to be so."""

    of: Condition

    def verdict(self, held: Held) -> Verdict:
        """What it is for each row."""
        return Verdict(held.found(self.of).true, None)


def judge(condition: Condition, held: Held) -> tuple[Rows | None, int, int]:
    """Where a condition is TRUE (None for every row), how often, and how often it is not known."""
    verdict, rows = held.found(condition), held.data.num_rows
    unknown = 0 if verdict.known is None else rows - int(np.count_nonzero(verdict.known))
    if isinstance(verdict.true, np.bool_):
        return (None, rows, unknown) if verdict.true else (_NO_ROWS, 0, unknown)
    where = np.flatnonzero(verdict.true) if verdict.true.any() else _NO_ROWS
    return (None if len(where) == rows else where), len(where), unknown


_SIGNS: dict[str, Callable[[Any, Any], Flags]] = {
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: ~(one <= other),
    ">=": lambda one, other: ~(one < other),
    "=": lambda one, other: one == other,
    "<>": lambda one, other: one != other,
}


def _both(one: Flags | None, other: Flags | None) -> Flags | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other


def _told(true: Flags, known: Flags | None) -> Verdict:
    return Verdict(true if known is None else true & known, known)


def is_time(kind: pa.DataType) -> bool:
    """Whether a column holds days or moments."""
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date32(kind))
