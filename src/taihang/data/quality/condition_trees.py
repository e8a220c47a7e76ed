"""Condition trees: which conditions, SQL that rules were made into, a chunk's own values decide."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from taihang.data.quality import shapes
from taihang.data.quality.conditions import (
    Absent,
    Always,
    Among,
    Compared,
    Condition,
    Either,
    Finite,
    Known,
    Matched,
    Measured,
    Not,
    Shaped,
    is_time,
)  # fmt: skip
from taihang.engines import tables
from taihang.rules import pattern

_WHOLE, _DECIMAL = re.compile(r"[0-9]{1,18}"), re.compile(r"[0-9]{1,15}|(?=[0-9.]{2,16}$)[0-9]*\.[0-9]+")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(?: \d\d:\d\d:\d\d(?:\.\d{6})?)?", re.ASCII)
_DAY = datetime.date(1970, 1, 1).toordinal()
_GROWING = re.compile(r"\\[pPbBQC]|\(\?")  # letters by kind, edges of words, flags


@dataclasses.dataclass(frozen=True)
class Split:
    """Conditions by their numbers: as SQL, with columns of shapes that it reads, or decided directly."""

    sql: dict[int, str]
    shapes: dict[str, shapes.Shape]
    direct: dict[int, Condition]


def split(tests: Sequence[str], schema: pa.Schema, taken: Collection[str]) -> Split:
    """Take out of conditions, SQL that `predicate` or `sets` made, what costs less by a chunk's own values."""
    changed, made = shapes.taken_out(tests, schema, taken)
    reader = _Reader({field.name: field.type for field in schema}, made)
    read = [reader.condition(shapes.tree(sql)) for sql in changed]
    direct = {n: condition for n, condition in enumerate(read) if condition is not None}
    left = {n: sql for n, sql in enumerate(changed) if n not in direct}
    used = {name: shape for name, shape in made.items() if any(tables.quoted(name) in sql for sql in left.values())}
    return Split(left, used, direct)


class _Reader:
    """Reads conditions from trees; None for what is left to the database."""

    def __init__(self, types: Mapping[str, pa.DataType], made: Mapping[str, shapes.Shape]) -> None:
        self.types, self.made = types, made

    def condition(self, node: exp.Expr | None) -> Condition | None:
        """The condition that a tree says."""
        if isinstance(node, exp.Paren):
            return self.condition(node.this)
        if isinstance(node, exp.Not):
            inner = self.condition(node.this)
            return None if inner is None else Not(inner)
        if isinstance(node, (exp.Or, exp.And)):
            return self._joined(node)
        if isinstance(node, exp.Coalesce) and node.expressions == [exp.false()]:
            inner = self.condition(node.this)
            return None if inner is None else Known(inner)
        if isinstance(node, exp.Boolean):
            return Always(bool(node.this))
        return self._leaf(node)

    def _joined(self, node: exp.Or | exp.And) -> Condition | None:
        one, other = self.condition(node.this), self.condition(node.expression)
        if one is None or other is None:
            return None
        return Either(one, other) if isinstance(node, exp.Or) else Not(Either(Not(one), Not(other)))

    def _leaf(self, node: exp.Expr | None) -> Condition | None:
        if isinstance(node, exp.Column):
            shape = self.made.get(node.name) if not node.table else None
            return None if shape is None else Shaped(shape)
        if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
            name = self._name(node.this)
            return Absent(name) if name and _is_plain(self.types[name]) else None
        if isinstance(node, exp.In):
            return self._among(node)
        if isinstance(node, (exp.RegexpFullMatch, exp.RegexpLike)):
            return self._matched(node)
        if isinstance(node, exp.Anonymous) and node.name.upper() == "ISFINITE" and len(node.expressions) == 1:
            name = self._name(node.expressions[0])
            return Finite(name) if name and pa.types.is_float64(self.types[name]) else None
        return self._compared(node) if type(node) in _OF_TREE else None

    def _name(self, node: exp.Expr | None, text: bool = False) -> str:
        """The column that a node is, maybe cast to the text that it is already."""
        if isinstance(node, exp.Cast) and node.to.this in {exp.DataType.Type.TEXT, exp.DataType.Type.VARCHAR}:
            node, text = node.this, True
        if not isinstance(node, exp.Column) or node.table or node.name not in self.types or node.name in self.made:
            return ""
        return node.name if not text or shapes.is_text(self.types[node.name]) else ""

    def _among(self, node: exp.In) -> Condition | None:
        name = self._name(node.this)
        if not name or not node.expressions or set(node.args) - {"this", "expressions"}:
            return None
        kind = self.types[name]
        values = [_text(one) if shapes.is_text(kind) else _whole(one, kind) for one in node.expressions]
        return None if None in values else Among(name, tuple(values))  # type: ignore[arg-type]

    def _matched(self, node: exp.RegexpFullMatch | exp.RegexpLike) -> Condition | None:
        name, regex = self._name(node.this, text=True), _text(node.expression)
        if not name or regex is None or any(v for k, v in node.args.items() if k not in {"this", "expression"}):
            return None
        if isinstance(node, exp.RegexpFullMatch):
            regex = rf"\A(?:{regex})\z"
        return Matched(name, regex) if _speakable(regex) else None

    def _compared(self, node: Any) -> Condition | None:
        sign = _OF_TREE[type(node)]
        if isinstance(node.this, exp.Length):
            name, length = self._name(node.this.this, text=True), _whole(node.expression, pa.int64())
            return None if not name or length is None else Measured(name, sign, length)
        name, other = self._name(node.this), self._name(node.expression)
        if not name:
            return None
        kind = self.types[name]
        if other:
            alike = self.types[other] == kind and (is_time(kind) or _is_whole(kind))
            return Compared(name, sign, other) if alike else None
        if shapes.is_text(kind) and sign in {"=", "<>"} and (text := _text(node.expression)) is not None:
            return Among(name, (text,)) if sign == "=" else Not(Among(name, (text,)))
        than = _constant(node.expression, kind)
        return None if than is None else Compared(name, sign, than)


_OF_TREE = {exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=", exp.EQ: "=", exp.NEQ: "<>"}


def _constant(node: exp.Expr, kind: pa.DataType) -> int | float | None:
    """A constant as a column of this type holds it, where the database compares it so."""
    if _is_whole(kind):
        return _whole(node, kind)
    if pa.types.is_float64(kind):
        sign, node = (-1, node.this) if isinstance(node, exp.Neg) else (1, node)
        plain = isinstance(node, exp.Literal) and not node.is_string and _DECIMAL.fullmatch(node.this)
        return sign * float(node.this) if plain else None
    text = _text(node) if is_time(kind) and getattr(kind, "tz", None) is None else None
    if text is None or not _MOMENT.fullmatch(text) or (pa.types.is_date32(kind) and len(text) > len("2000-01-01")):
        return None
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    days = moment.toordinal() - _DAY
    if pa.types.is_date32(kind):
        return days
    since = datetime.timedelta(days, hours=moment.hour, minutes=moment.minute, seconds=moment.second)
    return since // datetime.timedelta(microseconds=1) + moment.microsecond if kind.unit == "us" else None


def _whole(node: exp.Expr, kind: pa.DataType) -> int | None:
    if not _is_whole(kind):
        return None
    sign, node = (-1, node.this) if isinstance(node, exp.Neg) else (1, node)
    if not isinstance(node, exp.Literal) or node.is_string or not _WHOLE.fullmatch(node.this):
        return None
    found, bounds = sign * int(node.this), np.iinfo(kind.to_pandas_dtype())
    return found if bounds.min <= found <= bounds.max else None


def _text(node: exp.Expr) -> str | None:
    return str(node.this) if isinstance(node, exp.Literal) and node.is_string else None


@functools.cache
def _speakable(regex: str) -> bool:
    """Whether every edition of the matcher says the same of a pattern, and this one takes it."""
    inner = regex.removeprefix(r"\A(?:").removesuffix(r")\z")
    if _GROWING.search(inner.replace(r"\\", "").replace("(?:", "(")):
        return False
    try:
        pattern.parse(inner)
        pc.match_substring_regex(pa.array([""]), regex)
    except (pattern.Unspeakable, pa.ArrowException):
        return False
    return True


def _is_whole(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind)) and kind != pa.uint64()


def _is_plain(kind: pa.DataType) -> bool:
    """True for types whose NULLs are all in the column's own bits."""
    of = pa.types
    return any(
        is_it(kind) for is_it in (of.is_primitive, of.is_string, of.is_large_string, of.is_decimal, of.is_boolean)
    )
