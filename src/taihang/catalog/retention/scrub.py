"""Scrub: making the store's own files forget what was deleted, and looking whether they did.

SQLite keeps what was deleted: in pages that are free, in the gaps of others, in its write-ahead log. So
the log is folded in and cut to nothing, and where a trace is left the file is written anew (VACUUM).
A PostgreSQL server's files cannot be read from here: its rows are searched, and that is what is claimed.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path

import sqlalchemy as sa

from taihang.catalog.retention import traces, words
from taihang.engines.store import opening, schema
from taihang.engines.store import scope as scoping

_PATIENCE_S = 10.0


def store(of: opening.Store, scope: scoping.Scope, probes: traces.Probes) -> tuple[words.Place, int]:
    """Scrub the store and search it; and how many rows of this tenant name the hash, as they should."""
    if of.kind != "sqlite":
        left = {name: _rows(of, group, scope) for name, group in probes.groups().items()}
        _vacuumed(of)
        return words.Place(name=of.kind, how="rows", **{**left, "hash": 0}), left["hash"]
    file = Path(str(of.engine.url.database))
    _folded(of, vacuum=False)
    size, left = traces.found(_files(file), probes)
    # Where rows name the hash (a job's history, another tenant's version), its bytes prove nothing.
    named = _rows(of, probes.hash, None) if left["hash"] else 0
    if left["rows"] or left["content"] or (left["hash"] and not named):
        _folded(of, vacuum=True)
        size, left = traces.found(_files(file), probes)
    place = words.Place(name=file.name, how="bytes", size=size, **{**left, "hash": 0 if named else left["hash"]})
    return place, _rows(of, probes.hash, scope) if named else 0


def _files(file: Path) -> list[Path]:
    return [p for p in (file.with_name(f"{file.name}{end}") for end in ("", "-wal", "-journal")) if p.exists()]


def _folded(of: opening.Store, *, vacuum: bool) -> None:
    """Fold the write-ahead log in; readers may delay it, and then what they hold is found by the search."""
    raw = of.engine.raw_connection()
    try:
        cursor = raw.cursor()
        if vacuum:
            # A lock that others hold, a full disk: then the search finds what is left, and says so.
            with contextlib.suppress(sqlite3.OperationalError):
                cursor.execute("VACUUM")
        end = time.monotonic() + _PATIENCE_S
        while True:
            busy = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            if not busy or time.monotonic() > end:
                break
            time.sleep(0.05)
        cursor.close()
    finally:
        raw.close()


def _rows(of: opening.Store, group: tuple[bytes, ...], scope: scoping.Scope | None) -> int:
    """Rows that hold any of these as text; of every tenant without a scope, for what no answer shows."""
    pieces = [p.decode("ascii") for p in group if p.isascii() and b"\x00" not in p]
    if not pieces:
        return 0
    found = 0
    with of.read() as conn:
        for table in schema.metadata.sorted_tables:
            texts = [c for c in table.c if isinstance(c.type, sa.String)]
            if not schema.is_tenanted(table) or not texts:
                continue
            held = sa.or_(*(c.contains(piece, autoescape=True) for c in texts for piece in pieces))
            counted = sa.select(sa.func.count()).select_from(table).where(held)
            found += conn.execute(counted if scope is None else counted.where(scope.of(table))).scalar_one()
    return found


def _vacuumed(of: opening.Store) -> None:
    with of.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        for name in ("catalog_findings", "catalog_reports", "catalog_versions", "catalog_told", "catalog_reviews"):
            conn.exec_driver_sql(f"VACUUM {name}")
