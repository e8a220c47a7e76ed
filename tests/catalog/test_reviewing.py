"""A finding is accepted or rejected with a reason; every decision stays and goes to the ledger."""

from __future__ import annotations

import json

import pytest

from taihang.catalog import catalogue, words
from taihang.core import errors
from taihang.engines.store import opening
from taihang.trust.ledger import entry, outbox
from tests.catalog import samples


@pytest.fixture
def version(mine: catalogue.Catalogue) -> str:
    asset = samples.thing()
    made = mine.register(asset)
    mine.record(samples.report(asset, (samples.found(1), samples.found(2))), made.id, kind="assess", job_id="job-1")
    return made.id


def test_a_review_is_kept_with_its_history(mine: catalogue.Catalogue, version: str) -> None:
    one = mine.findings(order="start").items[0]
    done = mine.review(version, one.id, "rejected", reason="测试数据\n不算", revision=one.revision)
    assert (done.state, done.reason, done.reviewer, done.revision) == ("rejected", "测试数据\n不算", "li", 2)
    assert mine.review(version, one.id, "rejected", reason="测试数据\n不算") == done
    with pytest.raises(errors.Conflict, match="revision 2"):
        mine.review(version, one.id, "accepted", reason="x", revision=1)
    mine.review(version, one.id, "accepted", reason="查实", revision=2)
    assert [(r.number, r.state, r.reviewer) for r in mine.reviews(version, one.id)] == [
        (1, "rejected", "li"),
        (2, "accepted", "li"),
    ]
    assert [f.id for f in mine.findings(words.Filter(state="accepted")).items] == [one.id]
    assert len(mine.findings(words.Filter(state="open")).items) == 1
    again = samples.report(samples.thing(), (samples.found(1),))
    mine.record(again, version, kind="assess", job_id="job-2")
    assert mine.finding(version, one.id).state == "accepted"


def test_the_ledger_learns_of_it_without_names(store: opening.Store, mine: catalogue.Catalogue, version: str) -> None:
    one = mine.findings(order="start").items[0]
    mine.review(version, one.id, "accepted", reason="王五说属实")
    with store.read() as conn:
        rows = conn.execute(mine.scope.select(outbox.decisions).order_by(outbox.decisions.c.number)).all()
    assert [r.kind for r in rows] == ["report", "finding-review"]
    made = entry.read(rows[1].entry, "outbox")
    assert made.facts["state"] == "accepted"
    assert "王五".encode() not in rows[1].entry
    assert b'"li"' not in rows[1].entry
    assert set(made.personal) == {"reviewer", "reason"}


@pytest.mark.parametrize(
    ("state", "reason"), [("accepted", ""), ("accepted", "  "), ("done", "x"), ("rejected", "a\x00")]
)
def test_a_review_needs_a_state_and_a_reason(
    mine: catalogue.Catalogue, version: str, state: words.State, reason: str
) -> None:
    with pytest.raises(errors.UserError):
        mine.review(version, mine.findings().items[0].id, state, reason=reason)
    assert mine.reviews(version, mine.findings().items[0].id) == ()


def test_another_tenants_finding_is_not_there(
    mine: catalogue.Catalogue, theirs: catalogue.Catalogue, version: str
) -> None:
    one = mine.findings().items[0]
    for call in (theirs.finding, theirs.reviews):
        with pytest.raises(errors.NotFound):
            call(version, one.id)
    with pytest.raises(errors.NotFound):
        theirs.review(version, one.id, "rejected", reason="x")
    with pytest.raises(errors.NotFound):
        theirs.record(samples.report(samples.thing()), version, kind="assess")


def test_json_of_a_finding_is_what_the_report_says(mine: catalogue.Catalogue, version: str) -> None:
    for one in mine.findings().items:
        told = json.loads(mine.report_json(mine.reports(version).items[0].id))
        assert {"id": one.id, **json.loads(one.body)} in told["findings"]
