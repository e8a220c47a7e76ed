"""A Word document's own machinery: fonts for both scripts, fields, tables that repeat their head."""

from __future__ import annotations

import datetime
import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import docx
import docx.document
import docx.enum.table
import docx.enum.text
import docx.image.exceptions
import docx.oxml
import docx.oxml.ns
import docx.shared
import docx.styles.style
import docx.table
import docx.text.paragraph
import docx.text.run

from taihang.core import i18n
from taihang.report import charts, plain

_BODY = {"zh": ("Times New Roman", "宋体"), "en": ("Times New Roman", "SimSun")}
_HEAD = {"zh": ("Arial", "黑体"), "en": ("Arial", "SimHei")}
_MONO = ("Consolas", "宋体")
_SIZES = {"Title": 20, "Heading 1": 14, "Heading 2": 12, "Heading 3": 11}
_GREY = docx.shared.RGBColor(0x54, 0x59, 0x5F)
_BLACK = docx.shared.RGBColor(0x16, 0x19, 0x1D)
# The zip holds one fixed time, so that equal reports give equal files.
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
Cell = str | tuple[str, str]


class Word:
    """A document that is written from top to bottom. Every text is cleaned before it enters: XML
    cannot hold control characters."""

    def __init__(self, language: i18n.Language, title: str, created: datetime.datetime) -> None:
        self.language = language
        self.document: docx.document.Document = docx.Document()
        section = self.document.sections[0]
        section.page_width, section.page_height = docx.shared.Mm(210), docx.shared.Mm(297)
        section.left_margin = section.right_margin = docx.shared.Mm(25)
        section.top_margin, section.bottom_margin = docx.shared.Mm(25), docx.shared.Mm(22)
        self.width = section.page_width - section.left_margin - section.right_margin
        about = self.document.core_properties
        about.title, about.author, about.comments = plain.clean(title)[:250], "Taihang", ""
        about.created = about.modified = created.astimezone(datetime.UTC).replace(tzinfo=None)
        self._fonts()

    def _fonts(self) -> None:
        styles = self.document.styles
        normal = styles["Normal"]
        _font(normal, *_BODY[self.language], 10.5)
        normal.paragraph_format.space_after = docx.shared.Pt(4)
        normal.paragraph_format.line_spacing = 1.15
        for name, size in _SIZES.items():
            _font(styles[name], *_HEAD[self.language], size)
            styles[name].font.bold = True
            styles[name].paragraph_format.keep_with_next = True
            styles[name].paragraph_format.space_before = docx.shared.Pt(12 if name == "Heading 1" else 8)
            styles[name].paragraph_format.space_after = docx.shared.Pt(4)
        # Without a language, office suites set Chinese with the punctuation of another region.
        defaults = styles.element.find(f".//{docx.oxml.ns.qn('w:rPrDefault')}/{docx.oxml.ns.qn('w:rPr')}")
        for old in defaults.findall(docx.oxml.ns.qn("w:lang")):
            defaults.remove(old)
        defaults.append(_xml(f'<w:lang {_NS} w:val="en-US" w:eastAsia="zh-CN"/>'))
        # The template's title carries a coloured rule.
        border = styles["Title"].element.find(f".//{docx.oxml.ns.qn('w:pBdr')}")
        if border is not None:
            border.getparent().remove(border)

    def running(self, header: str, footer: str) -> None:
        """A header line, and a footer line with page number and page count."""
        section = self.document.sections[0]
        top, bottom = section.header.paragraphs[0], section.footer.paragraphs[0]
        self._run(top, header, size=9, grey=True)
        self._run(bottom, f"{footer}    ", size=9, grey=True)
        _field(bottom, "PAGE")
        self._run(bottom, " / ", size=9, grey=True)
        _field(bottom, "NUMPAGES")

    def heading(self, text: str, level: int) -> None:
        """A heading; level 0 is the title."""
        self.document.add_heading(plain.clean(text), level)

    def text(
        self, text: str, *, bold: bool = False, grey: bool = False, size: float | None = None, keep: bool = False
    ) -> None:
        """A paragraph; `keep` holds it on one page with what follows."""
        paragraph = self.document.add_paragraph()
        paragraph.paragraph_format.keep_with_next = keep or None
        self._run(paragraph, text, bold=bold, grey=grey, size=size)

    def framed(self, title: str, text: str) -> None:
        """A paragraph inside a heavy frame."""
        paragraph = self.document.add_paragraph()
        self._run(paragraph, f"{title}  ", bold=True, size=13)
        self._run(paragraph, text)
        sides = "".join(f'<w:{s} w:val="single" w:sz="18" w:space="6" w:color="000000"/>' for s in _SIDES)
        paragraph._p.get_or_add_pPr().append(_xml(f"<w:pBdr {_NS}>{sides}</w:pBdr>"))

    def quote(self, text: str) -> None:
        """An indented paragraph with a rule at its left, on one page with what follows."""
        paragraph = self.document.add_paragraph()
        paragraph.paragraph_format.keep_with_next = True
        paragraph.paragraph_format.left_indent = docx.shared.Mm(5)
        self._run(paragraph, text)
        rule = '<w:left w:val="single" w:sz="18" w:space="8" w:color="C8CDD3"/>'
        paragraph._p.get_or_add_pPr().append(_xml(f"<w:pBdr {_NS}>{rule}</w:pBdr>"))

    def bullets(self, texts: Sequence[str]) -> None:
        """A list."""
        for text in texts:
            self._run(self.document.add_paragraph(style="List Bullet"), text)

    def pairs(self, pairs: Sequence[tuple[str, str]], *, label_mm: float = 32, keep: bool = False) -> None:
        """Labels and values without lines; `keep` holds them on one page with what follows."""
        if not pairs:
            return
        table = self.document.add_table(rows=0, cols=2)
        for label, value in pairs:
            cells = table.add_row().cells
            self._run(cells[0].paragraphs[0], label, grey=True, size=9.5)
            self._run(cells[1].paragraphs[0], value, size=10)
            cells[0].paragraphs[0].paragraph_format.keep_with_next = keep or None
        _tight(table, [docx.shared.Mm(label_mm), self.width - docx.shared.Mm(label_mm)])
        self._after(keep)

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]], shares: Sequence[float]) -> None:
        """A table whose head is repeated on every page; `shares` are the widths of its columns."""
        table = self.document.add_table(rows=1, cols=len(head))
        table.style = "Table Grid"
        for cell, text in zip(table.rows[0].cells, head, strict=True):
            self._run(cell.paragraphs[0], text, bold=True, size=9)
        table.rows[0]._tr.get_or_add_trPr().append(_xml(f"<w:tblHeader {_NS}/>"))
        for row in rows:
            for cell, text in zip(table.add_row().cells, row, strict=True):
                self._run(cell.paragraphs[0], text, size=9)
        total = sum(shares)
        _tight(table, [int(self.width * share / total) for share in shares])
        self._after()

    def pictures(self, pictures: Sequence[tuple[bytes | None, str, Sequence[tuple[str, str]]]]) -> None:
        """Pictures two in a row; each with a caption and lines of (what a hash covers, the hash)."""
        for start in range(0, len(pictures), 2):
            two = pictures[start : start + 2]
            table = self.document.add_table(rows=1, cols=2)
            for cell, (data, caption, hashes) in zip(table.rows[0].cells, two, strict=False):
                paragraph = cell.paragraphs[0]
                if data is not None and not self._picture(paragraph, data, int(self.width / 2 - docx.shared.Mm(5))):
                    self._run(paragraph, "–")
                self._run(cell.add_paragraph(), caption, size=9)
                for covers, digest in hashes:
                    line = cell.add_paragraph()
                    self._run(line, f"{covers} ", size=8, grey=True)
                    self._run(line, digest, size=7.5, mono=True)
            _tight(table, [int(self.width / 2)] * 2)
            self._after()

    def chart(self, chart: charts.Chart) -> None:
        """A chart in words: a draft is edited by hand."""
        head, rows = charts.table(chart, self.language)
        self.table(head, rows, [2.5, *([1] * (len(head) - 1))])

    def lines(self, labels: Sequence[str], across: int = 2) -> None:
        """Labels with a line to write on, `across` in a row."""
        table = self.document.add_table(rows=0, cols=across)
        for start in range(0, len(labels), across):
            for cell, label in zip(table.add_row().cells, labels[start : start + across], strict=False):
                self._run(cell.paragraphs[0], label, grey=True, size=9.5)
                line = cell.add_paragraph()
                line.paragraph_format.space_before = docx.shared.Pt(24)
                line.paragraph_format.right_indent = docx.shared.Mm(6 if across > 1 else 0)
                rule = '<w:bottom w:val="single" w:sz="6" w:space="1" w:color="000000"/>'
                line._p.get_or_add_pPr().append(_xml(f"<w:pBdr {_NS}>{rule}</w:pBdr>"))
        _tight(table, [int(self.width / across)] * across)
        self._after()

    def save(self, path: Path) -> None:
        """Write the file; raises OSError."""
        buffer = io.BytesIO()
        self.document.save(buffer)
        with zipfile.ZipFile(buffer) as made, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
            for name in made.namelist():
                out.writestr(zipfile.ZipInfo(name, _ZIP_TIME), made.read(name), zipfile.ZIP_DEFLATED)

    def _picture(self, paragraph: docx.text.paragraph.Paragraph, data: bytes, width: int) -> bool:
        try:
            paragraph.add_run().add_picture(io.BytesIO(data), width=width)
        except (
            docx.image.exceptions.UnrecognizedImageError,
            ValueError,
            KeyError,
            IndexError,
            EOFError,
            ZeroDivisionError,
        ):
            return False
        return True

    def _after(self, keep: bool = False) -> None:
        gap = self.document.add_paragraph()
        gap.paragraph_format.keep_with_next = keep or None
        gap.paragraph_format.space_after = docx.shared.Pt(0)
        gap.paragraph_format.line_spacing = docx.shared.Pt(6)

    def _run(
        self,
        paragraph: docx.text.paragraph.Paragraph,
        text: str,
        *,
        bold: bool = False,
        grey: bool = False,
        mono: bool = False,
        size: float | None = None,
    ) -> None:
        run = paragraph.add_run(plain.clean(text))
        run.bold = bold or None
        if grey:
            run.font.color.rgb = _GREY
        if size is not None:
            run.font.size = docx.shared.Pt(size)
        if mono:
            run.font.name = _MONO[0]
            run._r.get_or_add_rPr().get_or_add_rFonts().set(docx.oxml.ns.qn("w:eastAsia"), _MONO[1])


_SIDES = ("top", "left", "bottom", "right")
_NS = docx.oxml.ns.nsdecls("w")


def _xml(text: str) -> Any:
    """An element of our own making; no value of a report is ever in it."""
    return docx.oxml.parse_xml(text)


def _font(style: Any, latin: str, east_asian: str, size: float) -> None:
    """Set both scripts, and drop the theme's fonts, which would win."""
    style.font.name, style.font.size, style.font.color.rgb = latin, docx.shared.Pt(size), _BLACK
    style.font.italic = False
    fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
    for name in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
        fonts.attrib.pop(docx.oxml.ns.qn(f"w:{name}"), None)
    for name, font in (("ascii", latin), ("hAnsi", latin), ("eastAsia", east_asian), ("cs", latin)):
        fonts.set(docx.oxml.ns.qn(f"w:{name}"), font)


def _field(paragraph: docx.text.paragraph.Paragraph, name: str) -> None:
    grey = '<w:rPr><w:color w:val="54595F"/><w:sz w:val="18"/></w:rPr>'
    field = f'<w:fldSimple {_NS} w:instr=" {name} "><w:r>{grey}<w:t>1</w:t></w:r></w:fldSimple>'
    paragraph._p.append(_xml(field))


def _tight(table: docx.table.Table, widths: Sequence[int]) -> None:
    """Fixed widths, no space between lines, and no row broken over two pages."""
    table.autofit = False
    for column, width in zip(table.columns, widths, strict=True):
        column.width = width
    for row in table.rows:
        row._tr.get_or_add_trPr().append(_xml(f"<w:cantSplit {_NS}/>"))
        for cell, width in zip(row.cells, widths, strict=True):
            cell.width = width
            for paragraph in cell.paragraphs:
                paragraph.paragraph_format.space_after = docx.shared.Pt(1.5)
                if paragraph.paragraph_format.space_before is None:
                    paragraph.paragraph_format.space_before = docx.shared.Pt(1.5)
                paragraph.paragraph_format.line_spacing = 1.0
