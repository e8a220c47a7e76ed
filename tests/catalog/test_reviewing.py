"""A finding is accepted or rejected with a reason; every decision stays and goes to the ledger."""

from __future__ import annotations

import json
import math

import pytest

from taihang.catalog import catalogue, words
from taihang.core import errors, evidence, finding
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


def _seen(box: evidence.Box) -> finding.Finding:
    shown = evidence.Frame(asset="a" * 64, time_s=1, pts=10, number=10, width=640, height=360, boxes=(box, box))
    return samples.found(7).model_copy(update={"evidence": (shown,)})


def _of_frames(mine: catalogue.Catalogue) -> words.Found:
    return next(f for f in mine.findings().items if f.finding.evidence[0].kind == "frame")


def _corrected(number: int = 10, index: int = 0, x1: float = 60.5) -> words.Corrected:
    return words.Corrected(number=number, index=index, x0=10, y0=20, x1=x1, y1=80)


def test_corrected_boxes_stay_with_the_finding(mine: catalogue.Catalogue, version: str) -> None:
    report = samples.report(samples.thing(), (_seen(evidence.Box(x0=1, y0=2, x1=30, y1=40)),))
    mine.record(report, version, kind="inspect", job_id="job-9")
    one = _of_frames(mine)
    assert one.boxes == ""
    done = mine.review(version, one.id, "accepted", reason="框偏小", boxes=[_corrected(index=1), _corrected()])
    done = mine.review(version, one.id, "accepted", reason="再改", boxes=[_corrected(x1=99)])
    kept = [words.Corrected.model_validate(box) for box in json.loads(done.boxes)]
    assert kept == [_corrected(x1=99), _corrected(index=1)]
    # What is said later without boxes leaves them as they are; the history tells which review gave which.
    assert mine.review(version, one.id, "rejected", reason="不算").boxes == done.boxes
    assert [len(json.loads(r.boxes or "[]")) for r in mine.reviews(version, one.id)] == [2, 2, 0]
    assert mine.finding(version, one.id).finding.evidence[0].boxes[0].x1 == 30  # the evidence itself is as it was


@pytest.mark.parametrize(
    "box", [_corrected(number=11), _corrected(index=2), _corrected(x1=641), _corrected(x1=10), _corrected(x1=math.inf)]
)
def test_a_box_that_cannot_be_is_refused(mine: catalogue.Catalogue, version: str, box: words.Corrected) -> None:
    report = samples.report(samples.thing(), (_seen(evidence.Box(x0=1, y0=2, x1=30, y1=40)),))
    mine.record(report, version, kind="inspect", job_id="job-9")
    one = _of_frames(mine)
    with pytest.raises(errors.UserError):
        mine.review(version, one.id, "accepted", reason="x", boxes=[box])
    assert mine.finding(version, one.id) == one
