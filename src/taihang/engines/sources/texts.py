"""Texts: columns of text values given the type that nearly all of them have."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from taihang.engines.sources import faults

_MOSTLY = 0.95
_ISO = r"\d{4}-\d{2}-\d{2}"
_CLOCK = r"[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?"
_INTEGER = r"-?(0|[1-9]\d{0,17})"
# Whole numbers as long as these, all equally long, are numbers of something: phones, cards, orders.
_NUMBERING = r"\d{11,}"
_Convert = Callable[[pa.Array], pa.Array]


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """A type, which texts are of it, and how they are turned into it."""

    type: pa.DataType
    pattern: str
    convert: _Convert


def _cast(kind: pa.DataType) -> _Convert:
    return lambda values: pc.cast(values, kind)


def _boolean(values: pa.Array) -> pa.Array:
    return pc.equal(pc.utf8_lower(values), "true")


def _zoned(values: pa.Array) -> pa.Array:
    return pc.cast(values, pa.timestamp("us", "UTC"))


def _day(values: pa.Array) -> pa.Array:
    return pc.cast(pc.replace_substring(values, "/", "-"), pa.date32())


READINGS = (
    Reading(pa.bool_(), r"(?i:true|false)", _boolean),
    Reading(pa.int64(), _INTEGER, _cast(pa.int64())),
    Reading(pa.decimal128(38, 0), r"-?(0|[1-9]\d{0,37})", _cast(pa.decimal128(38, 0))),
    Reading(
        pa.float64(),
        r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,3})?|(?i:[-+]?(nan|inf|infinity))",
        _cast(pa.float64()),
    ),
    Reading(pa.date32(), rf"{_ISO}|\d{{4}}/\d{{2}}/\d{{2}}", _day),
    Reading(pa.timestamp("us"), _ISO + _CLOCK, _cast(pa.timestamp("us"))),
    Reading(pa.timestamp("us", "UTC"), _ISO + _CLOCK + r"(Z|[+-]\d{2}(:?\d{2})?)", _zoned),
)


def reading(sample: pa.Array) -> Reading | None:
    """The narrowest reading of 95% of the sample's values that are there; None for text.

    Texts of digits with a leading zero, and equally long ones of 11 to 22 digits, stay text: they
    are numbers of something, and arithmetic on them would lose what they say.
    """
    values = [v for v in sample.to_pylist() if v]
    if not values:
        return None
    lengths = {len(v) for v in values}
    numbering = sum(re.fullmatch(_NUMBERING, v, re.ASCII) is not None for v in values)
    leading = sum(re.fullmatch(r"0\d+", v, re.ASCII) is not None for v in values)
    if leading > (1 - _MOSTLY) * len(values):
        return None
    if len(lengths) <= 2 and numbering >= _MOSTLY * len(values) and max(lengths) <= 22:
        return None
    for candidate in READINGS:
        pattern = re.compile(candidate.pattern, re.ASCII)
        if sum(pattern.fullmatch(v) is not None for v in values) >= _MOSTLY * len(values):
            return candidate
    return None


@dataclasses.dataclass(frozen=True, slots=True)
class Misfit:
    """Values of a column that are not of its type; `first` is a row in the batch, `value` what stands there."""

    column: str
    type: pa.DataType
    count: int
    first: int
    value: str


def typed(values: pa.Array, how: Reading | None, column: str) -> tuple[pa.Array, Misfit | None]:
    """Values in their type; what is not of it becomes null and is told."""
    if how is None:
        return values, None
    try:
        return how.convert(values), None
    except (pa.ArrowException, ValueError):
        fits = pc.match_substring_regex(values, rf"^(?:{how.pattern})$")
        kept = pc.if_else(fits, values, pa.scalar(None, pa.string()))
        try:
            made = how.convert(kept)
        except (pa.ArrowException, ValueError):  # of the right form, and no such day or too large
            made = pa.array([_one(how, v) for v in kept], how.type)
    wrong = np.flatnonzero(pc.and_(pc.is_valid(values), pc.is_null(made)).to_numpy(zero_copy_only=False))
    if not len(wrong):
        return made, None
    first = int(wrong[0])
    return made, Misfit(column, how.type, len(wrong), first, values[first].as_py()[:60])


def _one(how: Reading, value: pa.Scalar) -> object:
    if not value.is_valid:
        return None
    try:
        return how.convert(pa.array([value.as_py()], pa.string()))[0].as_py()
    except (pa.ArrowException, ValueError):
        return None


def batch(
    columns: Sequence[pa.Array], names: Sequence[str], how: Sequence[Reading | None]
) -> tuple[pa.RecordBatch, list[Misfit]]:
    """Text columns as a typed batch, and what did not fit."""
    made, misfits = [], []
    for values, name, one in zip(columns, names, how, strict=True):
        array, misfit = typed(values, one, name)
        made.append(array)
        if misfit:
            misfits.append(misfit)
    return pa.RecordBatch.from_arrays(made, names=list(names)), misfits


def tell(found: faults.Faults, misfit: Misfit, part: str, line: int | None) -> None:
    """Note a misfit as a fault that loses no row."""
    found.add(
        "misfit",
        part=part,
        line=line,
        rows=0,
        column=misfit.column,
        kind=str(misfit.type),
        count=misfit.count,
        value=misfit.value,
    )
