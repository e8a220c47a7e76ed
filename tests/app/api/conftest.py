from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures import platforms, stores


@pytest.fixture(params=stores.KINDS)
def running(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[platforms.Running]:
    """A platform over each kind of store."""
    with platforms.running(request.param, tmp_path) as one:
        yield one


@pytest.fixture
def local(tmp_path: Path) -> Iterator[platforms.Running]:
    """A platform over SQLite, where the store makes no difference."""
    with platforms.running("sqlite", tmp_path) as one:
        yield one
