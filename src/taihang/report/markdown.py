"""The report as Markdown: for a merge request, a wiki, a mail."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from taihang.core import i18n
from taihang.report import attachments, charts, document, paper, phrases, plain

NAME = "report.md"
# What Markdown or the HTML inside it would take for more than text.
_MEANS = re.compile(r"([\\`*_{}\[\]()#+!|~$>-])")


def write(
    report: document.Report,
    folder: Path,
    language: i18n.Language,
    files: attachments.Attachments | None = None,
) -> Path:
    """Write `report.md` into `folder`; pictures and clips are named, not embedded. Raises OSError."""
    page = _Page(language)
    paper.Draft(report, files or attachments.Attachments({}), page, phrases.Phrases(language), 0).build()
    path = folder / NAME
    path.write_text("\n".join(page.written) + "\n", encoding="utf-8")
    return path


class _Page:
    def __init__(self, language: i18n.Language) -> None:
        self.language = language
        self.written: list[str] = []

    def running(self, header: str, footer: str) -> None:
        self._add(f"*{_safe(footer)}*")

    def heading(self, text: str, level: int) -> None:
        self._add(f"{'#' * (level + 1)} {_safe(text)}")

    def text(
        self, text: str, *, bold: bool = False, grey: bool = False, size: float | None = None, keep: bool = False
    ) -> None:
        if text.strip():
            self._add(f"**{_safe(text)}**" if bold else _safe(text))

    def framed(self, title: str, text: str) -> None:
        self._add(f"> **{_safe(title)}** {_safe(text)}")

    def quote(self, text: str) -> None:
        self._add(f"> {_safe(text)}")

    def bullets(self, texts: Sequence[str]) -> None:
        self._add("\n".join(f"- {_safe(text)}" for text in texts))

    def pairs(self, pairs: Sequence[tuple[str, str]], *, label_mm: float = 32, keep: bool = False) -> None:
        self._add("\n".join(f"- {_safe(label)}: {_safe(value)}" for label, value in pairs))

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]], shares: Sequence[float]) -> None:
        lines = [head, ["---"] * len(head)]
        told = [f"| {' | '.join(_safe(cell) if n != 1 else cell for cell in line)} |" for n, line in enumerate(lines)]
        told += [f"| {' | '.join(_safe(cell) or ' ' for cell in row)} |" for row in rows]
        self._add("\n".join(told))

    def pictures(self, pictures: Sequence[tuple[bytes | None, str, Sequence[tuple[str, str]]]]) -> None:
        for _, caption, hashes in pictures:
            self._add("\n".join([f"- {_safe(caption)}", *(f"  - {_safe(c)} `{digest}`" for c, digest in hashes)]))

    def chart(self, chart: charts.Chart) -> None:
        head, rows = charts.table(chart, self.language)
        self.table(head, rows, [1] * len(head))

    def lines(self, labels: Sequence[str], across: int = 2) -> None:
        self._add("\n".join(f"- {_safe(label)}: \\_\\_\\_\\_\\_\\_\\_\\_" for label in labels))

    def _add(self, text: str) -> None:
        if text:
            self.written += [text, ""]


def _safe(text: str) -> str:
    """The text with nothing in it that Markdown or HTML would read as its own, on one line."""
    line = plain.clean(text).replace("\n", " ").replace("&", "&amp;").replace("<", "&lt;").strip()
    return _MEANS.sub(r"\\\1", line)
