"""No check passes by being skipped: what is to be had must be used."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import source

_TESTS = """
import pytest

def test_input(shared):
    assert shared("film.mp4").exists()

def test_tool(program):
    assert program("no-such-program-anywhere")

def test_module():
    pytest.importorskip("no_such_module_anywhere")

def test_other():
    pytest.skip("only on Mondays")

@pytest.mark.xfail(reason="could not import what is not there")
def test_known():
    assert False
"""


def _closing(tmp_path: Path, data: Path, ci: bool) -> str:
    shutil.copy(source.ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "test_it.py").write_text(_TESTS)
    environment = {name: value for name, value in os.environ.items() if name not in {"CI", "PYTEST_ADDOPTS"}}
    environment |= {"TAIHANG_TEST_DATA": str(data), **({"CI": "true"} if ci else {})}
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.stdout.splitlines()[-1].rpartition(" in ")[0]


@pytest.mark.parametrize(
    ("present", "ci", "closing"),
    [
        (False, False, "4 skipped, 1 xfailed"),
        (True, False, "1 failed, 3 skipped, 1 xfailed"),
        (False, True, "2 failed, 2 skipped, 1 xfailed"),
        (True, True, "3 failed, 1 skipped, 1 xfailed"),
    ],
)
def test_a_skip_for_what_is_to_be_had_fails(tmp_path: Path, present: bool, ci: bool, closing: str) -> None:
    data = tmp_path / "data"
    if present:
        data.mkdir()
    assert _closing(tmp_path, data, ci) == closing
