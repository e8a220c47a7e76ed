"""Weights at work: what is refused, and that a film in parts is judged as the whole is."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("onnx", reason="could not import onnx (./check --hub)")

from taihang.core import errors
from taihang.model.temporal import card, classifier, page, scoring
from tests.fixtures import light


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return light.made(tmp_path_factory.mktemp("light"))


@pytest.fixture(scope="module")
def far(tmp_path_factory) -> Path:
    """Weights whose answers hang on three steps to each side."""
    return light.made(tmp_path_factory.mktemp("far"), reach=3)


@settings(max_examples=30, deadline=None)
@given(count=st.integers(1, 60), cuts=st.lists(st.integers(0, 60), max_size=8), window=st.integers(1, 20))
def test_a_film_in_parts_is_judged_as_the_whole(far, count, cuts, window):
    judge, film = classifier.Classifier(far), light.some(count)
    edges = sorted({0, count, *(c for c in cuts if c < count)})
    parts = [film.part(slice(a, b)) for a, b in itertools.pairwise(edges)]
    streamed = np.concatenate(list(judge.stream(parts, window=window)))
    assert streamed.shape == (count, 2)
    np.testing.assert_allclose(streamed, judge.judge(film), atol=1e-6)


def test_no_step_gives_no_output(folder):
    assert classifier.Classifier(folder).judge(light.some(0)).shape == (0, 2)


def test_other_weights_than_the_cards_are_refused(folder, tmp_path):
    other = light.made(tmp_path / "m")
    weights = other / card.WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    with pytest.raises(errors.UserError, match="sha256"):
        classifier.Classifier(other)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"classes": ["a"]}, "thresholds"),
        ({"presence": ["nobody"]}, "presence"),
        ({"format": "other/9"}, "format"),
        ({"height": 32}, "train it anew"),
        ({"thresholds": [0.5, 3.0]}, "thresholds"),
    ],
)
def test_a_card_that_does_not_fit_is_one_line(tmp_path, change, says):
    made = light.made(tmp_path)
    path = made / card.CARD
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(errors.UserError) as caught:
        classifier.Classifier(made)
    assert says in caught.value.message.in_("en")
    assert "\n" not in str(caught.value)


def test_weights_that_say_nan_are_refused(tmp_path):
    with pytest.raises(errors.UserError, match=r"cannot be run|无法运行"):
        classifier.Classifier(light.made(tmp_path, scale=float("nan")))


def test_a_folder_without_weights_says_how_to_make_them(tmp_path):
    with pytest.raises(errors.UserError) as caught:
        classifier.Classifier(tmp_path / "none")
    assert "taihang temporal train" in caught.value.message.in_("en")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_page_says_synthetic_first_of_all(folder, language):
    made, _ = card.load(folder)
    shown = page.text(made, language)
    assert {"zh": "合成数据", "en": "Synthetic"}[language] in shown
    own = page.text(made.model_copy(update={"synthetic": False}), language)
    assert {"zh": "合成数据", "en": "Synthetic"}[language] not in own
    assert made.sha256 in shown


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1, width=32), st.booleans()), min_size=1, max_size=40))
def test_the_threshold_is_none_worse_than_any_other_tried(rows):
    outputs, truth = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    chosen = scoring.best(outputs, truth)
    for other in np.round(np.arange(1, 20) * 0.05, 2):
        assert not truth.any() or (scoring.f1(outputs >= chosen, truth) or 0) >= (
            scoring.f1(outputs >= other, truth) or 0
        )
