"""A store of each kind with the catalogue's tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures import stores

from taihang.catalog import catalogue
from taihang.engines.store import opening
from tests.catalog import samples


@pytest.fixture(params=stores.KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[opening.Store]:
    with stores.store(request.param, tmp_path) as made:
        made.create()
        yield made


@pytest.fixture
def mine(store: opening.Store) -> catalogue.Catalogue:
    return catalogue.Catalogue(store, samples.who("mine"))


@pytest.fixture
def theirs(store: opening.Store) -> catalogue.Catalogue:
    return catalogue.Catalogue(store, samples.who("theirs"))
