"""Telling: what the temporal classifier said, and what it could not judge, in the report's own forms."""

from __future__ import annotations

import itertools

from taihang.core import finding as findings
from taihang.core import i18n
from taihang.report import sections, timeline
from taihang.use.video.temporal import activities
from taihang.use.video.understand import telling as advised

_MOST_ROWS = 300
_MOST_SPANS = 100
_Going = tuple[float, float, str]


def _t(key: str, **values: object) -> i18n.Text:
    return i18n.Message(key=f"use.video:temporal.{key}", values=values).both()


def limits(told: activities.Told) -> tuple[i18n.Text, ...]:
    """What it is known not to do."""
    return (_t("limit.synthetic" if told.card.synthetic else "limit.own"), _t("limit.classes"))


def not_judged(told: activities.Told) -> list[findings.NotJudged]:
    """The spans of which it said nothing: the longest, and how many others."""
    reason = _t("failed", reason=told.failed) if told.failed else _t("unjudged")
    found = [
        findings.NotJudged(
            subject="span", reason=reason, code="temporal-unjudged", start_s=round(start, 3), end_s=round(end, 3)
        )
        for start, end in activities.unjudged(told)
        if end - start >= 1
    ]
    return advised.shortened(found, _MOST_SPANS)


def going(told: activities.Told) -> list[_Going]:
    """(start_s, end_s, class) of what goes on, by time; spans of one class that touch are one."""
    going_on, tiled = told.going_on(), activities.spans(told)
    found: list[_Going] = []
    for kind, name in enumerate(told.card.classes):

        def key(span: tuple[float, float, int], kind: int = kind) -> bool:
            return span[2] >= 0 and bool(going_on[span[2], kind])

        for goes, run in itertools.groupby(tiled, key=key):
            parts = list(run)
            if goes:
                found.append((parts[0][0], parts[-1][1], name))
    return sorted(found)


def told(said: activities.Told) -> tuple[sections.Section, ...]:
    """Which classifier was asked, and what it said."""
    rows = going(said)
    card = said.card

    def fact(key: str, value: i18n.Text | str | int | float) -> sections.Fact:
        return sections.Fact(label=_t(f"fact.{key}"), value=value)

    facts = (
        fact("weights", card.sha256[:12]),
        fact("learnt", _t("synthetic" if card.synthetic else "own")),
        fact("classes", ", ".join(card.classes)),
        fact("steps", said.outputs.num_rows),
        fact("spans", len(rows)),
    )
    table = sections.Table(
        title=_t("spans"),
        columns=tuple(sections.Column(label=_t(f"column.{name}")) for name in ("when", "activity")),
        rows=tuple((f"{_clock(start)}–{_clock(end)}", name) for start, end, name in rows[:_MOST_ROWS]),
        total=len(rows) if len(rows) > _MOST_ROWS else None,
    )
    return (sections.Facts(title=_t("title"), items=facts), table)


def lane(said: activities.Told) -> timeline.Lane:
    """What goes on, over the film."""
    parts = tuple(timeline.Span(start_s=a, end_s=b, label=_t("goes", activity=name)) for a, b, name in going(said))
    return timeline.Lane(label=_t("lane"), kind="state", spans=parts)


def _clock(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 3600:d}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
