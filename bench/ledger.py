"""The ledger beside bare rows in SQLite, and how fast its proofs and its verifier are.

Both get the same entries in the same batches, on the same disk, in turns, and answer only when the batch is
durable (SQLite with synchronous=FULL, once in its default journal and once in WAL). The ledger's time holds all
it does up to the signed checkpoint: canonical JSON, hashes, journal, tiles; `settled` adds the syncs of the tiles
that go on behind it, up to the closed log. `bytes` gets entries that are JSON already, as SQLite does (and as the
outbox gives them). A ratio is that of two neighbours in time; the median of all rounds is told.

Folders stay until the end: ext4 looks at every recently deleted file again before it makes a new one, which would
charge each round for the tidying of the one before.

    python bench/ledger.py [--folder DIR] [--entries 1000000] [--rounds 5] [--json FILE]
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from taihang.trust.ledger import Entry, Ledger, checkpoint, keys, store, verify, view

BATCHES = {1: 300, 10: 2_000, 100: 20_000, 1000: 100_000}
SIGNER = keys.Signer.fresh("bench.example/log")
POLICY = checkpoint.Policy(SIGNER.verifier)
_AT = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def entry(number: int) -> Entry:
    return Entry(
        kind="finding",
        subject=f"finding-{number:016x}",
        at=_AT,
        tenant="mine-7",
        facts={"rule": "no-one-alone", "level": "red", "asset": f"{number:064x}", "span_ms": number % 60_000},
    )


def into_sqlite(mode: str, folder: Path, batches: list[list[Entry]]) -> float:
    ready = [[(e.encoded(),) for e in batch] for batch in batches]
    connection = sqlite3.connect(folder / "rows.db", isolation_level=None)
    connection.execute(f"PRAGMA journal_mode={mode}")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE rows (number INTEGER PRIMARY KEY, entry BLOB)")
    start = time.perf_counter()
    for batch in ready:
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO rows (entry) VALUES (?)", batch)
        connection.execute("COMMIT")
    took = time.perf_counter() - start
    connection.close()
    return took


def into_ledger(folder: Path, batches: list[list[Entry]]) -> float:
    ledger = Ledger(folder, SIGNER)
    start = time.perf_counter()
    for batch in batches:
        ledger.append(batch)
    ledger.checkpoint()
    took = time.perf_counter() - start
    ledger.close()
    return took


def into_settled(folder: Path, batches: list[list[Entry]]) -> float:
    ledger = Ledger(folder, SIGNER)
    start = time.perf_counter()
    for batch in batches:
        ledger.append(batch)
    ledger.close()
    return time.perf_counter() - start


def bytes_into_ledger(folder: Path, batches: list[list[Entry]]) -> float:
    ready = [[e.encoded() for e in batch] for batch in batches]
    ledger = Ledger(folder, SIGNER)
    start = time.perf_counter()
    for batch in ready:
        ledger.append_encoded(batch)
    ledger.checkpoint()
    took = time.perf_counter() - start
    ledger.close()
    return took


WAYS: dict[str, Callable[[Path, list[list[Entry]]], float]] = {
    "sqlite": lambda folder, batches: into_sqlite("DELETE", folder, batches),
    "ledger": into_ledger,
    "sqlite wal": lambda folder, batches: into_sqlite("WAL", folder, batches),
    "settled": into_settled,
    "bytes": bytes_into_ledger,
}


def appends(root: Path, rounds: int) -> dict[str, dict[str, float]]:
    told: dict[str, dict[str, float]] = {}
    for size, count in BATCHES.items():
        made = [[entry(i) for i in range(n, n + size)] for n in range(0, count, size)]
        took: dict[str, list[float]] = {name: [] for name in WAYS}
        for _ in range(rounds):
            for name, way in WAYS.items():
                took[name].append(way(Path(tempfile.mkdtemp(dir=root)), made))
        found = {f"{name} /s": round(count / statistics.median(times)) for name, times in took.items()}
        for name in ("ledger", "settled", "bytes"):
            for other in ("sqlite", "sqlite wal"):
                ratios = [b / a for a, b in zip(took[name], took[other], strict=True)]
                found[f"{name} to {other}"] = round(statistics.median(ratios), 2)
        told[f"batches of {size}"] = found
        print(f"batches of {size}:", json.dumps(found))
    return told


def proofs(root: Path, count: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(dir=root) as name:
        folder = Path(name)
        start = time.perf_counter()
        with Ledger(folder / "log", SIGNER) as ledger:
            for first in range(0, count, 1000):
                ledger.append([entry(i) for i in range(first, min(first + 1000, count))])
        print(f"{count:,} entries appended in batches of 1000 in {time.perf_counter() - start:.1f} s")
        start = time.perf_counter()
        ledger = Ledger(folder / "log", SIGNER)
        opened = time.perf_counter() - start
        print(f"opened in {opened * 1e3:.1f} ms")
        reader = view.View(store.Folder(folder / "log"), SIGNER.verifier)
        chance = random.Random(7)
        places = [chance.randrange(count) for _ in range(2000)]
        told: dict[str, float] = {}
        for who, prove in (("proof", ledger.prove), ("reader's proof", reader.prove)):
            proofs, took, spent = timed(prove, places)
            told |= told_of(who, took, spent)
        _, checked, _ = timed(lambda text: verify.bundle(text, POLICY), proofs)
        print(json.dumps(told))
        print(f"check of a proof: {statistics.median(checked) * 1e3:.2f} ms")
        ledger.export(folder / "log.tar")
        ledger.close()
        size = (folder / "log.tar").stat().st_size
        start = time.perf_counter()
        files = store.read_only(folder / "log.tar")
        verify.log(files, POLICY)
        took = time.perf_counter() - start
        print(f"export of {size / 1e6:.0f} MB verified at {count / took:,.0f} entries/s")
        return {
            "entries": count,
            "opened ms": round(opened * 1e3, 1),
            "check ms": round(statistics.median(checked) * 1e3, 2),
            "verified /s": round(count / took),
            **told,
        }


def timed(call: Callable[[Any], Any], given: list[Any]) -> tuple[list[Any], list[float], list[float]]:
    """What each call gave, and the seconds that it took: on the wall, and of this thread's work."""
    made, took, spent = [], [], []
    for one in given:
        start, worked = time.perf_counter(), time.thread_time()
        made.append(call(one))
        spent.append(time.thread_time() - worked)
        took.append(time.perf_counter() - start)
    return made, took, spent


def told_of(name: str, took: list[float], spent: list[float]) -> dict[str, float]:
    """Milliseconds; those of work do not count the waiting for a core that others have."""
    found = {f"{name} median": took, f"{name} p99": took, f"{name} worst": took}
    found |= {f"{name} median of work": spent, f"{name} p99 of work": spent}
    shares = {"median": 0.5, "p99": 0.99, "worst": 1.0}
    told = {}
    for key, values in found.items():
        share = next(value for word, value in shares.items() if f" {word}" in key)
        told[f"{key} ms"] = round(1e3 * sorted(values)[min(len(values) - 1, int(share * len(values)))], 2)
    return told


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    words = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=words.folder) as root:
        before = os.getloadavg()[0]
        told = {"appends": appends(Path(root), words.rounds), "proofs": proofs(Path(root), words.entries)}
        told["machine"] = {"cores": os.cpu_count(), "load before": before, "load after": os.getloadavg()[0]}
    if words.json:
        words.json.write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
