"""Agreement equals reference values; suspects are found and a careless detector raises no alarm.

The reference values were computed by krippendorff 0.9.0 and scikit-learn 1.9.1; `bench/agreement.py` compares anew.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taihang.data.quality.metrics import agreement, boxes, suspects

# Krippendorff 2011, "Computing Krippendorff's alpha-reliability", example C: four observers, twelve units.
OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
]
# Fleiss 1971, as the literature reprints it: ten subjects, fourteen raters, five classes.
FLEISS = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip


def test_krippendorff_of_the_published_example() -> None:
    assert agreement.krippendorff_alpha(OBSERVERS) == pytest.approx(0.743421052631579, abs=1e-9)


def test_fleiss_of_the_published_example() -> None:
    assert agreement.fleiss_kappa(np.array(FLEISS)) == pytest.approx(0.20993070442195522, abs=1e-9)


def test_cohen_of_a_table() -> None:
    first = ["y"] * 20 + ["y"] * 5 + ["n"] * 10 + ["n"] * 15
    second = ["y"] * 20 + ["n"] * 5 + ["y"] * 10 + ["n"] * 15
    assert agreement.cohen_kappa((first, second)) == pytest.approx(0.4, abs=1e-9)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1, max_size=60))
def test_names_of_classes_and_the_order_of_items_do_not_matter(pairs: list[tuple[str, str]]) -> None:
    first, second = zip(*pairs, strict=True)
    renamed = [[{"a": 7, "b": "x", "c": None.__class__}[v] for v in side][::-1] for side in (first, second)]
    for measure in (agreement.cohen_kappa, lambda both: agreement.krippendorff_alpha(list(both))):
        one, two = measure((first, second)), measure((renamed[0], renamed[1]))
        assert (one is None) == (two is None)
        if one is not None:
            assert one == pytest.approx(two, abs=1e-9)
            assert one <= 1 + 1e-12


@pytest.mark.parametrize("said", [[[], []], [["a"], [None]], [["a", "a"], ["a", "a"]], [["a", None], [None, "b"]]])
def test_nothing_is_told_where_nothing_can_be(said: list[list[str | None]]) -> None:
    assert agreement.krippendorff_alpha(said) is None


def _seen(one: boxes.Marked) -> suspects.Detected:
    return suspects.Detected(one.corners + 1, one.names, np.full(len(one.names), 0.9))


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("swapped", lambda m: boxes.renamed(m, 0.1)),
        ("omitted", lambda m: boxes.omitted(m, 0.1)),
        ("shifted", lambda m: boxes.Marked(np.vstack([boxes.moved(m, 0.45).corners[:1], m.corners[1:]]), m.names)),
    ],
)
def test_the_planted_error_is_the_first_suspect(kind: str, change: object) -> None:
    assert callable(change)
    sets = [boxes.drawn(10, seed) for seed in range(20)]
    labels = [change(sets[0]), *sets[1:]]
    found = suspects.suspects(labels, [_seen(one) for one in sets])
    worst = max(found, key=lambda s: s.suspicion)
    assert (worst.image, worst.kind, worst.number) == (0, kind, 0)
    assert worst.suspicion > 0.5


def test_labels_that_the_detector_confirms_are_not_suspect() -> None:
    sets = [boxes.drawn(10, seed) for seed in range(20)]
    assert suspects.suspicions(sets, [_seen(one) for one in sets]).max() < 0.5
