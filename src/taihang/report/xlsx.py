"""The report as a workbook: one sheet a part, every finding a row, nothing that a cell could run."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from taihang.core import errors, i18n, words
from taihang.report import attachments, charts, document, phrases, plain, sections, view

NAME = "report.xlsx"
_MOST_ROWS = 1_000_000
_LONGEST = 32_000
_SHEET_NAME = re.compile(r"[\[\]:*?/\\']")
# A text that begins so would be a formula if somebody typed it, or saved the sheet as CSV and opened that.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
Cell = i18n.Text | words.Scalar


def write(
    report: document.Report,
    folder: Path,
    language: i18n.Language,
    files: attachments.Attachments | None = None,
) -> Path:
    """Write `report.xlsx` into `folder`; equal reports give equal bytes.

    Raises errors.MissingExtra without xlsxwriter, and OSError.
    """
    path = folder / NAME
    _Book(report, language, path).write()
    return path


def engine() -> Any:
    """The library that writes workbooks; raises errors.MissingExtra."""
    try:
        import xlsxwriter  # noqa: PLC0415 - an extra
    except ImportError:
        raise errors.MissingExtra("xlsx", "--format xlsx") from None
    return xlsxwriter


class _Book:
    def __init__(self, report: document.Report, language: i18n.Language, path: Path) -> None:
        self.report, self.said = report, phrases.Phrases(language)
        options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
        self.book = engine().Workbook(str(path), {**options, "nan_inf_to_errors": False})
        created = report.created.replace(tzinfo=None)
        self.book.set_properties({"title": plain.clean(self.said.say(report.title))[:250], "author": "Taihang",
                                  "created": created})  # fmt: skip
        self.head = self.book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        self.title = self.book.add_format({"bold": True, "font_size": 14})
        self.plain = self.book.add_format({"text_wrap": True, "valign": "top"})
        self.quoted = self.book.add_format({"text_wrap": True, "valign": "top", "quote_prefix": True})
        self.names: set[str] = set()

    def write(self) -> None:
        said, report = self.said, self.report
        self._overview()
        head = ["number", "level", "rule", "title", "dimension", "time", "place", "message", "measured", "id"]
        self._sheet(said.t("findings.title"), [said.t(f"sheet.{name}") for name in head], self._findings())
        names = ("dimension", "metric", "value", "threshold", "passed", "standing")
        self._sheet(
            said.t("scorecard.title"),
            [*(said.t(f"scorecard.{name}") for name in names), said.t("scorecard.query")],
            ((said.dimension(s.dimension), said.metric(s), s.value, s.threshold, said.passed(s.passed, s.threshold),
              said.t(f"scorecard.{s.standing}"), s.query) for s in report.scorecard.scores),
        )  # fmt: skip
        unjudged = ((one.item.title, one.item.rule, one.item.reason, said.spans(one)) for one in view.unjudged(report))
        subject, reason, time = (said.t(k) for k in ("not_judged.subject", "not_judged.reason", "finding.time"))
        self._sheet(said.t("not_judged.title"), [subject, said.t("finding.rule"), reason, time], unjudged)
        number_of = {found.id: n for n, found in enumerate(report.findings, 1)}
        for section in report.sections:
            if isinstance(section, charts.CHARTS):
                self._chart(section)
            elif isinstance(section, sections.Table):
                number = number_of.get(section.finding or "")
                name = f"{number} {said.say(section.title)}" if number else said.say(section.title)
                label = [f"{said.say(c.label)} {c.unit}".strip() for c in section.columns]
                self._sheet(name, label, section.rows)
        self.book.close()

    def _overview(self) -> None:
        said, report = self.said, self.report
        tally = view.tally(report)
        sheet = self._add(said.t("glance.title"))
        self._cell(sheet, 0, 0, said.say(report.title), self.title)
        lines: list[tuple[Cell, Cell]] = [
            (said.standing(report), None),
            (said.t("created"), plain.moment(report.created)),
        ]
        if report.synthetic:
            lines.append((said.t("synthetic.title"), said.t("synthetic.text")))
        lines += [(said.t("asset.name"), report.asset.name), (said.t("asset.sha256"), report.asset.sha256)]
        if report.form == "report":
            lines += [(said.level(level), count) for level, count in tally.violated.items()]
            lines.append((said.t("glance.insufficient"), tally.insufficient))
        lines.append((said.t("glance.not_judged"), tally.rules_not_judged))
        for section in report.sections:
            if isinstance(section, sections.Facts):
                lines += [(f.label, f"{said.value(f.value)} {f.unit}".strip()) for f in section.items]
            elif isinstance(section, sections.Coverage):
                lines.append((section.title, f"{plain.number(section.seen)} / {plain.number(section.total)}"))
            elif isinstance(section, sections.Notes):
                lines += [(section.title, text) for text in section.paragraphs]
        lines += [(said.t("limits.title"), text) for text in report.limits]
        lines += [(p.name, f"{p.version} {p.sha256 or ''}".strip()) for p in report.produced_by]
        for n, (label, value) in enumerate(lines, 2):
            self._cell(sheet, n, 0, label, self.plain)
            self._cell(sheet, n, 1, value, self.plain)
        sheet.set_column(0, 0, 36)
        sheet.set_column(1, 1, 70)

    def _findings(self) -> Iterable[Sequence[Cell]]:
        said = self.said
        for n, found in enumerate(self.report.findings, 1):
            insufficient = f" · {said.core('verdict.insufficient')}" if found.verdict == "insufficient" else ""
            place = "; ".join([found.place.table, *(f"{k}: {said.value(v)}" for k, v in found.place.keys.items())])
            measured = "; ".join(f"{name} = {value}" for name, value in said.measured(found))
            yield (n, said.level(found.level) + insufficient, found.rule.id, found.rule.title,
                   said.dimension(found.rule.dimension), plain.span(found.place.start_s, found.place.end_s), place,
                   found.message, measured, found.id)  # fmt: skip

    def _chart(self, chart: charts.Chart) -> None:
        head, rows = charts.table(chart, self.said.language)
        title = self.said.say(chart.title)
        if not isinstance(chart, (charts.Dials, charts.Radar)):
            self._sheet(title, head, rows)
            return
        cells = [(row[0], dial.value, row[2]) for row, dial in zip(rows, chart.dials, strict=True)]
        name, sheet = self._sheet(title, head, cells)
        if chart.dials:
            kind = "radar" if isinstance(chart, charts.Radar) and len(chart.dials) > 2 else "bar"
            drawn = self.book.add_chart({"type": kind, **({"subtype": "with_markers"} if kind == "radar" else {})})
            last = len(chart.dials)
            drawn.add_series({"categories": [name, 1, 0, last, 0], "values": [name, 1, 1, last, 1]})
            drawn.set_legend({"none": True})
            drawn.set_y_axis({"min": 0, "max": 1}) if kind == "radar" else drawn.set_x_axis({"min": 0, "max": 1})
            sheet.insert_chart(1, 4, drawn)

    def _sheet(self, title: str, head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> tuple[str, Any]:
        sheet = self._add(title)
        widths = [min(60, max(8, len(text) + 2)) for text in head]
        for column, text in enumerate(head):
            self._cell(sheet, 0, column, text, self.head)
        for n, row in enumerate(rows, 1):
            if n > _MOST_ROWS:
                self._cell(sheet, n, 0, self.said.t("sheet.cut", count=_MOST_ROWS), self.plain)
                break
            for column, value in enumerate(row):
                self._cell(sheet, n, column, value, self.plain)
                if n <= 200 and value is not None:
                    shown = value.in_(self.said.language) if isinstance(value, i18n.Text) else str(value)
                    widths[column] = max(widths[column], min(60, 2 + sum(1 + (ord(c) > 0x2E7F) for c in shown[:60])))
        for column, width in enumerate(widths):
            sheet.set_column(column, column, width)
        sheet.freeze_panes(1, 0)
        return sheet.get_name(), sheet

    def _add(self, title: str) -> Any:
        base = _SHEET_NAME.sub(" ", plain.clean(title)).strip()[:31] or "-"
        name, number = base, 1
        while name.casefold() in self.names:
            number += 1
            name = f"{base[: 30 - len(str(number))]} {number}"
        self.names.add(name.casefold())
        return self.book.add_worksheet(name)

    def _cell(self, sheet: Any, row: int, column: int, value: Cell, form: Any) -> None:
        if isinstance(value, i18n.Text):
            value = self.said.say(value)
        if value is None:
            return
        if isinstance(value, (bool, str)) or (isinstance(value, float) and not math.isfinite(value)):
            text = self.said.value(value) if not isinstance(value, str) else plain.clean(value)[:_LONGEST]
            risky = text.startswith(_FORMULA) and form is self.plain
            sheet.write_string(row, column, text, self.quoted if risky else form)
        elif isinstance(value, int) and abs(value) >= 2**53:
            sheet.write_string(row, column, str(value), form)  # a spreadsheet's number would lose its last digits
        else:
            sheet.write_number(row, column, value, form)
