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
    words = -(-len(tests) // BITS)
    filters = [n for n, test in enumerate(tests) if test.filter is not None]
    used = _used(data, tests)
    sql = f"SELECT {', '.join(_words(tests, filters))} FROM {NAME}"
    kept_rows, kept = [], []
    filtered = np.zeros(len(filters), np.int64)
    position = 0
    with engine.seeing(**{NAME: used}):
        for batch in engine.batches(sql):
            masks = np.column_stack([batch.column(n).to_numpy(zero_copy_only=False) for n in range(batch.num_columns)])
            count = len(masks)
            for n in range(len(filters)):
                filtered[n] += np.count_nonzero(_bit(masks[:, 2 * words :], n))
            hit = np.flatnonzero(masks[:, : 2 * words].any(axis=1))
            kept_rows.append(hit + position)
            kept.append(masks[hit, : 2 * words])
            position += count
    rows = np.concatenate(kept_rows) if kept_rows else np.zeros(0, np.int64)
    bits = np.concatenate(kept) if kept else np.zeros((0, 2 * words), np.uint64)
    through = dict(zip(filters, filtered.tolist(), strict=True))
    counts = tuple(through.get(n, position) for n in range(len(tests)))
    return Scan(position, rows, bits[:, :words], bits[:, words:], counts)


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


def _words(tests: Sequence[Test], filters: Sequence[int]) -> list[str]:
    whole = [test.sql for test in tests]
    unknown = [f"{sql} IS NULL" for sql in whole]
    let = [f"({tests[n].filter.sql})" for n in filters]  # type: ignore[union-attr]
    return [
        f"{_word(conditions[start : start + BITS])} AS {kind}{start}"
        for kind, conditions in (("v", whole), ("u", unknown), ("f", let))
        for start in range(0, len(conditions), BITS)
    ]


def _word(conditions: Sequence[str]) -> str:
    # CASE … | CASE … took half the CPU of shifting casts of booleans (measured).
    bits = [f"CASE WHEN {one} THEN {1 << n}::UBIGINT ELSE 0::UBIGINT END" for n, one in enumerate(conditions)]
    return _balanced([f"({bit})" for bit in bits])


def _balanced(parts: list[str]) -> str:
    # A tree of | instead of a chain keeps the expression's depth at six.
    while len(parts) > 1:
        parts = [f"({' | '.join(parts[n : n + 2])})" for n in range(0, len(parts), 2)]
    return parts[0]


def _bit(masks: Bits, test: int) -> npt.NDArray[np.bool_]:
    picked: npt.NDArray[np.bool_] = (masks[:, test // BITS] & np.uint64(1 << (test % BITS))) != 0
    return picked
