"""Reading order and cuts."""

from __future__ import annotations

from report import sample
from taihang.report import phrases, view


def test_the_tally_counts_violations_by_level_and_the_rest_apart() -> None:
    report, _ = sample.make()
    tally = view.tally(report)
    assert {level: n for level, n in tally.violated.items() if n} == {
        "red": 3,
        "orange": 1,
        "yellow": 2,
        "blue": 1,
        "info": 2,
    }
    assert (tally.total, tally.grave, tally.insufficient) == (7, 4, 1)
    assert (tally.rules_not_judged, tally.spans_not_judged) == (2, 1)


def test_groups_number_through_and_keep_insufficient_evidence_apart() -> None:
    report, _ = sample.make()
    groups = view.groups(report)
    assert [(g.rule.id, g.verdict, g.total) for g in groups] == [
        ("mine.zone-entry", "violated", 3),
        ("mine.lone-worker", "violated", 1),
        ("mine.crowding", "violated", 2),
        ("camera.dark", "violated", 1),
        ("machine.stop", "violated", 2),
        ("mine.lone-worker", "insufficient", 1),
    ]
    assert [e.number for g in groups for e in g.full] == list(range(1, 11))


def test_ten_thousand_findings_are_cut_and_every_one_is_counted() -> None:
    report, _ = sample.make()
    many = tuple(sample.found("crowd", float(i), i + 1.0, {}, frames=0) for i in range(3000))
    many += tuple(sample.found("stop", float(i), i + 1.0, {}, frames=0) for i in range(7000))
    groups = view.groups(report.model_copy(update={"findings": many}))
    assert [len(g.full) for g in groups] == [20, 20]
    assert sum(len(g.rows) for g in groups) == view.MOST_ROWS
    assert sum(len(g.full) + len(g.rows) + g.hidden for g in groups) == 10_000


def test_sampled_rows_are_shown_inside_their_finding() -> None:
    report, _ = sample.make()
    entries = [e for g in view.groups(report) for e in g.full]
    assert [len(e.tables) for e in entries] == [1] + [0] * 9


def test_a_finding_with_very_much_evidence_shows_the_first_and_counts_the_rest() -> None:
    files: dict[str, bytes] = {}
    found = sample.found("crowd", 1.0, 2.0, files, frames=30)
    entry = view.Entry(1, found.id, found)
    assert (len(entry.pictures), len(entry.clips), entry.unshown) == (9, 1, 21)


def test_spans_that_were_not_judged_for_one_reason_are_one_entry() -> None:
    report, _ = sample.make()
    span = report.not_judged[2]
    more = tuple(span.model_copy(update={"start_s": 10.0 * i, "end_s": 10.0 * i + 4}) for i in range(200))
    entries = view.unjudged(report.model_copy(update={"not_judged": (*report.not_judged, *more)}))
    assert [len(e.spans) for e in entries] == [0, 0, 201]
    assert entries[2].seconds == 26 + 800
    said = phrases.Phrases("en").spans(entries[2])
    assert said.startswith("201 spans, 0:13:46.0 in all: 0:47:20.0–0:47:46.0, 0:00:00.0–0:00:04.0, ")
    assert said.endswith("…")
    assert phrases.Phrases("zh").spans(entries[0]) == "–"
