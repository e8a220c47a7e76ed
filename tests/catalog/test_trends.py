"""Scores and findings over versions; a finding counts as fixed only where somebody looked again."""

from __future__ import annotations

import pytest

from taihang.catalog import catalogue, words
from taihang.core import errors, finding, i18n, ids
from taihang.core import words as core
from tests.catalog import samples

_WHY = i18n.Text(zh="列不存在", en="no such column")


def _version(mine: catalogue.Catalogue, content: str, numbers: range, **more: object) -> words.Version:
    asset = samples.thing(content=content)
    version = mine.register(asset)
    found = tuple(samples.found(n, level=core.Level.red if n == 3 else core.Level.blue) for n in numbers)
    mine.record(samples.report(asset, found, **more), version.id, kind="assess", job_id=f"job-{content}")  # type: ignore[arg-type]
    return version


def test_a_trend_has_a_point_for_each_version(mine: catalogue.Catalogue) -> None:
    versions = [_version(mine, str(n), range(n), score=n / 10) for n in range(1, 6)]
    asset = samples.thing(content="3")
    mine.record(samples.report(asset, score=1.0), versions[2].id, kind="assess", job_id="later")
    mine.record(samples.report(asset, score=0.0), versions[2].id, kind="profile", job_id="other")
    points = mine.trend(versions[0].asset_id, kind="assess")
    assert [p.number for p in points] == [1, 2, 3, 4, 5]
    assert [p.scores[0].value for p in points] == [0.1, 0.2, 1.0, 0.4, 0.5]
    assert [p.counts["blue"] for p in points] == [1, 2, 0, 3, 4]
    assert [p.counts["red"] for p in points] == [0, 0, 0, 1, 1]
    assert [p.number for p in mine.trend(versions[0].asset_id, kind="assess", limit=2)] == [4, 5]
    assert mine.trend(versions[0].asset_id, kind="inspect") == ()


def test_two_versions_compared(mine: catalogue.Catalogue) -> None:
    one, two = _version(mine, "1", range(4)), _version(mine, "2", range(2, 9))
    done = mine.compare(one.id, two.id, kind="assess", limit=2)
    assert (done.new_count, done.fixed_count, done.persisting_count, done.unverified_count) == (5, 2, 2, 0)
    assert len(done.new) == 2
    assert done.persisting[0].level is core.Level.red
    assert {f.version_id for f in done.persisting} == {two.id}
    assert {f.finding.place.keys["row"] for f in done.fixed} == {0, 1}


@pytest.mark.parametrize(
    ("more", "fixed", "unverified"),
    [
        ({}, 4, 0),
        ({"book": ids.digest(b"another")}, 0, 4),
        ({"not_judged": (finding.NotJudged(subject="rule", rule="shift-not-null", reason=_WHY, code="column"),)}, 0, 4),
        ({"not_judged": (finding.NotJudged(subject="rule", rule="another", reason=_WHY, code="column"),)}, 4, 0),
        ({"not_judged": (finding.NotJudged(subject="span", reason=_WHY, code="dark", start_s=1.5, end_s=2.0),)}, 3, 1),
    ],
)
def test_what_was_not_judged_again_is_not_called_fixed(
    mine: catalogue.Catalogue, more: dict[str, object], fixed: int, unverified: int
) -> None:
    one, two = _version(mine, "1", range(4)), _version(mine, "2", range(0), **more)
    done = mine.compare(one.id, two.id, kind="assess")
    assert (done.fixed_count, done.unverified_count) == (fixed, unverified)


def test_what_cannot_be_compared(mine: catalogue.Catalogue, theirs: catalogue.Catalogue) -> None:
    one, two = _version(mine, "1", range(1)), _version(mine, "2", range(1))
    other = mine.register(samples.thing(name="other.csv"))
    with pytest.raises(errors.UserError, match="one asset"):
        mine.compare(one.id, other.id, kind="assess")
    with pytest.raises(errors.UserError, match="no report"):
        mine.compare(one.id, two.id, kind="inspect")
    with pytest.raises(errors.NotFound):
        theirs.compare(one.id, two.id, kind="assess")
    with pytest.raises(errors.NotFound):
        theirs.trend(one.asset_id, kind="assess")
