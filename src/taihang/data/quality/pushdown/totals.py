"""Totals: a number over a whole table in an engine's SQL, and what is made of it here."""

from __future__ import annotations

import decimal
import math
from collections.abc import Callable, Sequence
from typing import Any

from sqlglot import exp

from taihang.data.quality.pushdown import translate, trees

_FLOATS = {"DOUBLE", "FLOAT"}
_KNOWN = {"sum", "mean", "min", "max", "median", "stddev", "count", "distinct", "null_rate"}
Finish = Callable[[Sequence[Any]], Any]


def total(
    translator: translate.Translator, function: str, column: str, only: trees.Tree | None
) -> tuple[list[str], Finish]:
    """SQL of the numbers that one total needs, and how it is made of them. Raises trees.Refused."""
    if function not in _KNOWN:
        raise trees.Refused(function)
    plain = exp.column(column, quoted=True)
    kind = translator.types.of(plain)
    value: trees.Tree = translator.tree(plain)
    passed = translator.tree(only) if only is not None else None
    if function in {"min", "max", "distinct"} and kind == "VARCHAR":
        value = translator.dialect.phrase("ordered", value) or value
    if function == "distinct":
        value = translator.key(plain)
    if passed is not None:
        value = exp.Case(ifs=[exp.If(this=passed, true=value)])
    render = translator.dialect.render

    def said(name: str, of: trees.Tree = value) -> str:
        made = translator.dialect.phrase(name, of)
        if made is None:
            raise trees.Refused(function)
        return render(made)

    if function == "null_rate":
        through = f"sum(CASE WHEN {render(passed)} THEN 1 ELSE 0 END)" if passed is not None else "count(*)"
        return [through, said("count")], _null_rate
    if function in {"count", "distinct"}:
        return [said(function)], lambda found: int(found[0])
    if function in {"min", "max"}:
        return _extreme(translator, function, value, kind, said)
    if kind not in trees.WHOLE and kind not in _FLOATS and not kind.startswith("DECIMAL"):
        raise trees.Refused(function)
    return _number(translator, function, value, kind, said)


def _number(
    translator: translate.Translator, function: str, value: trees.Tree, kind: str, said: Callable[..., str]
) -> tuple[list[str], Finish]:
    double = translator.cast(value, "DOUBLE", value)
    if function == "median" and kind in _FLOATS and not translator.dialect.orders_nan:
        raise trees.Refused(function)  # its NaN stand nowhere
    if function in {"median", "stddev"}:
        return [said(function, double)], _plain
    if function == "mean":
        return [said("mean_exact" if kind in trees.WHOLE else "mean")], _plain
    if kind in _FLOATS:
        return [said("sum", double)], _plain
    name = "sum_whole" if kind in trees.WHOLE else "sum"
    if translator.dialect.name != "clickhouse":
        return [said(name)], _plain
    wide = value if kind in trees.WHOLE else translator.cast(value, kind, value)
    return [f"toString({said(name, wide)})"], lambda found: None if found[0] is None else decimal.Decimal(found[0])


def _extreme(
    translator: translate.Translator, function: str, value: trees.Tree, kind: str, said: Callable[..., str]
) -> tuple[list[str], Finish]:
    if kind not in _FLOATS or translator.dialect.orders_nan:
        return [said(function)], _plain
    nan = translator.dialect.phrase("isnan", value)
    assert nan is not None
    proper = exp.Case(ifs=[exp.If(this=exp.Not(this=nan), true=value)])
    sql = [said(function, proper), f"sum(CASE WHEN {translator.dialect.render(nan)} THEN 1 ELSE 0 END)"]
    highest = function == "max"
    return sql, lambda found: math.nan if found[1] and (highest or found[0] is None) else found[0]


def _plain(found: Sequence[Any]) -> Any:
    return found[0]


def _null_rate(found: Sequence[Any]) -> Any:
    rows, known = int(found[0] or 0), int(found[1] or 0)
    return (rows - known) / rows if rows else math.nan
