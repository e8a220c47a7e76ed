"""Comparing: values brought to the type in which DuckDB compares them, with its order of NaN, texts and zeros."""

from __future__ import annotations

import abc
import re
from collections.abc import Mapping

from sqlglot import exp

from taihang.data.quality.pushdown import dialects, trees, typing

COMPARISONS: dict[type[trees.Tree], type[exp.Binary]] = {
    exp.EQ: exp.EQ, exp.NEQ: exp.NEQ, exp.LT: exp.LT, exp.LTE: exp.LTE, exp.GT: exp.GT, exp.GTE: exp.GTE,
}  # fmt: skip
_FLIPPED: dict[type[trees.Tree], type[exp.Binary]] = {
    exp.LT: exp.GT,
    exp.LTE: exp.GTE,
    exp.GT: exp.LT,
    exp.GTE: exp.LTE,
}


class Comparing(abc.ABC):
    """The part of a translator that is about comparisons and casts."""

    def __init__(
        self,
        dialect: dialects.Dialect,
        types: typing.Types,
        columns: Mapping[str, trees.Tree],
        *,
        digits: bool = False,
    ) -> None:
        self.dialect, self.types, self.columns, self.digits = dialect, types, columns, digits

    @abc.abstractmethod
    def tree(self, node: trees.Tree) -> trees.Tree:
        """One node with all below it, as the engine's tree."""

    def _type(self, node: trees.Tree) -> str:
        return self.types.of(node)

    def _said(self, node: trees.Tree) -> str:
        return str(node.sql(dialect="duckdb", comments=False))[:80]

    def _phrase(self, node: trees.Tree, name: str, *operands: trees.Tree) -> trees.Tree:
        made = self.dialect.phrase(name, *operands)
        if made is None:
            raise trees.Refused(self._said(node))
        return made

    def compare(self, kind: type[trees.Tree], one: trees.Tree, other: trees.Tree) -> trees.Tree:
        """A comparison of two of DuckDB's expressions, in the type in which DuckDB compares them."""
        if isinstance(one, exp.Null) or isinstance(other, exp.Null):
            return exp.Null()
        if trees.is_text(one) and self._type(other) != "VARCHAR":
            return self.compare(_FLIPPED.get(kind, kind), other, one)
        base = self._type(one)
        if trees.is_text(other) and base != "VARCHAR":
            return self._ordered(kind, self.tree(one), self._folded(other, base), base)
        common = self.types.common(one, other)
        self._comparable(common, one, other)
        if kind in {exp.GT, exp.GTE} and isinstance(one, exp.Length) and isinstance(other, exp.Literal):
            return self._longer(kind, one, other, common)
        return self._ordered(kind, self._to(one, common), self._to(other, common), common)

    def _comparable(self, common: str, *parts: trees.Tree) -> None:
        texts = [self._type(p) == "VARCHAR" for p in parts]
        times = self.dialect.name == "clickhouse" and common == "TIME"
        if any(texts) != all(texts) or times or common.startswith(("STRUCT", "MAP", "INTERVAL")) or "[" in common:
            raise trees.Refused(self._said(parts[0]))

    def _ordered(self, kind: type[trees.Tree], one: trees.Tree, other: trees.Tree, common: str) -> trees.Tree:
        if common == "VARCHAR" and kind not in {exp.EQ, exp.NEQ}:
            one, other = (self.dialect.phrase("ordered", t) or t for t in (one, other))
        made = COMPARISONS[kind](this=trees.tight(one), expression=trees.tight(other))
        if common not in trees.FLOATS or self.dialect.orders_nan:
            return made
        # IEEE says no to every comparison with NaN: here it equals itself and is above all else.
        a, b = (self.dialect.phrase("isnan", t) for t in (one, other))
        assert a is not None
        assert b is not None
        if kind in {exp.EQ, exp.NEQ}:
            equal = exp.Paren(
                this=exp.Or(
                    this=exp.EQ(this=trees.tight(one), expression=trees.tight(other)), expression=trees.both(a, b)
                )
            )
            return equal if kind is exp.EQ else exp.Not(this=equal)
        if kind in {exp.GT, exp.LTE}:
            above = exp.GT(this=trees.tight(one), expression=trees.tight(other))
            found = exp.Paren(this=exp.Or(this=above, expression=trees.both(a, exp.Not(this=b))))
            return found if kind is exp.GT else exp.Not(this=found)
        above = exp.GT(this=trees.tight(other), expression=trees.tight(one))
        found = exp.Paren(this=exp.Or(this=above, expression=trees.both(b, exp.Not(this=a))))
        return found if kind is exp.LT else exp.Not(this=found)

    def _longer(self, kind: type[trees.Tree], one: trees.Tree, other: trees.Tree, common: str) -> trees.Tree:
        """So many characters are at least as many bytes, which some engines know without looking."""
        asked = self._ordered(kind, self._to(one, common), self._to(other, common), common)
        value = self.tree(one.this)
        octets = self.dialect.phrase("octets", value) if isinstance(value, exp.Column) else None
        if octets is None:
            return asked
        return trees.both(self._ordered(kind, octets, self._to(other, common), common), asked)

    def same(self, one: trees.Tree, other: trees.Tree) -> trees.Tree:
        """NULL equals NULL, and nothing is unknown."""
        both = trees.both(
            exp.Is(this=self.tree(one), expression=exp.Null()), exp.Is(this=self.tree(other), expression=exp.Null())
        )
        equal = exp.Coalesce(this=self.compare(exp.EQ, one, other), expressions=[exp.false()])
        return exp.Paren(this=exp.Or(this=equal, expression=both))

    def key(self, node: trees.Tree, common: str | None = None) -> trees.Tree:
        """A value by which equal rows are found: in the given type, with one NaN and one zero."""
        kind = common or self.types.of(node)
        made = self._to(node, kind)
        if self.dialect.one_zero or kind not in trees.FLOATS:
            return made
        nan = self.dialect.phrase("isnan", made)
        assert nan is not None
        if self.dialect.name == "trino":  # whose joins never find a NaN: numbers are written out, which is exact
            plain = exp.Add(this=trees.tight(made), expression=self.cast(exp.Literal.number(0), kind))
            text = exp.Cast(this=plain, to=exp.DataType.build("VARCHAR"))
            return exp.Case(ifs=[exp.If(this=nan, true=exp.Literal.string("NaN"))], default=text)
        zero = exp.Add(this=trees.tight(made), expression=self.cast(exp.Literal.number(0), kind))
        value = exp.If(this=nan, true=self.cast(exp.Literal.string("NaN"), kind))
        return exp.Case(ifs=[value], default=zero)

    def _to(self, node: trees.Tree, kind: str) -> trees.Tree:
        if self._type(node) == kind and not isinstance(node, exp.Literal):
            return self.tree(node)
        if kind == "VARCHAR" or (isinstance(node, exp.Literal) and kind in trees.WHOLE):
            return self.tree(node)
        exact = kind in trees.WHOLE and self._type(node) in trees.WHOLE
        if (exact or kind.startswith("DECIMAL")) and self.dialect.name in {"postgresql", "spark", "trino"}:
            return self.tree(node)  # these compare whole numbers and decimals exactly as they are
        return self.cast(node, kind, translated=self.tree(node))

    def cast(self, node: trees.Tree, kind: str, translated: trees.Tree | None = None) -> trees.Tree:
        """A cast to one of DuckDB's types."""
        made = translated if translated is not None else node.copy()
        base, sizes = trees.sized(kind)
        word = self.dialect.types.get(base)
        if word is None:
            raise trees.Refused(kind)
        if self.dialect.name == "clickhouse":
            scale = sizes[1] if len(sizes) > 1 else 0
            if base == "DECIMAL" and isinstance(made, exp.Literal):
                made = exp.Literal.string(made.name)
            return dialects.fill(word, self.dialect.sql, (made, exp.Literal.number(scale)))
        if base == "DECIMAL":
            word = f"{word}({', '.join(map(str, sizes))})" if self.dialect.name != "postgresql" else "NUMERIC"
        return exp.Cast(this=trees.tight(made), to=exp.DataType.build(word, dialect=self.dialect.sql))

    def _folded(self, literal: trees.Tree, kind: str) -> trees.Tree:
        """A text that stands beside a value of another type, read as that type now."""
        found = self.types.text(literal.name, kind)
        if found is None:
            raise trees.Refused(self._said(literal))
        if kind in trees.WHOLE or kind.startswith("DECIMAL") or kind in trees.FLOATS:
            number = re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", found) is not None
            if kind in trees.WHOLE and number:
                plain: trees.Tree = exp.Literal.number(found.lstrip("-"))
                return exp.Paren(this=exp.Neg(this=plain)) if found.startswith("-") else plain
            return self.cast(exp.Literal.string(found), kind)
        if kind == "BOOLEAN":
            return exp.Boolean(this=found == "true")
        if kind not in trees.TIMES or not re.fullmatch(r"[0-9]{4}-[^()]*|[0-9]{2}:[^()]*", found):
            raise trees.Refused(self._said(literal))
        if self.dialect.name == "clickhouse":
            found = found.removesuffix("+00")
        return self.cast(exp.Literal.string(found), kind)
