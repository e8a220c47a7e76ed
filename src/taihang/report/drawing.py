"""Drawing: charts as SVG with presentation attributes only, so that one drawing serves a strict page and paper."""

from __future__ import annotations

import html
import itertools
import math
from collections.abc import Sequence

from taihang.core import i18n
from taihang.report import chains, charts, plain

_INK, _SOFT, _LINE, _FILL, _BAD = "#16191d", "#54595f", "#c8cdd3", "#4d5b69", (176, 25, 25)
# Lines are told apart by their dashes and the number at their end, not by colour alone.
_STROKES = (
    ("#1b569f", ""), ("#a34a00", "7 3"), ("#4d5b69", "2 3"), ("#6b5400", "10 3 2 3"), ("#7a2e8a", "4 2"),
    ("#0b6b4a", "1 2"), ("#16191d", "12 4"),
)  # fmt: skip
_MOST_LINES = len(_STROKES)
_FONTS = "Noto Sans CJK SC, Source Han Sans SC, Noto Sans SC, Microsoft YaHei, PingFang SC, Liberation Sans, sans-serif"


def draw(chart: charts.Chart, language: i18n.Language, width: int, *, alone: bool = False) -> str:
    """The chart `width` pixels wide; `alone` for a file of its own, which names its fonts."""
    return _Pen(chart, language, width, alone).drawn()


class _Pen:
    def __init__(self, chart: charts.Chart, language: i18n.Language, width: int, alone: bool) -> None:
        self.chart, self.language, self.width, self.alone = chart, language, width, alone
        self.parts: list[str] = []

    def drawn(self) -> str:
        chart = self.chart
        if isinstance(chart, charts.Dials):
            height = self._dials(chart.dials)
        elif isinstance(chart, charts.Radar):
            height = self._radar(chart.dials)
        elif isinstance(chart, charts.Trend):
            height = self._trend(chart.lines[:_MOST_LINES])
        elif isinstance(chart, charts.Band):
            height = self._band(chart.points)
        elif isinstance(chart, charts.Chain):
            height = chains.draw(self, chart)
        else:
            height = self._heat(chart)
        name = ' xmlns="http://www.w3.org/2000/svg"' if self.alone else ""
        fonts = f' font-family="{_FONTS}"' if self.alone else ""
        label = _safe(self.said(chart.title))
        return (
            f'<svg{name} width="{self.width}" height="{height:g}" viewBox="0 0 {self.width} {height:g}" role="img" '
            f'aria-label="{label}" font-size="12"{fonts} fill="{_INK}">{"".join(self.parts)}</svg>'
        )

    def said(self, text: i18n.Text) -> str:
        return plain.short(text.in_(self.language), self.language, 120)

    def fit(self, text: str, width: float) -> str:
        return _fit(text, width)

    def share(self, value: float | None) -> str:
        return i18n.text("report:scorecard.unknown", self.language) if value is None else plain.percent(value)

    def text(
        self, x: float, y: float, text: str, *, anchor: str = "start", fill: str = _INK, bold: bool = False
    ) -> None:
        weight = ' font-weight="600"' if bold else ""
        self.parts.append(
            f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" fill="{fill}"{weight}>{_safe(text)}</text>'
        )

    def rect(self, box: tuple[float, float, float, float], fill: str, stroke: str = "none", title: str = "") -> None:
        x, y, w, h = box
        inside = f"<title>{_safe(title)}</title>" if title else ""
        self.parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" fill="{fill}" stroke="{stroke}">{inside}</rect>'
        )

    def line(self, x0: float, y0: float, x1: float, y1: float, stroke: str = _LINE) -> None:
        self.parts.append(f'<line x1="{x0:.5g}" y1="{y0:.5g}" x2="{x1:.5g}" y2="{y1:.5g}" stroke="{stroke}"/>')

    def _dials(self, dials: Sequence[charts.Dial]) -> float:
        narrow = self.width < 500
        left, step = (0, 44) if narrow else (min(220, 0.3 * self.width), 28)
        right = self.width - 74
        for n, dial in enumerate(dials):
            y = n * step + (24 if narrow else 8)
            if narrow:
                self.text(0, y - 8, _fit(self.said(dial.label), self.width))
            else:
                self.text(left - 12, y + 11, _fit(self.said(dial.label), left - 12), anchor="end")
            self.rect((left, y, right - left, 14), "none" if dial.value is not None else "#f5f6f7", _LINE)
            if dial.value is not None:
                self.rect((left, y, (right - left) * dial.value, 14), _FILL)
            self.text(
                self.width, y + 11, self.share(dial.value), anchor="end", fill=_INK if dial.value is not None else _SOFT
            )
        return len(dials) * step + (8 if narrow else 12)

    def _radar(self, dials: Sequence[charts.Dial]) -> float:
        if len(dials) < 3:
            return self._dials(dials)
        size = min(self.width, 460)
        room = 96 if size > 400 else 78
        radius, cx, cy = size / 2 - room, self.width / 2, size / 2 - room + 44
        spots = [(math.sin(a), -math.cos(a)) for a in (2 * math.pi * n / len(dials) for n in range(len(dials)))]
        for ring in (0.25, 0.5, 0.75, 1.0):
            points = " ".join(f"{cx + radius * ring * x:.1f},{cy + radius * ring * y:.1f}" for x, y in spots)
            self.parts.append(f'<polygon points="{points}" fill="none" stroke="{_LINE}"/>')
            self.text(cx + 3, cy - radius * ring + 11, f"{ring:.0%}", fill=_SOFT) if ring == 0.5 else None
        for dial, (x, y) in zip(dials, spots, strict=True):
            self.line(cx, cy, cx + radius * x, cy + radius * y)
            anchor = "middle" if abs(x) < 0.2 else "start" if x > 0 else "end"
            at = cx + (radius + 10) * x, cy + (radius + 14) * y + (-12 if y < -0.9 else 10 if y > 0.9 else 0)
            self.text(at[0], at[1], _fit(self.said(dial.label), room + 20), anchor=anchor)
            known = dial.value is not None
            self.text(
                at[0], at[1] + 15, self.share(dial.value), anchor=anchor, fill=_INK if known else _SOFT, bold=known
            )
        # An unknown dimension has no corner: the shape is open there, and never drawn through zero.
        corners = [None if d.value is None else (cx + radius * d.value * x, cy + radius * d.value * y)
                   for d, (x, y) in zip(dials, spots, strict=True)]  # fmt: skip
        if all(corners):
            points = " ".join(f"{c[0]:.1f},{c[1]:.1f}" for c in corners if c)
            self.parts.append(f'<polygon points="{points}" fill="{_FILL}" fill-opacity="0.18" stroke="none"/>')
        for one, other in itertools.pairwise([*corners, corners[0]]):
            if one and other:
                self.parts.append(
                    f'<line x1="{one[0]:.1f}" y1="{one[1]:.1f}" x2="{other[0]:.1f}" y2="{other[1]:.1f}" '
                    f'stroke="{_FILL}" stroke-width="2"/>'
                )
        for corner in corners:
            if corner:
                self.parts.append(f'<circle cx="{corner[0]:.1f}" cy="{corner[1]:.1f}" r="3.5" fill="{_FILL}"/>')
        return cy + radius + 48

    def _trend(self, lines: Sequence[charts.Line]) -> float:
        left, right, top, low = 52, self.width - 40, 14, 190
        values = [p.value for line in lines for p in line.points if p.value is not None]
        least = math.floor(20 * min(values, default=0)) / 20 if min(values, default=0) < 1 else 0.95
        times = [p.at.timestamp() for line in lines for p in line.points]
        first, last = min(times, default=0.0), max(times, default=1.0)

        def spot(point: charts.Point) -> tuple[float, float]:
            x = left + (right - left) * ((point.at.timestamp() - first) / (last - first) if last > first else 0.5)
            return x, low - (low - top) * ((point.value or 0) - least) / (1 - least)

        for n in range(5):
            value = least + (1 - least) * n / 4
            y = low - (low - top) * n / 4
            self.line(left, y, right, y)
            self.text(left - 6, y + 4, plain.share(value, 1) if value else "0%", anchor="end", fill=_SOFT)
        taken: list[float] = []
        for n, line in enumerate(lines):
            stroke, dash = _STROKES[n]
            dashes = f' stroke-dasharray="{dash}"' if dash else ""
            known = [p for p in line.points if p.value is not None]
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(spot, known))
            self.parts.append(f'<polyline points="{points}" fill="none" stroke="{stroke}" stroke-width="1.8"{dashes}/>')
            for point in known:
                x, y = spot(point)
                title = f"{self.said(line.label)} {plain.moment(point.at)} {self.share(point.value)}"
                self.parts.append(
                    f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{stroke}"><title>{_safe(title)}</title></circle>'
                )
            if known:
                x, y = spot(known[-1])
                while any(abs(y - other) < 12 for other in taken):
                    y += 12
                taken.append(y)
                self.text(x + 7, y + 4, str(n + 1), fill=stroke, bold=True)
        if times:
            ends = [min((p for line in lines for p in line.points), key=lambda p: p.at),
                    max((p for line in lines for p in line.points), key=lambda p: p.at)]  # fmt: skip
            self.text(left, low + 18, f"{ends[0].at:%Y-%m-%d %H:%M}", fill=_SOFT)
            self.text(right, low + 18, f"{ends[1].at:%Y-%m-%d %H:%M}", anchor="end", fill=_SOFT)
        across = max(1, self.width // 220)
        for n, line in enumerate(lines):
            x, y = self.width / across * (n % across), low + 44 + 20 * (n // across)
            stroke, dash = _STROKES[n]
            dashes = f' stroke-dasharray="{dash}"' if dash else ""
            self.parts.append(
                f'<line x1="{x:g}" y1="{y - 4:g}" x2="{x + 26:g}" y2="{y - 4:g}" stroke="{stroke}" '
                f'stroke-width="1.8"{dashes}/>'
            )
            self.text(x + 32, y, f"{n + 1} {self.said(line.label)}")
        return max([low + 54 + 20 * ((len(lines) - 1) // across), *(y + 8 for y in taken)])

    def _band(self, points: Sequence[charts.Observed]) -> float:
        left, right, top, low = 64, self.width - 12, 14, 200
        every = [v for p in points for v in (p.value, p.lower, p.upper) if v is not None]
        least, most = min(every, default=0.0), max(every, default=1.0)
        room = (most - least) * 0.06 or abs(most) * 0.06 or 1.0
        least, most = least - room, most + room
        stamps = [p.at.timestamp() for p in points]
        first, last = min(stamps, default=0.0), max(stamps, default=1.0)

        def x(at: float) -> float:
            return left + (right - left) * ((at - first) / (last - first) if last > first else 0.5)

        def y(value: float) -> float:
            return low - (low - top) * (value - least) / (most - least)

        for n in range(5):
            value = least + (most - least) * n / 4
            self.line(left, y(value), right, y(value))
            self.text(left - 6, y(value) + 4, plain.number(float(f"{value:.3g}")), anchor="end", fill=_SOFT)
        for _, run in itertools.groupby(
            zip(stamps, points, strict=True), key=lambda one: one[1].lower is None and one[1].upper is None
        ):
            held = [(s, p) for s, p in run if p.lower is not None or p.upper is not None]
            # A side without a limit reaches to the edge of the drawing.
            above = [f"{x(s):.1f},{y(most if p.upper is None else p.upper):.1f}" for s, p in held]
            below = [f"{x(s):.1f},{y(least if p.lower is None else p.lower):.1f}" for s, p in reversed(held)]
            if held:
                self.parts.append(f'<polygon points="{" ".join(above + below)}" fill="{_LINE}" fill-opacity="0.55"/>')
        known = [(s, p) for s, p in zip(stamps, points, strict=True) if p.value is not None]
        path = " ".join(f"{x(s):.1f},{y(p.value or 0.0):.1f}" for s, p in known)
        self.parts.append(f'<polyline points="{path}" fill="none" stroke="{_FILL}" stroke-width="1.4"/>')
        for stamp, point in known:
            if point.outside:
                spot = x(stamp) - 4, y(point.value or 0.0) - 4, 8.0, 8.0
                self.rect(spot, "#b01919", "#ffffff", f"{plain.moment(point.at)} {plain.number(point.value or 0.0)}")
        if points:
            self.text(left, low + 18, f"{points[0].at:%Y-%m-%d %H:%M}", fill=_SOFT)
            self.text(right, low + 18, f"{points[-1].at:%Y-%m-%d %H:%M}", anchor="end", fill=_SOFT)
        return low + 26

    def _heat(self, chart: charts.Heat) -> float:
        narrow = self.width < 500
        chart = _halved(chart) if narrow and len(chart.columns) > 6 else chart
        left, top, high = (0, 20, 26) if narrow else (min(200, 0.28 * self.width), 24, 26)
        wide = (self.width - left) / max(1, len(chart.columns))
        step = high + (20 if narrow else 3)
        most = max((c.bad / c.total for row in chart.cells for c in row if c.total), default=0)
        for n, label in enumerate(chart.columns):
            every = max(1, math.ceil(64 / wide))
            if n % every == 0:
                self.text(left + wide * n + 2, 12, _fit(self.said(label), wide * every - 4), fill=_SOFT)
        for n, (label, row) in enumerate(zip(chart.rows, chart.cells, strict=True)):
            y = top + n * step + (16 if narrow else 0)
            if narrow:
                self.text(0, y - 5, _fit(self.said(label), self.width))
            else:
                self.text(left - 10, y + 17, _fit(self.said(label), left - 10), anchor="end")
            for m, cell in enumerate(row):
                part = cell.bad / cell.total if cell.total else 0.0
                told = f"{plain.number(cell.bad)} / {plain.number(cell.total)}"
                title = f"{self.said(label)} · {self.said(chart.columns[m])}: {told}"
                self.rect((left + wide * m + 1, y, wide - 2, high), _shade(part / most if most else 0), _LINE, title)
                if cell.bad:
                    self.text(left + wide * (m + 0.5), y + 17, _count(cell.bad), anchor="middle")
        return top + len(chart.rows) * step + 4


def _halved(chart: charts.Heat) -> charts.Heat:
    """Two columns in one: a telephone has no room for more."""
    pairs = [range(n, min(n + 2, len(chart.columns))) for n in range(0, len(chart.columns), 2)]
    cells = tuple(
        tuple(charts.Cell(bad=sum(row[m].bad for m in p), total=sum(row[m].total for m in p)) for p in pairs)
        for row in chart.cells
    )
    return chart.model_copy(update={"columns": tuple(chart.columns[p[0]] for p in pairs), "cells": cells})


def _shade(part: float) -> str:
    """White for none up to a red on which ink can still be read."""
    if part <= 0:
        return "#ffffff"
    strength = 0.08 + 0.42 * math.sqrt(part)
    return "#" + "".join(f"{round(255 - (255 - c) * strength):02x}" for c in _BAD)


def _count(count: int) -> str:
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if count >= size:
            return f"{count / size:.0f}{unit}" if count >= 10 * size else f"{count / size:.1f}{unit}"
    return str(count)


def _fit(text: str, width: float) -> str:
    """The text cut to about so many pixels at 12 px; a Han character is as wide as it is high."""
    used = 0.0
    for n, character in enumerate(text):
        used += 12 if ord(character) > 0x2E7F else 6.6
        if used > width:
            return text[: max(1, n - 1)] + "…"
    return text


def _safe(text: str) -> str:
    return html.escape(plain.clean(text))
