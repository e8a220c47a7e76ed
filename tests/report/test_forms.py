"""Charts, and the forms beside the page: workbook, PDF, Markdown."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import openpyxl
import pytest

from report import hostile, sample
from taihang.core import errors, i18n
from taihang.report import charts, document, drawing, markdown, pdf, view, xlsx
from taihang.report import html as page


@pytest.fixture(scope="module")
def boarded() -> document.Report:
    report, _ = sample.make()
    return report.model_copy(update={"sections": (*sample.board(), *report.sections)})


@pytest.mark.parametrize("language", i18n.LANGUAGES)
@pytest.mark.parametrize("width", [340, 760])
def test_a_drawing_is_xml_that_stays_in_its_frame_and_has_no_style(language: i18n.Language, width: int) -> None:
    for chart in sample.board():
        assert isinstance(chart, charts.CHARTS)
        root = ElementTree.fromstring(drawing.draw(chart, language, width, alone=True))
        height = float(root.get("height") or 0)
        assert 40 < height < 900
        for node in root.iter():
            assert "style" not in node.attrib
            assert -1 <= float(node.get("x", 0)) <= width + 1
            assert -1 <= float(node.get("y", 0)) <= height + 1


def test_an_unknown_dimension_is_neither_all_nor_nothing() -> None:
    radar = sample.board()[1]
    drawn = drawing.draw(radar, "zh", 460)  # type: ignore[arg-type]
    assert "未知" in drawn
    assert drawn.count("<circle") == 5
    assert "fill-opacity" not in drawn  # the shape stays open


def test_what_is_not_all_never_reads_all() -> None:
    assert "99.99%" in drawing.draw(sample.board()[0], "en", 760)  # type: ignore[arg-type]
    assert ">100.0%<" not in drawing.draw(sample.board()[0], "en", 760)  # type: ignore[arg-type]


def test_the_page_draws_every_chart_twice_and_lists_it(boarded: document.Report) -> None:
    text = page.render(boarded, "zh")
    assert text.count('class="drawn wide"') == text.count('class="drawn narrow"') == 4
    assert "&lt;b&gt;手机" in text
    assert "<b>手机" not in text
    assert text.count("以文字列出本图") == 4


def test_events_are_told_and_are_no_problems(boarded: document.Report) -> None:
    tally = view.tally(boarded)
    assert tally.events == 2
    text = page.render(boarded, "zh")
    assert f"发现 {len([f for f in boarded.findings if f.verdict == 'violated']) - 2} 项问题" in text
    assert "另记录事件 2 项" in text


def test_the_queries_stand_in_an_appendix(boarded: document.Report) -> None:
    text = page.render(boarded, "en")
    assert text.index('id="queries"') > text.index('id="sign"') > text.index('id="scorecard"')


def _cells(path: Path) -> dict[str, list[list[Any]]]:
    book = openpyxl.load_workbook(path)
    return {sheet.title: [list(row) for row in sheet.iter_rows()] for sheet in book}


def test_the_workbook_holds_every_finding_and_no_formula(tmp_path: Path) -> None:
    report, _ = hostile.make()
    cells = _cells(xlsx.write(report, tmp_path, "zh"))
    every = [cell for rows in cells.values() for row in rows for cell in row]
    assert not [cell.value for cell in every if cell.data_type == "f" or cell.hyperlink]
    assert len(cells["所见问题"]) == len(report.findings) + 1
    for cell in every:
        if isinstance(cell.value, str) and cell.value.startswith(("=", "+", "-", "@")):
            assert cell.quotePrefix, cell.value


def test_a_text_that_looks_like_a_formula_stays_a_text(tmp_path: Path, boarded: document.Report) -> None:
    evil = '=HYPERLINK("http://x","y")'
    table = sample.table("x").model_copy(update={"finding": None, "rows": ((evil, "@SUM(1)", "-1+1"),)})
    report = boarded.model_copy(update={"sections": (table,), "title": i18n.Text(zh=evil, en=evil)})
    cells = [c for rows in _cells(xlsx.write(report, tmp_path, "en")).values() for row in rows for c in row]
    assert {evil, "@SUM(1)", "-1+1"} <= {c.value for c in cells if c.data_type == "s"}
    assert not [c for c in cells if c.data_type == "f"]


def test_equal_reports_give_equal_workbooks_and_pages_of_markdown(tmp_path: Path, boarded: document.Report) -> None:
    for form in (xlsx, markdown):
        first = form.write(boarded, tmp_path, "zh").read_bytes()
        assert form.write(boarded, tmp_path, "zh").read_bytes() == first


@pytest.mark.parametrize(("language", "words"), [
    ("zh", ["采掘工作面", "合成数据", "第 5.3.2 条", "检查人员（签字）", "SELECT count(*)", "完整性"]),
    ("en", ["Synthetic data", "Person inside the restricted zone", "not calibrated", "completeness"]),
])  # fmt: skip
def test_the_pdf_says_what_the_page_says(
    tmp_path: Path, boarded: document.Report, language: i18n.Language, words: list[str]
) -> None:
    path = pdf.write(boarded, tmp_path, language)
    reader = shutil.which("pdftotext")
    if reader is None:
        pytest.skip("pdftotext (poppler-utils) is not there to read the PDF")
    text = subprocess.run([reader, str(path), "-"], capture_output=True, text=True, check=True).stdout
    plain = "".join(text.replace("\u200b", "").split())
    assert [word for word in words if "".join(word.split()) not in plain] == []
    assert pdf.write(boarded, tmp_path, language).read_bytes() == path.read_bytes()


def test_a_hostile_report_can_be_set_and_its_markup_stays_text(tmp_path: Path) -> None:
    report, _ = hostile.make()
    assert pdf.write(report, tmp_path, "en").stat().st_size > 1000
    text = markdown.write(report, tmp_path, "en").read_text(encoding="utf-8")
    assert "<script" not in text
    assert "<img" not in text


def test_without_a_chinese_font_a_chinese_pdf_is_refused_in_one_line(
    tmp_path: Path, boarded: document.Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf, "_HAN", ("No Such Font",))
    with pytest.raises(errors.UserError, match="noto") as caught:
        pdf.write(boarded, tmp_path, "zh")
    assert "\n" not in str(caught.value)
