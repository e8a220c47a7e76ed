"""Write constraints.txt anew: the newest versions that pyproject.toml's ranges allow.

A throw-away environment is filled with every group and asked what it holds. Takes some minutes and
some GB of disk; run it with the oldest Python that is supported, then run ./check.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import groups

TARGET = Path(__file__).resolve().parents[1] / "constraints.txt"
HEAD = """\
# What every environment of ./try and ./check is made of: one version each, for Python 3.11 to 3.14.
# Written by `python3 scripts/pin.py`; the ranges that these come from stand in pyproject.toml.
"""


def main() -> int:
    """Resolve, then write."""
    wanted = [line for group in ("base", "hub", "graph", "check", "serve", "bench") for line in groups.wants(group)]
    wanted += [*groups.PROJECT["build-system"]["requires"], "editables", "pip"]
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        pip = [str(Path(folder, "bin", "python")), "-m", "pip"]
        subprocess.run([*pip, "install", "--quiet", "--upgrade", *wanted], check=True)
        frozen = subprocess.run([*pip, "freeze", "--all"], check=True, capture_output=True, text=True).stdout
    # A build of torch for one kind of machine is marked `+cpu` or the like; the version is what counts.
    pins = [re.sub(r"\+\w+$", "", line) for line in frozen.splitlines()]
    TARGET.write_text(HEAD + "\n".join(sorted(pins, key=str.lower)) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
