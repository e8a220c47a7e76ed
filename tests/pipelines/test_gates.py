"""Hand-offs, each run for real: a clean table goes through the gate, a bad one does not, and the reasons are there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
NEEDS = ["dagster>=1.13,<2", "dlt[filesystem,parquet]>=1.30,<2", "dbt-core>=1.10,<1.11", "dbt-duckdb>=1.10,<1.11"]
GOOD, BAD = "id,amount\n1,5\n2,7.5\n", "id,amount\n1,5\n1,-7.5\n"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda p: p.name)
def test_an_example_is_python(path: Path) -> None:
    assert compile(path.read_text(encoding="utf-8"), str(path), "exec").co_names


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A throw-away environment with the three tools; TAIHANG_PIPELINES names one that is there already."""
    given = os.environ.get("TAIHANG_PIPELINES")
    if given:
        return Path(given) / "bin" / "python"
    folder = tmp_path_factory.mktemp("pipelines")
    venv.create(folder, with_pip=True)
    made = folder / "bin" / "python"
    done = subprocess.run(
        [str(made), "-m", "pip", "install", "-q", *NEEDS], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"dagster, dlt and dbt cannot be installed here: {done.stderr.strip().splitlines()[-1][:200]}")
    return made


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("tool", ["dagster", "dlt", "dbt"])
@pytest.mark.parametrize("good", [True, False], ids=["good", "bad"])
def test_a_pipeline_stops_at_the_gate_and_only_there(tool: str, good: bool, python: Path, tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(GOOD if good else BAD, encoding="utf-8")
    taihang = shutil.which("taihang", path=str(Path(sys.executable).parent)) or "taihang"
    told = {
        **os.environ, "WORK": str(tmp_path), "TAIHANG": taihang, "TAIHANG_HOME": str(tmp_path / "home"),
        "HOME": str(tmp_path), "DO_NOT_TRACK": "1", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "RUNTIME__DLTHUB_TELEMETRY": "false",
    }  # fmt: skip
    told.pop("PYTHONPATH", None)
    done = subprocess.run(
        [str(python), str(EXAMPLES / f"{tool}_gate.py")],
        cwd=tmp_path,
        env=told,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == (0 if good else 1), done.stdout[-3000:] + done.stderr[-3000:]
    published = list(tmp_path.glob("published*"))
    assert bool(published) is good
    report = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    assert len(report["findings"]) == (0 if good else 2)
