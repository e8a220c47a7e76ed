"""The words: frozen, exact, comparable, and the same after a trip through JSON."""

from __future__ import annotations

import datetime
import itertools
from typing import Any

import pydantic
import pytest

from taihang.core import asset, evidence, finding, i18n, ids, job, principal, rule, scorecard, ticket, words

SHA = "0" * 64
REF = rule.RuleRef(
    id="lone-worker",
    title=i18n.Text(zh="单人作业", en="lone worker"),
    level=words.Level.orange,
    dimension="people",
    rulebook="mine",
    rulebook_version="1",
    rulebook_sha256=SHA,
    clause=rule.Clause(document="D", number="3.2", text="…", effective=datetime.date(2024, 4, 1)),
)
FINDING = finding.Finding(
    rule=REF,
    verdict="violated",
    level=words.Level.orange,
    place=finding.Place(table="people", keys={"zone": "shaft"}, start_s=1.0, end_s=4.5),
    message=i18n.Text(zh="有人", en="somebody"),
    evidence=(
        evidence.Frame(asset=SHA, time_s=1.0, pts=30, number=30, width=640, height=360),
        evidence.Span(asset=SHA, start_s=1.0, end_s=4.5),
        evidence.Rows(asset=SHA, table="people", rows=(1, 2), total=2),
        evidence.Clause(asset=SHA, document="D", number="3.2"),
        evidence.Entry(asset=SHA, log="access", number=7),
    ),
)


def test_levels_are_ordered_by_how_grave_they_are() -> None:
    order = ["info", "blue", "yellow", "orange", "red"]
    for low, high in itertools.combinations(order, 2):
        assert words.Level(high).rank > words.Level(low).rank
        assert words.Level(high).reaches(words.Level(low))
        assert not words.Level(low).reaches(words.Level(high))
    assert words.Level.red.reaches(words.Level.red)


@pytest.mark.parametrize("level", list(words.Level))
def test_every_level_has_a_name_in_both_languages(level: words.Level) -> None:
    assert i18n.text(f"core:level.{level}", "zh") != i18n.text(f"core:level.{level}", "en")


def test_a_finding_survives_json_with_each_kind_of_evidence() -> None:
    assert finding.Finding.model_validate_json(FINDING.model_dump_json()) == FINDING


def test_a_finding_keeps_its_id_when_only_its_words_or_proofs_change() -> None:
    same = FINDING.model_copy(update={"message": i18n.Text(zh="别的", en="other"), "evidence": ()})
    elsewhere = FINDING.model_copy(update={"place": FINDING.place.model_copy(update={"start_s": 2.0})})
    weaker = FINDING.model_copy(update={"verdict": "insufficient"})
    assert same.id == FINDING.id
    assert len({FINDING.id, elsewhere.id, weaker.id}) == 3


@pytest.mark.parametrize("given", [{"value": 0.9}, {"method": "isotonic"}, {"value": 1.2, "method": "isotonic"}])
def test_a_confidence_is_calibrated_or_not_there(given: dict[str, Any]) -> None:
    with pytest.raises(pydantic.ValidationError):
        finding.Confidence(**given)


def test_a_confidence_may_be_absent() -> None:
    assert finding.Confidence().value is None
    assert finding.Confidence(value=0.9, method="isotonic").value == 0.9


@pytest.mark.parametrize(
    "make",
    [
        lambda: words.Producer(name="x", version="1", sha256="abc"),
        lambda: words.Producer(name="x", version="1", colour="red"),
        lambda: rule.RuleRef(**{**REF.model_dump(), "id": "Not A Slug"}),
        lambda: asset.Asset(kind="film", name="x", sha256=SHA, size=1),
    ],
)
def test_what_is_not_exact_is_refused(make: Any) -> None:
    with pytest.raises(pydantic.ValidationError):
        make()


def test_a_word_does_not_change() -> None:
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        FINDING.verdict = "insufficient"  # type: ignore[misc]


def test_no_number_that_json_lacks_is_written() -> None:
    score = scorecard.Score(dimension="d", metric="m", value=float("nan"))
    assert '"value":null' in score.model_dump_json()


def test_an_asset_is_named_by_what_it_holds() -> None:
    film = asset.Asset(kind="video", name="a.mp4", sha256="ab" * 32, size=10)
    assert film.id == "video-" + "ab" * 8
    assert film.model_copy(update={"name": "b.mp4"}).id == film.id


def test_equal_content_has_an_equal_id() -> None:
    assert ids.content_id("x", {"a": 1, "b": "矿"}) == ids.content_id("x", {"b": "矿", "a": 1})
    assert ids.content_id("x", {"a": 1}) != ids.content_id("y", {"a": 1})
    assert ids.fresh_id("job") != ids.fresh_id("job")
    with pytest.raises(ValueError, match="JSON"):
        ids.digest_json(float("nan"))


def test_a_ticket_is_verified_only_after_it_was_resolved() -> None:
    assert [state for state, following in ticket.NEXT.items() if "verified" in following] == ["resolved"]
    assert set(ticket.NEXT) == {"new", "acknowledged", "assigned", "resolved", "verified", "closed"}


def test_nobody_watching_stops_nothing() -> None:
    job.Silent().update("core:cancelled", 1.0, 2.0)
    assert job.Job(id="job-1", kind="inspect", tenant="default", inputs=(SHA,)).state == "queued"
    assert principal.Principal(name="a").tenant == "default"
