"""Sections: what a domain adds to its report, in forms that no domain owns."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic

from taihang.core import evidence as proof
from taihang.core import i18n, words
from taihang.report import charts, timeline

Amount = Annotated[float, pydantic.Field(ge=0, allow_inf_nan=False)]


class Fact(words.Word):
    """A labelled value; `note` says how it was obtained or what it means."""

    label: i18n.Text
    value: i18n.Text | words.Scalar
    unit: str = ""
    note: i18n.Text | None = None


class Facts(words.Word):
    """Labelled values."""

    kind: Literal["facts"] = "facts"
    title: i18n.Text
    items: tuple[Fact, ...]


class Share(words.Word):
    """A part of the whole that was not looked at, and why; `code` is a stable name of the reason."""

    label: i18n.Text
    code: words.Slug
    amount: Amount
    spans: int | None = None
    note: i18n.Text | None = None


class Coverage(words.Word):
    """How much was looked at and how much was not, in `unit` (`s` for seconds, `frames`, `rows`).

    `seen` and the shares need not add up to `total` when reasons overlap: `overlapping` says so.
    """

    kind: Literal["coverage"] = "coverage"
    title: i18n.Text
    unit: str
    total: Amount
    seen: Amount
    shares: tuple[Share, ...] = ()
    overlapping: bool = False
    facts: tuple[Fact, ...] = ()


class Picture(words.Word):
    """A picture among the report's files, with its caption and its hashes."""

    file: str
    caption: i18n.Text
    digests: tuple[proof.Digest, ...] = ()


class Gallery(words.Word):
    """Pictures side by side."""

    kind: Literal["gallery"] = "gallery"
    title: i18n.Text
    pictures: tuple[Picture, ...]


class Notes(words.Word):
    """Paragraphs."""

    kind: Literal["notes"] = "notes"
    title: i18n.Text
    paragraphs: tuple[i18n.Text, ...]


class Column(words.Word):
    """A column of a table, with its unit when it has one."""

    label: i18n.Text
    unit: str = ""


Cell = i18n.Text | words.Scalar


class Table(words.Word):
    """Rows of plain values, or of texts in both languages. `total` is given when the rows are a sample of more.

    With `finding` (an id) the table is shown inside that finding, as a sample of its rows.
    """

    kind: Literal["table"] = "table"
    title: i18n.Text
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: int | None = None
    finding: str | None = None

    @pydantic.model_validator(mode="after")
    def _rectangular(self) -> Table:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError("every row of a table has one value a column")
        return self


Section = Annotated[
    Facts
    | timeline.Timeline
    | Coverage
    | Gallery
    | Notes
    | Table
    | charts.Dials
    | charts.Radar
    | charts.Trend
    | charts.Heat
    | charts.Band
    | charts.Chain,
    pydantic.Field(discriminator="kind"),
]
