"""Dagster: a blocking asset check. What stands below the asset is not made when the gate is shut.

dagster asset materialize --select '*' -f dagster_gate.py
"""

# ruff: noqa: S603 - the command is spelled out here
import json
import os
import subprocess
from pathlib import Path

import dagster

HERE = Path(__file__).parent
WORK = Path(os.environ.get("WORK", "."))
SOURCE = Path(os.environ.get("ORDERS", WORK / "orders.csv"))


@dagster.asset
def orders() -> None:
    """The table, as it comes."""
    (WORK / "orders.landed.csv").write_bytes(SOURCE.read_bytes())


@dagster.asset_check(asset=orders, blocking=True)
def quality() -> dagster.AssetCheckResult:
    """Passes when no rule at or above orange is broken; an error of the gate is no pass."""
    command = [os.environ.get("TAIHANG", "taihang"), "assess", f"orders={WORK / 'orders.landed.csv'}"]
    command += ["--rules", str(HERE / "orders.rules.yaml"), "--fail-on", "orange", "--out", str(WORK / "report")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in {0, 1}:
        raise dagster.Failure(description=done.stderr.strip())
    report = json.loads((WORK / "report" / "report.json").read_text(encoding="utf-8"))
    metadata = {f["rule"]["id"]: f["measured"].get("rows", 0) for f in report["findings"]}
    return dagster.AssetCheckResult(passed=done.returncode == 0, metadata=metadata)


@dagster.asset(deps=[orders])
def published() -> None:
    """What others read."""
    (WORK / "published.csv").write_bytes((WORK / "orders.landed.csv").read_bytes())


defs = dagster.Definitions(assets=[orders, published], asset_checks=[quality])

if __name__ == "__main__":
    made = dagster.materialize([orders, quality, published], raise_on_error=False)
    raise SystemExit(0 if made.success and (WORK / "published.csv").exists() else 1)
