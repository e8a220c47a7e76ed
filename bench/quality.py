"""Quality: `taihang assess` with every bad row written, beside one hand-written DuckDB query that only counts.

A synthetic table of 14 columns with planted defects, 30 rules; 1 million rows, 10 million with --long.
Each side is a process of its own, start-up included; CPU, wall and peak memory are the kernel's.
Prints JSON. `--make ROWS FILE` and `--naive FILE` are the parts that run apart.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

# Kind with its fields, and the same as a count of bad rows in plain SQL.
RULES: list[tuple[dict[str, Any], str]] = [
    *(({"kind": "not_null", "column": c}, f"count(*) FILTER ({c} IS NULL)")
      for c in ("id", "code", "name", "city", "age", "amount", "created", "status")),
    ({"kind": "unique", "columns": ["id"]}, "count(*) - count(DISTINCT id)"),
    ({"kind": "unique", "columns": ["code"]}, "count(*) - count(DISTINCT code)"),
    ({"kind": "not_blank", "column": "name"}, "count(*) FILTER (name IS NULL OR trim(name) = '')"),
    ({"kind": "in_set", "column": "status", "values": ["new", "paid", "sent", "done"]},
     "count(*) FILTER (status NOT IN ('new', 'paid', 'sent', 'done'))"),
    ({"kind": "in_set", "column": "currency", "values": ["CNY", "USD"]},
     "count(*) FILTER (currency NOT IN ('CNY', 'USD'))"),
    ({"kind": "range", "column": "age", "min": 0, "max": 120}, "count(*) FILTER (age < 0 OR age > 120)"),
    ({"kind": "range", "column": "amount", "min": 0, "max": 100000}, "count(*) FILTER (amount < 0 OR amount > 100000)"),
    ({"kind": "range", "column": "score", "min": 0, "max": 1}, "count(*) FILTER (score < 0 OR score > 1)"),
    ({"kind": "range", "column": "qty", "min": 1, "max": 1000}, "count(*) FILTER (qty < 1 OR qty > 1000)"),
    ({"kind": "finite", "column": "score"}, "count(*) FILTER (NOT isfinite(score))"),
    ({"kind": "finite", "column": "amount"}, "count(*) FILTER (NOT isfinite(amount))"),
    ({"kind": "length", "column": "code", "min": 10, "max": 10}, "count(*) FILTER (length(code) <> 10)"),
    ({"kind": "length", "column": "name", "max": 40}, "count(*) FILTER (length(name) > 40)"),
    ({"kind": "regex", "column": "code", "pattern": "C[0-9]{9}"},
     "count(*) FILTER (NOT regexp_full_match(code, 'C[0-9]{9}'))"),
    ({"kind": "regex", "column": "mail", "pattern": "[^@ ]+@[^@ ]+[.][a-z]+"},
     "count(*) FILTER (NOT regexp_full_match(mail, '[^@ ]+@[^@ ]+[.][a-z]+'))"),
    ({"kind": "regex", "column": "phone", "pattern": "1[3-9][0-9]{9}"},
     "count(*) FILTER (NOT regexp_full_match(phone, '1[3-9][0-9]{9}'))"),
    ({"kind": "date_order", "first": "created", "then": "shipped"}, "count(*) FILTER (created > shipped)"),
    ({"kind": "range", "column": "created", "min": "2020-01-01", "max": "2030-01-01"},
     "count(*) FILTER (created < '2020-01-01' OR created > '2030-01-01')"),
    ({"kind": "aggregate", "function": "mean", "column": "amount", "min": 0, "max": 1000}, "avg(amount)"),
    ({"kind": "aggregate", "function": "sum", "column": "qty", "min": 1}, "sum(qty)"),
    ({"kind": "aggregate", "function": "null_rate", "column": "mail", "max": 0.5},
     "(count(*) - count(mail)) / count(*)"),
    ({"kind": "row_count", "min": 1}, "count(*)"),
]  # fmt: skip


def make(rows: int, path: Path) -> None:
    """A synthetic table; about 1 row in 1,000 breaks each rule that rows can break."""
    odd = "(hash(i, {}) % 1000 = 0)"
    query = f"""
        SELECT CASE WHEN {odd.format(1)} THEN NULL ELSE i - ({odd.format(2)})::INT END AS id,
          'C' || lpad((i - ({odd.format(3)})::INT)::VARCHAR, 9 - ({odd.format(4)})::INT, '0') AS code,
          CASE WHEN {odd.format(5)} THEN ' ' ELSE 'name ' || (hash(i) % 50000) END AS name,
          CASE WHEN {odd.format(6)} THEN NULL ELSE 'city ' || (hash(i, 7) % 300) END AS city,
          (hash(i, 8) % 100)::INT + 100 * ({odd.format(9)})::INT AS age,
          round((hash(i, 10) % 100000) / 100.0 - 5000 * ({odd.format(11)})::INT, 2) AS amount,
          CASE WHEN {odd.format(12)} THEN 'nan'::DOUBLE ELSE (hash(i, 13) % 1000) / 1000.0 END AS score,
          (hash(i, 14) % 900)::INT + 1 - 2000 * ({odd.format(15)})::INT AS qty,
          CASE WHEN {odd.format(16)} THEN 'lost' ELSE ['new', 'paid', 'sent', 'done'][(hash(i, 17) % 4 + 1)::INT] END
            AS status,
          CASE WHEN {odd.format(18)} THEN 'ZZZ' ELSE 'CNY' END AS currency,
          CASE WHEN {odd.format(19)} THEN 'nobody' ELSE 'u' || i || '@mail.cn' END AS mail,
          '1' || (3 + hash(i, 20) % 7) || lpad((hash(i, 21) % 1000000000)::VARCHAR, 9, '0') AS phone,
          TIMESTAMP '2025-01-01' + INTERVAL (hash(i, 22) % 8000) HOUR AS created,
          TIMESTAMP '2025-01-01' + INTERVAL (hash(i, 22) % 8000 + 24 - 48 * ({odd.format(23)})::INT) HOUR AS shipped
        FROM range({rows}) AS r(i)
    """
    with duckdb.connect(config={"threads": "2"}) as database:
        database.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet, ROW_GROUP_SIZE 122880)")


def naive(path: Path) -> list[Any]:
    """All counts in one query over the file."""
    select = ", ".join(sql.replace("FILTER (", "FILTER (WHERE ") for _, sql in RULES)
    with duckdb.connect(config={"threads": "2"}) as database:
        row = database.execute(f"SELECT {select} FROM '{path}'").fetchone()
    return list(row or ())


def _varied(check: dict[str, Any], turn: int) -> dict[str, Any]:
    """The same kind of rule with another threshold, so that few are copies of others."""
    made = dict(check)
    if turn and made["kind"] == "regex":
        made["pattern"] += f"|x{turn}"
    elif turn and made["kind"] == "in_set":
        made["values"] = [*made["values"], f"v{turn}"]
    elif turn and isinstance(made.get("max"), (int, float)):
        made["max"] += turn
    return made


def _book(count: int = len(RULES)) -> str:
    checks = [_varied(RULES[n % len(RULES)][0], n // len(RULES)) for n in range(count)]
    rules = [{"id": f"r{n}", "table": "t", "check": check} for n, check in enumerate(checks)]
    title = {"zh": "基准", "en": "bench"}
    return json.dumps({"taihang": "rules/1", "id": "bench", "version": "1", "title": title, "rules": rules})


def _measured(command: list[str]) -> dict[str, float]:
    began = time.monotonic()
    reading, writing = os.pipe()
    child = subprocess.Popen(command, stdout=writing)
    os.close(writing)
    with os.fdopen(reading) as stream:
        stream.read()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{command[:3]} failed")
    cpu = used.ru_utime + used.ru_stime
    return {"cpu_s": cpu, "wall_s": time.monotonic() - began, "peak_mb": used.ru_maxrss / 1024}


def main() -> None:
    """Make the table, run both sides in turn, print medians and ratios."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--long", action="store_true", help="10 million rows")
    reader.add_argument("--rounds", type=int, default=3)
    reader.add_argument("--rows", type=int, help="so many rows instead")
    reader.add_argument("--rules", type=int, default=len(RULES), help="so many rules: the same with other thresholds")
    reader.add_argument("--make", nargs=2)
    reader.add_argument("--naive")
    asked = reader.parse_args()
    if asked.make:
        make(int(asked.make[0]), Path(asked.make[1]))
        return
    if asked.naive:
        print(json.dumps(naive(Path(asked.naive)), default=float))
        return
    rows = asked.rows or (10_000_000 if asked.long else 1_000_000)
    with tempfile.TemporaryDirectory() as folder:
        table, book = Path(folder) / "t.parquet", Path(folder) / "b.rules.yaml"
        book.write_text(_book(asked.rules), encoding="utf-8")
        subprocess.run([sys.executable, __file__, "--make", str(rows), str(table)], check=True)
        out = Path(folder) / "out"
        taihang = str(Path(sys.executable).with_name("taihang"))
        sides = {
            "taihang": [taihang, "assess", str(table), "--rules", str(book), "--out", str(out)],
            "naive": [sys.executable, __file__, "--naive", str(table)],
        }
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in sides}
        for _ in range(asked.rounds):
            for name, command in sides.items():
                runs[name].append(_measured(command))
        bad = pq.read_metadata(out / "evidence/bad-rows-t.parquet").num_rows
    medians = {
        name: {k: round(statistics.median(r[k] for r in some), 3) for k in some[0]} for name, some in runs.items()
    }
    ratio = {k: round(medians["taihang"][k] / medians["naive"][k], 2) for k in medians["naive"]}
    print(json.dumps({"rows": rows, "rules": asked.rules, "bad_rows": bad, **medians, "ratio": ratio}, indent=2))


if __name__ == "__main__":
    main()
