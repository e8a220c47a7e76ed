"""Masked: files of a report for readers who may not see sensitive values in clear.

Each form is masked in its own way, by the same words as findings are (`masking.free`): names and marks of a page
stay, a hash stays, a sheet stays a sheet. What cannot be masked, such as a PDF, is withheld. Pictures and clips are
shown: what they show is no number.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from taihang.trust.access import masking

Way = Literal["whole", "masked", "withheld"]
LARGEST = 256 << 20
_PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".mp4", ".webm"})
_SUMS = frozenset({"SHA256SUMS", "report.tlog-proof"})
_TAG = re.compile(r"(<!--.*?-->|<style\b.*?</style\s*>|<script\b.*?</script\s*>|<[^<>]*>)", re.S | re.I)
_SAID = re.compile(r"""(\s(?:title|alt|aria-label|value|content|data-[\w-]+)\s*=\s*)("[^"]*"|'[^']*')""", re.I)
# A digest in hexadecimal may hold eleven digits in a row by chance.
_DIGEST = re.compile(r"(?<![0-9A-Za-z])([0-9a-f]{32,})(?![0-9A-Za-z])")
_CELL = re.compile(r"<c((?:\s[^<>]*?)?)>(\s*)<v>(\d{11,19})</v>")
_TYPE = re.compile(r'\st="[^"]*"')
_MOST_UNPACKED = 512 << 20


def way(name: str) -> Way:
    """How a file of this name is given to who may not see sensitive values."""
    suffix = PurePosixPath(name).suffix.lower()
    if name in _SUMS or suffix in _PICTURES:
        return "whole"
    return "masked" if suffix in _WAYS else "withheld"


def file(name: str, data: bytes) -> bytes:
    """The file with what is sensitive in it masked. Raises ValueError for one that is not of its kind."""
    return _WAYS[PurePosixPath(name).suffix.lower()](data)


def report(value: dict[str, Any]) -> dict[str, Any]:
    """A report's JSON with findings and texts masked; a size or a count is nobody's number."""
    found = [masking.finding(one) for one in value.get("findings", [])]
    return {name: found if name == "findings" else _deep(part, numbers=False) for name, part in value.items()}


def _free(text: str) -> str:
    parts = _DIGEST.split(text)
    parts[::2] = map(masking.free, parts[::2])
    return "".join(parts)


def _plain(data: bytes) -> bytes:
    return _free(data.decode()).encode()


def _json(data: bytes) -> bytes:
    value = json.loads(data)
    told = report(value) if isinstance(value, dict) and "findings" in value else _deep(value)
    return json.dumps(told, ensure_ascii=False, indent=1).encode()


def _deep(value: Any, *, numbers: bool = True) -> Any:
    if isinstance(value, str):
        return _free(value)
    if isinstance(value, dict):
        return {_free(name): _deep(part, numbers=numbers) for name, part in value.items()}
    if isinstance(value, list):
        return [_deep(part, numbers=numbers) for part in value]
    return masking.deep(value) if numbers else value


def _page(data: bytes) -> bytes:
    return _markup(data.decode()).encode()


def _markup(text: str) -> str:
    """HTML, SVG or XML: the text between the tags, and the attributes that are read out or shown."""
    parts = _TAG.split(text)
    parts[::2] = map(_free, parts[::2])
    parts[1::2] = [_SAID.sub(lambda m: m[1] + _free(m[2]), tag) for tag in parts[1::2]]
    return "".join(parts)


def _office(data: bytes) -> bytes:
    """A document or a workbook: a zip of XML. Raises ValueError, also for one that unpacks to far more than it is."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as given:
            if sum(member.file_size for member in given.infolist()) > _MOST_UNPACKED:
                raise ValueError("it unpacks to too much")
            sink = io.BytesIO()
            with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as out:
                for member in given.infolist():
                    content = given.read(member)
                    if member.filename.endswith((".xml", ".rels")):
                        content = _markup(_CELL.sub(_cell, content.decode())).encode()
                    out.writestr(member, content, zipfile.ZIP_DEFLATED)
            return sink.getvalue()
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise ValueError(str(error)) from None


def _cell(found: re.Match[str]) -> str:
    """A number that becomes a text is a cell of another type."""
    shown = masking.free(found[3])
    if shown == found[3]:
        return found[0]
    return f'<c{_TYPE.sub("", found[1])} t="str">{found[2]}<v>{shown}</v>'


def _rows(data: bytes) -> bytes:
    try:
        table = pq.read_table(io.BytesIO(data))
    except pa.ArrowException as error:
        raise ValueError(str(error)) from None
    for place, field in enumerate(table.schema):
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type) or pa.types.is_integer(field.type):
            shown = _column(table.column(place))
            table = table.set_column(place, pa.field(field.name, shown.type), shown)
    sink = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(None), sink, compression="zstd")
    return sink.getvalue()


def _column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Each distinct value is masked once; whole numbers stay numbers unless one of them is masked."""
    coded = column.combine_chunks().dictionary_encode()
    values = coded.dictionary.to_pylist()
    shown = [_deep(value) for value in values]
    if shown == values:
        return column
    texts = pa.array([None if value is None else str(value) for value in shown], pa.string())
    return pa.chunked_array([texts.take(coded.indices)])


_WAYS: dict[str, Callable[[bytes], bytes]] = {
    **dict.fromkeys((".html", ".svg", ".xml"), _page),
    **dict.fromkeys((".md", ".txt", ".csv", ".yaml", ".yml", ".sarif", ".sql"), _plain),
    ".json": _json,
    ".docx": _office,
    ".xlsx": _office,
    ".parquet": _rows,
}
