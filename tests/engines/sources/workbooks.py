# ruff: noqa: E501 - the names of the format are long
"""Small workbooks, written by hand: the format is a zip of XML."""

from __future__ import annotations

import zipfile
from pathlib import Path
from xml.sax import saxutils

_TYPES = """<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension="xml" ContentType="application/xml"/>
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>
<Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>
</Types>"""
_RELS = """<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}" Target="{target}"/>
</Relationships>"""
_BOOK = """<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"
xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">
<sheets><sheet name="人员" sheetId="1" r:id="rId1"/></sheets></workbook>"""


def write(path: Path, rows: list[list[str | float | None]], padding: int = 0) -> Path:
    """One sheet of these rows; `padding` bytes of zeros make it unpack large."""
    lines = []
    for row in rows:
        cells = "".join(
            "<c/>"
            if value is None
            else f"<c><v>{value}</v></c>"
            if isinstance(value, (int, float))
            else f'<c t="inlineStr"><is><t>{saxutils.escape(value)}</t></is></c>'
            for value in row
        )
        lines.append(f"<row>{cells}</row>")
    sheet = f'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{"".join(lines)}</sheetData></worksheet>'
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("[Content_Types].xml", _TYPES)
        out.writestr("_rels/.rels", _RELS.format(kind="officeDocument", target="xl/workbook.xml"))
        out.writestr("xl/workbook.xml", _BOOK)
        out.writestr("xl/_rels/workbook.xml.rels", _RELS.format(kind="worksheet", target="worksheets/sheet1.xml"))
        out.writestr("xl/worksheets/sheet1.xml", sheet)
        if padding:
            out.writestr("xl/padding.bin", bytes(padding))
    return path
