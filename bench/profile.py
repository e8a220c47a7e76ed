"""The profile of a table beside DuckDB's own queries on the same Parquet file, each in a process of its own.

The table is generated: 14 columns, with identity cards, phones, plates and e-mail among them. DuckDB
answers 131 aggregates in one query (exact distinct counts, exact quantiles, modes, text lengths), and
SUMMARIZE. Wall and CPU seconds with start-up included, and peak memory; medians of interleaved rounds.

    python bench/profile.py [--rows 1000000] [--rounds 3] [--threads 2]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

NUMBERS = ("id", "age", "amount", "quantity", "longitude", "latitude", "score")
TEXTS = ("id_card", "name", "phone", "email", "plate", "status")
PIECE = 100_000


def generate(path: Path, rows: int) -> None:
    chance = np.random.default_rng(14)
    with pq.ParquetWriter(path, piece(chance, 0, 10).schema, compression="zstd") as out:
        for start in range(0, rows, PIECE):
            out.write_table(piece(chance, start, min(PIECE, rows - start)))


def piece(chance: np.random.Generator, start: int, rows: int) -> pa.Table:
    def some(values: object, share: float) -> pa.Array:
        return pa.array(values, mask=chance.random(rows) < share)

    surnames, given = list("王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"), list("伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平")
    digits = np.char.mod("%06d", chance.choice([110105, 310115, 440305, 510107], rows))
    births = np.char.mod("%08d", 19500101 + chance.integers(0, 55, rows) * 10000 + chance.integers(0, 12, rows) * 100)
    bodies = np.char.add(np.char.add(digits, births), np.char.mod("%03d", chance.integers(0, 1000, rows)))
    codes = np.array(bodies).astype("S17").view("u1").reshape(-1, 17) - 48
    weights = np.array([2 ** (17 - i) % 11 for i in range(17)])
    checks = np.array(list("10X98765432"))[(codes @ weights) % 11]
    names = np.char.add(
        chance.choice(surnames, rows), np.char.add(chance.choice(given, rows), chance.choice(given, rows))
    )
    status = chance.choice(["new", "paid", "shipped", "done", "cancelled"], rows, p=[0.1, 0.3, 0.2, 0.35, 0.05])
    amount = np.round(chance.lognormal(4, 1, rows), 2)
    amount[chance.random(rows) < 0.0005] *= 1000
    moments = 1_735_689_600_000_000 + np.sort(chance.integers(0, 31_536_000, rows)) * 1_000_000
    return pa.table(
        {
            "id": pa.array(np.arange(start, start + rows)),
            "id_card": some(np.char.add(bodies, checks), 0.01),
            "name": some(names, 0.002),
            "phone": some(np.char.mod("1%010d", chance.integers(3_000_000_000, 9_999_999_999, rows)), 0.02),
            "email": some(np.char.mod("user%d@example.cn", chance.integers(0, 500_000, rows)), 0.05),
            "plate": some(np.char.mod("京A%05d", chance.integers(0, 100_000, rows)), 0.1),
            "status": pa.array(status),
            "age": some(chance.integers(18, 70, rows), 0.01),
            "amount": pa.array(amount),
            "quantity": pa.array(chance.integers(1, 20, rows)),
            "longitude": pa.array(np.round(chance.uniform(73, 135, rows), 6)),
            "latitude": pa.array(np.round(chance.uniform(18, 53, rows), 6)),
            "score": some(chance.normal(50, 10, rows), 0.1),
            "created": pa.array(moments, pa.timestamp("us")),
        }
    )


def aggregates() -> list[str]:
    every = [*NUMBERS, *TEXTS, "created"]
    found = ["count(*)"]
    for name in every:
        found += [f"count({name})", f"count(DISTINCT {name})", f"min({name})", f"max({name})"]
    for name in NUMBERS:
        found += [f"avg({name})", f"stddev({name})"]
        found += [f"quantile_cont({name}, {q})" for q in (0.05, 0.25, 0.5, 0.75, 0.95)]
    for name in TEXTS:
        found += [f"min(length({name}))", f"max(length({name}))", f"avg(length({name}))"]
    found += [f"mode({name})" for name in (*TEXTS, "age")]
    assert len(found) == 131, len(found)
    return found


def run(way: str, path: str, threads: int) -> None:
    """In a process of its own: do one thing, then print what it took."""
    if way == "taihang":
        from taihang.data.profile import profiling
        from taihang.engines.sources import opening

        made = profiling.profile_of(opening.open(path), threads=threads)
        assert len(made.columns) == 14
    else:
        import duckdb

        database = duckdb.connect(config={"threads": threads})
        chosen = {"131": f"SELECT {', '.join(aggregates())} FROM '{path}'", "summarize": f"SUMMARIZE FROM '{path}'"}
        database.execute(chosen[way]).fetchall()
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss / 1e6]))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--run", nargs=2)
    given = options.parse_args()
    if given.run:
        run(*given.run, given.threads)
        return
    ways = {"taihang": "taihang profile", "131": "DuckDB, 131 aggregates", "summarize": "DuckDB, SUMMARIZE"}
    taken: dict[str, list[tuple[float, ...]]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "table.parquet")
        generate(path, given.rows)
        print(f"{given.rows:,} rows × 14 columns, {path.stat().st_size / 1e6:.0f} MB, {given.threads} threads")
        for _ in range(given.rounds):
            for way in ways:
                command = [sys.executable, __file__, "--threads", str(given.threads), "--run", way, str(path)]
                began = time.perf_counter()
                shown = subprocess.run(command, check=True, capture_output=True, text=True, env=dict(os.environ)).stdout
                taken[way].append((time.perf_counter() - began, *json.loads(shown)))
    print(f"{'':26} {'wall s':>8} {'CPU s':>8} {'peak GB':>8} {'wall ratio':>11}")
    medians = {way: [statistics.median(column) for column in zip(*found, strict=True)] for way, found in taken.items()}
    for way, name in ways.items():
        wall, cpu, peak = medians[way]
        print(f"{name:26} {wall:8.2f} {cpu:8.2f} {peak:8.2f} {wall / medians['131'][0]:10.2f}×")


if __name__ == "__main__":
    main()
