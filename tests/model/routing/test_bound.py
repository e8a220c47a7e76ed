from __future__ import annotations

import math

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from taihang.model.routing import binomial, bound

shares = st.floats(0, 1, allow_nan=False)


@hypothesis.settings(deadline=None)
@hypothesis.given(st.integers(1, 60), st.integers(0, 60), st.floats(0.01, 0.99))
def test_a_tail_is_the_sum_of_its_terms(trials: int, count: int, chance: float) -> None:
    terms = [math.comb(trials, k) * chance**k * (1 - chance) ** (trials - k) for k in range(min(count, trials) + 1)]
    assert binomial.at_most(count, trials, chance) == pytest.approx(sum(terms), rel=1e-9)


def test_tails_of_many_trials_neither_vanish_nor_overflow() -> None:
    # By symmetry a little over a half: the middle term is counted in.
    assert 0.5 < binomial.at_most(500_000, 1_000_000, 0.5) < 0.501
    assert 0 < binomial.at_most(0, 5000, 0.05) < 1e-100


def test_the_published_bound_for_no_event_in_59_trials() -> None:
    # 0.95 ** 59 < 0.05 < 0.95 ** 58, the sample size of Wilks (1941) for 95 % / 95 %.
    assert bound.fewest(0.05) == 59
    assert binomial.upper(0, 59, 0.05) < 0.05 < binomial.upper(0, 58, 0.05)


@hypothesis.settings(deadline=None)
@hypothesis.given(st.integers(1, 300), st.floats(0, 1), st.floats(0.01, 0.5))
def test_hoeffding_bentkus_says_less_than_the_exact_test(trials: int, share: float, limit: float) -> None:
    missed = round(share * trials)
    hb = binomial.hoeffding_bentkus_p(missed / trials, trials, limit)
    assert 0 <= hb <= 1
    if missed / trials <= limit:
        assert hb >= binomial.exact_p(missed, trials, limit) * (1 - 1e-9)


@hypothesis.settings(deadline=None)
@hypothesis.given(st.lists(shares, max_size=200), st.floats(0.02, 0.4))
def test_the_misses_at_the_threshold_are_what_it_says(scores: list[float], limit: float) -> None:
    found = bound.learn(scores, limit=limit)
    if found.threshold is None:
        assert all(found.escalates(s) for s in scores)
        return
    missed = sum(s < found.threshold for s in scores)
    assert missed == found.missed == sum(not found.escalates(s) for s in scores)
    assert found.upper is not None
    assert missed / len(scores) <= found.upper <= limit + 1e-9


@hypothesis.settings(deadline=None)
@hypothesis.given(st.integers(0, 2**31), st.integers(60, 120), st.floats(0.05, 0.2), st.floats(0.01, 0.2))
def test_who_allows_more_gets_no_lower_threshold(seed: int, count: int, limit: float, more: float) -> None:
    scores = np.random.default_rng(seed).beta(4, 2, count)
    strict = bound.learn(scores, limit=limit).threshold or 0.0
    loose = bound.learn(scores, limit=limit + more).threshold or 0.0
    assert loose >= strict


def test_no_threshold_holds_with_too_few_violations() -> None:
    assert bound.learn([0.9] * 58, limit=0.05).threshold is None
    assert bound.learn([0.9] * 59, limit=0.05).threshold == 0.9
    none = bound.learn([], limit=0.05)
    assert none.threshold is None
    assert none.escalates(0.0)


def test_a_score_that_is_no_number_leaves_the_edge() -> None:
    assert bound.learn([0.9] * 100, limit=0.05).escalates(math.nan)


def test_segments_of_one_event_count_as_one() -> None:
    alone = bound.learn([0.9] * 600, limit=0.05)
    grouped = bound.learn([0.9] * 600, limit=0.05, groups=[i // 60 for i in range(600)])
    assert alone.threshold is not None
    assert grouped.units == 10
    assert grouped.threshold is None


@pytest.mark.parametrize("wrong", [{"limit": 0.0}, {"limit": 0.1, "delta": 1.0}, {"limit": 0.1, "groups": ["a"]}])
def test_nonsense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"between|label"):
        bound.learn([0.5, 0.6], **wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="scores"):
        bound.learn([1.5], limit=0.1)


@pytest.mark.parametrize("grouped", [False, True])
def test_the_bound_is_broken_no_oftener_than_said(grouped: bool) -> None:
    """300 calibrations from a known population; the whole 1,000 stand in bench/cascade/resample.py."""
    random, limit, rounds = np.random.default_rng(5), 0.1, 300
    broken = held = 0
    for _ in range(rounds):
        if grouped:
            base = random.beta(4, 2, 120)  # one event a group, its segments alike
            scores = np.clip(base[:, None] + random.normal(0, 0.03, (120, 5)), 0, 1).ravel()
            found = bound.learn(scores, limit=limit, groups=np.repeat(np.arange(120), 5).tolist())
        else:
            found = bound.learn(random.beta(4, 2, 200), limit=limit)
        if found.threshold is not None:
            held += 1
            broken += _beta_4_2(found.threshold) > limit + (0.003 if grouped else 0)
    assert held > rounds / 2
    # Three binomial standard deviations above delta.
    assert broken / rounds <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / rounds)


def _beta_4_2(x: float) -> float:
    """P(Beta(4, 2) < x)."""
    return 5 * x**4 - 4 * x**5


def test_an_event_is_missed_whole_or_not_at_all() -> None:
    """Of a hundred events each has one segment that nothing shows and one that is plain."""
    scores = [score for _ in range(100) for score in (0.0, 0.8)]
    groups = [n // 2 for n in range(200)]
    assert bound.learn(scores, limit=0.05, groups=groups).threshold is None
    held = bound.learn(scores, limit=0.05, groups=groups, whole=True)
    assert (held.threshold, held.units, held.missed, held.method) == (0.8, 100, 0, "exact binomial")
    # Fewer events than a bound of 5 % needs.
    assert bound.learn(scores[:100], limit=0.05, groups=groups[:100], whole=True).threshold is None
