"""A world on SQLite and one on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures import stores

from tests.trust.identity import worlds


@pytest.fixture(params=stores.KINDS)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[worlds.World]:
    with stores.store(request.param, tmp_path) as store:
        yield worlds.world(store)
