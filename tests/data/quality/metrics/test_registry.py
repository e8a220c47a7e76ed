"""Every metric says what it is, and its own examples fall on either side of its bound."""

from __future__ import annotations

import json
import math

import pytest

from taihang.app import metrics
from taihang.core import errors, i18n
from taihang.data.quality.metrics import registry

ALL = registry.load()


@pytest.mark.parametrize("name", ALL)
def test_the_failing_example_fails_and_the_passing_one_passes(name: str) -> None:
    one = ALL[name]
    assert one.good(one.compute(one.failing())) is False
    assert one.good(one.compute(one.passing())) is True


@pytest.mark.parametrize("name", ALL)
def test_a_metric_says_in_both_languages_what_it_is_and_where_it_comes_from(name: str) -> None:
    one = ALL[name]
    for text in (one.name, one.formula):
        assert text.zh.strip()
        assert text.en.strip()
    assert one.dimension
    assert one.source
    ends = [end for end in one.bound if math.isfinite(end)]
    assert len(ends) == (2 if one.direction == "within" else 1)


def test_names_are_not_used_twice() -> None:
    for language in i18n.LANGUAGES:
        names = [one.name.in_(language) for one in ALL.values()]
        assert len(names) == len(set(names))


def test_listed_for_people_in_both_languages() -> None:
    i18n.use("zh")
    assert any("image.sharpness" in line and "清晰度" in line for line in metrics.told())
    i18n.use("en")
    assert any("image.sharpness" in line and "sharpness" in line for line in metrics.told("image"))
    assert any("Laplacian" in line for line in metrics.told("image.sharpness"))


def test_listed_for_programs() -> None:
    (text,) = metrics.told(as_json=True)
    assert {one["id"] for one in json.loads(text)} == set(ALL)


def test_an_unknown_metric_is_one_line_that_names_the_known() -> None:
    with pytest.raises(errors.UserError) as caught:
        registry.get("image.sharpnes")
    assert "image.sharpness" in str(caught.value)
    assert "\n" not in str(caught.value)
