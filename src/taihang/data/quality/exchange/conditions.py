"""Conditions: Great Expectations' row conditions as row filters here."""

from __future__ import annotations

import ast
import re

import sqlglot
import sqlglot.errors
from sqlglot import exp

from taihang.data.quality.exchange.draft import Refusal, quoted
from taihang.rules import kinds

_OWN = re.compile(
    r"""\s*col\(["']([A-Za-z][\w.\-]*)["']\)\s*(?:(?i:\.notnull\(\))|"""
    r"""(==|!=|<=|>=|<|>)\s*(?:([+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)|(["'])(.*?)\4|date\((["'])(.*?)\6\)))\s*"""
)
_LONGEST = 2000
_COMPARED: dict[type[ast.cmpop], str] = {
    ast.Eq: "=", ast.NotEq: "<>", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip


def sql(condition: object, parser: object) -> str:
    """SQL of a condition in the language that `parser` names. Raises Refusal for what has no equal here."""
    if not isinstance(condition, str) or len(condition) > _LONGEST:
        raise Refusal("argument", name="row_condition")
    if parser in {"great_expectations", "great_expectations__experimental__"}:
        return _own(condition)
    if parser == "pandas":
        return _pandas(condition)
    if parser in {"spark", "spark_sql", "sql"}:
        return _spark(condition)
    raise Refusal("argument", name="condition_parser")


def _own(condition: str) -> str:
    found = _OWN.fullmatch(condition)
    if found is None:
        raise Refusal("argument", name="row_condition")
    name, operator, number, _, word, _, day = found.groups()
    if operator is None:
        return f"{quoted(name)} IS NOT NULL"
    operator = {"==": "=", "!=": "<>"}.get(operator, operator)
    if number is not None:
        return f"{quoted(name)} {operator} {number}"
    return f"{quoted(name)} {operator} {kinds.literal(word if word is not None else day)}"


def _pandas(condition: str) -> str:
    """A query of pandas, whose & and | bind looser than its comparisons, unlike Python's."""
    plain = re.sub(r"&(?=(?:[^\"']|\"[^\"]*\"|'[^']*')*$)", " and ", condition)
    plain = re.sub(r"\|(?=(?:[^\"']|\"[^\"]*\"|'[^']*')*$)", " or ", plain)
    try:
        tree = ast.parse(plain.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise Refusal("argument", name="row_condition") from None
    return _walked(tree)


def _walked(node: ast.expr) -> str:
    if isinstance(node, ast.BoolOp):
        joint = " AND " if isinstance(node.op, ast.And) else " OR "
        return f"({joint.join(_walked(one) for one in node.values)})"
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.Invert)):
        return f"NOT ({_walked(node.operand)})"
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        parts = []
        for left, kind, right in zip(sides, node.ops, sides[1:], strict=False):
            if type(kind) not in _COMPARED:
                raise Refusal("argument", name="row_condition")
            # There a missing value differs from everything; a filter here would leave it open.
            test = f"{_operand(left)} {_COMPARED[type(kind)]} {_operand(right)}"
            parts.append(f"coalesce({test}, {str(isinstance(kind, ast.NotEq)).upper()})")
        return f"({' AND '.join(parts)})"
    raise Refusal("argument", name="row_condition")


def _operand(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return quoted(node.id)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return f"(-{_operand(node.operand)})"
    if isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float, str)):
        return kinds.literal(node.value)
    raise Refusal("argument", name="row_condition")


def _spark(condition: str) -> str:
    try:
        tree = sqlglot.parse_one(condition, dialect="spark", into=exp.Condition)
        return tree.sql(dialect="duckdb", comments=False)
    except (sqlglot.errors.SqlglotError, RecursionError, ValueError):
        raise Refusal("argument", name="row_condition") from None
