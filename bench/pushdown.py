"""Pushdown: `assess` inside PostgreSQL, every bad row located and written, beside what is written without a planner.

`one_query` counts with one hand-written query; `query_a_rule` counts with a query for each rule, as dbt sends
them; `rows_a_rule` also asks for the place of each bad row, which is what is done here. The server's defaults
for everyone. CPU of client and server together. The server is a throw-away one. Prints JSON.

    python bench/pushdown.py [--rows 1000000] [--rounds 3]
"""

import argparse
import functools
import importlib.util
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
_TICK = os.sysconf("SC_CLK_TCK")
_COLUMNS = (
    "id bigint, code text, name text, city text, age int, amount float8, score float8, qty int, status text, "
    "currency text, mail text, phone text, created timestamp, shipped timestamp"
)


def _quality() -> Any:
    spec = importlib.util.spec_from_file_location("quality_bench", Path(__file__).with_name("quality.py"))
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def _postgres(sql: str) -> str:
    """The hand-written counts in PostgreSQL's words."""
    words = {"NOT isfinite(score)": "score IN ('NaN', 'Infinity', '-Infinity')",
             "NOT isfinite(amount)": "amount IN ('NaN', 'Infinity', '-Infinity')"}  # fmt: skip
    for one, other in words.items():
        sql = sql.replace(one, other)
    if "regexp_full_match(" in sql:
        column, pattern = sql.split("regexp_full_match(")[1].rstrip(")").split(", ", 1)
        sql = f"count(*) FILTER (NOT {column} ~ '^({pattern[1:-1]})$')"
    return sql.replace("FILTER (", "FILTER (WHERE ").replace("/ count(*)", "/ count(*)::float8")


def _places(sql: str) -> str:
    """The places of the rows that a count counts; totals stay what they are."""
    made = _postgres(sql)
    if "count(DISTINCT" in made:
        column = made.partition("DISTINCT ")[2].rstrip(")")
        return f"SELECT ctid FROM t WHERE {column} IN (SELECT {column} FROM t GROUP BY 1 HAVING count(*) > 1)"
    if not made.startswith("count(*) FILTER (WHERE "):
        return f"SELECT {made} FROM t"
    return f"SELECT ctid FROM t WHERE {made.partition('WHERE ')[2][:-1]}"


def _server(postmaster: int) -> float:
    """CPU seconds of a server and all of its processes, those that ended too."""
    total = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(stat.parent.name) == postmaster:
            total += sum(int(f) for f in fields[11:15])
        elif int(fields[1]) == postmaster:
            total += sum(int(f) for f in fields[11:13])
    return total / _TICK


def main() -> None:
    """Load the table, run both sides in turn, print medians and the ratio."""
    from fixtures import postgres

    from taihang.data.quality import export, target
    from taihang.data.quality.pushdown import running
    from taihang.rules import rulebook

    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--rows", type=int, default=1_000_000)
    reader.add_argument("--rounds", type=int, default=3)
    asked = reader.parse_args()
    bench = _quality()
    book = rulebook.loads(bench._book())
    naive = ", ".join(_postgres(sql) for _, sql in bench.RULES)
    with tempfile.TemporaryDirectory() as name, postgres.server() as address:
        table = Path(name) / "t.parquet"
        bench.make(asked.rows, table)
        with psycopg.connect(address) as conn:
            conn.execute(f"CREATE TABLE t ({_COLUMNS})")
            with conn.cursor().copy("COPY t FROM STDIN") as copy:
                for batch in pq.ParquetFile(table).iter_batches():
                    for row in zip(*(c.to_pylist() for c in batch.columns), strict=True):
                        copy.write_row(row)
            conn.commit()
            conn.autocommit = True
            conn.execute("VACUUM ANALYZE t")
            folder = conn.execute("SHOW data_directory").fetchone()[0]
            postmaster = int((Path(folder) / "postmaster.pid").read_text().splitlines()[0])

        def counted(*queries: str) -> None:
            with psycopg.connect(address, autocommit=True) as conn:
                for query in queries:
                    conn.execute(query).fetchall()

        bad = 0

        def pushed() -> None:
            nonlocal bad
            with running.assess(book, target.open_all([f"t={address}#t"]), engine="postgresql") as found:
                made = export.export(found, "t", Path(name) / "bad.parquet")
                bad = made.rows if made else 0

        one_by_one = [f"SELECT {_postgres(sql)} FROM t" for _, sql in bench.RULES]
        sides: dict[str, Callable[[], None]] = {
            "taihang": pushed,
            "one_query": functools.partial(counted, f"SELECT {naive} FROM t"),
            "query_a_rule": functools.partial(counted, *one_by_one),
            "rows_a_rule": functools.partial(counted, *(_places(sql) for _, sql in bench.RULES)),
        }
        runs: dict[str, list[tuple[float, float]]] = {side: [] for side in sides}
        for side in sides.values():
            side()
        for _ in range(asked.rounds):
            for side, work in sides.items():
                own = resource.getrusage(resource.RUSAGE_SELF)
                before, began = own.ru_utime + own.ru_stime + _server(postmaster), time.monotonic()
                work()
                wall = time.monotonic() - began
                time.sleep(1)  # until the server has counted the processes that ended
                own = resource.getrusage(resource.RUSAGE_SELF)
                after = own.ru_utime + own.ru_stime + _server(postmaster)
                runs[side].append((after - before, wall))
    medians = {side: [round(statistics.median(x), 2) for x in zip(*some, strict=True)] for side, some in runs.items()}
    ratio = {
        f"to {side}": [round(a / b, 3) for a, b in zip(medians["taihang"], some, strict=True)]
        for side, some in medians.items()
        if side != "taihang"
    }
    print(json.dumps({"rows": asked.rows, "bad_rows": bad, "cpu_s, wall_s": medians, **ratio}, indent=2))


if __name__ == "__main__":
    main()
