"""Kinds: built-in checks that a rule may name instead of a predicate.

A row kind is a template: it becomes a predicate, checked and judged as any other. A set kind speaks
about many rows at once (uniqueness, foreign keys, totals) and is judged by plans of its own. NULL
violates `not_null` and `not_blank` only: to every other row kind it is unknown. NaN is above all numbers.
"""

# ruff: noqa: D102 - the overrides do what Kind says
from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import pydantic
import pydantic_core

from taihang.rules import duration, numbers

Name = Annotated[str, pydantic.StringConstraints(min_length=1, max_length=200)]
Names = Annotated[tuple[Name, ...], pydantic.Field(min_length=1, max_length=32)]
Value = bool | int | float | str
Pattern = Annotated[str, pydantic.StringConstraints(min_length=1, max_length=2000)]
SqlType = Literal["BOOLEAN", "INT", "BIGINT", "DOUBLE", "DATE", "TIME", "TIMESTAMP"]


class Kind(pydantic.BaseModel):
    """Base of the kinds. `dimension` is what a rule of it counts under when it does not say."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
    dimension: ClassVar[str] = "validity"
    told: ClassVar[Literal["rows_told", "value_told", "newest_told"]] = "rows_told"

    def where(self) -> str | None:
        """The predicate it stands for, TRUE = violated; None for a set kind."""
        return None

    def subject(self) -> str:
        """What it speaks about, for titles."""
        return ", ".join(self._columns()) or "*"

    def _columns(self) -> tuple[str, ...]:
        return ()


class _OneColumn(Kind):
    column: Name
    """The column it speaks about."""

    def _columns(self) -> tuple[str, ...]:
        return (self.column,)

    @property
    def _sql(self) -> str:
        return quoted(self.column)

    @property
    def _text(self) -> str:
        return f"CAST({self._sql} AS VARCHAR)"


class NotNull(_OneColumn):
    """Every row has a value."""

    kind: Literal["not_null"]
    dimension = "completeness"

    def where(self) -> str:
        return f"{self._sql} IS NULL"


class NotBlank(_OneColumn):
    """Every row has a text with more in it than white space."""

    kind: Literal["not_blank"]
    dimension = "completeness"

    def where(self) -> str:
        return rf"{self._sql} IS NULL OR NOT regexp_matches({self._text}, '[^\s\p{{Z}}]')"


class InSet(_OneColumn):
    """The value is one of these."""

    kind: Literal["in_set"]
    values: Annotated[tuple[Value, ...], pydantic.Field(min_length=1, max_length=1000)]
    """The values that are allowed."""

    def where(self) -> str:
        return f"{self._sql} NOT IN ({', '.join(literal(v) for v in self.values)})"


class NotInSet(_OneColumn):
    """The value is none of these."""

    kind: Literal["not_in_set"]
    values: Annotated[tuple[Value, ...], pydantic.Field(min_length=1, max_length=1000)]
    """The values that are forbidden."""

    def where(self) -> str:
        return f"{self._sql} IN ({', '.join(literal(v) for v in self.values)})"


class Bounds(Kind):
    """Base of what has a least and a greatest value."""

    min: int | float | str | None = None
    """The least value allowed."""
    max: int | float | str | None = None
    """The greatest value allowed."""
    strict: bool = False
    """Both ends are themselves not allowed."""

    @pydantic.model_validator(mode="after")
    def _some(self) -> Bounds:
        if self.min is None and self.max is None:
            raise pydantic_core.PydanticCustomError("kind_bounds", "needs min, max or both")
        return self

    def outside(self, value: str) -> str:
        """SQL that is TRUE when an expression lies outside."""
        low, high = ("<=", ">=") if self.strict else ("<", ">")
        parts = [f"{value} {low} {literal(self.min)}"] if self.min is not None else []
        parts += [f"{value} {high} {literal(self.max)}"] if self.max is not None else []
        return " OR ".join(parts)


class Range(_OneColumn, Bounds):
    """The value lies between two."""

    kind: Literal["range"]

    def where(self) -> str:
        return self.outside(self._sql)


class Length(_OneColumn, Bounds):
    """The text has so many characters."""

    kind: Literal["length"]

    def where(self) -> str:
        return self.outside(f"length({self._text})")


class Regex(_OneColumn):
    """The text matches a pattern (RE2)."""

    kind: Literal["regex"]
    pattern: Pattern
    """The pattern."""
    anywhere: bool = False
    """It is enough that a part matches."""

    def where(self) -> str:
        function = "regexp_matches" if self.anywhere else "regexp_full_match"
        return f"NOT {function}({self._text}, {literal(self.pattern)})"


class Castable(_OneColumn):
    """The text can be read as a type: whole numbers that fit, decimals, ISO 8601 days and times that exist."""

    kind: Literal["castable"]
    type: SqlType
    """The type."""

    def where(self) -> str:
        return f"NOT regexp_full_match({self._text}, '{numbers.READABLE[self.type]}')"


class Finite(_OneColumn):
    """The number is neither NaN nor infinite."""

    kind: Literal["finite"]

    def where(self) -> str:
        return f"NOT isfinite({self._sql})"


class Semantic(_OneColumn):
    """The text is what its standard says, check digit and all."""

    kind: Literal["semantic"]
    is_: Literal["id-card", "credit-code", "bank-card", "mobile", "email", "url", "plate", "ipv4", "uuid"] = (
        pydantic.Field(alias="is")
    )
    """Which kind of text."""

    def where(self) -> str:
        return numbers.wrong(self.is_, self._text)


class DateOrder(Kind):
    """One time does not come after another."""

    kind: Literal["date_order"]
    dimension = "consistency"
    first: Name
    """The column that comes first."""
    then: Name
    """The column that comes later."""
    strict: bool = False
    """Equal times are not allowed."""

    def where(self) -> str:
        return f"{quoted(self.first)} {'>=' if self.strict else '>'} {quoted(self.then)}"

    def _columns(self) -> tuple[str, ...]:
        return (self.first, self.then)


class Unique(Kind):
    """No two rows have the same values; a row with a NULL among them is not judged. Every row of a repeat is bad."""

    kind: Literal["unique"]
    dimension = "uniqueness"
    columns: Names
    """The columns that are unique together."""

    def _columns(self) -> tuple[str, ...]:
        return self.columns


class ForeignKey(Kind):
    """The values are there in another table; a row with a NULL among them is not judged."""

    kind: Literal["foreign_key"]
    dimension = "consistency"
    columns: Names
    """The columns that refer."""
    other: Name
    """The table they refer to."""
    other_columns: Names | None = None
    """Its columns, one by one; the same names when absent."""

    @pydantic.model_validator(mode="after")
    def _equal(self) -> ForeignKey:
        if self.other_columns is not None and len(self.other_columns) != len(self.columns):
            raise pydantic_core.PydanticCustomError("kind_columns", "columns and other_columns differ in number")
        return self

    def _columns(self) -> tuple[str, ...]:
        return self.columns


class Anonymity(Kind):
    """At least k rows share any combination of values that is there; rows of a smaller group are bad, NULLs apart."""

    kind: Literal["anonymity"]
    columns: Names
    """The columns that together could tell who it is."""
    k: Annotated[int, pydantic.Field(ge=2, le=1_000_000)]
    """How many rows must share them."""

    def _columns(self) -> tuple[str, ...]:
        return self.columns


class FunctionalDependency(Kind):
    """Rows equal in some columns are equal in another; all rows of a group that is not are bad, NULLs apart."""

    kind: Literal["functional_dependency"]
    dimension = "consistency"
    columns: Names
    """The columns that determine."""
    dependent: Name
    """The column that follows from them."""

    def _columns(self) -> tuple[str, ...]:
        return (*self.columns, self.dependent)


class RowCount(Bounds):
    """The table has so many rows (that pass the filter)."""

    kind: Literal["row_count"]
    told = "value_told"
    dimension = "completeness"


class Freshness(_OneColumn):
    """The newest time is no older than so long before the moment of the assessment."""

    kind: Literal["freshness"]
    told = "newest_told"
    dimension = "timeliness"
    within: duration.Duration
    """How old the newest may be."""


Function = Literal[
    "sum", "mean", "min", "max", "median", "stddev", "count", "distinct", "null_rate", "balance", "evenness", "smallest"
]


class Aggregate(_OneColumn, Bounds):
    """A total over the table lies between two values."""

    kind: Literal["aggregate"]
    told = "value_told"
    dimension = "accuracy"
    function: Function
    """Which total. Of classes: `balance` (smallest over largest), `evenness` (entropy over its most), `smallest`."""

    def subject(self) -> str:
        return f"{self.function}({self.column})"


class Change(Aggregate):
    """A total over the table has changed by no more than so much of its value in the last run of the same book."""

    kind: Literal["change"]  # type: ignore[assignment]
    dimension = "consistency"
    rise: Annotated[float, pydantic.Field(ge=0)] | None = None
    """How much it may rise, as a share of the last value, such as 0.2."""
    fall: Annotated[float, pydantic.Field(ge=0)] | None = None
    """How much it may fall, as a share of the last value."""

    @pydantic.model_validator(mode="after")
    def _some(self) -> Change:
        if self.rise is None and self.fall is None:
            raise pydantic_core.PydanticCustomError("kind_change", "needs rise, fall or both")
        if self.min is not None or self.max is not None or self.strict:
            raise pydantic_core.PydanticCustomError("kind_change_bounds", "takes no min, max or strict")
        return self

    def beyond(self, value: float, last: float) -> bool:
        """True when the value has changed more than it may."""
        change = (value - last) / abs(last) if last else (0.0 if value == last else float("inf") * (value - last))
        return (self.rise is not None and change > self.rise) or (self.fall is not None and -change > self.fall)


class AggregateEquals(_OneColumn):
    """A total over the table equals the one over another table."""

    kind: Literal["aggregate_equals"]
    told = "value_told"
    dimension = "consistency"
    function: Function
    """Which total."""
    other: Name
    """The other table."""
    other_column: Name | None = None
    """Its column; the same name when absent."""
    tolerance: Annotated[float, pydantic.Field(ge=0)] = 0.0
    """The difference that is allowed."""

    def subject(self) -> str:
        return f"{self.function}({self.column})"


class Similar(AggregateEquals):
    """Values are spread as in another table: half the sum of the differences of their shares is small enough."""

    kind: Literal["similar"]  # type: ignore[assignment]
    function: Literal["frequencies"] = "frequencies"  # type: ignore[assignment]
    """Always the shares of the values."""
    tolerance: Annotated[float, pydantic.Field(ge=0, lt=1)]
    """How far apart they may be: 0 for equal shares, 1 for no value in common."""

    def subject(self) -> str:
        return self.column


class Reconcile(Kind):
    """Every row is in another table under its key, with equal values. A row with a NULL in its key is not judged."""

    kind: Literal["reconcile"]
    dimension = "consistency"
    keys: Names
    """The columns that find the row in the other table."""
    other: Name
    """The other table; a key must not repeat in it."""
    columns: Names
    """The columns that must be equal, NULL equal to NULL."""

    def _columns(self) -> tuple[str, ...]:
        return (*self.keys, *self.columns)


RowKind = NotNull | NotBlank | InSet | NotInSet | Range | Length | Regex | Castable | Finite | Semantic | DateOrder
SetKind = (
    Unique | ForeignKey | Anonymity | FunctionalDependency | RowCount | Freshness | Aggregate | Change | AggregateEquals
    | Similar | Reconcile
)  # fmt: skip
Check = Annotated[RowKind | SetKind, pydantic.Field(discriminator="kind")]
ADAPTER: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(Check)


def quoted(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: Any) -> str:
    """An SQL literal."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, (int, float)):
        return f"({value!r})" if value < 0 else repr(value)
    return "'" + str(value).replace("'", "''") + "'"
