from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from taihang.engines.predict import boxes

box = st.tuples(*[st.integers(0, 40)] * 4).map(
    lambda v: (min(v[0], v[2]), min(v[1], v[3]), max(v[0], v[2]), max(v[1], v[3]))
)
several = st.lists(box, max_size=8).map(lambda v: np.array(v, np.float32).reshape(-1, 4))


def test_overlaps_of_known_boxes():
    one = np.array([[0, 0, 10, 10]], np.float32)
    others = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [2, 2, 4, 4], [20, 20, 30, 30], [3, 3, 3, 9]], np.float32)
    np.testing.assert_allclose(boxes.iou(one, others)[0], [1, 1 / 3, 0.04, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(boxes.inside(one, others)[0], [1, 0.5, 1, 0, 0], rtol=1e-6)


@given(several, several)
def test_overlap_is_symmetric_and_within_bounds(one, two):
    for measure in (boxes.iou, boxes.inside):
        found = measure(one, two)
        assert ((found >= 0) & (found <= 1)).all()
        np.testing.assert_array_equal(found, measure(two, one).T)


@given(several, st.integers(0, 2**32 - 1))
def test_suppression_keeps_no_two_that_overlap_and_drops_none_without_a_better(edges, seed):
    random = np.random.default_rng(seed)
    scores, classes = random.random(len(edges)).astype(np.float32), random.integers(0, 2, len(edges))
    kept = boxes.suppress(edges, scores, classes, 0.5)
    assert list(scores[kept]) == sorted(scores[kept], reverse=True)
    overlap = boxes.iou(edges, edges)
    for place in range(len(edges)):
        better = [k for k in kept if k != place and classes[k] == classes[place] and overlap[k, place] > 0.5]
        if place in kept:
            assert not better
        else:
            assert any(scores[k] >= scores[place] for k in better)


@given(
    st.lists(box, min_size=2, max_size=40).map(lambda v: np.array(v, np.float32)),
    st.sampled_from([0.3, 0.5, 1.0]),
    st.sampled_from([0.4, 1.0]),
    st.integers(0, 2**32 - 1),
)
def test_few_boxes_are_suppressed_as_many_are(edges, overlap, within, seed):
    random = np.random.default_rng(seed)
    scores, classes = random.integers(0, 5, len(edges)).astype(np.float32) / 4, random.integers(0, 2, len(edges))
    alone = boxes.suppress(edges, scores, classes, overlap, within)
    # As many more boxes as make the other way be taken, far away and of a class of their own.
    count = boxes.ONE_BY_ONE + 1
    far = np.stack([np.arange(count) * 10.0 + 1000, np.zeros(count), np.arange(count) * 10.0 + 1005, np.ones(count)], 1)
    among = boxes.suppress(
        np.concatenate([edges, far.astype(np.float32)]),
        np.concatenate([scores, np.zeros(count, np.float32)]),
        np.concatenate([classes, np.full(count, 7)]),
        overlap,
        within,
    )
    assert [place for place in among if place < len(edges)] == list(alone)
