"""The Word draft."""

from __future__ import annotations

import zipfile
from pathlib import Path

import docx as python_docx
import pytest

from report import sample
from taihang.core import i18n
from taihang.report import attachments, docx


def write(folder: Path, language: i18n.Language) -> Path:
    report, files = sample.make()
    return docx.write(report, folder, language, attachments.Attachments(files))


def words(path: Path) -> str:
    draft = python_docx.Document(str(path))
    cells = [cell.text for table in draft.tables for row in table.rows for cell in row.cells]
    section = draft.sections[0]
    running = [p.text for p in (*section.header.paragraphs, *section.footer.paragraphs)]
    return "\n".join([*(p.text for p in draft.paragraphs), *cells, *running])


@pytest.mark.parametrize(
    ("language", "phrases"),
    [
        (
            "zh",
            [
                "合成数据",
                "有人进入运行设备的禁区",
                "第 5.3.2 条",
                "未校准",
                "证据不足",
                "检查人员（签字）",
                "帧预算之外",
                "镜头被遮挡。",
                "SELECT count(*)",
            ],
        ),
        (
            "en",
            [
                "Synthetic data",
                "Person inside the restricted zone",
                "not calibrated",
                "Inspector (signature)",
                "too dark",
            ],
        ),
    ],
)
def test_it_says_what_the_page_says(language: i18n.Language, phrases: list[str], tmp_path: Path) -> None:
    text = words(write(tmp_path, language))
    assert [phrase for phrase in phrases if phrase not in text] == []
    report, _ = sample.make()
    assert report.asset.sha256 in text
    assert all(f"{f.id}" in text for f in report.findings)


def test_pictures_are_inside_and_clips_are_named(tmp_path: Path) -> None:
    path = write(tmp_path, "en")
    with zipfile.ZipFile(path) as made:
        pictures = [made.read(name) for name in made.namelist() if name.startswith("word/media/")]
    _, files = sample.make()
    assert set(pictures) <= set(files.values())
    assert len(pictures) >= 8
    assert "evidence/zone-00133.4.mp4" in words(path)


def test_chinese_is_set_in_a_chinese_font_and_pages_are_numbered(tmp_path: Path) -> None:
    path = write(tmp_path, "zh")
    with zipfile.ZipFile(path) as made:
        styles = made.read("word/styles.xml").decode()
        footers = [made.read(name).decode() for name in made.namelist() if "footer" in name and name.endswith(".xml")]
    assert 'w:eastAsia="宋体"' in styles
    assert 'w:eastAsia="zh-CN"' in styles
    assert any(" PAGE " in footer and " NUMPAGES " in footer for footer in footers)


def test_a_head_row_is_repeated_on_every_page(tmp_path: Path) -> None:
    with zipfile.ZipFile(write(tmp_path, "en")) as made:
        assert made.read("word/document.xml").decode().count("<w:tblHeader") >= 4


def test_a_picture_that_is_none_does_not_stop_the_draft(tmp_path: Path) -> None:
    report, files = sample.make()
    broken = {name: b"\xff\xd8\xff" + b"\0" * 8 if name.endswith(".jpg") else data for name, data in files.items()}
    assert words(docx.write(report, tmp_path, "en", attachments.Attachments(broken)))


def test_equal_reports_give_equal_drafts(tmp_path: Path) -> None:
    assert write(tmp_path, "zh").read_bytes() == write(tmp_path, "zh").read_bytes()
