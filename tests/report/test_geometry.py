"""What a timeline draws, and where."""

from __future__ import annotations

import pytest

from report import sample
from taihang.core import words
from taihang.report import geometry, timeline

LABEL = sample.both("标签", "label")


def chart(*lanes: timeline.Lane, duration_s: float = 3600) -> timeline.Timeline:
    return timeline.Timeline(title=LABEL, duration_s=duration_s, lanes=lanes)


def lane(kind: timeline.LaneKind, *spans: timeline.Span, marks: tuple[timeline.Mark, ...] = ()) -> timeline.Lane:
    return timeline.Lane(label=LABEL, kind=kind, spans=spans, marks=marks)


def test_a_span_stands_at_its_share_of_the_width() -> None:
    drawn = geometry.draw(chart(lane("state", timeline.Span(start_s=900, end_s=1800, label=LABEL))), "en", {})
    (bar,) = drawn.rows[0].bars
    assert (bar.x, bar.width, bar.text) == (25, 25, "label")
    assert "0:15:00.0–0:30:00.0 label" in bar.title


def test_a_span_beyond_the_end_is_cut_there() -> None:
    drawn = geometry.draw(chart(lane("state", timeline.Span(start_s=3000, end_s=9000))), "en", {})
    assert drawn.rows[0].bars[0].x + drawn.rows[0].bars[0].width == 100


def test_findings_get_one_row_a_level_gravest_first_and_link_to_their_number() -> None:
    spans = [
        timeline.Span(start_s=10, end_s=11, level=words.Level.blue, finding="a"),
        timeline.Span(start_s=20, end_s=30, level=words.Level.red, finding="b"),
        timeline.Span(start_s=21, end_s=30, level=words.Level.red, finding="c"),
        timeline.Span(start_s=2000, end_s=2001, level=words.Level.red, finding="not shown"),
    ]
    drawn = geometry.draw(chart(lane("finding", *spans)), "en", {"a": 3, "b": 1, "c": 2})
    assert [row.level for row in drawn.rows] == ["red", "blue"]
    red = drawn.rows[0].bars
    assert [bar.href for bar in red] == ["#f1", "#f2", None]
    # The second number would be printed over the first.
    assert [bar.text for bar in red] == ["1", "", ""]


def test_many_marks_become_a_density_few_stay_strokes() -> None:
    few = lane("sample", marks=tuple(timeline.Mark(time_s=t) for t in range(100)))
    many = lane("sample", marks=tuple(timeline.Mark(time_s=t) for t in range(3000)))
    drawn = geometry.draw(chart(few, many), "en", {})
    assert [row.dense for row in drawn.rows] == [False, True]
    assert drawn.rows[1].count == "3000"
    assert len(drawn.rows[1].marks) < 6000


def test_thousands_of_spans_are_merged_in_the_drawing_and_counted_in_full() -> None:
    spans = [timeline.Span(start_s=i * 0.1, end_s=i * 0.1 + 0.1) for i in range(36_000)]
    drawn = geometry.draw(chart(lane("event", *spans)), "en", {})
    assert len(drawn.rows[0].bars) < 1500
    assert "36000" in drawn.rows[0].description


@pytest.mark.parametrize("duration_s", [0, 0.4, 7, 59, 600, 3421, 36_000, 10_000_000])
def test_the_axis_has_few_labels_in_order_and_ends_at_the_end(duration_s: float) -> None:
    ticks = geometry.draw(chart(duration_s=duration_s), "en", {}).ticks
    places = [x for x, _, _ in ticks]
    assert places == sorted(places)
    assert len(ticks) <= 9
    assert duration_s == 0 or places[-1] == 100


def test_an_hour_is_labelled_in_minutes() -> None:
    labels = [label for _, label, _ in geometry.draw(chart(duration_s=3600), "en", {}).ticks]
    assert labels == [f"0:{n}0:00" for n in range(6)] + ["1:00:00"]


def test_lane_of_findings_says_when_evidence_is_insufficient() -> None:
    report, _ = sample.make()
    spans = timeline.lane_of(LABEL, report.findings).spans
    assert len(spans) == len(report.findings)
    assert spans[-1].label is not None
    assert "证据不足" in spans[-1].label.zh
