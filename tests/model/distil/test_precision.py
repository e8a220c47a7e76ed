"""Average precision as COCO defines it, against cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taihang.model.distil import answers, precision


def _boxes(*rows: tuple[float, float, float, float, int, float]) -> answers.Boxes:
    table = np.array(rows, np.float32).reshape(-1, 6)
    return answers.Boxes(table[:, :4], table[:, 4].astype(np.int64), table[:, 5])


def test_a_case_worked_by_hand() -> None:
    # Three true boxes. Best first: right, wrong, right. Precision 1, 1/2, 2/3 at recall 1/3, 1/3, 2/3.
    truth = [_boxes((0, 0, 10, 10, 0, 1), (20, 0, 30, 10, 0, 1)), _boxes((0, 0, 10, 10, 0, 1))]
    found = [_boxes((0, 0, 10, 10, 0, 0.9), (50, 50, 60, 60, 0, 0.8)), _boxes((0, 0, 10, 10, 0, 0.7))]
    # Recalls 0 to 0.33 (34 of the 101 points) read 1, those to 0.66 (33 points) read 2/3, the rest 0.
    wanted = (34 * 1 + 33 * 2 / 3) / 101
    assert precision.match(found, truth, 0, (0.5,)).average() == pytest.approx(wanted, abs=1e-12)


def test_overlap_counts_by_its_level() -> None:
    truth = [_boxes((0, 0, 10, 10, 0, 1))]
    found = [_boxes((0, 0, 10, 7.2, 0, 0.9))]  # IoU 0.72: right at 0.50 to 0.70, five of ten levels
    assert precision.mean(found, truth, 1)[0] == pytest.approx(0.5)


def test_a_second_box_on_one_thing_is_a_false_alarm_and_other_classes_do_not_count() -> None:
    truth = [_boxes((0, 0, 10, 10, 0, 1), (20, 0, 30, 10, 1, 1))]
    twice = [_boxes((0, 0, 10, 10, 0, 0.9), (0, 0, 10, 10, 0, 0.95), (20, 0, 30, 10, 1, 0.5))]
    last = [_boxes((0, 0, 10, 10, 0, 0.9), (20, 0, 30, 10, 1, 0.5), (0, 1, 10, 10, 0, 0.2))]
    assert precision.match(twice, truth, 0, (0.5,)).hit.tolist() == [[True, False]]
    assert precision.mean(last, truth, 2, (0.5,)) == (1.0, (1.0, 1.0))
    swapped = [_boxes((0, 0, 10, 10, 1, 0.9), (20, 0, 30, 10, 0, 0.9))]
    assert precision.mean(swapped, truth, 2, (0.5,))[0] == 0


def test_what_is_not_asked_about_may_be_found_or_not() -> None:
    truth = [_boxes((0, 0, 10, 10, 0, 1), (20, 0, 30, 10, 0, 1))]
    asked = [np.array([True, False])]
    both = [_boxes((20, 0, 30, 10, 0, 0.9), (0, 0, 10, 10, 0, 0.8))]
    one = [_boxes((0, 0, 10, 10, 0, 0.8))]
    for found in (both, one):
        assert precision.match(found, truth, 0, (0.5,), asked).average() == 1.0


def test_no_true_box_is_not_known_and_nothing_found_is_zero() -> None:
    nothing = [_boxes()]
    mean, each = precision.mean(nothing, [_boxes((0, 0, 9, 9, 0, 1))], 2, (0.5,))
    assert mean == 0 and each[0] == 0 and np.isnan(each[1])


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.sampled_from([0.2, 0.5, 0.9])), max_size=6),
    st.integers(0, 2**31 - 1),
)
def test_pictures_in_any_order_and_counted_twice_tell_the_same(rows: list[tuple[int, int, float]], seed: int) -> None:
    truth = [_boxes((8 * k, 0, 8 * k + 7, 7, 0, 1)) for k in range(6)]
    found = [_boxes(*[(8 * x, 0, 8 * x + 7, 7, 0, s) for p, x, s in rows if p == k]) for k in range(6)]
    whole = precision.match(found, truth, 0, (0.5,))
    assert 0 <= whole.average() <= 1
    assert whole.average(np.full(6, 2)) == pytest.approx(whole.average())
    # Rivals with one score are told apart by their place, so places are shuffled only where scores differ.
    if len({s for _, _, s in rows}) == len(rows):
        order = np.random.default_rng(seed).permutation(6)
        again = precision.match([found[k] for k in order], [truth[k] for k in order], 0, (0.5,))
        assert again.average() == pytest.approx(whole.average())


def test_recalled_says_of_each_true_box_whether_it_was_found() -> None:
    truth = [_boxes((0, 0, 10, 10, 0, 1), (20, 0, 30, 10, 0, 1)), _boxes((0, 0, 10, 10, 0, 1))]
    found = [_boxes((20, 0, 30, 10, 0, 0.9), (0, 0, 10, 10, 0, 0.3)), _boxes()]
    assert precision.recalled(found, truth, 0, 0.5).tolist() == [False, True, False]
    assert precision.recalled(found, truth, 0, 0.2).tolist() == [True, True, False]
