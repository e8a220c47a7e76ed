"""Finding list: findings by filter, in an order, a page at a time; each page is one range of an index."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa

from taihang.catalog import cursor, tables, text, words
from taihang.core import errors
from taihang.core import words as core
from taihang.engines.store import scope as scoping

Order = Literal["gravest", "newest", "oldest", "rule", "start"]
_LEVELS = {level.rank: level for level in core.Level}


class _By(NamedTuple):
    columns: tuple[sa.Column[Any], ...]
    kinds: tuple[type, ...]
    down: bool


_AT = tables.findings.c
# In the order of words.Found, whose level is the rank here; then what only the cursor needs.
_FIELDS = ["rank" if f.name == "level" else f.name for f in dataclasses.fields(words.Found)]
_SHOWN = (*(_AT[name] for name in _FIELDS), _AT.start)
_RANK = _FIELDS.index("rank")
_ORDERS: dict[str, _By] = {
    "gravest": _By((_AT.rank, _AT.recorded, _AT.version_id, _AT.id), (int, datetime.datetime, str, str), True),
    "newest": _By((_AT.recorded, _AT.version_id, _AT.id), (datetime.datetime, str, str), True),
    "oldest": _By((_AT.recorded, _AT.version_id, _AT.id), (datetime.datetime, str, str), False),
    "rule": _By(
        (_AT.rule, _AT.rank, _AT.recorded, _AT.version_id, _AT.id), (str, int, datetime.datetime, str, str), False
    ),
    # By the place's time inside its asset: what has none comes last.
    "start": _By((_AT.version_id, _AT.start, _AT.id), (str, float, str), False),
}


def listed(
    conn: sa.Connection,
    scope: scoping.Scope,
    where: words.Filter,
    *,
    order: Order = "gravest",
    after: str | None = None,
    limit: int = 50,
) -> words.Page[words.Found]:
    """A page of findings. Raises errors.UserError for an unknown order and for a foreign cursor."""
    rows = conn.execute(statement_of(scope, where, order=order, after=after, limit=limit)).all()
    found = tuple(word(row) for row in rows[:limit])
    if len(rows) <= limit:
        return words.Page(found)
    last = [getattr(rows[limit - 1], column.name) for column in _ORDERS[order].columns]
    return words.Page(found, cursor.encode(_asked(where, order), last))


def statement_of(
    scope: scoping.Scope, where: words.Filter, *, order: Order = "gravest", after: str | None = None, limit: int = 50
) -> sa.Select[Any]:
    """The statement of a page, one row longer than it, so that the end is known."""
    by = _ORDERS.get(order)
    if by is None:
        raise errors.UserError("catalog:order", known=", ".join(_ORDERS))
    statement = scope.select(tables.findings, *_SHOWN).where(*conditions(scope, where))
    # A column that the filter fixes needs no place in the order; without it the filter's own index gives the order.
    fixed = {"version_id": where.version, "rule": where.rule, "rank": where.level}
    free = [column for column in by.columns if fixed.get(column.name) is None]
    if after is not None:
        values = cursor.decode(_asked(where, order), after, by.kinds)
        behind = {column.name: value for column, value in zip(by.columns, values, strict=True)}
        statement = statement.where(cursor.after(free, [behind[column.name] for column in free], down=by.down))
    sorts = [column.desc() if by.down else column for column in free]
    return statement.order_by(*sorts).limit(cursor.limited(limit) + 1)


def counted(conn: sa.Connection, scope: scoping.Scope, where: words.Filter) -> dict[str, int]:
    """How many per level that the filter lets through; every level is named."""
    rows = conn.execute(
        scope.select(tables.findings, _AT.rank, sa.func.count()).where(*conditions(scope, where)).group_by(_AT.rank)
    )
    made = {level.value: 0 for level in core.Level}
    return made | {_LEVELS[rank].value: count for rank, count in rows}


def conditions(scope: scoping.Scope, where: words.Filter) -> list[sa.ColumnElement[bool]]:
    """What the filter asks for, beside the tenant. Raises errors.UserError for a text that cannot be one."""
    for field, value in where.parts().items():
        if isinstance(value, str):
            text.checked(field, value, 500)
    if any(moment is not None and moment.tzinfo is None for moment in (where.since, where.until)):
        raise errors.UserError("catalog:zone")
    made: list[sa.ColumnElement[bool]] = []
    equal = {
        _AT.rule: where.rule, _AT.rulebook: where.rulebook, _AT.dimension: where.dimension,
        _AT.verdict: where.verdict, _AT.asset_id: where.asset, _AT.version_id: where.version, _AT.state: where.state,
        _AT.rank: None if where.level is None else where.level.rank,
    }  # fmt: skip
    made += [column == value for column, value in equal.items() if value is not None]
    if where.floor is not None:
        made.append(_AT.rank >= where.floor.rank)
    if where.since is not None:
        made.append(_AT.recorded >= where.since)
    if where.until is not None:
        made.append(_AT.recorded < where.until)
    if where.job is not None or where.report is not None:
        made += _told(scope, where)
    return made


def word(row: sa.Row[Any]) -> words.Found:
    """A row of `_SHOWN` as a word; a page has many, so nothing is looked up by name."""
    values: list[Any] = list(row[:-1])
    values[_RANK] = _LEVELS[values[_RANK]]
    return words.Found(*values)


def one(conn: sa.Connection, scope: scoping.Scope, version_id: str, finding_id: str) -> words.Found:
    """A finding. Raises errors.NotFound."""
    row = conn.execute(
        scope.select(tables.findings, *_SHOWN).where(_AT.version_id == version_id, _AT.id == finding_id)
    ).one_or_none()
    if row is None:
        raise errors.NotFound("catalog:no_finding", id=finding_id)
    return word(row)


def _told(scope: scoping.Scope, where: words.Filter) -> list[sa.ColumnElement[bool]]:
    """Told by such a report. The versions of these reports are named too: they lead to an index."""
    at, told = tables.reports.c, tables.told.c
    given = [column == value for column, value in ((at.job_id, where.job), (at.id, where.report)) if value is not None]
    member = (
        scope.select(tables.told, told.finding_id)
        .where(told.version_id == _AT.version_id, told.finding_id == _AT.id)
        .where(told.report_id.in_(scope.select(tables.reports, at.id).where(*given)))
        .correlate(tables.findings)
    )
    return [_AT.version_id.in_(scope.select(tables.reports, at.version_id).where(*given)), sa.exists(member)]


def _asked(where: words.Filter, order: str) -> dict[str, Any]:
    return {"order": order, **{name: str(value) for name, value in where.parts().items()}}
