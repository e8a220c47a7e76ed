"""How much CPU time `taihang --help` takes, beside Python itself and Typer alone, in the same run.

python bench/start_up.py [--runs 15]
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path

TAIHANG = str(Path(sys.executable).with_name("taihang"))
CASES = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import typer, pydantic": [sys.executable, "-c", "import typer, pydantic"],
    "import taihang": [sys.executable, "-c", "import taihang"],
    "taihang --help": [TAIHANG, "--help"],
    "taihang inspect --help": [TAIHANG, "inspect", "--help"],
}


def cpu_seconds(command: list[str]) -> float:
    """User and system seconds of one run."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, env={**os.environ, "COLUMNS": "100"}, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Print the median and the worst of each case; the first run of each only fills the caches."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    print(f"{'CPU seconds':28}  median  worst   (n = {runs})")
    for name, command in CASES.items():
        cpu_seconds(command)
        taken = [cpu_seconds(command) for _ in range(runs)]
        print(f"{name:28}  {statistics.median(taken):6.3f} {max(taken):6.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
