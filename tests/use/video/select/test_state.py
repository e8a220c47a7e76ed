from __future__ import annotations

import itertools

import pytest

from taihang.use.video.select import camera, state


def measured(time, x=0.0, zoom=0.0, source="vectors"):
    return state.Measured(camera.Motion(time, x, 0.0, zoom, 0.0, 0.0, 0.0, 0.0), source)


def states(found, *times):
    import numpy as np

    return state.at(found, np.array(times, dtype=float))


def test_still_then_walking_then_still_has_a_go_and_a_stop():
    rows = [measured(t / 4, zoom=0.25 if 10 <= t / 4 < 20 else 0.0) for t in range(120)]
    found = state.spans(rows, 30)
    assert states(found, 5, 15, 25) == ["still", "walk", "still"]
    assert "go" in states(found, 9.6, 10.1, 10.6, 11.1)
    assert "stop" in states(found, 18.9, 19.4, 19.9)


def test_a_turning_head_and_a_shaken_one_differ():
    turn = [measured(t / 10, x=0.4) for t in range(50)]
    shake = [measured(t / 10, x=0.4 * (-1) ** (t // 2)) for t in range(50)]
    assert states(state.spans(turn, 5), 2.5) == ["turn"]
    assert states(state.spans(shake, 5), 2.5) == ["shake"]


def test_what_was_not_measured_is_unknown_unless_both_sides_agree():
    rows = [measured(t / 4) for t in range(20)] + [measured(20 + t / 4) for t in range(20)]
    (first, gap, last) = state.spans(rows, 25)
    assert (gap.state, gap.source) == ("still", "packets")
    assert first.source == last.source == "vectors"
    rows[20:] = [measured(20 + t / 4, zoom=0.3) for t in range(20)]
    assert states(state.spans(rows, 25), 12) == ["unknown"]


@pytest.mark.parametrize("duration", [0.01, 3.0, 7.3])
def test_spans_cover_the_film_without_gap_or_overlap(duration):
    found = state.spans([measured(1.0)], duration)
    assert found[0].start_s == 0
    assert found[-1].end_s == duration
    assert all(a.end_s == b.start_s for a, b in itertools.pairwise(found))
