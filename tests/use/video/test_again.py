from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from taihang.use.video import again

TIMES = np.arange(0, 60, 0.04)


def test_a_suspected_span_is_looked_at_five_times_a_second() -> None:
    found = again.plan([again.Suspect(10, 14, 3)], TIMES, [], 100)
    seen = TIMES[list(found.numbers)]
    assert seen.min() <= 10
    assert seen.max() >= 14
    assert np.diff(seen).max() <= 0.2 + 0.041
    assert found.left_out == 0


def test_the_gravest_comes_first_and_what_does_not_fit_is_counted() -> None:
    found = again.plan([again.Suspect(10, 14, 1), again.Suspect(30, 34, 4)], TIMES, [], 30)
    assert all(29 < TIMES[n] < 35 for n in found.numbers)
    assert found.left_out == 1


def test_what_does_not_fit_whole_is_seen_at_its_ends() -> None:
    found = again.plan([again.Suspect(10, 18, 3)], TIMES, [], 20)
    seen = TIMES[list(found.numbers)]
    assert found.left_out == 0
    assert ((seen < 11) | (seen > 17)).all()
    assert np.diff(seen[seen < 11]).max() <= 0.2 + 0.041


def test_known_frames_cost_nothing() -> None:
    once = again.plan([again.Suspect(10, 14, 3)], TIMES, [], 100)
    assert again.plan([again.Suspect(10, 14, 3)], TIMES, once.numbers, 0) == again.Plan((), 0)


def test_of_a_long_span_the_ends_are_seen() -> None:
    seen = TIMES[list(again.plan([again.Suspect(5, 55, 3)], TIMES, [], 1000).numbers)]
    assert ((seen < 8) | (seen > 52)).all()
    assert len(seen) < 40


@given(
    spans=st.lists(st.tuples(st.floats(0, 60), st.floats(0, 30), st.integers(0, 4)), max_size=12),
    looked=st.sets(st.integers(0, len(TIMES) - 1), max_size=30),
    frames=st.integers(0, 120),
)
def test_the_budget_holds_and_nothing_is_looked_at_twice(
    spans: list[tuple[float, float, int]], looked: set[int], frames: int
) -> None:
    suspects = [again.Suspect(s, s + d, r) for s, d, r in spans]
    found = again.plan(suspects, TIMES, sorted(looked), frames)
    assert len(found.numbers) <= frames
    assert not looked & set(found.numbers)
    assert list(found.numbers) == sorted(set(found.numbers))
    assert all(0 <= n < len(TIMES) for n in found.numbers)


def test_what_is_left_goes_to_the_longest_stable_spans_without_a_frame() -> None:
    rows = [(0.0, 10.0, "stable"), (10.0, 20.0, "event"), (20.0, 50.0, "stable"), (50.0, 60.0, "stable")]
    segments = pa.table({c: [r[i] for r in rows] for i, c in enumerate(("start_s", "end_s", "kind"))})
    looked = [int(np.searchsorted(TIMES, 5.0))]
    assert [round(TIMES[n]) for n in again.fill(segments, TIMES, looked, 2)] == [35, 55]
    assert [round(TIMES[n]) for n in again.fill(segments, TIMES, looked, 3)] == [20, 35, 55]
    assert [round(TIMES[n]) for n in again.fill(segments, TIMES, looked, 1)] == [35]
    assert again.fill(segments, TIMES, looked, 0) == ()
