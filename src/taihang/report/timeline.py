"""Timeline: what happened when, in lanes over one time axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import pydantic

from taihang.core import finding as findings
from taihang.core import i18n, words

LaneKind = Literal["state", "event", "unseen", "sample", "finding"]
Seconds = Annotated[float, pydantic.Field(ge=0, allow_inf_nan=False)]


class Span(words.Word):
    """A time span of a lane, in seconds; `finding` is the id of the finding it belongs to.

    `kind` draws one span otherwise than its lane, such as an event among states.
    """

    start_s: Seconds
    end_s: Seconds
    label: i18n.Text | None = None
    kind: LaneKind | None = None
    level: words.Level | None = None
    finding: str | None = None

    @pydantic.model_validator(mode="after")
    def _forward(self) -> Span:
        if self.end_s < self.start_s:
            raise ValueError("a span ends before it starts")
        return self


class Mark(words.Word):
    """A moment of a lane, in seconds."""

    time_s: Seconds
    label: i18n.Text | None = None


class Lane(words.Word):
    """Spans and marks of one sort. `state` lasts, `event` changes, `unseen` was not looked at,
    `sample` was looked at, `finding` carries levels and is drawn as a row per level."""

    label: i18n.Text
    kind: LaneKind
    spans: tuple[Span, ...] = ()
    marks: tuple[Mark, ...] = ()


class Timeline(words.Word):
    """Lanes from 0 to `duration_s`."""

    kind: Literal["timeline"] = "timeline"
    title: i18n.Text
    duration_s: Seconds
    lanes: tuple[Lane, ...] = ()


def lane_of(label: i18n.Text, found: Sequence[findings.Finding]) -> Lane:
    """The lane that shows findings which have a time; insufficient ones say so in their label."""
    spans = []
    for one in found:
        start = one.place.start_s
        if start is None:
            continue
        end = one.place.end_s if one.place.end_s is not None else start
        title = one.rule.title
        if one.verdict == "insufficient":
            word = i18n.Message(key="core:verdict.insufficient").both()
            title = i18n.Text(zh=f"{title.zh}（{word.zh}）", en=f"{title.en} ({word.en})")
        spans.append(
            Span(start_s=max(0, start), end_s=max(0, start, end), label=title, level=one.level, finding=one.id)
        )
    return Lane(label=label, kind="finding", spans=tuple(spans))
