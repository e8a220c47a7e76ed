"""One scan for all rules, against a query a rule, on a generated table.

Every way answers the same question: which rows violate which rule. Beside them stand two that only
count. CPU seconds of the process, interleaved, medians.

    python bench/rules_scan.py [--rows 1000000] [--rules 30] [--rounds 7]
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from taihang.engines import tables
from taihang.rules import form, predicate, scan


def made(rows: int) -> pa.Table:
    chance = np.random.default_rng(7)
    numbers = {f"n{i}": pa.array(chance.normal(size=rows), mask=chance.random(rows) < 0.01) for i in range(8)}
    texts = {f"s{i}": pa.array(chance.choice(["", "13800138000", "a@b.cn", "x y", "京A12345"], rows)) for i in range(4)}
    return pa.table({**numbers, **texts, "k": pa.array(chance.integers(0, 1000, rows)), "d": pa.array(range(rows))})


def predicates(count: int) -> list[str]:
    kinds = [
        "n{i} > 2.5",
        "n{i} IS NULL",
        "n{i} NOT BETWEEN -2.6 AND 2.6",
        "k IN ({i}, 500, 999)",
        "s{j} = ''",
        "NOT regexp_matches(s{j}, '^.{{0,11}}$')",
        "length(trim(s{j})) > 11",
        "n{i} + n0 > 4",
        "abs(n{i}) > 3 AND k < 500",
        "coalesce(n{i}, 0) * 2 < -5",
    ]
    return [kinds[n % len(kinds)].format(i=n // 10 % 8, j=n // 10 % 4) for n in range(count)]


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--rules", type=int, default=30)
    options.add_argument("--rounds", type=int, default=7)
    given = options.parse_args()
    data = made(given.rows)
    checked = [predicate.parse(text, {}, form.Places(name="x")) for text in predicates(given.rules)]
    tests = [scan.Test(one) for one in checked]
    found: dict[str, list[int]] = {}
    with tables.Engine(tables.Settings(threads=2)) as engine:

        def fused() -> list[int]:
            seen = scan.scan(engine, data, tests)
            return [len(seen.violating(n)) for n in range(len(tests))]

        def one_by_one() -> list[int]:
            with engine.seeing(t=data.append_column("row", pa.array(np.arange(given.rows)))):
                return [engine.table(f"SELECT row FROM t WHERE {one.sql}").num_rows for one in checked]

        def columns_at_once() -> list[int]:
            with engine.seeing(t=data):
                counts = np.zeros(len(checked), np.int64)
                sql = ", ".join(f"coalesce({one.sql}, false) AS c{n}" for n, one in enumerate(checked))
                start, rows = 0, []
                for batch in engine.batches(f"SELECT {sql} FROM t"):
                    flags = [batch.column(n).to_numpy(zero_copy_only=False) for n in range(len(checked))]
                    rows.append([np.flatnonzero(flag) + start for flag in flags])
                    start += batch.num_rows
                for per_batch in rows:
                    counts += [len(r) for r in per_batch]
                return counts.tolist()

        def counts_one_by_one() -> list[int]:
            with engine.seeing(t=data):
                queries = (f"SELECT count(*) AS c FROM t WHERE {one.sql}" for one in checked)
                return [engine.table(query).column(0)[0].as_py() for query in queries]

        def counts_at_once() -> list[int]:
            with engine.seeing(t=data):
                sql = ", ".join(f"count(*) FILTER (WHERE {one.sql}) AS c{n}" for n, one in enumerate(checked))
                row = engine.table(f"SELECT {sql} FROM t").to_pylist()[0]
                return [row[f"c{n}"] for n in range(len(checked))]

        ways: dict[str, Callable[[], list[int]]] = {
            "fused scan, true and unknown rows known": fused,
            "one query a rule, true rows known": one_by_one,
            "one query, a boolean column a rule": columns_at_once,
            "one query a rule, counts only": counts_one_by_one,
            "one query, all counts only": counts_at_once,
        }
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for _ in range(given.rounds):
            for name, way in ways.items():
                before, clock = cpu(), time.perf_counter()
                found[name] = way()
                times[name].append((cpu() - before, time.perf_counter() - clock))
    first = next(iter(found.values()))
    if any(one != first for one in found.values()):
        raise SystemExit("the ways disagree on how many rows violate")
    print(
        f"{given.rows} rows, {given.rules} rules, {given.rounds} interleaved rounds; {sum(first)} violations, all agree"
    )
    base = statistics.median(c for c, _ in times["fused scan, true and unknown rows known"])
    for name, measured in times.items():
        used, wall = (statistics.median(column) for column in zip(*measured, strict=True))
        print(f"{used:8.3f} CPU-s {wall:8.3f} s {used / base:6.2f}×  {name}")


if __name__ == "__main__":
    main()
