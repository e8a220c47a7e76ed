"""Imports go down only, and what would let one go up unseen is itself tested."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import source


def _lint(tree: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--config", "pyproject.toml"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree / "src")},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("house")
    shutil.copy(source.ROOT / "pyproject.toml", tree)
    shutil.copytree(source.PACKAGE, tree / "src" / "taihang", ignore=shutil.ignore_patterns("__pycache__"))
    return tree


def test_the_house_stands(copy: Path) -> None:
    result = _lint(copy)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("room", "line"),
    [
        ("core", "def f() -> None:\n    from taihang.engines import stages\n"),
        ("engines", "import taihang.app.inspect\n"),
        ("rules", "def f() -> None:\n    import taihang.report\n"),
        ("data", "def f() -> None:\n    from taihang import compute\n"),
        ("core", "def f() -> None:\n    import numpy\n"),
    ],
)
def test_an_import_that_goes_up_is_caught_wherever_it_hides(copy: Path, room: str, line: str) -> None:
    planted = copy / "src" / "taihang" / room / "planted.py"
    planted.write_text(line)
    try:
        result = _lint(copy)
    finally:
        planted.unlink()
    assert result.returncode == 1, result.stdout
    assert f"taihang.{room}.planted" in result.stdout
