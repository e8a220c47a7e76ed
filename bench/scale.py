"""Scale: `taihang assess` over tables of growing size, and what that says of 1 TB and 10 TB on Spark, on paper.

The synthetic table, 30 rules and every bad row of bench/quality.py, one run a size, start-up included, for the
engine here (DuckDB) and for Spark on this machine. CPU is that of all processes, Spark's Java too; memory is the
largest process's peak. The estimate is arithmetic on the measured slope of Spark, not a measurement.

    python bench/scale.py --rows 10000000 100000000 --spark 1000000 10000000 --out bench/scale.json
"""

import argparse
import ctypes
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "bench"))
import quality  # noqa: E402 - the table and the rules, which stand beside this file

_SUBREAPER = 36
TERABYTE = 10**12


def measured(command: list[str], told: dict[str, str]) -> dict[str, float]:
    """CPU of a command and of all it leaves behind, its time, and the largest peak of memory among them."""
    began, cpu, peak = time.monotonic(), 0.0, 0
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, **told})
    code = None
    while code is None or _left():
        try:
            pid, status, used = os.wait4(-1, 0)
        except ChildProcessError:
            break
        cpu += used.ru_utime + used.ru_stime
        peak = max(peak, used.ru_maxrss)
        if pid == child.pid:
            code = child.returncode = os.waitstatus_to_exitcode(status)
            wall = time.monotonic() - began
    if code:
        raise SystemExit(f"{command[:3]} failed: {code}")
    return {"cpu_s": round(cpu, 1), "wall_s": round(wall, 1), "peak_mb": round(peak / 1024)}


def _left() -> bool:
    """Whether a process that the command began is still there: it is ours since its own parent ended."""
    return bool(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def run(rows: int, engine: str, folder: Path) -> dict[str, Any]:
    """One size on one engine."""
    table, book, out = folder / "t.parquet", folder / "b.rules.yaml", folder / f"out-{engine}-{rows}"
    book.write_text(quality._book(), encoding="utf-8")
    taihang = [sys.executable, "-c", "from taihang.app import cli; cli.main()"]
    command = [*taihang, "assess", str(table), "--rules", str(book), "--engine", engine, "--format", "json"]
    told = {"TAIHANG_HOME": str(folder / "home"), "TAIHANG_SPARK_MEMORY": "3g"}
    made = measured([*command, "--out", str(out)], told)
    bad = quality.pq.read_metadata(out / "evidence" / "bad-rows-t.parquet").num_rows
    return {"engine": engine, "rows": rows, "parquet_mb": round(table.stat().st_size / 1e6, 1), "bad_rows": bad, **made}


def grown(small: dict[str, Any], large: dict[str, Any]) -> dict[str, float]:
    """How cost grows from one size to another; 1.0 is linear in CPU, and flat in memory."""
    per = large["rows"] / small["rows"]
    return {
        "rows": per,
        "cpu_per_row": round(large["cpu_s"] / small["cpu_s"] / per, 3),
        "memory": round(large["peak_mb"] / small["peak_mb"], 3),
        "cpu_s_a_million_more": round((large["cpu_s"] - small["cpu_s"]) / (large["rows"] - small["rows"]) * 1e6, 3),
    }


def estimate(slope: float, large: dict[str, Any]) -> list[dict[str, float]]:
    """Core hours for tables of this shape by their size as Parquet; `slope` in CPU-s a million rows."""
    per_row = large["parquet_mb"] * 1e6 / large["rows"]
    found = []
    for size in (TERABYTE, 10 * TERABYTE):
        rows = size / per_row
        hours = rows / 1e6 * slope / 3600
        found.append({"parquet_tb": size / TERABYTE, "rows_billion": round(rows / 1e9, 2),
                      "core_hours": round(hours, 1), "hours_on_128_cores": round(hours / 128, 2)})  # fmt: skip
    return found


def main() -> None:
    """Make each table once, run, say how cost grows."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000])
    reader.add_argument("--spark", type=int, nargs="*", default=[])
    reader.add_argument("--folder", type=Path, help="where the tables are made, for a while")
    reader.add_argument("--out", type=Path)
    asked = reader.parse_args()
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    runs: list[dict[str, Any]] = []
    for rows in sorted({*asked.rows, *asked.spark}):
        with tempfile.TemporaryDirectory(dir=asked.folder, prefix="taihang-scale-") as name:
            making = [sys.executable, quality.__file__, "--make", str(rows), str(Path(name) / "t.parquet")]
            subprocess.run(making, check=True)
            for engine, sizes in (("duckdb", asked.rows), ("spark", asked.spark)):
                if rows in sizes:
                    runs.append(run(rows, engine, Path(name)))
                    print(json.dumps(runs[-1]), flush=True)
    told: dict[str, Any] = {"rules": len(quality.RULES), "cores": len(os.sched_getaffinity(0)), "runs": runs}
    for engine in ("duckdb", "spark"):
        own = [one for one in runs if one["engine"] == engine]
        if len(own) > 1:
            told[f"{engine}_grows"] = grown(own[0], own[-1])
    if "spark_grows" in told:
        largest = [one for one in runs if one["engine"] == "spark"][-1]
        told["paper_estimate_spark"] = estimate(told["spark_grows"]["cpu_s_a_million_more"], largest)
    text = json.dumps(told, indent=1)
    print(text)
    if asked.out:
        asked.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
