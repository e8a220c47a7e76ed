"""Translate: a checked expression, node by node, into an engine's SQL that means what DuckDB means by it.

The tree comes from `rules.predicate`, so only whitelisted nodes arrive; of those, the ones whose meaning
is known to be equal pass, each in an explicit form: types that DuckDB would bring together are cast,
NaN is ordered, texts are compared byte by byte, patterns are spelled out. Everything else is refused.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from taihang.data.quality.pushdown import comparing, dialects, matching, trees
from taihang.rules import pattern

_PARTS = {
    exp.Year: "year", exp.Month: "month", exp.Day: "day", exp.Hour: "hour", exp.Minute: "minute",
    exp.Quarter: "quarter", exp.DayOfWeekIso: "isodow", exp.DayOfYear: "dayofyear",
}  # fmt: skip
# Phrases over texts: how SQLGlot names the node → the phrase and its operands.
_TEXTS: dict[type[trees.Tree], tuple[str, tuple[str, ...]]] = {
    exp.StartsWith: ("starts_with", ("this", "expression")), exp.EndsWith: ("ends_with", ("this", "expression")),
    exp.Contains: ("contains", ("this", "expression")), exp.StrPosition: ("strpos", ("this", "substr")),
    exp.Replace: ("replace", ("this", "expression", "replacement")),
    exp.Lower: ("lower", ("this",)), exp.Upper: ("upper", ("this",)), exp.Length: ("length", ("this",)),
}  # fmt: skip
_NAMED = {"prefix": "starts_with", "suffix": "ends_with"}


class Translator(matching.Matching):
    """Translates expressions over one table. `columns` says how the engine reads each column."""

    def sql(self, tree: trees.Tree) -> str:
        """The engine's SQL. Raises trees.Refused."""
        return self.dialect.render(self.tree(tree))

    def tree(self, node: trees.Tree) -> trees.Tree:
        """One node with all below it, as the engine's tree."""
        made = self._plain(node)
        if made is not None:
            return made
        kind = type(node)
        if kind in comparing.COMPARISONS:
            return self.compare(kind, node.this, node.expression)
        special = _SPECIAL.get(kind)
        if special is not None:
            return special(self, node)
        if kind in _PARTS:
            return self._part(_PARTS[kind], node.this)
        if kind in _TEXTS:
            phrase, names = _TEXTS[kind]
            return self._texts(node, phrase, [node.args[n] for n in names if node.args.get(n) is not None], len(names))
        raise trees.Refused(self._said(node))

    # Logic and what stays as it is

    def _plain(self, node: trees.Tree) -> trees.Tree | None:
        made = None
        if isinstance(node, exp.Column):
            made = self.columns[node.name].copy()
        elif isinstance(node, (exp.Boolean, exp.Null, exp.Literal)):
            made = self._literal(node)
        elif isinstance(node, exp.Paren):
            made = exp.Paren(this=self.tree(node.this))
        elif isinstance(node, (exp.And, exp.Or)):
            made = self._chain(node)
        elif isinstance(node, exp.Not):
            made = exp.Not(this=trees.tight(self._boolean(node.this)))
        elif isinstance(node, exp.Coalesce):
            made = exp.Coalesce(this=self.tree(node.this), expressions=[self.tree(e) for e in node.expressions])
        return made

    def _chain(self, node: exp.And | exp.Or) -> trees.Tree:
        # Chains are long: they are walked, not descended.
        parts: list[trees.Tree] = []
        at: trees.Tree = node
        while type(at) is type(node):
            parts.append(at.expression)
            at = at.this
        made = trees.tight(self._boolean(at))
        for part in reversed(parts):
            made = type(node)(this=made, expression=trees.tight(self._boolean(part)))
        return made

    def _boolean(self, node: trees.Tree) -> trees.Tree:
        kind = self.types.of(node)
        if kind not in {"BOOLEAN", '"NULL"', "NULL"}:
            raise trees.Refused(self._said(node))
        return self.tree(node)

    def _literal(self, node: trees.Tree) -> trees.Tree:
        if (
            isinstance(node, exp.Literal)
            and not node.is_string
            and self.dialect.name == "clickhouse"
            and "." in node.name
        ):
            return self.cast(node, self.types.of(node))
        return node.copy()

    def _in(self, node: trees.Tree) -> trees.Tree:
        kind = self._type(node.this)
        values = node.expressions
        literals = all(isinstance(trees.bare(v), exp.Literal) for v in values)
        if literals and kind not in trees.FLOATS:
            made = [_equal.expression for v in values if isinstance(_equal := self._equality(node.this, v), exp.EQ)]
            if len(made) == len(values):
                return exp.In(this=trees.tight(self._equality(node.this, values[0]).this), expressions=made)
        equal = [self.compare(exp.EQ, node.this, v) for v in values]
        found: trees.Tree = trees.tight(equal[0])
        for one in equal[1:]:
            found = exp.Or(this=found, expression=trees.tight(one))
        return exp.Paren(this=found)

    def _equality(self, one: trees.Tree, other: trees.Tree) -> trees.Tree:
        return self.compare(exp.EQ, one, other)

    def _between(self, node: trees.Tree) -> trees.Tree:
        low = self.compare(exp.GTE, node.this, node.args["low"])
        return trees.both(low, self.compare(exp.LTE, node.this, node.args["high"]))

    def _is(self, node: trees.Tree) -> trees.Tree:
        against = node.expression
        if isinstance(against, exp.Null):
            return exp.Is(this=trees.tight(self.tree(node.this)), expression=exp.Null())
        if not isinstance(against, exp.Boolean):
            raise trees.Refused(self._said(node))
        value = self._boolean(node.this)
        value = value if against.this else exp.Not(this=trees.tight(value))
        return exp.Coalesce(this=value, expressions=[exp.false()])

    def _null_safe(self, node: trees.Tree) -> trees.Tree:
        same = self.same(node.this, node.expression)
        return same if isinstance(node, exp.NullSafeEQ) else exp.Not(this=same)

    def _nullif(self, node: trees.Tree) -> trees.Tree:
        equal = exp.If(this=self.compare(exp.EQ, node.this, node.expression), true=exp.Null())
        return exp.Case(ifs=[equal], default=self.tree(node.this))

    def _case(self, node: trees.Tree) -> trees.Tree:
        if node.args.get("this") is not None:
            raise trees.Refused(self._said(node))
        ifs = [exp.If(this=self._boolean(one.this), true=self.tree(one.args["true"])) for one in node.args["ifs"]]
        default = node.args.get("default")
        return exp.Case(ifs=ifs, default=self.tree(default) if default is not None else None)

    def _if(self, node: trees.Tree) -> trees.Tree:
        default = node.args.get("false")
        one = exp.If(this=self._boolean(node.this), true=self.tree(node.args["true"]))
        return exp.Case(ifs=[one], default=self.tree(default) if default is not None else None)

    # Numbers

    def _arithmetic(self, node: trees.Tree) -> trees.Tree:
        kind = self._type(node)
        parts = [node.this, node.expression] if isinstance(node, exp.Binary) else [node.this]
        if kind in trees.FLOATS:
            made = [self._to(p, kind) for p in parts]
        elif kind in trees.WHOLE:
            made = [self.tree(p) for p in parts]
            if self.dialect.name == "clickhouse":  # which would go on from the other end on overflow
                made = [dialects.fill("toInt256(_a_)", "clickhouse", (m,)) for m in made]
        elif kind.startswith("DECIMAL"):
            made = [self.cast(p, self._type(p), self.tree(p)) if self.dialect.name == "clickhouse" else self.tree(p)
                    for p in parts]  # fmt: skip
        else:
            raise trees.Refused(self._said(node))
        named = dict(zip(("this", "expression"), (trees.tight(m) for m in made), strict=False))
        return type(node)(**named)

    def _divide(self, node: trees.Tree) -> trees.Tree:
        if self._type(node) != "DOUBLE":
            raise trees.Refused(self._said(node))
        return self._phrase(node, "divide", *(self._to(p, "DOUBLE") for p in (node.this, node.expression)))

    def _whole_division(self, node: trees.Tree) -> trees.Tree:
        if any(self._type(p) not in trees.WHOLE for p in (node.this, node.expression)):
            raise trees.Refused(self._said(node))
        phrase = "mod" if isinstance(node, exp.Mod) else "intdiv"
        return self._phrase(node, phrase, self.tree(node.this), self.tree(node.expression))

    def _abs(self, node: trees.Tree) -> trees.Tree:
        return self._phrase(node, "abs", self.tree(node.this))

    def _about_floats(self, node: trees.Tree) -> trees.Tree:
        phrase = {exp.IsNan: "isnan", exp.IsInf: "isinf"}[type(node)]
        return self._floating(node, phrase, node.this)

    def _floating(self, node: trees.Tree, phrase: str, value: trees.Tree) -> trees.Tree:
        kind = self._type(value)
        if kind not in trees.FLOATS and kind not in trees.WHOLE and not kind.startswith("DECIMAL"):
            raise trees.Refused(self._said(node))
        made = self._to(value, "DOUBLE")
        found = self._phrase(node, phrase, made)
        if self.dialect.name == "spark" and phrase == "isnan":  # which says FALSE of NULL
            unknown = exp.If(this=exp.Is(this=trees.tight(made.copy()), expression=exp.Null()), true=exp.Null())
            return exp.Case(ifs=[unknown], default=found)
        return found

    # Texts

    def _texts(self, node: trees.Tree, phrase: str, operands: list[trees.Tree], wanted: int) -> trees.Tree:
        if len(operands) != wanted or any(self._type(o) != "VARCHAR" for o in operands):
            raise trees.Refused(self._said(node))
        if any(trees.is_text(o) and not o.name for o in operands[1:2]):
            raise trees.Refused(self._said(node))  # what an empty text is found in differs
        return self._phrase(node, phrase, *(self.tree(o) for o in operands))

    def _anonymous(self, node: trees.Tree) -> trees.Tree:
        name = str(node.this).lower()
        if name == "isfinite":
            return self._floating(node, "isfinite", node.expressions[0])
        if name in _NAMED:
            return self._texts(node, _NAMED[name], node.expressions, 2)
        raise trees.Refused(self._said(node))

    def _sliced(self, node: trees.Tree) -> trees.Tree:
        start, length = node.args.get("start"), node.args.get("length")
        for part, least in ((start, 1), (length, 0)):
            plain = isinstance(part, exp.Literal) and part.name.isdigit() and int(part.name) >= least
            if part is not None and not plain and not (self.digits and part is start):
                raise trees.Refused(self._said(node))
        if self._type(node.this) != "VARCHAR" or start is None:
            raise trees.Refused(self._said(node))
        parts = [self.tree(p) for p in (node.this, start, length) if p is not None]
        if self.dialect.name == "clickhouse" and not isinstance(start, exp.Literal):
            parts[1] = dialects.fill("toInt64(_a_)", "clickhouse", (parts[1],))
        return self._phrase(node, "substring" if length is not None else "substring_from", *parts)

    def _end(self, node: trees.Tree) -> trees.Tree:
        size = node.expression
        if self._type(node.this) != "VARCHAR" or not (isinstance(size, exp.Literal) and size.name.isdigit()):
            raise trees.Refused(self._said(node))
        return self._phrase(node, "left" if isinstance(node, exp.Left) else "right", self.tree(node.this), size.copy())

    def _trim(self, node: trees.Tree) -> trees.Tree:
        given = node.args.get("expression")
        if (
            node.args.get("position")
            or self._type(node.this) != "VARCHAR"
            or not (given is None or trees.is_text(given))
        ):
            raise trees.Refused(self._said(node))
        letters = given.name if given is not None else dialects.SPACES
        if self.dialect.name == "clickhouse":
            one = pattern.spell(pattern.Set(tuple(sorted((ord(c), ord(c)) for c in set(letters)))), "re2")
            letters = rf"\A{one}+|{one}+\z"
        return self._phrase(node, "trim", self.tree(node.this), exp.Literal.string(letters))

    def _joined(self, node: trees.Tree) -> trees.Tree:
        parts = list(node.flatten()) if isinstance(node, exp.DPipe) else node.expressions
        if any(self._type(p) != "VARCHAR" for p in parts):
            raise trees.Refused(self._said(node))
        made = [self.tree(p) for p in parts]
        if isinstance(node, exp.Concat):  # which passes over NULL
            made = [exp.Coalesce(this=m, expressions=[exp.Literal.string("")]) for m in made]
        found = trees.tight(made[0])
        for one in made[1:]:
            found = exp.DPipe(this=found, expression=trees.tight(one), safe=True)
        return found

    # Casts and parts of times

    def _cast(self, node: trees.Tree) -> trees.Tree:
        made, kind = self._type(node.this), self._type(node)
        if trees.is_text(node.this) and kind != "VARCHAR":
            return self._folded(node.this, kind)
        if kind == made:
            return self.tree(node.this)
        if kind == "VARCHAR":
            return self._as_text(node, made)
        if made == "VARCHAR" and kind == "BIGINT" and self.digits and isinstance(node, exp.TryCast):
            if self.dialect.name == "clickhouse":
                return dialects.fill("toInt64OrNull(_a_)", "clickhouse", (self.tree(node.this),))
            return exp.Cast(this=trees.tight(self.tree(node.this)), to=exp.DataType.build("BIGINT"))
        widens = made in trees.WHOLE and (kind in trees.WHOLE or kind.startswith("DECIMAL"))
        number = made in trees.WHOLE or made.startswith("DECIMAL") or made in trees.FLOATS
        times = made in {"DATE", "TIMESTAMP"} and kind in {"DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"}
        if not (widens or (number and kind == "DOUBLE") or times):
            raise trees.Refused(self._said(node))
        return self.cast(node.this, kind, self.tree(node.this))

    def _as_text(self, node: trees.Tree, made: str) -> trees.Tree:
        value = self.tree(node.this)
        if made.startswith("DECIMAL") and self.dialect.name == "clickhouse":
            scale = exp.Literal.number(trees.sized(made)[1][1])
            return dialects.fill("toDecimalString(_a_, _b_)", "clickhouse", (value, scale))
        if made in trees.WHOLE or made.startswith("DECIMAL") or made in {"DATE", "BOOLEAN"}:
            return self.cast(node.this, "VARCHAR", value)
        if made not in {"TIMESTAMP", "TIMESTAMP WITH TIME ZONE"} or self.dialect.name == "trino":
            raise trees.Refused(self._said(node))
        if self.dialect.name == "clickhouse":  # which writes six digits always
            raise trees.Refused(self._said(node))
        text = self.cast(node.this, "VARCHAR", value)
        if made != "TIMESTAMP" and self.dialect.name != "postgresql":
            return exp.DPipe(this=trees.tight(text), expression=exp.Literal.string("+00"), safe=True)
        return text

    def _part(self, name: str, value: trees.Tree) -> trees.Tree:
        if self._type(value) not in {"DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"}:
            raise trees.Refused(self._said(value))
        if self._type(value) == "DATE" and name in {"hour", "minute"}:
            return exp.Literal.number(0)
        made = self._phrase(value, name, self.tree(value))
        return self.cast(value, "BIGINT", made)

    def _extract(self, node: trees.Tree) -> trees.Tree:
        name = {"DOY": "dayofyear"}.get(node.name.upper(), node.name.lower())
        if name not in _PARTS.values():
            raise trees.Refused(self._said(node))
        return self._part(name, node.expression)


_SPECIAL: dict[type[trees.Tree], Callable[[Translator, trees.Tree], trees.Tree]] = {
    exp.In: Translator._in, exp.Between: Translator._between, exp.Is: Translator._is,
    exp.NullSafeEQ: Translator._null_safe, exp.NullSafeNEQ: Translator._null_safe, exp.Nullif: Translator._nullif,
    exp.Case: Translator._case, exp.If: Translator._if, exp.Add: Translator._arithmetic,
    exp.Sub: Translator._arithmetic, exp.Mul: Translator._arithmetic, exp.Neg: Translator._arithmetic,
    exp.Div: Translator._divide, exp.IntDiv: Translator._whole_division, exp.Mod: Translator._whole_division,
    exp.Abs: Translator._abs, exp.IsNan: Translator._about_floats, exp.IsInf: Translator._about_floats,
    exp.Anonymous: Translator._anonymous, exp.RegexpLike: Translator._matches,
    exp.RegexpFullMatch: Translator._matches, exp.Like: Translator._like, exp.Escape: Translator._escaped_like,
    exp.Substring: Translator._sliced, exp.Left: Translator._end, exp.Right: Translator._end,
    exp.Trim: Translator._trim, exp.Concat: Translator._joined, exp.DPipe: Translator._joined,
    exp.Cast: Translator._cast, exp.TryCast: Translator._cast, exp.Extract: Translator._extract,
}  # fmt: skip
