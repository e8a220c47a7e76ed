"""Predicate: an SQL expression that may compute on the columns of one row, and do nothing else.

SQLGlot reads it, a whitelist of node kinds passes it, and only SQL generated anew from the checked
tree is ever run; the text itself never reaches the database.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Mapping
from typing import Any, NoReturn, cast

import sqlglot
import sqlglot.errors
from sqlglot import exp

from taihang.core import errors, words
from taihang.rules import form

DIALECT = "duckdb"
_DEEPEST = 48
_MOST_NODES = 4000
_OPERATORS: frozenset[type[exp.Expression]] = frozenset(
    {
        *(exp.And, exp.Or, exp.Not, exp.Paren, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE),
        *(exp.NullSafeEQ, exp.NullSafeNEQ, exp.Is, exp.Between, exp.In, exp.Like, exp.ILike, exp.Escape),
        *(exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.Neg, exp.DPipe, exp.Case, exp.If),
        *(exp.Cast, exp.TryCast, exp.Interval, exp.Column, exp.Literal, exp.Boolean, exp.Null),
    }
)
# What people write → the kinds of node that SQLGlot makes of it.
_FUNCTIONS: dict[str, type[exp.Expression] | None] = {
    "abs": exp.Abs, "round": exp.Round, "floor": exp.Floor, "ceil": exp.Ceil, "trunc": exp.Trunc, "sign": exp.Sign,
    "sqrt": exp.Sqrt, "ln": exp.Ln, "log": exp.Log, "exp": exp.Exp, "power": exp.Pow, "pi": exp.Pi,
    "greatest": exp.Greatest, "least": exp.Least, "isnan": exp.IsNan, "isinf": exp.IsInf, "isfinite": None,
    "coalesce": exp.Coalesce, "nullif": exp.Nullif, "if": exp.If,
    "lower": exp.Lower, "upper": exp.Upper, "length": exp.Length, "trim": exp.Trim, "substring": exp.Substring,
    "left": exp.Left, "right": exp.Right, "starts_with": exp.StartsWith, "ends_with": exp.EndsWith,
    "contains": exp.Contains, "strpos": exp.StrPosition, "replace": exp.Replace, "concat": exp.Concat,
    "prefix": None, "suffix": None, "regexp_matches": exp.RegexpLike, "regexp_full_match": exp.RegexpFullMatch,
    "year": exp.Year, "month": exp.Month, "day": exp.Day, "hour": exp.Hour, "minute": exp.Minute,
    "second": exp.Second, "week": exp.Week, "quarter": exp.Quarter, "dayofweek": exp.DayOfWeek,
    "dayofyear": exp.DayOfYear, "isodow": exp.DayOfWeekIso, "extract": exp.Extract, "date_diff": exp.DateDiff,
    "date_trunc": exp.TimestampTrunc, "epoch": exp.TimeToUnix, "make_date": exp.DateFromParts,
}  # fmt: skip
_AGGREGATES: dict[str, type[exp.Expression] | None] = {
    "count": exp.Count, "sum": exp.Sum, "avg": exp.Avg, "min": exp.Min, "max": exp.Max, "median": exp.Median,
    "stddev_samp": exp.StddevSamp, "arg_min": exp.ArgMin, "arg_max": exp.ArgMax, "bool_and": exp.LogicalAnd,
    "bool_or": exp.LogicalOr, "count_if": exp.CountIf, "mean": None,
}  # fmt: skip
_KINDS = _OPERATORS | {kind for kind in _FUNCTIONS.values() if kind}
_AGGREGATE_KINDS = frozenset(kind for kind in _AGGREGATES.values() if kind)
# Children that are part of their parent and are checked with it.
_WITHIN: dict[type[exp.Expression], tuple[type[exp.Expression], ...]] = {
    exp.Identifier: (exp.Column,),
    exp.DataType: (exp.Cast, exp.TryCast),
    exp.DataTypeParam: (exp.DataType,),
    exp.Var: (exp.Interval, exp.Extract, exp.DateDiff, exp.TimestampTrunc),
}
_ARGUMENTS: dict[type[exp.Expression], frozenset[str]] = {
    exp.Column: frozenset({"this"}),
    exp.In: frozenset({"this", "expressions"}),
    exp.Max: frozenset({"this"}),
    exp.Min: frozenset({"this"}),
    exp.ArgMax: frozenset({"this", "expression"}),
    exp.ArgMin: frozenset({"this", "expression"}),
    exp.Trim: frozenset({"this", "expression", "position"}),
    exp.Cast: frozenset({"this", "to"}),
    exp.TryCast: frozenset({"this", "to", "safe"}),
}
_TYPES = frozenset(
    {
        *("BOOLEAN", "TINYINT", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL"),
        *("VARCHAR", "TEXT", "CHAR", "DATE", "TIME", "TIMESTAMP", "TIMESTAMPNTZ", "TIMESTAMPTZ"),
    }
)
_UNITS = frozenset(
    {
        *("MICROSECOND", "MILLISECOND", "SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR"),
        *("DOW", "ISODOW", "DOY", "EPOCH"),
    }
)
_PATTERNS = (exp.RegexpLike, exp.RegexpFullMatch)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_TOLD = {
    exp.Star: "*", exp.Window: "OVER (…)", exp.Lambda: "->", exp.Select: "SELECT", exp.Subquery: "SELECT",
    exp.Alias: "AS", exp.Tuple: "(…, …)", exp.Bracket: "[…]", exp.Array: "[…]", exp.Struct: "{…}",
    exp.Order: "ORDER BY", exp.Any: "ANY", exp.All: "ALL", exp.Exists: "EXISTS", exp.AtTimeZone: "AT TIME ZONE",
    exp.Collate: "COLLATE", exp.Glob: "GLOB", exp.SimilarTo: "SIMILAR TO", exp.Parameter: "@", exp.Dot: ".",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Expression:
    """A checked expression: SQL made from its tree, and its columns with their offsets in the text."""

    text: str
    sql: str
    columns: Mapping[str, int]
    places: form.Places

    def check_columns(self, known: Collection[str], table: str) -> None:
        """Raise errors.UserError at the first column that the table lacks."""
        for name, at in self.columns.items():
            if name not in known:
                where = self.places.inside(name, at)
                raise errors.UserError(
                    "rules:sql.column", where=where, column=name, table=table, known=", ".join(known) or "-"
                )


def parse(
    text: str, parameters: Mapping[str, words.Scalar], places: form.Places, *, measure: bool = False
) -> Expression:
    """Parse and check one expression; `measure` admits aggregates, and demands one around every column.

    Raises errors.UserError at the place of what is not allowed.
    """
    checker = _Checker(text, parameters, places, measure)
    tree = checker.check(checker.tree())
    try:
        sql = tree.sql(dialect=DIALECT, comments=False)
    except (RecursionError, sqlglot.errors.SqlglotError):
        checker.refuse("rules:sql.complex", "", 0)
    columns = dict(sorted(checker.columns.items(), key=lambda column: column[1]))
    return Expression(text, sql, columns, places)


class _Checker:
    def __init__(self, text: str, parameters: Mapping[str, words.Scalar], places: form.Places, measure: bool) -> None:
        self.text = text
        self.parameters = parameters
        self.places = places
        self.measure = measure
        self.columns: dict[str, int] = {}

    def tree(self) -> exp.Expression:
        strange = _CONTROL.search(self.text)
        if strange:
            self.refuse("rules:sql.control", "", strange.start())
        try:
            tree = cast("exp.Expression", sqlglot.parse_one(self.text, dialect=DIALECT, into=exp.Condition))
        except sqlglot.errors.ParseError as error:
            first = error.errors[0] if error.errors else {}
            word = str(first.get("highlight") or "")
            at = self._offset(first.get("line"), first.get("col"), word)
            self.refuse("rules:sql.syntax", word, at, near=word or self.text[:40])
        except (
            RecursionError,
            sqlglot.errors.SqlglotError,
            ValueError,
            IndexError,
            AttributeError,
            TypeError,
        ) as error:
            key = "rules:sql.complex" if isinstance(error, RecursionError) else "rules:sql.syntax"
            self.refuse(key, "", 0, near=self.text[:40])
        return tree

    def check(self, tree: exp.Expression) -> exp.Expression:
        """Every node against the whitelist, without recursion; parameters replaced by literals."""
        holder = exp.Paren(this=tree)
        stack: list[tuple[exp.Expression, exp.Expression, int, bool]] = [(tree, holder, 0, False)]
        nodes = 0
        while stack:
            node, parent, depth, aggregated = stack.pop()
            nodes += 1
            if depth > _DEEPEST or nodes > _MOST_NODES:
                self.refuse("rules:sql.complex", "", 0)
            if isinstance(node, (exp.Placeholder, exp.Parameter)):
                node.replace(self._literal(node))
                continue
            self._allow(node, parent, aggregated)
            inside = aggregated or type(node) in _AGGREGATE_KINDS or self._is_mean(node)
            chained = type(node) is type(parent) and isinstance(node, (exp.And, exp.Or))
            below = depth if chained else depth + 1
            stack.extend((child, node, below, inside) for child in node.iter_expressions())
        checked: exp.Expression = holder.this
        return checked

    def _allow(self, node: exp.Expression, parent: exp.Expression, aggregated: bool) -> None:
        kind = type(node)
        if isinstance(parent, _WITHIN.get(kind, ())):
            return self._allow_part(node)
        aggregate = kind in _AGGREGATE_KINDS or self._is_mean(node)
        if aggregate and (not self.measure or aggregated):
            self._forbid(node)
        if kind is exp.Distinct:
            if not isinstance(parent, exp.Count) or len(node.expressions) != 1:
                self._forbid(node)
            return None
        if isinstance(node, exp.Anonymous):
            name = str(node.this).lower()
            if _FUNCTIONS.get(name, exp.Expression) is not None and not aggregate:
                self._forbid(node)
            return None
        if kind not in _KINDS and not aggregate:
            self._forbid(node)
        extra = {k for k, v in node.args.items() if v not in (None, False, [])} - _ARGUMENTS.get(kind, node.args.keys())
        if extra and kind is not exp.Count:
            self._forbid(node)
        if isinstance(node, exp.Column):
            if not isinstance(node.this, exp.Identifier):
                self._forbid(node)
            if self.measure and not aggregated:
                self.refuse("rules:sql.bare", node.name, self._at(node, node.name), column=node.name)
            self.columns.setdefault(node.name, self._at(node.this, node.name))
            node.this.set("quoted", True)
        if isinstance(node, _PATTERNS):
            self._check_pattern(node)
        return None

    def _allow_part(self, node: exp.Expression) -> None:
        if isinstance(node, exp.DataType):
            kind = node.this.name if hasattr(node.this, "name") else str(node.this)
            if kind not in _TYPES or node.args.get("nested"):
                self._forbid(node)
            return
        bad_size = isinstance(node, exp.DataTypeParam) and not isinstance(node.this, exp.Literal)
        bad_unit = isinstance(node, exp.Var) and node.name.upper().removesuffix("S") not in _UNITS
        if bad_size or bad_unit:
            self._forbid(node)

    def _check_pattern(self, node: exp.Expression) -> None:
        pattern = node.args.get("expression")
        if not isinstance(pattern, (exp.Literal, exp.Placeholder)):
            self.refuse("rules:sql.pattern", "", self._at(node, ""))

    def _is_mean(self, node: exp.Expression) -> bool:
        return isinstance(node, exp.Anonymous) and str(node.this).lower() == "mean"

    def _literal(self, node: exp.Expression) -> exp.Expression:
        name = str(node.name or node.this or "?")
        at = self.text.find(name)
        if name not in self.parameters:
            known = ", ".join(self.parameters) or "-"
            self.refuse("rules:sql.parameter", name, at, name=name, known=known)
        value = self.parameters[name]
        if isinstance(value, bool):
            return exp.Boolean(this=value)
        if isinstance(value, (int, float)):
            number = exp.Literal.number(repr(abs(value)))
            return exp.Paren(this=exp.Neg(this=number)) if value < 0 else number
        if _CONTROL.search(str(value)):
            self.refuse("rules:sql.control", name, at)
        return exp.Literal.string(str(value))

    def _forbid(self, node: exp.Expression) -> NoReturn:
        kind = type(node)
        if isinstance(node, exp.Func) and kind not in _TOLD:
            name = str(node.this) if isinstance(node, exp.Anonymous) else exp.Func.sql_name.__func__(kind)  # type: ignore[attr-defined]
            name = self._as_written(name)
            known = {**_FUNCTIONS, **(_AGGREGATES if self.measure else {})}
            if name.lower() in _AGGREGATES and not self.measure:
                self.refuse("rules:sql.aggregate", name, self._at(node, name), name=name)
            near = form.nearest(name.lower(), known)
            self.refuse("rules:sql.function", name, self._at(node, name), name=name, near=near)
        told = _TOLD.get(kind)
        if told is None:
            text = self._rendered(node)
            told = text if 0 < len(text) <= 60 else kind.__name__
        self.refuse("rules:sql.forbidden", told, self._at(node, told), what=told)

    def _rendered(self, node: exp.Expression) -> str:
        try:
            return str(node.sql(dialect=DIALECT, comments=False))
        except (RecursionError, sqlglot.errors.SqlglotError, ValueError, AttributeError, TypeError):
            return ""

    def _as_written(self, name: str) -> str:
        found = re.search(rf"\b{re.escape(name)}\b", self.text, re.IGNORECASE)
        return found.group() if found else name.lower()

    def _at(self, node: exp.Expression, word: str) -> int:
        start: Any = node.meta.get("start")
        if start is None and isinstance(node.this, exp.Expression):
            start = node.this.meta.get("start")
        if not isinstance(start, int):
            return max(self.text.find(word), 0)
        # An identifier in quotes begins one character later.
        return self.text.find(word, start) if word and self.text.find(word, start) >= 0 else start

    def _offset(self, line: Any, column: Any, word: str) -> int:
        if not isinstance(line, int) or not isinstance(column, int):
            return 0
        lines = self.text.split("\n")
        before = sum(len(one) + 1 for one in lines[: line - 1])
        at = before + max(column - max(len(word), 1), 0)
        return at if self.text.startswith(word, at) else max(self.text.find(word), 0)

    def refuse(self, key: str, word: str, at: int, /, **values: Any) -> NoReturn:
        raise errors.UserError(key, where=self.places.inside(word, max(at, 0)), **values) from None
