"""Incremental: an append of 1% beside the full run, and the ticket's rows of a fix; engine CPU, start-up apart.

Makes a folder of 100 files like bench/quality.py's table and prints JSON.

    python bench/incremental.py [--rows 1000000]
"""

import argparse
import importlib.util
import json
import resource
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from taihang.data.quality import assessment, incremental, recheck, target
from taihang.engines.sources import memory
from taihang.rules import rulebook

FILES = 100


def _quality() -> Any:
    spec = importlib.util.spec_from_file_location("quality_bench", Path(__file__).with_name("quality.py"))
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Make the files, run in full, append, run again."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--rows", type=int, default=1_000_000)
    rows = reader.parse_args().rows
    bench = _quality()
    book = rulebook.loads(bench._book())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table, parts = folder / "all.parquet", folder / "t"
        parts.mkdir()
        bench.make(rows + rows // FILES, table)
        each = rows // FILES
        with duckdb.connect(config={"threads": "2"}) as database:
            for n in range(FILES + 1):
                inside = f"SELECT * FROM '{table}' LIMIT {each} OFFSET {n * each}"
                where = folder / "late.parquet" if n == FILES else parts / f"{n:03d}.parquet"
                database.execute(f"COPY ({inside}) TO '{where}' (FORMAT parquet)")
        used: dict[str, float] = {}

        def timed(what: str, work: Any) -> Any:
            before = cpu()
            found = work()
            used[what] = round(cpu() - before, 3)
            return found

        seen = memory.Memory(folder / "memory")

        def opened() -> Any:
            return target.open_all([f"t={parts}"], seen)

        assessment.assess(book, target.open_all([f"t={folder / 'late.parquet'}"]))  # imports are not counted
        state = folder / "state"
        timed("full", lambda: assessment.assess(book, opened()))
        timed("first", lambda: incremental.assess(book, opened(), state=state))
        timed("nothing_new", lambda: incremental.assess(book, opened(), state=state))
        (folder / "late.parquet").rename(parts / "100.parquet")
        found, reused = timed("append", lambda: incremental.assess(book, opened(), state=state))
        assert len(reused["t"].read) == 1
        again = assessment.assess(book, opened())
        for one, other in zip(found.outcomes, again.outcomes, strict=True):
            assert one.rows.tolist() == other.rows.tolist()
        on = target.open_all([f"t={table}"])["t"]
        some = pa.array(range(rows // 2, rows // 2 + 20), pa.int64())
        keys = pa.table({"row": some, "id": some})
        first = timed("rows_of_a_fix", lambda: recheck.first(recheck.row_rules(book, "t"), on, keys))
        assert first.found
    ratio = {k: round(v / used["full"], 4) for k, v in used.items() if k != "full"}
    print(json.dumps({"rows": rows, "cpu_s": used, "of_full": ratio}, indent=2))


if __name__ == "__main__":
    main()
