"""Why: what a band was made of, in a sentence that a reader can check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from taihang.core import i18n
from taihang.data.quality.monitors import days, panel, season, track

if TYPE_CHECKING:
    from taihang.data.quality.monitors import watch

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "holiday", "make_up")


def why(  # noqa: PLR0917 - one point of one track
    on: panel.Panel, at: season.Season, told: track.Track, i: int, j: int, options: watch.Options
) -> i18n.Text:
    """Which alike points, which trend, which day, how many past errors, and which limit the band rests on."""
    here = on.times[i].astimezone(options.zone)
    circle = at.names[int(told.circle[i, j])]
    day = _t(f"day.{_DAYS[int(at.kinds[i])]}")
    parts = [_t(f"why.alike.{circle}", count=int(told.alike[i, j]), day=day, hour=f"{here:%H:%M}")]
    name = options.calendar.holiday(here.date())
    if name is not None and at.kinds[i] == days.HOLIDAY:
        parts.append(_t("why.holiday", name=name))
    if at.kinds[i] == days.MAKE_UP:
        parts.append(_t("why.make_up"))
    slope = float(told.slope[i, j])
    if np.isfinite(slope) and told.scale[i, j] > 0 and abs(slope) * 7 > 0.5 * told.scale[i, j]:
        parts.append(_t("why.rising" if slope > 0 else "why.falling"))
    limit = told.limit[:, i, j]
    shown = float(limit[1] if told.ratio[i, j] >= 0 or not np.isfinite(limit[0]) else limit[0])
    values: dict[str, Any] = {
        "limit": f"{shown:.2g}",
        "errors": int(told.errors[i, j]),
        "budget": f"{options.budget:g}",
    }
    parts.append(_t("why.limit", **values))
    if told.grown[i, j] > 1.001:
        parts.append(_t("why.grown", times=f"{told.grown[i, j]:.2f}"))
    return i18n.Text(zh="；".join(p.zh for p in parts), en="; ".join(p.en for p in parts))


def told(  # noqa: PLR0917 - one point of one track
    on: panel.Panel, at: season.Season, track_: track.Track, point: tuple[int, int], j: int, options: watch.Options
) -> i18n.Text:
    """What was observed, what was expected, and why; `point` is its place and that of where the stretch began."""
    i, begun = point
    numbers = {
        "value": number(on.values[i, j]), "expected": number(track_.expected[i, j]),
        "lower": number(track_.lower[i, j]), "upper": number(track_.upper[i, j]),
    }  # fmt: skip
    here, since = (on.times[k].astimezone(options.zone).isoformat(sep=" ", timespec="minutes") for k in (i, begun))
    key = "told.going_on" if begun != i else "told.one"
    because = why(on, at, track_, i, j, options)
    return _t(key, monitor=on.monitors[j].name, at=here, since=since, why=because, **numbers)


def number(value: float) -> str:
    """A number as a reader takes it in; – for a side that has no limit."""
    if not np.isfinite(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _t(key: str, **values: Any) -> i18n.Text:
    return i18n.Message(key=f"data.quality.monitors:{key}", values=values).both()
