from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taihang.use.video.select import changes


def test_steps_are_found_where_they_are():
    dice = np.random.default_rng(1)
    level = np.repeat([0.0, 5.0, 1.0, 4.0], 50)
    series = (level + dice.normal(0, 1, 200))[:, None]
    assert changes.partition(series, 2 * np.log(200)) == [pytest.approx(n, abs=2) for n in (0, 50, 100, 150)]


def test_noise_alone_has_no_change():
    dice = np.random.default_rng(2)
    assert changes.partition(dice.normal(0, 1, (400, 3)), 4 * np.log(400)) == [0]


def test_a_lone_spike_costs_less_than_a_step():
    series = np.zeros((100, 1))
    series[40] = 200.0
    series[70:] = 9.0
    assert 70 in changes.partition(series, 60.0)


def test_unknown_values_cost_nothing():
    series = np.zeros((60, 2))
    series[30:, 0] = 8.0
    series[:, 1] = np.nan
    assert changes.partition(series, 10.0) == [0, 30]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-50, 50), min_size=1, max_size=60), st.floats(0, 100))
def test_pruning_loses_no_optimum(values, penalty):
    series = np.array(values)[:, None]
    sums = changes._Sums(series)
    best = [-penalty]
    for end in range(1, len(values) + 1):
        starts = np.arange(end)
        best.append(float(np.min(np.array(best)[:end] + sums.cost(starts, end))) + penalty)
    found = [*changes.partition(series, penalty), len(values)]
    cost = sum(float(sums.cost(np.array([a]), b)[0]) for a, b in itertools.pairwise(found))
    assert cost + penalty * (len(found) - 2) == pytest.approx(best[-1], abs=1e-6 * max(1, abs(best[-1])) + 1e-6)


def test_nothing_in_nothing_out():
    assert changes.partition(np.zeros((0, 2)), 1.0) == []
    with pytest.raises(ValueError):
        changes.partition(np.zeros((3, 1)), -1.0)
