"""dbt: the tests of schema.yml become a rulebook, which judges the built model before the next one is built.

dbt itself stops at the first failing test with a count; the gate leaves a report with every bad row.
"""

# ruff: noqa: S603 - the command is spelled out here
import os
import subprocess
from pathlib import Path

from dbt.cli.main import dbtRunner

PROJECT = Path(__file__).parent / "dbt_project"
WORK = Path(os.environ.get("WORK", ".")).resolve()
TAIHANG = os.environ.get("TAIHANG", "taihang")


def dbt(*words: str) -> None:
    """One dbt command, in this process. Raises SystemExit when it fails."""
    dirs = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--target-path", str(WORK / "target")]
    if not dbtRunner().invoke([*words, *dirs, "--log-path", str(WORK / "logs")]).success:
        raise SystemExit(3)


if __name__ == "__main__":
    os.environ["WORK"] = str(WORK)
    dbt("run", "--select", "orders")
    rules = WORK / "orders.rules.yaml"
    schema = PROJECT / "models" / "schema.yml"
    subprocess.run([TAIHANG, "rules", "import", str(schema), "--from", "dbt", "--out", str(rules)], check=True)
    command = [TAIHANG, "assess", f"orders={WORK / 'orders.parquet'}", "--rules", str(rules)]
    code = subprocess.run([*command, "--fail-on", "orange", "--out", str(WORK / "report")], check=False).returncode
    if code == 0:
        dbt("run", "--select", "published")
    raise SystemExit(code)
