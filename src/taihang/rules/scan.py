"""Scan: every predicate of a table in one pass, one bit a predicate, all violating rows known."""

# Only expressions that `predicate` made from a checked tree are put into SQL.
# ruff: noqa: S608
from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from taihang.core import errors
from taihang.engines import tables
from taihang.rules import predicate

BITS = 64
NAME = "t"
Bits = npt.NDArray[np.uint64]


@dataclasses.dataclass(frozen=True)
class Test:
    """A predicate with the filter that says for which rows it counts."""

    where: predicate.Expression
    filter: predicate.Expression | None = None
    timed: bool = False

    @property
    def sql(self) -> str:
        """One three-valued expression: rows outside the filter are FALSE, unobserved rows in time are NULL."""
        where = f"({self.where.sql})"
        if self.timed:
            where = f"(CASE WHEN observed THEN {where} END)"
        return where if self.filter is None else f"(CASE WHEN ({self.filter.sql}) THEN {where} ELSE FALSE END)"

    @property
    def columns(self) -> frozenset[str]:
        """The columns that it reads."""
        own = frozenset[str]().union(*(part.columns for part in self.parts))
        return own | {"observed"} if self.timed else own

    @property
    def parts(self) -> tuple[predicate.Expression, ...]:
        """Its expressions."""
        return (self.where,) if self.filter is None else (self.where, self.filter)


@dataclasses.dataclass(frozen=True)
class Scan:
    """What one pass found: the rows at which any bit is set, and how often each test was true or unknown.

    `rows` (n,) are zero-based positions, ascending; `true` and `unknown` (n, words) hold one bit a
    test; `filtered` counts the rows that each test's filter let through.
    """

    total: int
    rows: npt.NDArray[np.int64]
    true: Bits
    unknown: Bits
    filtered: tuple[int, ...]

    def violating(self, test: int) -> npt.NDArray[np.int64]:
        """Positions of the rows for which a test is true, ascending."""
        return self.rows[_bit(self.true, test)]

    def undecided(self, test: int) -> npt.NDArray[np.int64]:
        """Positions of the rows for which a test is NULL, ascending."""
        return self.rows[_bit(self.unknown, test)]


def scan(engine: tables.Engine, data: pa.Table, tests: Sequence[Test]) -> Scan:
    """Evaluate all tests over all rows in one streamed pass.

    Only rows with a bit set are kept: 16 bytes and two bits a test for each, whatever the table's
    size. Raises tables.QueryError when a row makes a test fail; `culprit` finds which.
    """
    filters = [n for n, test in enumerate(tests) if test.filter is not None]
    # A boolean column a test, packed here: packing in SQL took 1.8 times the CPU at 300 tests (measured).
    columns = [f"{test.sql} AS v{n}" for n, test in enumerate(tests)]
    columns += [f"({tests[n].filter.sql}) AS f{n}" for n in filters]  # type: ignore[union-attr]
    used = _used(data, tests)
    parts: list[tuple[npt.NDArray[np.int64], Bits, Bits]] = []
    through = dict.fromkeys(filters, 0)
    position = 0
    with engine.seeing(**{NAME: used}):
        for batch in engine.batches(f"SELECT {', '.join(columns)} FROM {NAME}"):
            for place, n in enumerate(filters, start=len(tests)):
                through[n] += int(np.count_nonzero(flags(batch.column(place))[0]))
            hit, true, unknown = _packed([batch.column(n) for n in range(len(tests))], batch.num_rows)
            parts.append((hit + position, true, unknown))
            position += batch.num_rows
    words = -(-len(tests) // BITS)
    empty = (np.zeros(0, np.int64), np.zeros((0, words), np.uint64), np.zeros((0, words), np.uint64))
    rows, true, unknown = (np.concatenate(column) for column in zip(empty, *parts, strict=True))
    counts = tuple(through.get(n, position) for n in range(len(tests)))
    return Scan(position, rows, true, unknown, counts)


def _packed(columns: Sequence[pa.Array], count: int) -> tuple[npt.NDArray[np.int64], Bits, Bits]:
    """The rows of a batch at which any test is not false, and their bits."""
    found = [flags(column) for column in columns]
    any_ = np.zeros(count, bool)
    for true, unknown in found:
        any_ |= true
        if unknown is not None:
            any_ |= unknown
    hit = np.flatnonzero(any_)
    place = np.cumsum(any_) - 1
    words = -(-len(columns) // BITS)
    packed = np.zeros((words, len(hit)), np.uint64), np.zeros((words, len(hit)), np.uint64)
    for n, one in enumerate(found):
        for into, flag in zip(packed, one, strict=True):
            if flag is not None:
                into[n // BITS][place[np.flatnonzero(flag)]] |= np.uint64(1 << (n % BITS))
    return hit, packed[0].T, packed[1].T


def flags(column: pa.Array) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_] | None]:
    """Where a nullable boolean column is true, and where it is null (None for nowhere)."""
    validity, values = (
        None
        if buffer is None
        else np.unpackbits(np.frombuffer(buffer, np.uint8), count=column.offset + len(column), bitorder="little")[
            column.offset :
        ].view(bool)
        for buffer in column.buffers()
    )
    if values is None:
        return np.zeros(len(column), bool), np.ones(len(column), bool)
    return (values, None) if validity is None else (values & validity, ~validity)


def _used(data: pa.Table, parts: Sequence[Test | predicate.Expression]) -> pa.Table:
    """Only the columns that are read; one column at least, so that rows can be counted."""
    used = frozenset[str]().union(*(part.columns for part in parts))
    names = [name for name in data.column_names if name in used]
    if names:
        return data.select(names)
    return pa.table({"row": pa.array(np.zeros(data.num_rows, np.int8))})


def check(engine: tables.Engine, schema: pa.Schema, tests: Sequence[Test]) -> None:
    """Bind all tests to a table's schema, on no rows.

    Raises errors.UserError at the place of the test that does not bind or is not a condition.
    """
    parts = [part for test in tests for part in test.parts]
    for part, kind in zip(parts, bind(engine, schema, parts), strict=True):
        if kind != "BOOLEAN":
            raise errors.UserError("rules:sql.condition", where=part.places.text(), kind=kind.strip('"'))


def bind(engine: tables.Engine, schema: pa.Schema, parts: Sequence[predicate.Expression]) -> tuple[str, ...]:
    """SQL types of expressions over a table's schema: all predicates, or all measures.

    Raises errors.UserError at the place of the first that does not bind.
    """
    if not parts:
        return ()
    empty = _used(schema.empty_table(), parts)
    with engine.seeing(**{NAME: empty}):
        try:
            return _types(engine, parts)
        except tables.QueryError:
            # Together they do not bind: find the first that alone does not.
            return tuple(_bound(engine, part, schema) for part in parts)


def culprit(engine: tables.Engine, data: pa.Table, tests: Sequence[Test], found: tables.QueryError) -> errors.UserError:
    """The error that names the one test that cannot be evaluated over the rows."""
    with engine.seeing(**{NAME: _used(data, tests)}):
        for test in tests:
            try:
                for _ in engine.batches(f"SELECT {test.sql} AS v FROM {NAME}"):
                    pass
            except tables.QueryError as error:
                where = test.where.places.text()
                return errors.UserError("rules:sql.rows", where=where, reason=error.reason)
    return found


def _types(engine: tables.Engine, parts: Sequence[predicate.Expression]) -> tuple[str, ...]:
    sql = f"SELECT {', '.join(f'({part.sql}) AS c{n}' for n, part in enumerate(parts))} FROM {NAME}"
    kinds = engine.types(sql)
    engine.table(sql)  # constants are folded only when a query runs
    return kinds


def _bound(engine: tables.Engine, part: predicate.Expression, schema: pa.Schema) -> str:
    try:
        return _types(engine, [part])[0]
    except tables.QueryError as error:
        kinds = ", ".join(f"{name} {schema.field(name).type}" for name in part.columns)
        where = part.places.text()
        first = min((n for n in part.columns if n in error.near), key=part.text.find, default=None)
        if first is not None:
            where = part.places.inside(first, part.columns[first])
        raise errors.UserError("rules:sql.type", where=where, reason=error.reason, columns=kinds or "-") from None


def _bit(masks: Bits, test: int) -> npt.NDArray[np.bool_]:
    picked: npt.NDArray[np.bool_] = (masks[:, test // BITS] & np.uint64(1 << (test % BITS))) != 0
    return picked
