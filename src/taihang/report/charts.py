"""Charts: what a board shows, as numbers that every form of a report can draw or list."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import pydantic

from taihang.core import i18n, words
from taihang.report import plain

Part = Annotated[float, pydantic.Field(ge=0, le=1, allow_inf_nan=False)]


Number = Annotated[float, pydantic.Field(allow_inf_nan=False)]


class Dial(words.Word):
    """A share from 0 to 1 with what it is of; None where it is unknown, which is never drawn as 0 or 1."""

    label: i18n.Text
    value: Part | None
    note: i18n.Text | None = None


class Dials(words.Word):
    """Shares below each other, as bars."""

    kind: Literal["dials"] = "dials"
    title: i18n.Text
    dials: tuple[Dial, ...]
    note: i18n.Text | None = None


class Radar(words.Word):
    """Shares around a circle."""

    kind: Literal["radar"] = "radar"
    title: i18n.Text
    dials: tuple[Dial, ...]
    note: i18n.Text | None = None


class Point(words.Word):
    """A share at a time."""

    at: pydantic.AwareDatetime
    value: Part | None


class Line(words.Word):
    """Shares over time, ascending."""

    label: i18n.Text
    points: tuple[Point, ...]


class Trend(words.Word):
    """How shares went over earlier runs; the last point of a line is this run's."""

    kind: Literal["trend"] = "trend"
    title: i18n.Text
    lines: tuple[Line, ...]
    note: i18n.Text | None = None


class Cell(words.Word):
    """How many of how many are bad."""

    bad: int
    total: int


class Heat(words.Word):
    """Bad ones of each row label in each column label, such as columns of a table over its blocks of rows."""

    kind: Literal["heat"] = "heat"
    title: i18n.Text
    rows: tuple[i18n.Text, ...]
    columns: tuple[i18n.Text, ...]
    cells: tuple[tuple[Cell, ...], ...]
    note: i18n.Text | None = None

    @pydantic.model_validator(mode="after")
    def _rectangular(self) -> Heat:
        if len(self.cells) != len(self.rows) or any(len(row) != len(self.columns) for row in self.cells):
            raise ValueError("a heat map has one cell for each row and column")
        return self


class Observed(words.Word):
    """A value at a time with the band that it was expected in; a side without a limit is None."""

    at: pydantic.AwareDatetime
    value: Number | None
    lower: Number | None = None
    upper: Number | None = None
    outside: bool = False


class Band(words.Word):
    """Values over time, ascending, with the band that each was expected in."""

    kind: Literal["band"] = "band"
    title: i18n.Text
    points: tuple[Observed, ...]
    note: i18n.Text | None = None


class Node(words.Word):
    """Something in a chain, with what is said of it."""

    label: i18n.Text
    note: i18n.Text | None = None


class Link(words.Word):
    """That one node of a chain leads to another (positions in its nodes), how, and how surely."""

    source: Annotated[int, pydantic.Field(ge=0)]
    target: Annotated[int, pydantic.Field(ge=0)]
    label: i18n.Text
    confidence: Part | None = None


class Chain(words.Word):
    """What leads to what. `left_out` links were too weak to be drawn beside the others."""

    kind: Literal["chain"] = "chain"
    title: i18n.Text
    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    left_out: Annotated[int, pydantic.Field(ge=0)] = 0
    note: i18n.Text | None = None

    @pydantic.model_validator(mode="after")
    def _joined(self) -> Chain:
        if any(max(one.source, one.target) >= len(self.nodes) for one in self.links):
            raise ValueError("a link leads from a node of the chain to another")
        return self


Chart = Dials | Radar | Trend | Heat | Band | Chain
_LAST_POINTS = 30  # of a band, told in words beside those outside
CHARTS = (Dials, Radar, Trend, Heat, Band, Chain)


def table(chart: Chart, language: i18n.Language) -> tuple[list[str], list[list[str]]]:
    """Head and rows of a chart in words, for forms that do not draw and for readers who do not see."""

    def said(text: i18n.Text) -> str:
        return plain.short(text.in_(language), language, 200)

    def share(value: float | None) -> str:
        return i18n.text("report:scorecard.unknown", language) if value is None else plain.percent(value)

    def t(key: str) -> str:
        return i18n.text(f"report:chart.{key}", language)

    if isinstance(chart, (Dials, Radar)):
        rows = [[said(d.label), share(d.value), said(d.note) if d.note else ""] for d in chart.dials]
        return [t("what"), t("share"), t("note")], rows
    if isinstance(chart, Chain):
        told = [
            [f"{said(chart.nodes[k.source].label)} → {said(chart.nodes[k.target].label)}", share(k.confidence),
             said(k.label)] for k in chart.links
        ]  # fmt: skip
        return [t("link"), t("confidence"), t("note")], told
    if isinstance(chart, Trend):
        lines = [[said(line.label), plain.moment(p.at), share(p.value)] for line in chart.lines for p in line.points]
        return [t("what"), t("when"), t("share")], lines
    if isinstance(chart, Band):
        shown = [p for n, p in enumerate(chart.points) if p.outside or n >= len(chart.points) - _LAST_POINTS]
        numbers = [
            [
                plain.moment(p.at),
                *(plain.number(math.nan if v is None else v) for v in (p.value, p.lower, p.upper)),
                t("outside") if p.outside else "",
            ]
            for p in shown
        ]
        return [t("when"), t("value"), t("lower"), t("upper"), t("note")], numbers
    head = [t("what"), *(said(c) for c in chart.columns)]
    cells = [
        [said(label), *(f"{plain.number(c.bad)} / {plain.number(c.total)}" for c in row)]
        for label, row in zip(chart.rows, chart.cells, strict=True)
    ]
    return head, cells
