"""SQL: which columns a query's columns come from. The text is read, never run.

SQLGlot parses and qualifies; only statements made of a whitelist of node kinds pass, because a function
that reads a file, or one that nobody knows, would be a source that the answer does not name. The columns
are followed through sub-queries with a memo: what is asked twice is followed once, so a chain of
self-joins costs its length and not its product.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NoReturn, TypeVar, cast

import sqlglot
import sqlglot.errors
from sqlglot import exp
from sqlglot.optimizer import qualify, scope

from taihang.catalog import text
from taihang.catalog.lineage import sql_kinds, sql_width
from taihang.core import errors

T = TypeVar("T")
DIALECTS: tuple[str, ...] = ("duckdb", "postgres", "mysql", "spark", "clickhouse", "trino", "sqlite", "hive")
LONGEST = 100_000
_MOST_NODES = 20_000
_DEEPEST = 100
Effect = Literal[
    "IDENTITY", "TRANSFORMATION", "AGGREGATION", "CONDITIONAL", "WINDOW", "FILTER", "JOIN", "GROUP_BY", "SORT"
]
_STRENGTH = ("IDENTITY", "TRANSFORMATION", "AGGREGATION")
_INDIRECT = frozenset({"CONDITIONAL", "WINDOW", "FILTER", "JOIN", "GROUP_BY", "SORT"})
_CLAUSES: tuple[tuple[type[exp.Expr], Effect], ...] = (
    (exp.Where, "FILTER"), (exp.Having, "FILTER"), (exp.Join, "JOIN"), (exp.Group, "GROUP_BY"), (exp.Order, "SORT"),
)  # fmt: skip
_MASKS = (exp.MD5, exp.SHA, exp.SHA2)


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Source:
    """A column of an input and what it does to the output; words of OpenLineage's column lineage."""

    table: str
    column: str
    effect: Effect
    masking: bool = False

    @property
    def direct(self) -> bool:
        """True when values flow, False when the column only decides which or where."""
        return self.effect not in _INDIRECT


@dataclasses.dataclass(frozen=True, slots=True)
class Derived:
    """What a query makes: `columns` in order with their sources; `whole`: what decides about all rows.

    `target` is the table that `CREATE TABLE … AS` or `INSERT INTO` names, else None.
    """

    columns: tuple[tuple[str, tuple[Source, ...]], ...]
    whole: tuple[Source, ...]
    tables: tuple[str, ...]
    target: str | None = None


def derive(sql: str, tables: Mapping[str, Sequence[str]], *, dialect: str = "duckdb") -> Derived:
    """Follow the columns of one SELECT, CREATE TABLE … AS SELECT or INSERT … SELECT.

    `tables` are those that may be read, with their columns. Raises errors.UserError, in one line, for
    anything else: several statements, other tables, unknown functions, functions that read files.
    """
    if dialect not in DIALECTS:
        raise errors.UserError("catalog:sql.dialect", known=", ".join(DIALECTS))
    text.checked("sql", sql, LONGEST, lines=True)
    query, target = _query(_understood(lambda: _parsed(sql, dialect)))
    nodes = list(query.walk())
    if len(nodes) > _MOST_NODES or _depth(nodes) > _DEEPEST:
        refuse("catalog:sql.complex")
    sql_kinds.check(query, nodes, dialect)
    keys = _keyed(query, {name.casefold(): name for name in tables})
    sql_width.check(query, {key: len(tables[name]) for key, name in keys.items()})
    root = _understood(lambda: _qualified(query, {key: tables[name] for key, name in keys.items()}, dialect))
    follower = _Follower(root, {key: (name, tuple(tables[name])) for key, name in keys.items()})
    columns = tuple((name, tuple(sorted(follower.output(root, i)))) for i, name in enumerate(_of(root).named_selects))
    whole = sorted({source for part in root.traverse() for source in follower.deciding(part)})
    return Derived(columns, tuple(whole), tuple(sorted(keys.values())), target)


def refuse(key: str, **values: object) -> NoReturn:
    """Say in one line what is not followed."""
    raise errors.UserError(key, **values)


def _understood(step: Callable[[], T]) -> T:
    """What SQLGlot makes of it. It meets text here that no database would take, and fails in many ways."""
    try:
        return step()
    except sqlglot.errors.ParseError as error:
        first = error.errors[0] if error.errors else {}
        refuse("catalog:sql.syntax", line=first.get("line") or 1, near=first.get("highlight") or "?")
    except sqlglot.errors.SqlglotError as error:
        refuse("catalog:sql.not_understood", reason=str(error).partition("\n")[0][:200])
    except (RecursionError, ValueError, KeyError, AttributeError, TypeError, IndexError, AssertionError):
        refuse("catalog:sql.complex")


def _parsed(sql: str, dialect: str) -> exp.Expr:
    statements = [s for s in sqlglot.parse(sql, dialect=dialect) if s is not None]
    if len(statements) != 1:
        refuse("catalog:sql.statements")
    return statements[0]


def _qualified(query: exp.Query, tables: Mapping[str, Sequence[str]], dialect: str) -> scope.Scope:
    known = {key: dict.fromkeys(columns, "text") for key, columns in tables.items()}
    done = qualify.qualify(query, schema=cast("dict[str, object]", known), dialect=dialect, quote_identifiers=True)
    root = scope.build_scope(done)
    if root is None:
        refuse("catalog:sql.complex")
    return root


def _depth(nodes: Sequence[exp.Expr]) -> int:
    """The longest way down, over nodes that come with their parents before them."""
    depths: dict[int, int] = {}
    for node in nodes:
        depths[id(node)] = depths.get(id(node.parent), 0) + 1
    return max(depths.values(), default=0)


def _query(statement: exp.Expr) -> tuple[exp.Query, str | None]:
    """The SELECT in a statement, and the table that it fills."""
    if isinstance(statement, exp.Select | exp.SetOperation):
        return statement, None
    made = isinstance(statement, exp.Create) and statement.kind in ("TABLE", "VIEW")
    if made or isinstance(statement, exp.Insert):
        query = statement.args.get("expression")
        into = statement.find(exp.Table)
        if isinstance(query, exp.Select | exp.SetOperation) and into is not None:
            if statement.args.get("with_") and not query.args.get("with_"):
                query.set("with_", statement.args["with_"])
            return query, _dotted(into)
    refuse("catalog:sql.select_only")


def _keyed(query: exp.Query, names: Mapping[str, str]) -> dict[str, str]:
    """Give every table of the query a plain name of ours (`t0` …); which is which."""
    ctes = [cte.alias_or_name.casefold() for cte in query.ctes]
    keys: dict[str, str] = {}
    for table in query.find_all(exp.Table):
        dotted = _dotted(table)
        within = table.find_ancestor(exp.CTE)
        # A CTE sees those before it; its own name there is a table's.
        seen = ctes if within is None else ctes[: next(i for i, c in enumerate(query.ctes) if c is within)]
        if "." not in dotted and dotted.casefold() in seen:
            continue
        name = names.get(dotted.casefold())
        if name is None:
            refuse("catalog:sql.table", table=dotted, known=", ".join(names.values()) or "-")
        free = (f"t{n}_" for n in itertools.count(len(keys)) if f"t{n}_" not in ctes)
        key = next((k for k, n in keys.items() if n == name), None) or next(free)
        keys[key] = name
        if not table.alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name, quoted=table.this.quoted)))
        table.set("this", exp.to_identifier(key))
        table.set("db", None)
        table.set("catalog", None)
    return keys


def _dotted(table: exp.Table) -> str:
    return ".".join(part.name for part in table.parts)


class _Follower:
    """Follows columns to the tables; `tables`: our key → the table's name and its columns."""

    def __init__(self, root: scope.Scope, tables: Mapping[str, tuple[str, tuple[str, ...]]]) -> None:
        self.tables = tables
        self.scopes = {id(part.expression): part for part in root.traverse()}
        self.memo: dict[tuple[int, int], frozenset[Source]] = {}

    def output(self, at: scope.Scope, position: int) -> frozenset[Source]:
        """Sources of the column at `position` of a scope's result."""
        key = (id(at.expression), position)
        if key not in self.memo:
            self.memo[key] = frozenset()  # a cycle ends here; without recursive CTEs there is none
            self.memo[key] = frozenset(self._followed(at, position))
        return self.memo[key]

    def _followed(self, at: scope.Scope, position: int) -> set[Source]:
        if at.set_operation_scopes:
            return {source for part in at.set_operation_scopes for source in self.output(part, position)}
        expression = _of(at).selects[position]
        return self.inside(at, expression)

    def inside(self, at: scope.Scope, expression: exp.Expr) -> set[Source]:
        """Sources of an expression of a scope, sub-queries in it included."""
        plain = isinstance(expression.unalias(), exp.Column)
        grouped = expression.find(exp.AggFunc) is not None
        masked = expression.find(*_MASKS) is not None
        found: set[Source] = set()
        for column in expression.walk(prune=_is_derived):
            if not isinstance(column, exp.Column):
                continue
            effect = _deciding(column, expression) or (
                "IDENTITY" if plain else "AGGREGATION" if grouped else "TRANSFORMATION"
            )
            found |= {_through(source, effect, masked) for source in self.column(at, column)}
        return found

    def column(self, at: scope.Scope, column: exp.Column) -> frozenset[Source]:
        """Where a column that stands in a scope, or in a sub-query of it, comes from."""
        # The innermost query that it stands in; a column of an outer one is found further out.
        holder = self.scopes.get(id(column.find_ancestor(exp.Select)), at)
        while column.table not in holder.sources and holder.parent is not None:
            holder = holder.parent
        if column.table not in holder.sources:
            refuse("catalog:sql.column", column=column.sql())
        source = holder.sources[column.table]
        if isinstance(source, exp.Table):
            name, columns = self.tables[source.name]
            exact = next((c for c in columns if c == column.name), None)
            alike = exact or next((c for c in columns if c.casefold() == column.name.casefold()), column.name)
            return frozenset({Source(name, alike, "IDENTITY")})
        return self.output(source, _of(source).named_selects.index(column.name))

    def deciding(self, at: scope.Scope) -> set[Source]:
        """What decides which rows of a scope there are, and in which order."""
        if not isinstance(at.expression, exp.Select):
            return set()
        found: set[Source] = set()
        parts: tuple[tuple[str, Effect], ...] = (
            ("where", "FILTER"), ("having", "FILTER"), ("qualify", "FILTER"), ("group", "GROUP_BY"), ("order", "SORT"),
        )  # fmt: skip
        for name, effect in parts:
            part = at.expression.args.get(name)
            if part is not None:
                found |= {dataclasses.replace(s, effect=effect, masking=False) for s in self.inside(at, part)}
        for join in at.expression.args.get("joins") or ():
            for on in [join.args.get("on"), *(join.args.get("using") or ())]:
                if on is not None:
                    found |= {dataclasses.replace(s, effect="JOIN", masking=False) for s in self.inside(at, on)}
        return found


def _of(at: scope.Scope) -> exp.Query:
    return cast("exp.Query", at.expression)


def _is_derived(node: exp.Expr) -> bool:
    """A query in a FROM: its columns count where they are used."""
    return isinstance(node, exp.Subquery) and isinstance(node.parent, exp.From | exp.Join)


def _deciding(column: exp.Column, top: exp.Expr) -> Effect | None:
    """What a column does that only chooses rows, their order or a branch; None when its value is used."""
    node: Any = column
    while node is not None and node is not top:
        parent = node.parent
        if isinstance(parent, exp.If) and node.arg_key == "this":
            return "CONDITIONAL"
        if isinstance(parent, exp.Window) and node.arg_key != "this":
            return "WINDOW"
        for kind, effect in _CLAUSES:
            if isinstance(node, kind):
                return effect
        node = parent
    return None


def _through(source: Source, effect: Effect, masked: bool) -> Source:
    """A source as it looks behind one more step."""
    if effect in _INDIRECT:
        return Source(source.table, source.column, effect)
    if not source.direct:
        return source
    stronger = max(source.effect, effect, key=_STRENGTH.index)
    return Source(source.table, source.column, stronger, source.masking or masked)
