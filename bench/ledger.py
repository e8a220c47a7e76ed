"""The ledger beside bare rows in SQLite, and how fast its proofs and its verifier are.

Both get the same entries in the same batches, on the same disk, in turns, and answer only when the batch is
durable (SQLite with synchronous=FULL, once in its default journal and once in WAL). The ledger's time holds all
it does: canonical JSON, hashes, journal, and publishing tiles and checkpoint. SQLite gets ready bytes.

    python bench/ledger.py [--folder DIR] [--entries 1000000] [--rounds 5]
"""

from __future__ import annotations

import argparse
import datetime
import json
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from taihang.trust.ledger import Entry, Ledger, checkpoint, keys, store, verify

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


def timed(way: Callable[[Path, list[list[Entry]]], float], root: Path, batches: list[list[Entry]]) -> float:
    with tempfile.TemporaryDirectory(dir=root) as folder:
        return way(Path(folder), batches)


def appends(root: Path, rounds: int) -> None:
    ways: dict[str, Callable[[Path, list[list[Entry]]], float]] = {
        "ledger": into_ledger,
        "sqlite": lambda folder, batches: into_sqlite("DELETE", folder, batches),
        "sqlite wal": lambda folder, batches: into_sqlite("WAL", folder, batches),
    }
    for size, count in BATCHES.items():
        made = [[entry(i) for i in range(n, n + size)] for n in range(0, count, size)]
        took: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, way in ways.items():
                took[name].append(timed(way, root, made))
        middle = {name: statistics.median(times) for name, times in took.items()}
        rates = ", ".join(f"{name} {count / time_:,.0f}/s" for name, time_ in middle.items())
        ratios = [middle[name] / middle["ledger"] for name in ("sqlite", "sqlite wal")]
        print(f"batches of {size}: {rates}; ledger/sqlite {ratios[0]:.2f}, ledger/sqlite wal {ratios[1]:.2f}")


def proofs(root: Path, count: int) -> None:
    with tempfile.TemporaryDirectory(dir=root) as name:
        folder = Path(name)
        start = time.perf_counter()
        with Ledger(folder / "log", SIGNER) as ledger:
            for first in range(0, count, 1000):
                ledger.append([entry(i) for i in range(first, min(first + 1000, count))])
        print(f"{count:,} entries appended in batches of 1000 in {time.perf_counter() - start:.1f} s")
        start = time.perf_counter()
        ledger = Ledger(folder / "log", SIGNER)
        print(f"opened in {(time.perf_counter() - start) * 1e3:.1f} ms")
        times, checks, chance = [], [], random.Random(7)
        for _ in range(1000):
            index = chance.randrange(count)
            start = time.perf_counter()
            proof = ledger.prove(index)
            times.append(time.perf_counter() - start)
            start = time.perf_counter()
            verify.bundle(proof, POLICY)
            checks.append(time.perf_counter() - start)
        tell = {"median": statistics.median(times), "p99": sorted(times)[990], "worst": max(times)}
        print("proof of a random entry, ms:", json.dumps({k: round(v * 1e3, 2) for k, v in tell.items()}))
        print(f"check of a proof: {statistics.median(checks) * 1e3:.2f} ms")
        ledger.export(folder / "log.tar")
        ledger.close()
        size = (folder / "log.tar").stat().st_size
        start = time.perf_counter()
        files = store.read_only(folder / "log.tar")
        verify.log(files, POLICY)
        took = time.perf_counter() - start
        print(f"export of {size / 1e6:.0f} MB verified at {count / took:,.0f} entries/s")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    words = parser.parse_args()
    appends(words.folder, words.rounds)
    proofs(words.folder, words.entries)


if __name__ == "__main__":
    main()
