import numpy as np
import pytest

from bench.ego import peers, score, walk

TRUTH = {
    "seconds": 60,
    "fps": 30,
    "stays": [{"appears_s": 10.0, "leaves_s": 16.0}, {"appears_s": 40.0, "leaves_s": 59.97}],
}


def test_a_stay_cut_by_the_end_has_no_leaving():
    assert score.moments(TRUTH) == [10.0, 16.0, 40.0]


def test_recall_counts_moments_with_a_frame_within_a_second():
    assert score.recall([9.1, 17.5, 41.0], [10.0, 16.0, 40.0]) == pytest.approx(2 / 3)


def test_a_segment_is_false_when_no_moment_is_near_it():
    moments = [10.0, 16.0, 40.0]
    assert score.false([(9.0, 17.0), (20.0, 25.0), (41.0, 42.0), (43.0, 44.0)], moments) == 2


def test_an_endless_segment_tells_everything_but_by_chance():
    moments = [10.0, 16.0, 40.0]
    assert score.told([(0.0, 60.0)], moments) == 1
    assert score.chance([(0.0, 60.0)], moments, 60.0) == 1
    assert score.edges_told([(0.0, 60.0)], moments) == 0
    assert score.share([(0.0, 30.0), (20.0, 40.0)], 60.0) == pytest.approx(2 / 3)


def test_frame_differencing_finds_a_burst():
    rng = np.random.default_rng(0)
    values = rng.normal(3, 0.1, 900)
    values[300:330] += 4
    found = peers.difference_segments(values, 30.0, 3.0, 0.5)
    assert len(found) == 1
    assert found[0][0] == pytest.approx(10, abs=0.5)
    assert len(peers.difference_choice(values, 30.0, 0.02)) == 18


def test_uniform_sampling_keeps_to_the_budget():
    assert len(peers.uniform(3000, 30.0, 0.03)) == 90


def test_a_walk_has_no_seam():
    # Wherever it goes, it never jumps more than 1.3 source frames at once.
    for seed in range(5):
        places = walk._places(np.random.default_rng(seed), 3000, 314)
        assert np.abs(np.diff(places)).max() < 1.31
        assert places.min() >= 0
        assert places.max() < 314
