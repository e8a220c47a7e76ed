"""Sets: SQL for the checks that speak about many rows at once. It is made here, of names that were checked."""

# ruff: noqa: S608
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from taihang.core import errors
from taihang.data.quality import target
from taihang.engines import tables
from taihang.rules import kinds, rulebook

q = tables.quoted
_PLAIN = {"sum": "sum", "mean": "avg", "min": "min", "max": "max", "median": "median", "stddev": "stddev_samp"}

_CLASSES = {
    "smallest": "list_min({n})",
    "balance": "list_min({n}) / list_max({n})",
    "evenness": "CASE WHEN len({n}) > 1 THEN entropy({c}){where} / log2(len({n})) ELSE 0.0 END",
    "frequencies": "CAST(to_json(histogram({c}){where}) AS VARCHAR)",
}


def keys(check: kinds.Kind) -> tuple[str, ...]:
    """The columns without a NULL in which a row is judged."""
    if isinstance(check, (kinds.Unique, kinds.ForeignKey, kinds.Anonymity)):
        return check.columns
    if isinstance(check, kinds.FunctionalDependency):
        return (*check.columns, check.dependent)
    return check.keys if isinstance(check, kinds.Reconcile) else ()


def own(check: kinds.Kind) -> tuple[str, ...]:
    """All columns of its own table that a set check reads."""
    column = getattr(check, "column", None)
    return (column,) if column else tuple(dict.fromkeys([*keys(check), *getattr(check, "columns", ())]))


def others(check: kinds.Kind) -> tuple[str, ...]:
    """All columns of the other table that a set check reads."""
    if isinstance(check, kinds.ForeignKey):
        return check.other_columns or check.columns
    if isinstance(check, kinds.Reconcile):
        return tuple(dict.fromkeys([*check.keys, *check.columns]))
    return (check.other_column or check.column,) if isinstance(check, kinds.AggregateEquals) else ()


def tables_beside(check: kinds.Kind | None) -> tuple[str, ...]:
    """The other table of a set check, if it has one."""
    return (check.other,) if isinstance(check, (kinds.ForeignKey, kinds.Reconcile, kinds.AggregateEquals)) else ()


def judges(compiled: rulebook.Compiled, columns: Sequence[str]) -> str:
    """The condition that is TRUE for a row that the check judges."""
    parts = [f"({compiled.filter.sql})"] if compiled.filter else []
    parts += [f"{q(c)} IS NOT NULL" for c in columns]
    return f"coalesce({' AND '.join(parts)}, FALSE)" if parts else "TRUE"


def key(columns: Sequence[str], schema: pa.Schema) -> tuple[str, bool]:
    """SQL for a 64-bit key of these columns, equal for equal values; True when different for different ones too."""
    kind = schema.field(columns[0]).type
    if len(columns) == 1 and (pa.types.is_integer(kind) and kind != pa.uint64()):
        return f"CAST({q(columns[0])} AS BIGINT)", True
    if len(columns) == 1 and pa.types.is_date(kind):
        return f"CAST(CAST({q(columns[0])} AS DATE) - DATE '1970-01-01' AS BIGINT)", True
    return f"hash({', '.join(q(c) for c in columns)})", False


def total(function: str, column: str, only: str | None) -> str:
    """SQL of a total over a column, of the rows that fulfil `only`."""
    where = f" FILTER (WHERE {only})" if only else ""
    if function == "null_rate":
        return f"(count(*){where} - count({q(column)}){where}) / count(*){where}"
    if function == "distinct":
        return f"count(DISTINCT {q(column)}){where}"
    if function in _CLASSES:
        # Of classes there are few: their counts fit into one map.
        return _CLASSES[function].format(n=f"map_values(histogram({q(column)}){where})", c=q(column), where=where)
    return f"{_PLAIN.get(function, function)}({q(column)}){where}"


def query(compiled: rulebook.Compiled, row: str) -> str | None:
    """SQL that gives the positions `row` of the bad rows of t (and u, the other table or the same again)."""
    check = compiled.rule.check
    judged = judges(compiled, keys(check)) if check is not None else ""
    if isinstance(check, kinds.Unique):
        by = ", ".join(q(c) for c in check.columns)
        return f"SELECT row FROM (SELECT {q(row)} AS row, count(*) OVER (PARTITION BY {by}) AS n FROM t) WHERE n > 1"
    if isinstance(check, kinds.Anonymity):
        by = ", ".join(q(c) for c in check.columns)
        inner = f"SELECT {q(row)} AS row, count(*) OVER (PARTITION BY {by}) AS n FROM t WHERE {judged}"
        return f"SELECT row FROM ({inner}) WHERE n < {check.k}"
    if isinstance(check, kinds.ForeignKey):
        same = " AND ".join(f"t.{q(a)} = u.{q(b)}" for a, b in zip(check.columns, others(check), strict=True))
        inner = f"SELECT * FROM t WHERE {judged}"
        return f"SELECT {q(row)} AS row FROM ({inner}) AS t WHERE NOT EXISTS (SELECT 1 FROM u WHERE {same})"
    if isinstance(check, kinds.FunctionalDependency):
        by, dependent = ", ".join(q(c) for c in check.columns), q(check.dependent)
        same = " AND ".join(f"t.{q(c)} = g.{q(c)}" for c in check.columns)
        groups = f"SELECT {by} FROM u WHERE {judged} GROUP BY {by} HAVING min({dependent}) <> max({dependent})"
        inner = f"SELECT * FROM t WHERE {judged}"
        return f"SELECT t.{q(row)} AS row FROM ({inner}) AS t SEMI JOIN ({groups}) AS g ON {same}"
    if isinstance(check, kinds.Reconcile):
        same = " AND ".join(f"t.{q(c)} = u.{q(c)}" for c in check.keys)
        differ = " OR ".join(f"t.{q(c)} IS DISTINCT FROM u.{q(c)}" for c in check.columns)
        inner = f"SELECT * FROM t WHERE {judged}"
        return (
            f"SELECT t.{q(row)} AS row FROM ({inner}) AS t LEFT JOIN (SELECT *, TRUE AS {q(row + '_is')} FROM u) AS u "
            f"ON {same} WHERE u.{q(row + '_is')} IS NULL OR {differ}"
        )
    return None


def repeats(check: kinds.Reconcile) -> str:
    """SQL that gives a row when a key of u is there twice."""
    by = ", ".join(q(c) for c in check.keys)
    some = " AND ".join(f"{q(c)} IS NOT NULL" for c in check.keys)
    return f"SELECT 1 AS n FROM u WHERE {some} GROUP BY {by} HAVING count(*) > 1 LIMIT 1"


def bind(
    engine: tables.Engine, compiled: rulebook.Compiled, targets: Mapping[str, target.Target], totals: Sequence[str]
) -> None:
    """Bind a set check to its tables' schemas, on no rows. Raises errors.UserError at its place."""
    check = compiled.rule.check
    if check is None or not compiled.rule.about_sets:
        return
    row = targets[compiled.rule.table].row_column
    with engine.seeing(**dict(_empty(compiled, check, targets, row))):
        try:
            for sql in _statements(compiled, check, row, totals):
                engine.types(sql)
        except tables.QueryError as error:
            raise errors.UserError(
                "data.quality:rule.type", where=compiled.place("check"), rule=compiled.rule.id, reason=error.reason
            ) from None


def _statements(compiled: rulebook.Compiled, check: kinds.Kind, row: str, totals: Sequence[str]) -> Iterator[str]:
    sql = query(compiled, row)
    if sql:
        yield sql
    for sql, table in zip(totals, ("t", "u"), strict=False):
        yield f"SELECT {sql} AS a FROM {table}"
    if isinstance(check, kinds.Freshness):
        yield f"SELECT CAST(max({q(check.column)}) AS TIMESTAMP) FROM t"


def _empty(
    compiled: rulebook.Compiled, check: kinds.Kind, targets: Mapping[str, target.Target], row: str
) -> Iterator[tuple[str, pa.Table]]:
    used = {*own(check), *(compiled.filter.columns if compiled.filter else ())}
    for name, table, columns in (
        ("t", compiled.rule.table, used),
        ("u", getattr(check, "other", compiled.rule.table), {*others(check)} if others(check) else used),
    ):
        schema = targets[table].source.schema
        fields = [schema.field(c) for c in schema.names if c in columns]
        yield name, pa.schema([*fields, pa.field(row, pa.int64())]).empty_table()
