from __future__ import annotations

import math

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from taihang.model.routing import conformal

scores = st.lists(st.floats(0, 1, allow_nan=False), min_size=1, max_size=80)


@hypothesis.settings(deadline=None)
@hypothesis.given(scores, scores, st.floats(0.02, 0.5), st.floats(0, 1), st.floats(0, 1))
def test_sets_follow_the_score(present: list[float], absent: list[float], alpha: float, one: float, two: float) -> None:
    sets = conformal.fit(present + absent, [True] * len(present) + [False] * len(absent), alpha=alpha)
    low, high = sorted((one, two))
    assert ("present" not in sets.of(low)) or ("present" in sets.of(high))
    assert ("absent" not in sets.of(high)) or ("absent" in sets.of(low))
    assert 0 <= float(sets.uncertainty([one])[0]) <= 1


def test_each_verdict_is_left_out_no_oftener_than_said() -> None:
    random, alpha = np.random.default_rng(3), 0.1
    lost = {"present": 0, "absent": 0}
    for _ in range(400):
        draws = np.concatenate([random.beta(5, 2, 60), random.beta(2, 5, 60)])
        sets = conformal.fit(draws, np.arange(120) < 60, alpha=alpha)
        lost["present"] += "present" not in sets.of(random.beta(5, 2))
        lost["absent"] += "absent" not in sets.of(random.beta(2, 5))
    for count in lost.values():
        assert count / 400 <= alpha + 3 * math.sqrt(alpha * (1 - alpha) / 400)


def test_too_few_segments_leave_every_verdict_open() -> None:
    sets = conformal.fit([0.9, 0.1], [True, False], alpha=0.05)
    assert sets.of(0.0) == sets.of(1.0) == {"present", "absent"}


def test_what_fits_neither_is_uncertain() -> None:
    sets = conformal.fit(np.r_[np.full(99, 0.9), np.full(99, 0.1)], np.arange(198) < 99, alpha=0.05)
    assert sets.of(0.5) == frozenset()
    assert sets.uncertainty([0.5, math.nan]).tolist() == [1.0, 1.0]
    assert sets.uncertainty([0.95])[0] < 0.05
    assert sets.of(math.nan) == {"present", "absent"}


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="alpha"):
        conformal.fit([0.5], [True], alpha=1.0)
    with pytest.raises(ValueError, match="score"):
        conformal.fit([math.nan], [True], alpha=0.1)
