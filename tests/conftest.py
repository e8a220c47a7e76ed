"""What every test may use: the real inputs beside the checkout, programs, and a home of its own.

A test may be skipped for what a machine lacks, and no further: with the data folder beside the
checkout every real input must be found, and under CI every program and every optional part too.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from taihang.core import i18n

# Two processes on two cores that both ask for two threads each wait for one another.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

SHARED = Path(os.environ.get("TAIHANG_TEST_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))

_NO_INPUT = "real input not present"
_NO_PROGRAM = "not installed"
_NO_MODULE = "could not import"
# Files that wait for programs and servers take longest: begun last, one would run alone while the other process idles.
_LONGEST = (
    "test_readme.py",
    "tests/walks/",
    "tests/app/",
    "tests/console/",
    "tests/conformance/",
    "test_incremental.py",
)
_PACKAGES = {"chromium": "chromium", "chromedriver": "chromium-driver", "pdftoppm": "poppler-utils"}


@pytest.fixture
def shared() -> Callable[[str], Path]:
    """Path of a real input by its name under the data folder, or a skip that says what is missing."""

    def find(name: str) -> Path:
        path = SHARED / name
        if not path.exists():
            pytest.skip(f"{_NO_INPUT}: {name} (set TAIHANG_TEST_DATA to the folder that holds it)")
        return path

    return find


@pytest.fixture
def program() -> Callable[[str], str]:
    """Path of a program by its name, or a skip that says which Debian package has it."""

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is None:
            pytest.skip(f"{_NO_PROGRAM}: {name} (sudo apt install {_PACKAGES.get(name, name)})")
        return path

    return find


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's own home or language."""
    monkeypatch.setenv("TAIHANG_HOME", str(tmp_path / ".taihang"))
    monkeypatch.setenv("TAIHANG_LANG", "en")
    # A verb that ran in this process may have chosen a language for good.
    i18n._current.set(None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest comes first."""
    found = len(_LONGEST)
    items.sort(key=lambda item: next((n for n, name in enumerate(_LONGEST) if name in item.nodeid), found))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skip for something that is here to be had is a failure."""
    report = yield
    _no_false_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a whole module that skips itself."""
    report = yield
    _no_false_skip(report)
    return report


def _no_false_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.outcome != "skipped" or hasattr(report, "wasxfail") or not isinstance(report.longrepr, tuple):
        return
    reason = str(report.longrepr[2])
    lacks_input = _NO_INPUT in reason and SHARED.is_dir()
    lacks_tool = (_NO_PROGRAM in reason or _NO_MODULE in reason) and os.environ.get("CI") == "true"
    if lacks_input or lacks_tool:
        report.outcome = "failed"
        report.longrepr = f"{report.longrepr[0]}:{report.longrepr[1]}: may not be skipped here: {reason}"
