"""What every test may use: the real inputs beside the checkout, and a home of its own."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("TAIHANG_TEST_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


@pytest.fixture
def shared() -> Callable[[str], Path]:
    """Path of a real input by its name under the data folder, or a skip that says what is missing."""

    def find(name: str) -> Path:
        path = SHARED / name
        if not path.exists():
            pytest.skip(f"real input not present: {name} (set TAIHANG_TEST_DATA to the folder that holds it)")
        return path

    return find


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's own home or language."""
    monkeypatch.setenv("TAIHANG_HOME", str(tmp_path / ".taihang"))
    monkeypatch.setenv("TAIHANG_LANG", "en")
