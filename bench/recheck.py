"""Recheck: a ticket's own rows judged first in the fixed version, beside all rules on all rows; CPU seconds.


The table and the rules are those of `quality.py`, synthetic; the fixed version is the same table with every
defect of the rule mended, rows in the same order (`--shuffled`: in another order). Start-up is apart.
Prints JSON. 1 million rows, 10 million with --long.
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import quality

from taihang.data.quality import assessment, recheck, target
from taihang.rules import rulebook

# Rule of quality.RULES → the column that is mended, and with what.
FIXES = {"r11": ("status", "'new'"), "r13": ("age", "50"), "r21": ("code", "'C' || lpad(i::VARCHAR, 9, '0')")}


def _cpu(work: Callable[[], Any]) -> tuple[Any, float]:
    before = resource.getrusage(resource.RUSAGE_SELF)
    done = work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return done, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _fixed(table: Path, out: Path, column: str, value: str, shuffled: bool) -> None:
    order = "ORDER BY hash(n, 99)" if shuffled else "ORDER BY n"
    rows = f"SELECT *, file_row_number AS n, file_row_number AS i FROM read_parquet('{table}', file_row_number = true)"
    query = f"SELECT * EXCLUDE (n, i) REPLACE ({value} AS {column}) FROM ({rows}) {order}"
    with duckdb.connect(config={"threads": "2"}) as database:
        database.execute(f"COPY ({query}) TO '{out}' (FORMAT parquet, ROW_GROUP_SIZE 122880)")


def main() -> None:
    """Measure each rule of FIXES."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--long", action="store_true", help="10 million rows")
    reader.add_argument("--shuffled", action="store_true")
    asked = reader.parse_args()
    rows = 10_000_000 if asked.long else 1_000_000
    told: dict[str, Any] = {"rows": rows, "shuffled": asked.shuffled, "tickets": {}}
    with tempfile.TemporaryDirectory() as folder:
        table, fixed = Path(folder) / "t.parquet", Path(folder) / "fixed.parquet"
        quality.make(rows, table)
        book = rulebook.loads(quality._book(), "bench.rules.yaml")
        on = target.open_all([f"t={table}"])
        found, full = _cpu(lambda: assessment.assess(book, on))
        told["full_cpu_s"] = round(full, 3)
        for rule, (column, value) in FIXES.items():
            bad = next(o.rows for o in found.outcomes if o.compiled.rule.id == rule)
            keys = recheck.wanted([recheck.keyed(on["t"], bad, ["id"])])
            assert keys is not None
            few = keys.take(
                list(range(0, keys.num_rows, max(1, keys.num_rows // 20)))
            )  # a small ticket, all over the table
            _fixed(table, fixed, column, value, asked.shuffled)
            new = target.open_all([f"t={fixed}"])["t"]
            own = recheck.row_rules(recheck.only(book, [rule]), "t")
            first, cpu = _cpu(lambda own=own, new=new, keys=keys: recheck.first(own, new, keys))
            some, small = _cpu(lambda own=own, new=new, few=few: recheck.first(own, new, few))
            _, alone = _cpu(lambda own=own, new=new: assessment.assess(own, {"t": new}))
            told["tickets"][rule] = {
                "rows": len(bad), "looked_at": first.found, "broken": first.broken, "cpu_s": round(cpu, 3),
                "share_of_full": round(cpu / full, 4), "small": {"rows": few.num_rows, "looked_at": some.found,
                "cpu_s": round(small, 3), "share_of_full": round(small / full, 4)},
                "rule_on_all_cpu_s": round(alone, 3),
            }  # fmt: skip
    told["at"] = time.strftime("%Y-%m-%d")
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
