"""The report as a Word draft that an officer completes and signs."""

from __future__ import annotations

from pathlib import Path

from taihang.core import i18n
from taihang.report import attachments, document, paper, phrases, word

NAME = "report.docx"
# Of a size that mail takes.
_PICTURE_BYTES = 15_000_000


def write(
    report: document.Report,
    folder: Path,
    language: i18n.Language,
    files: attachments.Attachments | None = None,
) -> Path:
    """Write `report.docx` into `folder`; clips are named, not embedded. Raises OSError."""
    path = folder / NAME
    said = phrases.Phrases(language)
    page = word.Word(language, said.say(report.title), report.created)
    paper.Draft(report, files or attachments.Attachments({}), page, said, _PICTURE_BYTES).build()
    page.save(path)
    return path
