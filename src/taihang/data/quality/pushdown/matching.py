"""Matching: patterns in an engine's own words, matching the same texts; PostgreSQL's in a form soon decided."""

from __future__ import annotations

from sqlglot import exp

from taihang.data.quality.pushdown import comparing, lean, trees
from taihang.rules import pattern


class Matching(comparing.Comparing):
    """The part of a translator that is about patterns."""

    def _matches(self, node: trees.Tree) -> trees.Tree:
        given = node.expression
        if node.args.get("flag") is not None or node.args.get("options") is not None or not trees.is_text(given):
            raise trees.Refused(self._said(node))
        try:
            parsed = pattern.parse(given.name)
        except pattern.Unspeakable as error:
            raise trees.Refused(str(error)) from None
        return self._matched(node, pattern.whole(parsed) if isinstance(node, exp.RegexpFullMatch) else parsed)

    def _matched(self, node: trees.Tree, parsed: pattern.Node) -> trees.Tree:
        if self._type(node.this) != "VARCHAR":
            raise trees.Refused(self._said(node))
        value = self.tree(node.this)
        # What is said twice must cost nothing: a column.
        plain = self.dialect.name == "postgresql" and isinstance(value, exp.Column)
        found = lean.lean(parsed) if plain else None
        if found is None:
            return self._phrase(node, "matches", value, self._spelled(parsed))
        parts: list[trees.Tree] = []
        if found.least is not None:
            phrase = "octets" if found.octets else "length"
            parts = self._sized(self._phrase(node, phrase, value), found.least, found.most)
        if found.low is not None and found.below is not None:
            ordered = self._phrase(node, "ordered", value)
            bounds = exp.GTE(this=ordered, expression=exp.Literal.string(found.low))
            parts += [bounds, exp.LT(this=ordered.copy(), expression=exp.Literal.string(found.below))]
        matches = self._phrase(node, "matches", value, self._spelled(found.pattern))
        if found.enough:
            return exp.Paren(this=exp.Or(this=trees.every(parts), expression=trees.tight(matches)))
        return trees.every([*parts, matches])

    def _spelled(self, parsed: pattern.Node) -> trees.Tree:
        try:
            return exp.Literal.string(pattern.spell(parsed, self.dialect.flavour))
        except pattern.Unspeakable as error:
            raise trees.Refused(str(error)) from None

    def _sized(self, size: trees.Tree, least: int, most: int | None) -> list[trees.Tree]:
        low, high = exp.Literal.number(least), exp.Literal.number(most if most is not None else 0)
        if least == most:
            return [exp.EQ(this=size, expression=low)]
        parts: list[trees.Tree] = [exp.GTE(this=size, expression=low)] if least else []
        if most is not None:
            parts.append(exp.LTE(this=size.copy(), expression=high))
        return parts

    def _like(self, node: trees.Tree, escape: str | None = None) -> trees.Tree:
        if not trees.is_text(node.expression):
            raise trees.Refused(self._said(node))
        given, value = node.expression.name, self.tree(node.this)
        native = self.dialect.phrases.get("like") is not None and self._type(node.this) == "VARCHAR"
        if native and (escape is None or escape not in given):  # where escapes come in, engines may differ
            return self._phrase(node, "like", value, exp.Literal.string(given))
        return self._matched(node, pattern.like(given, escape))

    def _escaped_like(self, node: trees.Tree) -> trees.Tree:
        if not isinstance(node.this, exp.Like) or not trees.is_text(node.expression) or len(node.expression.name) != 1:
            raise trees.Refused(self._said(node))
        return self._like(node.this, node.expression.name)
