"""Typing: the type of every part of an expression, as DuckDB binds it; what other engines are held to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa
import sqlglot
from sqlglot import exp

from taihang.data.quality.pushdown import trees
from taihang.engines import tables

_NO_VALUE = (exp.DataType, exp.DataTypeParam, exp.Identifier, exp.Var, exp.Interval, exp.Distinct)
_READ = "duckdb"


def tree(sql: str) -> trees.Tree:
    """SQL that was made from a checked tree, as a tree again."""
    return sqlglot.parse_one(sql, dialect=_READ, into=exp.Condition)


class Types:
    """Types of expressions over one table's schema."""

    def __init__(self, engine: tables.Engine, schema: pa.Schema) -> None:
        self._engine, self._schema = engine, schema
        self._known: dict[str, str] = {}

    def learn(self, trees: Sequence[trees.Tree]) -> None:
        """Bind every part of some trees, in one query."""
        parts = {_sql(node) for one in trees for node in one.walk() if not isinstance(node, _NO_VALUE)}
        wanted = sorted(parts - self._known.keys())
        self._known.update(zip(wanted, self._bound(wanted), strict=True))

    def of(self, node: trees.Tree) -> str:
        """The type of an expression."""
        sql = _sql(node)
        if sql not in self._known:
            self.learn([node])
        return self._known[sql]

    def common(self, one: trees.Tree, other: trees.Tree) -> str:
        """The type in which two expressions are compared."""
        kinds = self.of(one), self.of(other)
        if kinds[0] == kinds[1]:
            return kinds[0]
        sql = f"CASE WHEN TRUE THEN {_sql(one)} ELSE {_sql(other)} END"
        if sql not in self._known:
            self._known[sql] = self._bound([sql])[0]
        return self._known[sql]

    def between(self, one: str, other: str) -> str:
        """The type in which values of two types are compared."""
        sql = f"CASE WHEN TRUE THEN CAST(NULL AS {one}) ELSE CAST(NULL AS {other}) END"
        return self._bound([sql])[0]

    def text(self, value: str, kind: str) -> str | None:
        """A text read as a type, in that type's one spelling; None when it cannot be read so."""
        text = value.replace("'", "''")
        row = self._engine.table(f"SELECT CAST(TRY_CAST('{text}' AS {kind}) AS VARCHAR) AS v").to_pylist()[0]
        found = row["v"]
        return None if found is None else str(found)

    def _bound(self, parts: Sequence[str]) -> tuple[str, ...]:
        if not parts:
            return ()
        select = ", ".join(f"({sql}) AS c{n}" for n, sql in enumerate(parts))
        with self._engine.seeing(t=self._schema.empty_table()):
            return self._engine.types(f"SELECT {select} FROM t")  # noqa: S608 - of checked trees


def columns(trees: Sequence[trees.Tree]) -> Mapping[str, None]:
    """Names of the columns in some trees, in order."""
    return dict.fromkeys(c.name for one in trees for c in one.find_all(exp.Column))


def _sql(node: trees.Tree) -> str:
    return str(node.sql(dialect=_READ, comments=False))
