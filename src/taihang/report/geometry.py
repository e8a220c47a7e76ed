"""Where everything on a timeline is drawn: percentages of its width, so that it fits any page."""

from __future__ import annotations

import collections
import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence

from taihang.core import i18n, words
from taihang.report import plain, timeline

_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
_MOST_TICKS = 7
# Finer than a printed line over the width of a page.
_RESOLUTION = 4000
_MOST_SPANS = 1500
_MOST_STROKES = 250
_COLUMNS = 200
# Percent of the width that a number, and one narrow character, take on a small screen or on paper.
_NUMBER_NEEDS = 3.5
_CHARACTER_NEEDS = 1.6


@dataclasses.dataclass(frozen=True, slots=True)
class Bar:
    """A span: `x` and `width` in percent; `fill` names a style; `text` fits inside."""

    x: float
    width: float
    fill: str
    title: str
    text: str = ""
    href: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One drawn row. `marks` is an SVG path over 0…4000 by 0…10, `dense` when it is to be filled;
    `named` are marks with a title."""

    label: str
    count: str
    kind: timeline.LaneKind
    level: words.Level | None
    bars: tuple[Bar, ...]
    marks: str
    dense: bool
    named: tuple[tuple[float, str], ...]
    description: str


@dataclasses.dataclass(frozen=True, slots=True)
class Drawing:
    """Rows over one axis; `ticks` are (percent, label, text anchor)."""

    rows: tuple[Row, ...]
    ticks: tuple[tuple[float, str, str], ...]
    kinds: tuple[str, ...]


def draw(chart: timeline.Timeline, language: i18n.Language, numbers: Mapping[str, int]) -> Drawing:
    """Lay out a timeline; `numbers` gives findings (by id) their number in the report."""
    sheet = _Sheet(chart.duration_s, language, numbers)
    rows = tuple(row for lane in chart.lanes for row in sheet.rows(lane))
    kinds = tuple(dict.fromkeys(k for lane in chart.lanes for k in _kinds(lane)))
    return Drawing(rows=rows, ticks=_ticks(chart.duration_s), kinds=kinds)


def _kinds(lane: timeline.Lane) -> Iterator[str]:
    if lane.kind != "finding":
        yield from (span.kind or lane.kind for span in lane.spans)
        if lane.marks:
            yield "sample"


@dataclasses.dataclass(frozen=True, slots=True)
class _Sheet:
    duration_s: float
    language: i18n.Language
    numbers: Mapping[str, int]

    def rows(self, lane: timeline.Lane) -> Iterator[Row]:
        """One row of a lane, or one a level when it holds findings: height then tells the level."""
        label = plain.short(lane.label.in_(self.language), self.language, 60)
        if lane.kind != "finding":
            yield self._row(lane, label, None, lane.spans)
            return
        for level in words.Level:
            spans = [s for s in lane.spans if (s.level or words.Level.info) == level]
            if spans:
                yield self._row(lane, f"{label} · {i18n.text(f'core:level.{level}', self.language)}", level, spans)

    def _row(self, lane: timeline.Lane, label: str, level: words.Level | None, spans: Sequence[timeline.Span]) -> Row:
        ordered = sorted(spans, key=lambda s: (s.start_s, s.end_s))
        kept = ordered if len(ordered) <= _MOST_SPANS else _merged(ordered, self.duration_s / _RESOLUTION)
        seconds = sum(s.end_s - s.start_s for s in ordered)
        count = len(ordered) + len(lane.marks)
        named = [m for m in lane.marks if m.label is not None]
        marks, dense = self._path([m for m in lane.marks if m.label is None])
        return Row(
            label=label,
            count=str(count),
            kind=lane.kind,
            level=level,
            bars=_uncrowded([self._bar(lane, span) for span in kept]),
            marks=marks,
            dense=dense,
            named=tuple((self._percent(m.time_s), self._title(m.time_s, m.time_s, m.label)) for m in named),
            description=i18n.text(
                "report:timeline.row",
                self.language,
                label=label,
                count=count,
                time=plain.clock(seconds),
                share=plain.share(seconds, self.duration_s),
            ),
        )

    def _bar(self, lane: timeline.Lane, span: timeline.Span) -> Bar:
        x = self._percent(span.start_s)
        width = round(max(0.0, self._percent(span.end_s) - x), 3)
        title = self._title(span.start_s, span.end_s, span.label)
        kind = span.kind or lane.kind
        if kind == "finding":
            fill = f"level-{span.level or words.Level.info}"
            number = self.numbers.get(span.finding or "")
            if number is None:
                return Bar(x, width, fill, title)
            return Bar(x, width, fill, f"{number}. {title}", str(number), f"#f{number}")
        label = plain.short(span.label.in_(self.language), self.language, 60) if span.label else ""
        needs = sum(2 if plain.is_chinese(c) else 1.1 for c in label) * _CHARACTER_NEEDS
        return Bar(x, width, kind, title, label if needs < width else "")

    def _title(self, start_s: float, end_s: float, label: i18n.Text | None) -> str:
        text = plain.short(label.in_(self.language), self.language, 200) if label else ""
        return f"{plain.span(start_s, end_s)} {text}".strip()

    def _percent(self, seconds: float) -> float:
        if self.duration_s <= 0:
            return 0.0
        return round(100 * min(seconds, self.duration_s) / self.duration_s, 3)

    def _path(self, marks: Sequence[timeline.Mark]) -> tuple[str, bool]:
        """An SVG path over 0…4000 by 0…10: a stroke a mark, or, of many, columns as tall as they are dense."""
        places = [round(self._percent(m.time_s) / 100 * _RESOLUTION) for m in marks]
        if len(places) <= _MOST_STROKES:
            return "".join(f"M{x} 0V10" for x in sorted(set(places))), False
        wide = _RESOLUTION // _COLUMNS
        counts = collections.Counter(min(x // wide, _COLUMNS - 1) for x in places)
        most = max(counts.values())
        columns = (f"M{c * wide} 10V{10 - 10 * n / most:.1f}h{wide}V10" for c, n in sorted(counts.items()))
        return "".join(columns), True


def _uncrowded(bars: Sequence[Bar]) -> tuple[Bar, ...]:
    """The bars, without the numbers that would be printed over the one before."""
    kept, free_from = [], 0.0
    for bar in bars:
        crowded = bar.href is not None and bar.x < free_from
        kept.append(dataclasses.replace(bar, text="") if crowded else bar)
        if bar.href is not None and not crowded:
            free_from = bar.x + _NUMBER_NEEDS
    return tuple(kept)


def _merged(spans: Sequence[timeline.Span], step_s: float) -> list[timeline.Span]:
    """Spans that no eye could tell apart as one. The lists of spans and findings keep them all."""
    merged: list[timeline.Span] = []
    for span in spans:
        last = merged[-1] if merged else None
        if last is not None and last.kind == span.kind and span.start_s - last.end_s < step_s:
            merged[-1] = last.model_copy(update={"end_s": max(last.end_s, span.end_s)})
        else:
            merged.append(span)
    return merged


def _ticks(duration_s: float) -> tuple[tuple[float, str, str], ...]:
    if duration_s <= 0:
        return ((0.0, plain.clock(0, 0), "start"),)
    step = next((s for s in _STEPS_S if duration_s / s < _MOST_TICKS), None)
    step = step or -(-int(duration_s) // _MOST_TICKS)
    ticks = []
    for time_s in itertools.takewhile(lambda s: s <= duration_s, itertools.count(0, step)):
        x = round(100 * time_s / duration_s, 3)
        if x < 95:
            ticks.append((x, plain.clock(time_s, 0), "middle" if time_s else "start"))
    ticks.append((100.0, plain.clock(duration_s, 0 if duration_s >= 10 else 1), "end"))
    return tuple(ticks)
