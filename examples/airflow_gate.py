"""Airflow 3: an operator whose task fails, without a retry, when a rule at or above a level is broken.

The DAG below publishes a table that went through it. In a folder of DAGs it is run by Airflow; as a program, once.
"""

# ruff: noqa: S603, D102 - the command is spelled out here
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from airflow.exceptions import AirflowException, AirflowFailException
from airflow.sdk import DAG, BaseOperator, task

HERE = Path(__file__).resolve().parent
WORK = Path(os.environ.get("WORK", ".")).resolve()
SOURCE = Path(os.environ.get("ORDERS", WORK / "orders.csv"))


class TaihangGate(BaseOperator):
    """Runs `taihang assess`. Exit code 1 (findings) fails at once; 3 (the machine) may be tried again."""

    template_fields: Sequence[str] = ("source", "rules", "out")

    def __init__(self, *, source: str, rules: str, out: str, fail_on: str = "orange", **more: object) -> None:
        super().__init__(**more)
        self.source, self.rules, self.out, self.fail_on = source, rules, out, fail_on

    def execute(self, context: object) -> str:
        command = [os.environ.get("TAIHANG", "taihang"), "assess", self.source, "--rules", self.rules]
        command += ["--fail-on", self.fail_on, "--out", self.out]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        self.log.info("%s", done.stdout)
        if done.returncode in {1, 2}:
            raise AirflowFailException(done.stderr.strip() or f"findings at or above {self.fail_on}: {self.out}")
        if done.returncode:
            raise AirflowException(done.stderr.strip())
        return self.out


with DAG("orders", schedule=None, catchup=False) as orders:
    gate = TaihangGate(
        task_id="gate", source=f"orders={SOURCE}", rules=str(HERE / "orders.rules.yaml"), out=str(WORK / "report")
    )

    @task
    def publish() -> None:
        """What others read."""
        shutil.copy(SOURCE, WORK / "published.csv")

    gate >> publish()

if __name__ == "__main__":
    raise SystemExit(0 if orders.test().state == "success" else 1)
