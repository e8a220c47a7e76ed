from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from taihang.use.video.observe import coverage


def _segments(*rows: tuple[float, float, str]) -> pa.Table:
    return pa.table({"start_s": [r[0] for r in rows], "end_s": [r[1] for r in rows], "kind": [r[2] for r in rows]})


NONE = _segments()


def test_a_frame_stands_for_a_little_time_around_it() -> None:
    found = coverage.cover([10.0], 20.0, _segments((0.0, 20.0, "event")))
    assert found.start_s.tolist() == [0.0, 9.5, 10.5]
    assert found.frame.tolist() == [-1, 0, -1]


def test_on_a_fixed_camera_it_stands_for_its_stable_span() -> None:
    segments = _segments((0.0, 8.0, "event"), (8.0, 18.0, "stable"), (18.0, 20.0, "event"))
    fixed = coverage.cover([10.0], 20.0, segments)
    assert (fixed.start_s[1], fixed.end_s[1]) == (8.0, 18.0)
    worn = coverage.cover([10.0], 20.0, segments, fixed=False)
    assert (worn.start_s[1], worn.end_s[1]) == (9.5, 10.5)


def test_a_long_stable_span_is_not_held_for_ever() -> None:
    found = coverage.cover([100.0], 300.0, _segments((0.0, 300.0, "stable")))
    assert found.seconds() == 30.0


def test_what_a_covered_lens_hides_is_unseen() -> None:
    found = coverage.cover([5.0], 10.0, _segments((0.0, 10.0, "stable")), blind=[(4.0, 6.0), (9.0, 99.0)])
    assert found.start_s.tolist() == [0.0, 4.0, 6.0, 9.0]
    assert found.observed.tolist() == [True, False, True, False]


def test_no_frame_sees_nothing() -> None:
    found = coverage.cover([], 5.0, NONE)
    assert found.frame.tolist() == [-1]
    assert found.seconds() == 0


@given(
    times=st.lists(st.floats(0, 59.9), max_size=40),
    blind=st.lists(st.tuples(st.floats(0, 60), st.floats(0, 60)).map(sorted).map(tuple), max_size=4),
    fixed=st.booleans(),
    cuts=st.lists(st.floats(1, 59), max_size=5),
)
def test_rows_tile_the_video(
    times: list[float], blind: list[tuple[float, float]], fixed: bool, cuts: list[float]
) -> None:
    edges = sorted({0.0, 60.0, *cuts})
    segments = _segments(
        *[(a, b, "stable" if i % 2 else "event") for i, (a, b) in enumerate(itertools.pairwise(edges))]
    )
    at = sorted(set(times))
    found = coverage.cover(at, 60.0, segments, blind=blind, fixed=fixed)
    assert abs(found.start_s[0]) < 1e-6
    assert abs(found.end_s[-1] - 60) < 1e-6
    assert np.allclose(found.start_s[1:], found.end_s[:-1], atol=1e-5)
    assert (found.end_s >= found.start_s).all()
    for s, e, f in zip(found.start_s, found.end_s, found.frame, strict=True):
        if f >= 0:  # an observed moment is never inside a blind span, and never nearer to another frame
            middle = (s + e) / 2
            assert not any(a < middle < b for a, b in blind)
            assert abs(at[f] - middle) <= min(abs(t - middle) for t in at) + 1e-6
