"""Quality beside its peers: whole `assess`, every bad row located and written, beside Soda and Great Expectations.

Both peers run their own checks of the same 30 rules through DuckDB over the same Parquet file, and only count. Great
Expectations runs twice more: as it comes (SUMMARY), and asked for the rows themselves (COMPLETE, with the id of
each), which is what `assess` does. Its own expectations of patterns are refused on DuckDB: the four patterns are
SQL of one's own, which is how its user would have them there. `plain_26` leaves them out.
Each side is a process of its own, start-up included, in turn; CPU, wall and peak memory are the kernel's, medians.
Counts are held against each other. Each peer runs in an environment of its own, given by its interpreter:

    python bench/quality_peers.py --rows 10000000 --rounds 3 \\
        --taihang BASE/bin/python --soda SODA/bin/python --great-expectations GE/bin/python

    BASE: pip install .      SODA: pip install "soda-core-duckdb<4" setuptools
    GE: pip install great_expectations duckdb-engine "duckdb<2" "sqlalchemy<2.1"
"""

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
NOT_NULL = ("id", "code", "name", "city", "age", "amount", "created", "status")
RANGES = {"age": (0, 120), "amount": (0, 100000), "score": (0, 1), "qty": (1, 1000)}
SETS = {"status": ["new", "paid", "sent", "done"], "currency": ["CNY", "USD"]}
PATTERNS = {"code": "C[0-9]{9}", "mail": "[^@ ]+@[^@ ]+[.][a-z]+", "phone": "1[3-9][0-9]{9}"}


def soda(table: str) -> dict[str, Any]:
    """The rules in Soda's words. Gives the count of each check that failed."""
    import duckdb
    from soda.scan import Scan

    checks: list[Any] = [f"missing_count({c}) = 0" for c in NOT_NULL]
    checks += ["duplicate_count(id) = 0", "duplicate_count(code) = 0"]
    checks += [{"invalid_count(name) = 0": {"name": "blank", "valid regex": r".*\S.*"}}]
    checks += [{f"invalid_count({c}) = 0": {"name": f"set {c}", "valid values": v}} for c, v in SETS.items()]
    checks += [
        {f"invalid_count({c}) = 0": {"name": f"range {c}", "valid min": low, "valid max": high}}
        for c, (low, high) in RANGES.items()
    ]
    own = {
        "infinite_score": "count(*) FILTER (WHERE NOT isfinite(score))",
        "infinite_amount": "count(*) FILTER (WHERE NOT isfinite(amount))",
        "disordered": "count(*) FILTER (WHERE created > shipped)",
        "far": "count(*) FILTER (WHERE created < '2020-01-01' OR created > '2030-01-01')",
    }
    checks += [{f"{name} = 0": {f"{name} expression": sql}} for name, sql in own.items()]
    checks += [{"invalid_count(code) = 0": {"name": "length code", "valid length": 10}}]
    checks += [{"invalid_count(name) = 0": {"name": "length name", "valid max length": 40}}]
    checks += [
        {f"invalid_count({c}) = 0": {"name": f"pattern {c}", "valid regex": f"^({p})$"}} for c, p in PATTERNS.items()
    ]
    checks += ["avg(amount) between 0 and 1000", "sum(qty) >= 1", "missing_percent(mail) < 50", "row_count > 0"]
    assert len(checks) == 30
    with duckdb.connect(config={"threads": "2"}) as database:
        database.execute(f"CREATE VIEW t AS SELECT * FROM '{table}'")
        scan = Scan()
        scan.disable_telemetry()
        scan.set_data_source_name("duckdb")
        scan.add_duckdb_connection(database, data_source_name="duckdb")
        scan.add_sodacl_yaml_str(json.dumps({"checks for t": checks}))
        scan.execute()
        if scan.get_error_logs():
            raise SystemExit("\n".join(str(one) for one in scan.get_error_logs()))
        told = scan.get_scan_results()["checks"]
    return {one["name"]: one["diagnostics"]["value"] for one in told if one["outcome"] == "fail"}


COUNTS = {"result_format": "BASIC", "partial_unexpected_count": 0}
PLAIN = {"result_format": "SUMMARY"}  # what it does when nobody says otherwise: twenty bad values of each
LOCATED = {"result_format": "COMPLETE", "unexpected_index_column_names": ["id"]}


def located(table: str) -> dict[str, Any]:
    """Great Expectations asked for every failed row, by its id; of patterns it fetches 200."""
    return great_expectations(table, LOCATED, patterns=True)


def plain(table: str) -> dict[str, Any]:
    """Great Expectations as it comes, with the patterns."""
    return great_expectations(table, PLAIN, patterns=True)


def counting(table: str) -> dict[str, Any]:
    """Great Expectations asked for counts alone, with the patterns."""
    return great_expectations(table, COUNTS, patterns=True)


def plain_26(table: str) -> dict[str, Any]:
    """Great Expectations as it comes, without the patterns."""
    return great_expectations(table, PLAIN)


def great_expectations(table: str, told_as: dict[str, Any] = COUNTS, *, patterns: bool = False) -> dict[str, Any]:
    """The rules as expectations on DuckDB through SQLAlchemy; patterns as SQL, since its own are refused there."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import duckdb
    import great_expectations as gx
    from great_expectations.execution_engine import sqlalchemy_execution_engine

    def kept(self: Any, query: Any) -> Any:
        with self.get_connection() as connection:
            return connection.execute(query).freeze()()

    # It reads results after it has given the connection back, which DuckDB's driver forgets by then.
    for name in ("execute_query", "execute_query_in_transaction"):
        setattr(sqlalchemy_execution_engine.SqlAlchemyExecutionEngine, name, kept)

    e = gx.expectations
    wanted: list[Any] = [e.ExpectColumnValuesToNotBeNull(column=c) for c in NOT_NULL]
    wanted += [e.ExpectColumnValuesToBeUnique(column=c) for c in ("id", "code")]
    wanted += [e.ExpectColumnValuesToBeInSet(column=c, value_set=v) for c, v in SETS.items()]
    wanted += [
        e.ExpectColumnValuesToBeBetween(column=c, min_value=low, max_value=high) for c, (low, high) in RANGES.items()
    ]
    wanted += [
        e.ExpectColumnValuesToBeBetween(column=c, min_value=-1e300, max_value=1e300) for c in ("score", "amount")
    ]
    wanted += [e.ExpectColumnValueLengthsToEqual(column="code", value=10)]
    wanted += [e.ExpectColumnValueLengthsToBeBetween(column="name", max_value=40)]
    wanted += [e.ExpectColumnPairValuesAToBeGreaterThanB(column_A="shipped", column_B="created", or_equal=True)]
    wanted += [
        e.ExpectColumnValuesToBeBetween(
            column="created", min_value="2020-01-01T00:00:00", max_value="2030-01-01T00:00:00"
        )
    ]
    wanted += [
        e.ExpectColumnMeanToBeBetween(column="amount", min_value=0, max_value=1000),
        e.ExpectColumnSumToBeBetween(column="qty", min_value=1),
        e.ExpectColumnValuesToNotBeNull(column="mail", mostly=0.5),
        e.ExpectTableRowCountToBeBetween(min_value=1),
    ]
    assert len(wanted) == 26  # four rules are patterns, which it refuses on DuckDB
    if patterns:
        # It fills braces in, so those of a pattern are doubled.
        bad = {
            c: f"NOT regexp_full_match({c}, '{p}')".replace("{", "{{").replace("}", "}}") for c, p in PATTERNS.items()
        }
        bad["name"] = "NOT regexp_matches(name, '\\S')"
        wanted += [
            e.UnexpectedRowsExpectation(unexpected_rows_query=f"SELECT * FROM {{batch}} WHERE {sql}", description=c)
            for c, sql in bad.items()
        ]
    with tempfile.TemporaryDirectory() as folder:
        with duckdb.connect(f"{folder}/t.duckdb") as database:
            database.execute(f"CREATE VIEW t AS SELECT * FROM '{table}'")
        context = gx.get_context(mode="ephemeral")
        held = context.data_sources.add_sql("d", connection_string=f"duckdb:///{folder}/t.duckdb")
        batch = held.add_table_asset("t", table_name="t").add_batch_definition_whole_table("w").get_batch()
        suite = gx.ExpectationSuite(name="s", expectations=wanted)
        result = batch.validate(suite, result_format=told_as)
    told = {}
    for n, one in enumerate(result.results):
        if not one.success and not one.result:
            raise SystemExit(f"expectation {n} could not run: {one.exception_info}")
        if not one.success:
            counted = one.result.get("unexpected_count", one.result.get("observed_value"))
            told[f"{one.expectation_config.type} {n}"] = counted
    return told


def measured(command: list[str], out: Path) -> dict[str, float]:
    """CPU seconds, wall seconds and peak MB of one process."""
    began = time.monotonic()
    with out.open("wb") as stream:
        child = subprocess.Popen(command, stdout=stream)
        _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{command[:4]} ended with {child.returncode}")
    return {
        "cpu_s": round(used.ru_utime + used.ru_stime, 2),
        "wall_s": round(time.monotonic() - began, 2),
        "peak_mb": round(used.ru_maxrss / 1024),
    }


def main() -> None:
    """Make the table, run the sides in turn, print medians and ratios."""
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("--rows", type=int, default=1_000_000)
    reader.add_argument("--rounds", type=int, default=3)
    reader.add_argument("--taihang", default=sys.executable, help="an interpreter that has Taihang")
    reader.add_argument("--soda", help="an interpreter that has Soda")
    reader.add_argument("--great-expectations", help="an interpreter that has Great Expectations")
    reader.add_argument("--out", type=Path)
    reader.add_argument("--peer", nargs=2, help=argparse.SUPPRESS)
    asked = reader.parse_args()
    if asked.peer:
        sys.path.remove(str(HERE.parent))  # a script beside this one is called as the peer is
        peers = {"soda": soda, "great_expectations": counting, "great_expectations_plain": plain,
                 "great_expectations_plain_26": plain_26, "great_expectations_located": located}  # fmt: skip
        peer = peers[asked.peer[0]]
        print("\n" + json.dumps(peer(asked.peer[1]), default=str))
        return
    sys.path.insert(0, str(HERE.parent))
    import quality  # the table and the rules, which stand beside this file

    with tempfile.TemporaryDirectory(prefix="taihang-peers-") as name:
        folder = Path(name)
        table, book = folder / "t.parquet", folder / "b.rules.yaml"
        book.write_text(quality._book(), encoding="utf-8")
        subprocess.run([sys.executable, quality.__file__, "--make", str(asked.rows), str(table)], check=True)
        start = [asked.taihang, "-c", "from taihang.app import cli; cli.main()"]
        sides = {
            "taihang": [*start, "assess", str(table), "--rules", str(book), "--out", str(folder / "out"),
                        "--format", "json"]
        }  # fmt: skip
        ways = (
            "great_expectations",
            "great_expectations_plain_26",
            "great_expectations_plain",
            "great_expectations_located",
        )
        for peer, python in [("soda", asked.soda), *((way, asked.great_expectations) for way in ways)]:
            if python:
                sides[peer] = [python, str(HERE), "--peer", peer, str(table)]
        runs: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
        for _ in range(asked.rounds):
            for side, command in sides.items():
                runs[side].append(measured(command, folder / side))
                print(side, runs[side][-1], file=sys.stderr, flush=True)
        told: dict[str, Any] = {
            "rows": asked.rows, "rules": 30, "rounds": asked.rounds, "machine": platform.machine(),
            "cores": os.cpu_count(), "bad_rows_written": quality.pq.read_metadata(
                folder / "out" / "evidence" / "bad-rows-t.parquet").num_rows,
        }  # fmt: skip
        for side, some in runs.items():
            told[side] = {key: round(statistics.median(r[key] for r in some), 2) for key in some[0]}
        for side in sides:
            if side != "taihang":
                told[f"taihang to {side}"] = {k: round(told["taihang"][k] / told[side][k], 3) for k in told[side]}
                counted = json.loads((folder / side).read_text(encoding="utf-8").splitlines()[-1])
                told[side]["failed"] = {k: v for k, v in counted.items() if v and not math.isnan(float(v))}
        report = json.loads((folder / "out" / "report.json").read_text(encoding="utf-8"))
        told["taihang"]["failed"] = {f["rule"]["id"]: f["measured"].get("rows") for f in report["findings"]}
    text = json.dumps(told, indent=1)
    print(text)
    if asked.out:
        asked.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
