"""Quarantine: which rows or spans of an asset version are bad, so that whoever reads it may leave them out.

The asset itself is never touched: marks lie beside it, each with the ticket, the rule and its rulebook's
version. They are lifted when the ticket is verified, and kept as history.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import sqlalchemy as sa

from taihang.catalog import text
from taihang.catalog.tickets import journal, tables, words
from taihang.core import evidence
from taihang.core import finding as verdicts
from taihang.engines.store import opening
from taihang.engines.store import scope as scopes

ROW = "row"
SPANS = pa.schema([("start_s", pa.float64()), ("end_s", pa.float64()), ("keys", pa.string())])
_PART_ROWS = 1 << 20
_SHOWN_ROWS = 100
Rows = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True, slots=True)
class Mark:
    """What one ticket says about one table (or, with spans, one video) under one rule."""

    ticket: str
    asset: str
    asset_version: str
    table: str
    rule: str
    kind: str
    rulebook: str
    rulebook_version: str
    rulebook_sha256: str
    count: int
    complete: bool
    active: bool
    marked_at: datetime.datetime
    lifted_at: datetime.datetime | None
    data: pa.Table


def mark(
    pen: journal.Pen,
    ticket: str,
    subject: words.Subject,
    findings: Sequence[verdicts.Finding],
    rows: Mapping[tuple[str, str], words.Bad],
    *,
    active: bool,
) -> None:
    """Note what is bad by these findings; with `active`, it is in quarantine.

    What is noted already stays, unless not all of it was known and now it is.
    """
    groups: dict[tuple[str, str], list[verdicts.Finding]] = {}
    for found in findings:
        groups.setdefault((found.place.table, found.rule.id), []).append(found)
    values = []
    for (table, rule), some in groups.items():
        timed = [f for f in some if f.place.start_s is not None and f.place.end_s is not None]
        bad = words.Bad(_spans(timed)) if timed else rows.get((table, rule)) or _told(some)
        if not bad.data.num_rows:
            continue
        if bad.complete:
            own = tables.marks.c
            same = (own.ticket == ticket, own.asset_version == subject.version, own.table == table, own.rule == rule)
            pen.conn.execute(pen.scope.delete(tables.marks).where(*same, sa.not_(own.complete)))
        for part, start in enumerate(range(0, bad.data.num_rows, _PART_ROWS)):
            piece = bad.data.slice(start, _PART_ROWS)
            values.append(
                {
                    "ticket": ticket,
                    "asset": subject.asset,
                    "asset_version": subject.version,
                    "table": table,
                    "rule": rule,
                    "part": part,
                    "kind": "spans" if timed else "rows",
                    "rulebook": some[0].rule.rulebook,
                    "rulebook_version": some[0].rule.rulebook_version,
                    "rulebook_sha256": some[0].rule.rulebook_sha256,
                    "count": piece.num_rows,
                    "complete": bad.complete,
                    "active": active,
                    "marked_at": pen.at,
                    "lifted_at": None,
                    "data": _packed(piece),
                }
            )
    pen.scope.insert_new(pen.conn, tables.marks, values)


def renew(pen: journal.Pen, ticket: str, version: str) -> None:
    """Put what a ticket once marked in a version into quarantine again."""
    own = tables.marks.c
    statement = pen.scope.update(tables.marks).where(own.ticket == ticket, own.asset_version == version)
    pen.conn.execute(statement.values(active=True, lifted_at=None))


def lift(pen: journal.Pen, ticket: str) -> None:
    """End the quarantine of all that a ticket marked."""
    own = tables.marks.c
    statement = pen.scope.update(tables.marks).where(own.ticket == ticket, own.active)
    pen.conn.execute(statement.values(active=False, lifted_at=pen.at))


def marks(
    store: opening.Store,
    tenant: str,
    *,
    version: str | None = None,
    asset: str | None = None,
    ticket: str | None = None,
    active: bool | None = True,
) -> tuple[Mark, ...]:
    """Marks of an asset version, an asset or a ticket, parts put together; in quarantine now unless asked otherwise."""
    own = tables.marks.c
    given = {own.asset_version: version, own.asset: asset, own.ticket: ticket, own.active: active}
    asked = store.scope(tenant).select(tables.marks).where(*(c == v for c, v in given.items() if v is not None))
    order = (own.asset_version, own.table, own.rule, own.ticket, own.part)
    with store.read() as conn:
        return _marks(conn.execute(asked.order_by(*order)))


def of_ticket(conn: sa.Connection, scope: scopes.Scope, ticket: str) -> tuple[Mark, ...]:
    """A ticket's marks on the newest version that it has any on, lifted or not."""
    own = tables.marks.c
    asked = scope.select(tables.marks).where(own.ticket == ticket)
    found = _marks(conn.execute(asked.order_by(own.asset_version, own.table, own.rule, own.part)))
    newest = max((m.marked_at for m in found), default=None)
    return tuple(m for m in found if m.marked_at == newest)


def rows(found: Iterable[Mark], table: str | None = None) -> pa.Table:
    """Rows in quarantine as a table: `table`, `row`, `rule`, `rulebook`, `rulebook_version`, `ticket`, by position.

    A row stands once for each rule and ticket.
    """
    pieces = []
    for one in found:
        if one.kind == "rows" and table in {None, one.table}:
            row = one.data.column(ROW).combine_chunks()
            names = (one.table, one.rule, one.rulebook, one.rulebook_version, one.ticket)
            texts = [pa.array([value]).take(pa.array(np.zeros(len(row), np.int8))) for value in names]
            pieces.append(pa.Table.from_arrays([texts[0], row, *texts[1:]], schema=ROWS))
    whole = pa.concat_tables(pieces) if pieces else ROWS.empty_table()
    return whole.sort_by([("table", "ascending"), ("row", "ascending"), ("rule", "ascending")])


ROWS = pa.schema(
    [
        ("table", pa.string()),
        (ROW, pa.int64()),
        ("rule", pa.string()),
        ("rulebook", pa.string()),
        ("rulebook_version", pa.string()),
        ("ticket", pa.string()),
    ]
)


def positions(found: Iterable[Mark], table: str | None = None) -> Rows:
    """Positions in quarantine, ascending, each once."""
    parts = [m.data.column(ROW).to_numpy() for m in found if m.kind == "rows" and table in {None, m.table}]
    return np.unique(np.concatenate(parts)).astype(np.int64) if parts else np.zeros(0, np.int64)


def spans(found: Iterable[Mark]) -> list[tuple[float, float]]:
    """Seconds in quarantine, in order, overlaps joined."""
    joined: list[tuple[float, float]] = []
    pairs = [(r["start_s"], r["end_s"]) for m in found if m.kind == "spans" for r in m.data.to_pylist()]
    for start, end in sorted(pairs):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((start, end))
    return joined


def clean(data: pa.Table, bad: Rows) -> pa.Table:
    """The rows of a table that are not in quarantine, in order."""
    keep = np.ones(data.num_rows, bool)
    keep[bad[bad < data.num_rows]] = False
    return data.filter(pa.array(keep))


def view(source: str, side: str) -> str:
    """DuckDB's SQL for a view of a Parquet file without what a side file (`rows`) marks in it."""
    file, marked = ("'" + name.replace("'", "''") + "'" for name in (source, side))
    return (
        "CREATE OR REPLACE VIEW clean AS\n"
        "SELECT t.* EXCLUDE (file_row_number)\n"
        f"FROM read_parquet({file}, file_row_number = true) AS t\n"
        f"ANTI JOIN read_parquet({marked}) AS q ON q.row = t.file_row_number;\n"
    )


def lightened(found: verdicts.Finding) -> verdicts.Finding:
    """A finding with the first hundred of its rows: all of them lie in the ticket's marks."""
    proofs = tuple(
        p.model_copy(update={"rows": p.rows[:_SHOWN_ROWS]}) if isinstance(p, evidence.Rows) else p
        for p in found.evidence
    )
    return found.model_copy(update={"evidence": proofs})


def _told(findings: Sequence[verdicts.Finding]) -> words.Bad:
    """Rows as far as the findings name them; an evidence lists at most ten thousand."""
    proofs = [p for f in findings for p in f.evidence if isinstance(p, evidence.Rows) and p.table == f.place.table]
    # A rule about a whole table counts its rows but names none.
    named = np.unique(np.array([r for p in proofs for r in p.rows], dtype=np.int64))
    complete = all(len(p.rows) == p.total for p in proofs if p.rows)
    return words.Bad(pa.table({ROW: pa.array(named)}), complete)


def _spans(findings: Sequence[verdicts.Finding]) -> pa.Table:
    rows: list[dict[str, Any]] = [
        {"start_s": f.place.start_s, "end_s": f.place.end_s, "keys": text.dumped(f.place.keys)} for f in findings
    ]
    return pa.Table.from_pylist(rows, schema=SPANS)


def _marks(found: Iterable[Any]) -> tuple[Mark, ...]:
    grouped: dict[tuple[str, ...], list[Any]] = {}
    for row in found:
        grouped.setdefault((row.ticket, row.asset_version, row.table, row.rule), []).append(row)
    return tuple(
        Mark(
            **{f.name: getattr(parts[0], f.name) for f in dataclasses.fields(Mark) if f.name not in {"data", "count"}},
            count=sum(p.count for p in parts),
            data=pa.concat_tables([_unpacked(p.data) for p in parts]),
        )
        for parts in grouped.values()
    )


def _packed(data: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, data.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(data)
    return bytes(sink.getvalue())


def _unpacked(data: bytes) -> pa.Table:
    return pa.ipc.open_stream(data).read_all()
