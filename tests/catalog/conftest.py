"""A store of each kind with the catalogue's tables."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fixtures import stores

from taihang.catalog import catalogue
from taihang.core import ids
from taihang.engines.store import opening
from tests.catalog import samples


@pytest.fixture(scope="session", params=stores.KINDS)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[opening.Store]:
    """One store of each kind for all tests: every test has tenants of its own, and sees no others."""
    with stores.store(request.param, tmp_path_factory.mktemp("store")) as made:
        made.create()
        yield made


@pytest.fixture
def mine(store: opening.Store) -> catalogue.Catalogue:
    return catalogue.Catalogue(store, samples.who(ids.fresh_id("mine")))


@pytest.fixture
def theirs(store: opening.Store) -> catalogue.Catalogue:
    return catalogue.Catalogue(store, samples.who(ids.fresh_id("theirs")))
