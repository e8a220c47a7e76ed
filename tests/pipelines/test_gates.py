"""Hand-offs, each run for real: a clean table goes through the gate, a bad one does not, and the reasons are there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
# Airflow pins much that the others want newer: it gets an environment of its own.
PIPELINES = ["dagster>=1.13,<2", "dlt[filesystem,parquet]>=1.30,<2", "dbt-core>=1.10,<1.11", "dbt-duckdb>=1.10,<1.11"]
AIRFLOW = ["apache-airflow>=3,<4"]
GOOD, BAD = "id,amount\n1,5\n2,7.5\n", "id,amount\n1,5\n1,-7.5\n"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda p: p.name)
def test_an_example_is_python(path: Path) -> None:
    assert compile(path.read_text(encoding="utf-8"), str(path), "exec").co_names


def _environment(given: str, needs: list[str], folder: Path) -> Path:
    """Python of a throw-away environment with these; the variable `given` names one that is there already."""
    if given in os.environ:
        return Path(os.environ[given]) / "bin" / "python"
    venv.create(folder, with_pip=True)
    made = folder / "bin" / "python"
    done = subprocess.run(
        [str(made), "-m", "pip", "install", "-q", *needs], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"{', '.join(needs)} cannot be installed here: {done.stderr.strip().splitlines()[-1][:200]}")
    return made


@pytest.fixture(scope="session")
def pipelines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _environment("TAIHANG_PIPELINES", PIPELINES, tmp_path_factory.mktemp("pipelines"))


@pytest.fixture(scope="session")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _environment("TAIHANG_AIRFLOW", AIRFLOW, tmp_path_factory.mktemp("airflow"))


def _told(work: Path) -> dict[str, str]:
    taihang = shutil.which("taihang", path=str(Path(sys.executable).parent)) or "taihang"
    told = {
        **os.environ, "WORK": str(work), "TAIHANG": taihang, "TAIHANG_HOME": str(work / "home"),
        "HOME": str(work), "DO_NOT_TRACK": "1", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "RUNTIME__DLTHUB_TELEMETRY": "false", "AIRFLOW_HOME": str(work / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false", "AIRFLOW__CORE__DAGS_FOLDER": str(work / "dags"),
    }  # fmt: skip
    told.pop("PYTHONPATH", None)
    return told


def _stops_at_the_gate(good: bool, example: Path, python: Path, work: Path, told: dict[str, str]) -> None:
    (work / "orders.csv").write_text(GOOD if good else BAD, encoding="utf-8")
    command = [str(python), str(example)]
    done = subprocess.run(command, cwd=work, env=told, capture_output=True, text=True, check=False)
    assert done.returncode == (0 if good else 1), done.stdout[-3000:] + done.stderr[-3000:]
    assert bool(list(work.glob("published*"))) is good
    report = json.loads((work / "report" / "report.json").read_text(encoding="utf-8"))
    assert len(report["findings"]) == (0 if good else 2)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("tool", ["dagster", "dlt", "dbt"])
@pytest.mark.parametrize("good", [True, False], ids=["good", "bad"])
def test_a_pipeline_stops_at_the_gate_and_only_there(tool: str, good: bool, pipelines: Path, tmp_path: Path) -> None:
    _stops_at_the_gate(good, EXAMPLES / f"{tool}_gate.py", pipelines, tmp_path, _told(tmp_path))


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("good", [True, False], ids=["good", "bad"])
def test_a_dag_of_airflow_is_found_and_stops_at_the_gate(good: bool, airflow: Path, tmp_path: Path) -> None:
    told = _told(tmp_path)
    (tmp_path / "dags").mkdir()
    for name in ("airflow_gate.py", "orders.rules.yaml"):
        shutil.copy(EXAMPLES / name, tmp_path / "dags")
    run: Callable[..., subprocess.CompletedProcess[str]] = lambda *words: subprocess.run(  # noqa: E731
        [str(airflow.with_name("airflow")), *words], cwd=tmp_path, env=told, capture_output=True, text=True, check=True
    )
    run("db", "migrate")
    told_dags = run("dags", "list", "--local", "--output", "json").stdout
    found = json.loads(told_dags[told_dags.index("[{") :])  # its own log stands before
    assert [one["dag_id"] for one in found] == ["orders"]
    _stops_at_the_gate(good, tmp_path / "dags" / "airflow_gate.py", airflow, tmp_path, told)
