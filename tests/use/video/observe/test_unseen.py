from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taihang.use.video.observe import coverage, unseen


def _coverage(*rows: tuple[float, float, int]) -> coverage.Coverage:
    return coverage.Coverage(*(np.array([r[i] for r in rows]) for i in range(3)))


def test_every_reason_is_named_once() -> None:
    tiles = _coverage((0, 10, -1), (10, 20, 0), (20, 60, -1))
    blind = {"dark": [(5.0, 15.0)], "covered": [(8.0, 9.0)], "blurred": [(30.0, 31.0)]}
    found = unseen.spans(tiles, blind, gaps=[(40.0, 45.0)])
    assert [tuple(u) for u in found] == [
        (0, 5, "budget"),
        (5, 8, "dark"),
        (8, 9, "covered"),
        (9, 10, "dark"),
        (20, 30, "budget"),
        (30, 31, "blurred"),
        (31, 40, "budget"),
        (40, 45, "gap"),
        (45, 60, "budget"),
    ]
    assert unseen.seconds(found)["budget"] == 39


_EDGES = st.lists(st.floats(0, 60), max_size=6, unique=True).map(lambda v: sorted([0.0, 60.0, *v]))


@given(_EDGES, _EDGES, _EDGES, st.randoms())
def test_unseen_and_seen_add_up(edges: list[float], dark: list[float], covered: list[float], random: object) -> None:
    rows = [(a, b, random.choice([-1, 0])) for a, b in itertools.pairwise(edges)]  # type: ignore[attr-defined]
    tiles = _coverage(*rows)
    blind = {
        "dark": list(zip(dark[::2], dark[1::2], strict=False)),
        "covered": list(zip(covered[::2], covered[1::2], strict=False)),
    }
    found = unseen.spans(tiles, blind)
    assert sum(unseen.seconds(found).values()) + tiles.seconds() == pytest.approx(60)
    assert all(a.end_s <= b.start_s + 1e-9 for a, b in itertools.pairwise(found))
