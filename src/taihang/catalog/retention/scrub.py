"""Scrub: making the store's own files forget what was deleted, and looking whether they did.

SQLite keeps what was deleted: in pages that are free, in the gaps of others, in its write-ahead log. So
the log is folded in and cut to nothing, and where a trace is left the file is written anew (VACUUM).
A PostgreSQL server's files cannot be read from here: its rows are searched, and that is what is claimed.
"""

from __future__ import annotations

import time
from pathlib import Path

import sqlalchemy as sa

from taihang.catalog.retention import traces, words
from taihang.engines.store import opening, schema
from taihang.engines.store import scope as scoping

_PATIENCE_S = 10.0


def store(of: opening.Store, scope: scoping.Scope, probes: traces.Probes) -> words.Place:
    """Scrub the store and search it."""
    return _sqlite(of, probes) if of.kind == "sqlite" else _server(of, scope, probes)


def _sqlite(of: opening.Store, probes: traces.Probes) -> words.Place:
    file = Path(str(of.engine.url.database))
    _folded(of, vacuum=False)
    size, left = traces.found(_files(file), probes)
    if left["rows"] or left["content"] or left["hash"]:
        _folded(of, vacuum=True)
        size, left = traces.found(_files(file), probes)
    return words.Place(name=file.name, how="bytes", size=size, **left)


def _files(file: Path) -> list[Path]:
    return [p for p in (file.with_name(f"{file.name}{end}") for end in ("", "-wal", "-journal")) if p.exists()]


def _folded(of: opening.Store, *, vacuum: bool) -> None:
    """Fold the write-ahead log in; readers may delay it, and then what they hold is found by the search."""
    raw = of.engine.raw_connection()
    try:
        cursor = raw.cursor()
        if vacuum:
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


def _server(of: opening.Store, scope: scoping.Scope, probes: traces.Probes) -> words.Place:
    left = dict.fromkeys(probes.groups(), 0)
    with of.read() as conn:
        for table in schema.metadata.sorted_tables:
            texts = [c for c in table.c if isinstance(c.type, sa.String)]
            if not schema.is_tenanted(table) or not texts:
                continue
            for name, group in probes.groups().items():
                words_ = [p.decode("ascii") for p in group if p.isascii() and b"\x00" not in p]
                if words_:
                    found = sa.or_(*(c.contains(w, autoescape=True) for c in texts for w in words_))
                    count = scope.select(table, sa.func.count()).where(found)
                    left[name] += conn.execute(count).scalar_one()
    with of.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        for name in ("catalog_findings", "catalog_reports", "catalog_versions", "catalog_told", "catalog_reviews"):
            conn.exec_driver_sql(f"VACUUM {name}")
    return words.Place(name=of.kind, how="rows", **left)
