"""Lineage: what one tenant's runs read and wrote, and what follows from what."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from typing import Any

from taihang.catalog import cursor
from taihang.catalog import words as catalogued
from taihang.catalog.lineage import graph as graphs
from taihang.catalog.lineage import ingest as reading
from taihang.catalog.lineage import names, openlineage, sql, tables, words
from taihang.catalog.lineage import runs as recording
from taihang.core import errors
from taihang.core import principal as principals
from taihang.engines.store import opening


class Lineage:
    """The lineage as one principal sees it: every read and write is inside `principal.tenant`.

    A node is the id of a version, or of a dataset elsewhere (`dataset`). Every method is one transaction
    and may be repeated.
    """

    def __init__(self, store: opening.Store, principal: principals.Principal) -> None:
        self.store = store
        self.principal = principal
        self.scope = store.scope(principal.tenant)

    def record(self, run: words.Run) -> None:
        """Record a run, or what is new about it. Raises errors.NotFound for a version that is not there."""
        space = names.namespace(self.principal.tenant)
        self.store.run(
            lambda conn: recording.record(conn, self.scope, run, namespace=space, producer=openlineage.PRODUCER)
        )

    def record_sql(
        self, run: words.Run, query: str, inputs: Mapping[str, str], output: str, *, dialect: str = "duckdb"
    ) -> sql.Derived:
        """Record a run that made version `output` by a query over versions (name in the query → version).

        The ends and the column edges of `run` are those of the query. Raises errors.UserError for SQL
        that is not followed (see sql.derive): then nothing is recorded.
        """
        with self.store.read() as conn:
            known = {name: [c.name for c in recording.columns_of(conn, self.scope, v)] for name, v in inputs.items()}
        derived = sql.derive(query, known, dialect=dialect)
        order = list(derived.tables)
        edges = [
            words.ColumnEdge(
                output=0, output_column=column, input=order.index(s.table), input_column=s.column, effect=s.effect,
                masking=s.masking,
            )
            for column, sources in (*derived.columns, (None, derived.whole))
            for s in sources
        ]  # fmt: skip
        ends = tuple(words.End(version=inputs[name]) for name in order)
        outputs = (words.End(version=output),)
        self.record(run.model_copy(update={"inputs": ends, "outputs": outputs, "columns": tuple(edges)}))
        return derived

    def graph(self, node: str, direction: graphs.Direction, *, depth: int = 10, most: int = 1000) -> words.Graph:
        """What a node was made of (`up`), or what was made of it (`down`), up to `depth` runs away.

        Raises errors.NotFound, errors.UserError for a depth over 100 or `most` over 5000.
        """
        self._bounded(direction, depth, most)
        with self.store.read() as conn:
            return graphs.graph(conn, self.scope, node, direction, depth=depth, most=most)

    def columns(
        self, node: str, column: str, direction: graphs.Direction, *, depth: int = 10
    ) -> tuple[words.ColumnStep, ...]:
        """The column edges that lead to a column (`up`), or from it (`down`), the nearest first."""
        self._bounded(direction, depth, 1)
        with self.store.read() as conn:
            return graphs.columns(conn, self.scope, (node, column), direction, depth=depth)

    def runs(self, *, after: str | None = None, limit: int = 50) -> catalogued.Page[words.Step]:
        """All runs, the last begun first."""
        at = tables.runs.c
        statement = self.scope.select(tables.runs)
        if after is not None:
            values = cursor.decode({"runs": ""}, after, (datetime.datetime, str))
            statement = statement.where(cursor.after((at.began, at.id), values, down=True))
        statement = statement.order_by(at.began.desc(), at.id.desc()).limit(cursor.limited(limit) + 1)
        with self.store.read() as conn:
            rows = conn.execute(statement).all()
        found = tuple(words.Step(**{n: getattr(r, n) for n in words.Step.model_fields}) for r in rows[:limit])
        more = len(rows) > limit
        return catalogued.Page(found, cursor.encode({"runs": ""}, (found[-1].began, found[-1].id)) if more else None)

    def events(self, run_id: str) -> tuple[dict[str, Any], ...]:
        """A run as OpenLineage run events: START, and COMPLETE, FAIL or ABORT. Raises errors.NotFound."""
        with self.store.read() as conn:
            return openlineage.events(conn, self.scope, run_id)

    def ingest(self, event: bytes | Mapping[str, Any]) -> str:
        """Record an OpenLineage run event of another system; gives the run's id here.

        Raises errors.UserError for what is no run event.
        """
        if not isinstance(event, bytes):
            try:
                event = json.dumps(event).encode()
            except (TypeError, ValueError, RecursionError):
                raise errors.UserError("catalog:lineage.event", reason="JSON") from None
        read = reading.parse(event)
        return self.store.run(lambda conn: reading.ingest(conn, self.scope, read))

    @staticmethod
    def dataset(namespace: str, name: str) -> str:
        """The node of a dataset elsewhere, by its OpenLineage name."""
        return recording.dataset_id(namespace, name)

    @staticmethod
    def _bounded(direction: str, depth: int, most: int) -> None:
        if direction not in ("up", "down") or not 1 <= depth <= graphs.DEEPEST or not 1 <= most <= graphs.MOST:
            raise errors.UserError("catalog:lineage.bounds", depth=graphs.DEEPEST, most=graphs.MOST)
