"""Search: assets whose words hold all that was asked for, in any script, on any store.

A query is cut at blanks; every piece must occur somewhere in the name, tags, owner, description,
licence or columns. Pairs of characters find the candidates by an index (Chinese has no blanks to cut
at, and neither store then needs an extension); comparing the whole text then decides.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from taihang.catalog import cursor, registering, tables, text, words
from taihang.core import asset as assets
from taihang.engines.store import scope as scoping

_MOST_GRAMS = 8


def search(
    conn: sa.Connection,
    scope: scoping.Scope,
    *,
    query: str = "",
    name: str | None = None,
    tag: str | None = None,
    owner: str | None = None,
    kind: assets.Kind | None = None,
    sensitivity: words.Sensitivity | None = None,
    after: str | None = None,
    limit: int = 50,
) -> words.Page[words.Catalogued]:
    """Assets by name. Raises errors.UserError for a query that is too long and for a foreign cursor."""
    asked = {"query": query, "name": name, "tag": tag, "owner": owner, "kind": kind, "sensitivity": sensitivity}
    for field, value in asked.items():
        text.checked(field, value or "", 500)
    order = (tables.assets.c.name, tables.assets.c.id)
    statement = statement_of(scope, **asked).order_by(*order).limit(cursor.limited(limit) + 1)
    if after is not None:
        statement = statement.where(cursor.after(order, cursor.decode(asked, after, (str, str)), down=False))
    rows = conn.execute(statement).all()
    more = len(rows) > limit
    found = tuple(registering.catalogued(row) for row in rows[:limit])
    return words.Page(found, cursor.encode(asked, (found[-1].name, found[-1].id)) if more else None)


def statement_of(
    scope: scoping.Scope,
    *,
    query: str | None,
    name: str | None,
    tag: str | None,
    owner: str | None,
    kind: str | None,
    sensitivity: str | None,
) -> sa.Select[Any]:
    """The statement that finds them, without order and page."""
    at = tables.assets.c
    statement = scope.select(tables.assets)
    for value, column in ((name, at.name), (owner, at.owner), (kind, at.kind), (sensitivity, at.sensitivity)):
        if value is not None:
            statement = statement.where(column == value)
    if tag is not None:
        tagged = scope.select(tables.tags, tables.tags.c.asset_id).where(tables.tags.c.tag == tag)
        statement = statement.where(at.id.in_(tagged))
    for piece in text.folded(query or "").split():
        statement = statement.where(at.id.in_(_candidates(scope, piece)), at.words.contains(piece, autoescape=True))
    return statement


def _candidates(scope: scoping.Scope, piece: str) -> sa.Select[Any]:
    """Assets that hold the pairs of a piece; of a long one, pairs spread over it are enough to narrow down."""
    pairs = sorted({piece[i : i + 2] for i in range(len(piece) - 1)}) or [piece]
    pairs = pairs[:: -(-len(pairs) // _MOST_GRAMS)]
    gram, asset = tables.grams.c.gram, tables.grams.c.asset_id
    found = scope.select(tables.grams, asset).where(gram.in_(pairs))
    return found.group_by(asset).having(sa.func.count() == len(pairs)) if len(pairs) > 1 else found
