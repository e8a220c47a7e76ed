from __future__ import annotations

import dataclasses
import itertools
import math

import hypothesis
import pydantic
import pytest
from hypothesis import strategies as st

from taihang.core import words
from taihang.model.routing import bound, complexity, paths, router

LEVELS = st.sampled_from(list(words.Level))
shares = st.floats(0, 1, allow_nan=False)
segments = st.builds(
    router.Segment,
    id=st.text("abc", min_size=1, max_size=4),
    kind=st.sampled_from(["fall", "helmet"]),
    level=LEVELS,
    score=shares,
    complexity=shares,
    uncertainty=shares,
    certain=st.booleans(),
    start_s=st.floats(0, 100),
)
many = st.lists(segments, max_size=25, unique_by=lambda s: s.id)
BOUNDS = {"fall": bound.Bound(0.3, 0.05, 0.05, 100, 0, "exact binomial")}
POLICY = paths.Policy()


@hypothesis.settings(deadline=None)
@hypothesis.given(segments)
def test_weights_are_shares(segment: router.Segment) -> None:
    found = router.weigh(segment, POLICY)
    assert set(found) == set(paths.NAMES)
    assert sum(found.values()) == pytest.approx(1)
    assert min(found.values()) >= 0


@hypothesis.settings(deadline=None)
@hypothesis.given(segments, LEVELS)
def test_more_risk_moves_weight_up(segment: router.Segment, level: words.Level) -> None:
    low, high = sorted((segment.level, level), key=lambda v: v.rank)
    weights = [router.weigh(dataclasses.replace(segment, level=v), POLICY) for v in (low, high)]
    for first in range(1, 4):
        lower, upper = (sum(w[name] for name in paths.NAMES[first:]) for w in weights)
        assert upper >= lower - 1e-9


@hypothesis.settings(deadline=None)
@hypothesis.given(many, st.floats(0, 200))
def test_nothing_but_what_must_go_overdraws_the_budget(some: list[router.Segment], budget: float) -> None:
    left = budget
    for route in router.route(some, POLICY, BOUNDS, budget):
        if not route.forced and route.cost:
            assert route.cost <= left + 1e-9
        left -= route.cost
    assert sum(r.cost for r in router.route(some, POLICY, BOUNDS, budget) if not r.forced) <= budget


@hypothesis.settings(deadline=None)
@hypothesis.given(many, st.floats(0, 200))
def test_every_segment_gets_one_route_gravest_first(some: list[router.Segment], budget: float) -> None:
    routes = router.route(some, POLICY, BOUNDS, budget)
    assert sorted(r.segment.id for r in routes) == sorted(s.id for s in some)
    for one, other in itertools.pairwise(routes):
        assert one.forced >= other.forced
        if one.forced == other.forced:
            assert one.segment.level.rank >= other.segment.level.rank


@hypothesis.settings(deadline=None)
@hypothesis.given(segments, st.sets(st.sampled_from(paths.NAMES)))
def test_a_grave_segment_at_the_bound_leaves_the_edge_link_up_or_down(
    segment: router.Segment, reach: set[paths.Name]
) -> None:
    [route] = router.route([segment], POLICY, BOUNDS, 0.0, reach)
    grave = segment.level.reaches(words.Level.orange) and not segment.certain
    must = grave and (segment.kind == "helmet" or segment.score >= 0.3)
    assert route.forced == must
    if must:
        assert route.path in ("large", "human")
    elif route.path != "edge":
        pytest.fail("without a budget only what must go may go")


def test_what_comes_too_late_is_chosen_only_for_what_must_go_and_said() -> None:
    slow = paths.Policy(latency_s=1)
    grave = router.Segment("a", "fall", words.Level.red, 0.9)
    light = router.Segment("b", "other", words.Level.yellow, 1.0, 1.0, 1.0)
    routes = {r.segment.id: r for r in router.route([light, grave], slow, BOUNDS, 1e9)}
    assert (routes["a"].path, routes["a"].late) == ("large", True)
    assert (routes["b"].path, routes["b"].late) == ("edge", False)


def test_without_budget_a_hard_case_stays_and_says_so() -> None:
    hard = router.Segment("a", "other", words.Level.yellow, 1.0, 1.0, 1.0)
    [rich] = router.route([hard], POLICY, {}, 100.0)
    [poor] = router.route([hard], POLICY, {}, 0.5)
    assert (rich.path, rich.short) == ("large", False)
    assert (poor.path, poor.short) == ("edge", True)


def test_a_score_that_is_no_number_is_the_worst() -> None:
    odd = router.Segment("a", "fall", words.Level.red, math.nan, math.nan, math.nan)
    [route] = router.route([odd], POLICY, BOUNDS, 0.0)
    assert route.forced
    assert route.path in ("large", "human")


@pytest.mark.parametrize(
    "wrong",
    [
        paths.DEFAULT[1:],
        paths.DEFAULT[::-1],
        (paths.DEFAULT[0].model_copy(update={"cost": 1.0}),),
        (paths.DEFAULT[0], paths.DEFAULT[1].model_copy(update={"hard": 0.6})),
    ],
)
def test_paths_that_make_no_order_are_refused(wrong: tuple[paths.Path, ...]) -> None:
    with pytest.raises(pydantic.ValidationError):
        paths.Policy(paths=wrong)


measures = st.tuples(st.floats(0, 50), st.floats(0, 1), st.floats(0, 60), st.floats(0, 255))


@hypothesis.settings(deadline=None)
@hypothesis.given(measures, measures)
def test_a_harder_picture_is_more_complex(one: tuple[float, ...], two: tuple[float, ...]) -> None:
    def value(people: float, motion: float, sharpness: float, luma: float) -> float:
        return complexity.measure(people=people, labels={}, motion=motion, sharpness=sharpness, luma=luma).value

    easy = value(min(one[0], two[0]), min(one[1], two[1]), max(one[2], two[2]), max(one[3], two[3]))
    hard = value(max(one[0], two[0]), max(one[1], two[1]), min(one[2], two[2]), min(one[3], two[3]))
    assert 0 <= easy <= hard <= 1


def test_entropy_in_bits() -> None:
    assert complexity.entropy([4, 4, 4, 4]) == pytest.approx(2)
    assert complexity.entropy([7]) == complexity.entropy([]) == 0
