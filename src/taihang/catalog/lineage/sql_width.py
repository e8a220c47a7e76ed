"""How many columns a query could have: `SELECT *` over joins of itself, a few levels deep, has millions."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from taihang.core import errors

MOST = 5000


def check(query: exp.Query, tables: Mapping[str, int]) -> None:
    """Raise errors.UserError when some part could be wider than MOST columns; nothing is expanded for it."""
    widths = {name.casefold(): width for name, width in tables.items()}
    for cte in query.ctes:
        name = cte.alias_or_name.casefold()
        widths[name] = max(widths.get(name, 0), _width(cte.this, widths))
    for select in query.find_all(exp.Select):
        _width(select, widths)


def _width(query: exp.Expr, widths: Mapping[str, int]) -> int:
    if isinstance(query, exp.Subquery):
        return _width(query.this, widths)
    if isinstance(query, exp.SetOperation):
        return max(_width(query.left, widths), _width(query.right, widths))
    if not isinstance(query, exp.Select):
        return 1
    sources = [s.this for s in (query.args.get("from_"), *(query.args.get("joins") or ())) if s is not None]
    total = sum(_source(source, widths) for source in sources)
    stars: int = sum(e.is_star and not isinstance(e, exp.Count) for e in query.expressions)
    width: int = len(query.expressions) + stars * total
    if width > MOST:
        raise errors.UserError("catalog:sql.wide", most=MOST)
    return width


def _source(source: exp.Expr, widths: Mapping[str, int]) -> int:
    if isinstance(source, exp.Table):
        return widths.get(source.name.casefold(), 1)
    return _width(source, widths)
