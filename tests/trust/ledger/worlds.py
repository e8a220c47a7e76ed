"""Logs to test on: keys, entries, a filled folder."""

from __future__ import annotations

import datetime
from pathlib import Path

from taihang.trust.ledger import Entry, Ledger, checkpoint, keys

LOG = keys.Signer.fresh("taihang.example/log")
WITNESSES = tuple(keys.Signer.fresh(f"witness{i}.example", keys.WITNESS) for i in range(3))
POLICY = checkpoint.Policy(LOG.verifier)
_AT = datetime.datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=datetime.UTC)


def entry(number: int, filling: str = "") -> Entry:
    return Entry(
        kind="finding", subject=f"finding-{number}", at=_AT, facts={"number": number, "level": "red", "text": filling}
    )


def batch(first: int, count: int) -> list[Entry]:
    return [entry(first + i) for i in range(count)]


def filled(folder: Path, count: int) -> Path:
    """A closed log of `count` entries."""
    with Ledger(folder, LOG) as log:
        log.append(batch(0, count))
    return folder
