"""The report as PDF, set by Typst: values travel as data, never as markup."""

from __future__ import annotations

import importlib.resources
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from taihang.core import errors, i18n
from taihang.report import attachments, charts, document, drawing, paper, phrases, plain

NAME = "report.pdf"
_PICTURE_BYTES = 30_000_000
_CHART_PX = 640
# The first of these that the machine has sets Chinese.
_HAN = (
    "Noto Sans CJK SC", "Source Han Sans SC", "Noto Sans SC", "Noto Serif CJK SC", "Source Han Serif SC",
    "Microsoft YaHei", "PingFang SC", "SimSun", "SimHei", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
)  # fmt: skip


def write(
    report: document.Report,
    folder: Path,
    language: i18n.Language,
    files: attachments.Attachments | None = None,
) -> Path:
    """Write `report.pdf` into `folder`. Equal reports give equal bytes on one machine.

    Raises errors.MissingExtra without Typst, errors.UserError when the text needs a Chinese font
    and the machine has none, errors.Failure when the page cannot be set, and OSError.
    """
    usable(report)
    typst = engine()
    held = files or attachments.Attachments({})
    path = folder / NAME
    with tempfile.TemporaryDirectory(prefix="taihang-") as name:
        work = Path(name)
        page = _Page(language, work)
        paper.Draft(report, held, page, phrases.Phrases(language), _PICTURE_BYTES).build()
        (work / "data.json").write_text(json.dumps(page.data(report), ensure_ascii=False), encoding="utf-8")
        template = (importlib.resources.files("taihang.report") / "templates" / "report.typ").read_bytes()
        (work / "report.typ").write_bytes(template)
        try:
            typst.compile(
                str(work / "report.typ"), output=str(path), root=name, timestamp=int(report.created.timestamp())
            )
        except typst.TypstError as error:
            raise errors.Failure("report:pdf.set", reason=str(error).partition("\n")[0]) from error
    return path


def usable(report: document.Report) -> None:
    """Check before long work that Typst is there, and a font for what the report says."""
    typst = engine()
    known = set(typst.Fonts(include_system_fonts=True).families())
    if not known.intersection(_HAN) and plain.is_chinese(report.model_dump_json()):
        raise errors.UserError("report:pdf.font")


def engine() -> Any:
    """Typst; raises errors.MissingExtra."""
    try:
        import typst  # noqa: PLC0415 - an extra
    except ImportError:
        raise errors.MissingExtra("pdf", "--format pdf") from None
    return typst


class _Page:
    def __init__(self, language: i18n.Language, work: Path) -> None:
        self.language, self.work = language, work
        self.blocks: list[dict[str, Any]] = []
        self.around = ("", "")
        self.files = 0

    def data(self, report: document.Report) -> dict[str, Any]:
        """What the template reads."""
        return {
            "language": self.language,
            "title": plain.clean(report.title.in_(self.language)),
            "fonts": ["Libertinus Serif", *_HAN] if self.language == "en" else list(_HAN),
            "header": plain.clean(self.around[0]),
            "footer": plain.clean(self.around[1]),
            "blocks": self.blocks,
        }

    def running(self, header: str, footer: str) -> None:
        self.around = (header, footer)

    def heading(self, text: str, level: int) -> None:
        self._add("heading", text=plain.clean(text), level=level)

    def text(
        self, text: str, *, bold: bool = False, grey: bool = False, size: float | None = None, keep: bool = False
    ) -> None:
        if text.strip():
            self._add("text", text=plain.clean(text), bold=bold, grey=grey, size=size or 10, keep=keep)

    def framed(self, title: str, text: str) -> None:
        self._add("framed", title=plain.clean(title), text=plain.clean(text))

    def quote(self, text: str) -> None:
        self._add("quote", text=plain.clean(text))

    def bullets(self, texts: Sequence[str]) -> None:
        self._add("bullets", texts=[plain.clean(text) for text in texts])

    def pairs(self, pairs: Sequence[tuple[str, str]], *, label_mm: float = 32, keep: bool = False) -> None:
        if pairs:
            self._add("pairs", pairs=[[plain.clean(a), plain.clean(b)] for a, b in pairs], label=label_mm)

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]], shares: Sequence[float]) -> None:
        cells = [[plain.clean(cell) for cell in row] for row in rows]
        self._add("table", head=[plain.clean(cell) for cell in head], rows=cells, shares=list(shares))

    def pictures(self, pictures: Sequence[tuple[bytes | None, str, Sequence[tuple[str, str]]]]) -> None:
        told = []
        for data, caption, hashes in pictures:
            name = self._file(data, "png" if data.startswith(b"\x89PNG") else "jpg") if data else None
            lines = [[plain.clean(covers), digest] for covers, digest in hashes]
            told.append({"file": name, "caption": plain.clean(caption), "hashes": lines})
        if told:
            self._add("pictures", pictures=told)

    def chart(self, chart: charts.Chart) -> None:
        drawn = drawing.draw(chart, self.language, _CHART_PX, alone=True)
        self._add("chart", file=self._file(drawn.encode(), "svg"))

    def lines(self, labels: Sequence[str], across: int = 2) -> None:
        self._add("lines", labels=[plain.clean(label) for label in labels], across=across)

    def _file(self, data: bytes, kind: str) -> str:
        self.files += 1
        name = f"{self.files}.{kind}"
        (self.work / name).write_bytes(data)
        return name

    def _add(self, kind: str, **values: Any) -> None:
        self.blocks.append({"kind": kind, **values})
