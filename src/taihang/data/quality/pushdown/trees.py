"""Trees: small things about SQLGlot's trees that translating needs everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlglot import exp

# SQLGlot's own types say less than its nodes have.
Tree = Any
FLOATS = frozenset({"DOUBLE", "FLOAT"})
WHOLE = frozenset(
    {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
)
TIMES = frozenset({"DATE", "TIME", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"})


class Refused(ValueError):
    """What an engine has no equal for; its text is that piece of SQL."""


def sized(kind: str) -> tuple[str, tuple[int, ...]]:
    """A type's name, and the sizes in its brackets."""
    base, _, sizes = kind.partition("(")
    return base, tuple(int(s) for s in sizes.rstrip(")").split(",")) if sizes else ()


def is_text(node: Tree) -> bool:
    """True for a text that stands there as it is."""
    return isinstance(node, exp.Literal) and bool(node.is_string)


def bare(node: Tree) -> Tree:
    """What is inside brackets and signs."""
    while isinstance(node, (exp.Paren, exp.Neg)):
        node = node.this
    return node


def both(one: Tree, other: Tree) -> Tree:
    """One AND the other."""
    return exp.Paren(this=exp.And(this=tight(one), expression=tight(other)))


def every(nodes: Sequence[Tree]) -> Tree:
    """All of some."""
    found = nodes[0]
    for node in nodes[1:]:
        found = exp.And(this=tight(found) if not isinstance(found, exp.And) else found, expression=tight(node))
    return exp.Paren(this=found)


def tight(node: Tree) -> Tree:
    """In brackets where another operator may stand beside it."""
    loose = (exp.Binary, exp.Not, exp.Case, exp.In, exp.Unary, exp.Between)
    return exp.Paren(this=node) if isinstance(node, loose) and not isinstance(node, exp.Paren) else node
