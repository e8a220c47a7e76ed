"""The report as one HTML file that opens offline, without a script, under a strict policy."""

from __future__ import annotations

import base64
import hashlib
import importlib.resources
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import markupsafe

from taihang.core import errors, i18n
from taihang.core import evidence as proof
from taihang.report import (
    attachments,
    charts,
    document,
    drawing,
    embed,
    geometry,
    phrases,
    plain,
    sections,
    timeline,
    view,
)

NAME = "report.html"
_MOST_ROWS = 500
_MOST_SPANS = 400
# Before the findings comes what places them; what was not seen follows them.
_BEFORE = (sections.Facts, timeline.Timeline, *charts.CHARTS)
# One drawing for a screen and paper, one for a telephone: text keeps its size in both.
_WIDE_PX, _NARROW_PX = 960, 340


def write(
    report: document.Report,
    folder: Path,
    language: i18n.Language,
    files: attachments.Attachments | None = None,
) -> Path:
    """Write `report.html` into `folder`, below `embed.LARGEST_HTML` bytes.

    Pictures and clips are embedded by importance while they fit; the others are linked as
    `evidence/NAME`. Raises errors.Failure when the text alone is too large, and OSError.
    """
    files = files or attachments.Attachments({})
    page = _Page(report, language, files)
    room = embed.budget(sum(len(piece.encode()) for piece in page.pieces(frozenset())))
    if room == 0:
        raise errors.Failure(
            "report:too_large", size=plain.size(embed.LARGEST_HTML), limit=plain.size(embed.LARGEST_HTML)
        )
    embedded = embed.choose(page.groups, report.sections, files, room)
    path = folder / NAME
    with path.open("wb") as out:
        for piece in page.pieces(embedded):
            out.write(piece.encode())
    return path


def render(report: document.Report, language: i18n.Language, files: attachments.Attachments | None = None) -> str:
    """The page as text with nothing embedded."""
    return "".join(_Page(report, language, files or attachments.Attachments({})).pieces(frozenset()))


class _Page:
    """One report in one language: what the templates may ask for."""

    def __init__(self, report: document.Report, language: i18n.Language, files: attachments.Attachments) -> None:
        self.report = report
        self.language = language
        self.phrases = phrases.Phrases(language)
        self.files = files
        self.groups = view.groups(report)
        shown = [e for group in self.groups for e in (*group.full, *group.rows)]
        self._numbers = {entry.id: entry.number for entry in shown}
        self._media = {name: files.kind(name) for name in files}

    def pieces(self, embedded: frozenset[str]) -> Any:
        """The page in pieces; a piece may be one embedded file."""
        listed = sum(len(g.rows) for g in self.groups)
        full = sum(len(g.full) for g in self.groups)
        style = _resource("report.css") + self._margins()
        free = [s for s in self.report.sections if not (isinstance(s, sections.Table) and s.finding is not None)]
        return (
            _environment(self)
            .get_template("report.html.j2")
            .generate(
                report=self.report,
                language=self.language,
                created=plain.moment(self.report.created),
                css=markupsafe.Markup(style),  # noqa: S704 our own file, no value of a report in it
                policy=_policy(style),
                tally=view.tally(self.report),
                groups=self.groups,
                unjudged=view.unjudged(self.report),
                anchors=_anchors(self.groups),
                full=full,
                listed=listed,
                hidden=len(self.report.findings) - full - listed,
                before=[s for s in free if isinstance(s, _BEFORE)],
                after=[s for s in free if not isinstance(s, _BEFORE)],
                pixels=_covers_pixels(self.report),
                embedded=embedded,
                source=lambda name: embed.data_uri(name, self.files) if name in embedded else name,
                most_rows=_MOST_ROWS,
                most_spans=_MOST_SPANS,
            )
        )

    def _margins(self) -> str:
        """What every printed page carries: whether it is a draft, of what, and that it is synthetic."""
        texts = {
            "bottom-left": f"{self.phrases.footing(self.report)} · {self.report.asset.id}",
            "top-center": self.phrases.t("synthetic.title") if self.report.synthetic else "",
        }
        boxes = "".join(f'@{place} {{ content: "{_css(text)}"; }} ' for place, text in texts.items() if text)
        return f"@page {{ {boxes}}}\n"

    def draw(self, chart: timeline.Timeline) -> geometry.Drawing:
        return geometry.draw(chart, self.language, self._numbers)

    def drawn(self, chart: charts.Chart, width: int) -> markupsafe.Markup:
        return markupsafe.Markup(drawing.draw(chart, self.language, width))  # noqa: S704 escaped where it is drawn

    def spans(self, chart: timeline.Timeline) -> list[tuple[float, float, str, str]]:
        """Every span and named mark in order of time: start, end, lane, label."""
        found = [
            (s.start_s, s.end_s, self.phrases.say(lane.label), self.phrases.say(s.label) if s.label else "")
            for lane in chart.lanes
            for s in lane.spans
        ]
        found += [
            (m.time_s, m.time_s, self.phrases.say(lane.label), self.phrases.say(m.label))
            for lane in chart.lanes
            for m in lane.marks
            if m.label
        ]
        return sorted(found, key=lambda one: one[:3])


def _environment(page: _Page) -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FunctionLoader(_resource),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        finalize=_finalize,
    )
    made.filters |= {
        "say": page.phrases.say,
        "value": page.phrases.value,
        "size": plain.size,
        "chinese": plain.is_chinese,
        "amount": _amount,
        "multiline": lambda text: "\n".join(plain.short(line, page.language) for line in text.split("\n")),
    }
    names: Mapping[str, Any] = {
        "t": page.phrases.t,
        "phrases": page.phrases,
        "draw": page.draw,
        "drawn": page.drawn,
        "widths": (("wide", _WIDE_PX), ("narrow", _NARROW_PX)),
        "in_words": lambda chart: charts.table(chart, page.language),
        "spans": page.spans,
        "media": lambda name: page._media.get(name, "other"),
        "filesize": lambda name: plain.size(page.files.size(name)) if name in page.files else "–",
        "clock": plain.clock,
        "span": plain.span,
        "share": plain.share,
        "percent": lambda part, total: round(100 * min(part, total) / total, 2) if total > 0 else 0,
        "numeric": _numeric,
    }
    made.globals |= names
    return made


def _finalize(value: Any) -> Any:
    """Every value that a template prints passes here: no control or override character gets out."""
    if isinstance(value, str) and not isinstance(value, markupsafe.Markup):
        # A data URI is ours and long; it holds ASCII only.
        return value if value.startswith("data:") and value.isascii() else plain.clean(value)
    return value


def _resource(name: str) -> str:
    return (importlib.resources.files("taihang.report") / "templates" / name).read_text(encoding="utf-8")


def _css(text: str) -> str:
    """A text inside a CSS string: everything but letters, digits and spaces is escaped."""
    return "".join(c if c.isalnum() or c == " " else f"\\{ord(c):06x} " for c in text)


def _policy(style: str) -> str:
    """The content security policy: no script, no request; media from this file or beside it."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    return (
        "default-src 'none'; img-src data: 'self'; media-src data: 'self'; "
        f"style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


def _anchors(groups: tuple[view.Group, ...]) -> list[str]:
    """The anchor of the first group of each level, and of the first with too little evidence."""
    seen: set[str] = set()
    anchors = []
    for group in groups:
        name = "insufficient" if group.verdict == "insufficient" else f"level-{group.level}"
        anchors.append("" if name in seen else name)
        seen.add(name)
    return anchors


def _covers_pixels(report: document.Report) -> bool:
    return any(
        digest.covers == "pixels"
        for found in report.findings
        for one in found.evidence
        if isinstance(one, (proof.Frame, proof.Span))
        for digest in one.digests
    )


def _amount(value: float) -> str:
    return plain.number(round(value, 1))


def _numeric(table: sections.Table, column: int) -> bool:
    cells = [row[column] for row in table.rows if row[column] is not None]
    return bool(cells) and all(isinstance(c, (int, float)) and not isinstance(c, bool) for c in cells)
