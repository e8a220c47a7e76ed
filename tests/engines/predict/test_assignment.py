from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taihang.engines.predict import assignment


@settings(deadline=None)
@given(st.integers(0, 5), st.integers(0, 2), st.integers(0, 2**32 - 1), st.booleans())
def test_no_other_assignment_is_cheaper(rows, spare, seed, coarse):
    random = np.random.default_rng(seed)
    cost = (
        random.integers(-3, 4, (rows, rows + spare)).astype(float)
        if coarse
        else random.normal(size=(rows, rows + spare))
    )
    chosen = assignment.cheapest(cost)
    assert len(set(chosen.tolist())) == rows
    total = sum(cost[r, c] for r, c in enumerate(chosen))
    best = min(sum(cost[r, c] for r, c in enumerate(p)) for p in itertools.permutations(range(rows + spare), rows))
    assert total == pytest.approx(best)


@pytest.mark.parametrize("cost", [np.zeros((2, 1)), np.full((1, 1), np.nan), np.full((1, 2), np.inf)])
def test_what_cannot_be_assigned_is_refused(cost):
    with pytest.raises(ValueError):
        assignment.cheapest(cost)
