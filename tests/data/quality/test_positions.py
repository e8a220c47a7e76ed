"""Positions: several ascending lists as one set, whatever the pieces."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taihang.data.quality import positions

LISTS = st.lists(st.sets(st.integers(0, 60)).map(lambda some: np.array(sorted(some), np.int64)), max_size=5)


@pytest.fixture(autouse=True, params=[1, 3, 1 << 17])
def piece(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(positions, "_PIECE", request.param)


@given(lists=LISTS, start=st.integers(0, 61), width=st.integers(0, 61))
def test_several_lists_are_one_set(lists: list[np.ndarray], start: int, width: int) -> None:
    held, every = positions.Positions(lists), sorted({int(n) for rows in lists for n in rows})
    within = [n for n in every if start <= n < start + width]
    assert len(held) == len(every)
    assert held.within(start, start + width).tolist() == within
    assert held.count(start, start + width) == len(within)
    assert [n for piece in held.pieces() for n in piece.tolist()] == every
