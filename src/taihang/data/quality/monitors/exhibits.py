"""Exhibits: a watched history as sections of a report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from taihang.core import i18n
from taihang.data.quality.monitors import backtest, drift, watch
from taihang.report import charts, sections

_MOST_CHARTS = 12
_MOST_POINTS = 180
_MOST_ROWS = 400


def sections_of(found: watch.Watched, drifts: Sequence[drift.Drift]) -> tuple[sections.Section, ...]:
    """Bands, the newest points, the back-test, the drift, and how a band is made."""
    made: list[sections.Section] = [_history(found)]
    shown = found.alarmed or tuple(range(min(3, len(found.panel.monitors))))
    made += [_band(found, j) for j in shown[:_MOST_CHARTS] if found.track.ready[:, j].any()]
    made += [_tests(found), _newest(found)]
    if drifts:
        made.append(_drift(drifts))
    method = ["seasonal", "band", *(["learned"] if found.options.model == "learned" else [])]
    made.append(sections.Notes(title=t("section.method"), paragraphs=tuple(t(f"method.{m}") for m in method)))
    return tuple(made)


def t(key: str, **values: Any) -> i18n.Text:
    """A text of this package in both languages."""
    return i18n.Message(key=f"data.quality.monitors:{key}", values=values).both()


def _history(found: watch.Watched) -> sections.Facts:
    on, options = found.panel, found.options
    rhythm = "intraday" if found.season.intraday else "daily" if found.season.daily else "none"
    name = options.calendar.name
    calendar: Any = t(f"calendar.{name}") if name in {"china", "none"} else name
    told = list(options.told.values())
    feedback = t("fact.feedback_value", false=told.count("false"), true=told.count("true"))
    span = " – ".join(
        x.astimezone(options.zone).isoformat(sep=" ", timespec="minutes") for x in (on.times[0], on.times[-1])
    )
    items = (
        ("points", len(on.times)), ("span", span), ("rhythm", t(f"rhythm.{rhythm}")), ("calendar", calendar),
        ("monitors", len(on.monitors)), ("judged", len(found.judged)), ("model", t(f"model.{found.track.model}")),
        ("budget", options.budget), *([("feedback", feedback)] if told else []),
    )  # fmt: skip
    return sections.Facts(
        title=t("section.history"), items=tuple(sections.Fact(label=t(f"fact.{k}"), value=v) for k, v in items)
    )


def _band(found: watch.Watched, j: int) -> charts.Band:
    on, track = found.panel, found.track
    first = max(0, min(len(on.times) - _MOST_POINTS, found.judged.start - _MOST_POINTS // 2))
    rows = range(first, min(len(on.times), max(first + _MOST_POINTS, found.judged.start + _MOST_POINTS // 2)))
    points = tuple(
        charts.Observed(
            at=on.times[i].astimezone(found.options.zone),
            value=_known(on.values[i, j]),
            lower=_known(track.lower[i, j]),
            upper=_known(track.upper[i, j]),
            outside=bool(track.outside[i, j]),
        )
        for i in rows
    )
    one = on.monitors[j]
    note = t("section.band_note", unit=one.unit or "–")
    return charts.Band(title=t("section.band", monitor=one.name), points=points, note=note)


def _tests(found: watch.Watched) -> sections.Table:
    names = ("model", "points", "alarms", "near", "told_false", "confirmed", "width")
    columns = [sections.Column(label=t(f"column.{n}")) for n in names]
    columns += [sections.Column(label=t("column.found", size=f"{size:g}"), unit="%") for size in backtest.SIZES]
    rows = []
    for one in found.tests:
        rates = [None if r is None else round(r, 3) for r in (one.alarm_rate, _rate(one.near, one))]
        shares = [round(100 * s, 1) if np.isfinite(s) else None for s in one.found]
        width = round(one.width, 2) if np.isfinite(one.width) else None
        rows.append((t(f"model.{one.model}"), one.points, *rates, one.false, one.confirmed, width, *shares))
    return sections.Table(title=t("section.tests"), columns=tuple(columns), rows=tuple(rows))


def _rate(count: int, one: backtest.BackTest) -> float | None:
    return count / one.quarters if one.quarters else None


def _newest(found: watch.Watched) -> sections.Table:
    on, track, last = found.panel, found.track, len(found.panel.times) - 1
    order = sorted(range(len(on.monitors)), key=lambda j: -abs(float(np.nan_to_num(track.ratio[last, j]))))
    rows = []
    for j in order[:_MOST_ROWS]:
        standing = "outside" if track.outside[last, j] else "inside" if track.ready[last, j] else "unknown"
        values = (on.values[last, j], track.expected[last, j], track.lower[last, j], track.upper[last, j])
        rows.append((on.monitors[j].name, *(_short(v) for v in values), t(f"standing.{standing}")))
    columns = tuple(
        sections.Column(label=t(f"column.{n}")) for n in ("monitor", "value", "expected", "lower", "upper", "standing")
    )
    total = len(order) if len(order) > len(rows) else None
    return sections.Table(title=t("section.newest"), columns=columns, rows=tuple(rows), total=total)


def _drift(found: Iterable[drift.Drift]) -> sections.Table:
    order = sorted(found, key=lambda d: (-(d.psi or 0.0), d.column))
    columns = [sections.Column(label=t("column.column"))]
    columns += [sections.Column(label=i18n.Text(zh=n, en=n)) for n in ("PSI", "KS", "JS", "TVD", "χ² p")]
    rows = tuple(
        (d.column, *(_short(v) if v is not None else None for v in (d.psi, d.ks, d.js, d.tvd, d.chi2_p)))
        for d in order[:_MOST_ROWS]
    )
    return sections.Table(title=t("section.drift"), columns=tuple(columns), rows=rows)


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _short(value: float) -> float | None:
    return float(f"{value:.5g}") if np.isfinite(value) else None
