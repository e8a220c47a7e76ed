"""Season: which earlier points a point is like: the same hour of the same kind of day, and ever wider circles."""

from __future__ import annotations

import dataclasses
import datetime
import zoneinfo
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from taihang.core import errors
from taihang.data.quality.monitors import days, panel

Codes = npt.NDArray[np.int64]
_DAY_S = 86400.0
_INTRADAY_S = 6 * 3600.0
_DAILY_S = 2 * _DAY_S
_FINEST_S = 1800.0


@dataclasses.dataclass(frozen=True)
class Season:
    """Circles (k, n): codes of each point, narrowest circle first; points of one code are alike.

    `daily` and `intraday` say which rhythm the times have; neither: the gaps are too wide for one.
    `cycle` is how many points make a week (daily) or a day (intraday), else 7.
    """

    circles: Codes
    names: tuple[str, ...]
    works: npt.NDArray[np.bool_]
    kinds: Codes
    bins: Codes
    intraday: bool
    daily: bool
    cycle: int
    step_s: float


def season(on: panel.Panel, calendar: days.Calendar, zone: datetime.tzinfo) -> Season:
    """The circles of a panel's points under a calendar, on the clock of a zone."""
    local = [t.astimezone(zone) for t in on.times]
    step = on.step_s
    intraday, daily = 0 < step <= _INTRADAY_S, _INTRADAY_S < step <= _DAILY_S
    kinds = np.array([calendar.kind(t.date()) for t in local], np.int64)
    works = np.array([calendar.works(t.date()) for t in local], bool)
    bins = np.zeros(len(local), np.int64)
    if intraday:
        width = max(step, _FINEST_S)
        bins = np.array([int(_clock_s(t) / width + 0.5) for t in local], np.int64) % max(1, round(_DAY_S / width))
    most = int(bins.max(initial=0)) + 1
    every = np.zeros(len(local), np.int64)
    if intraday:
        circles = [kinds * most + bins, works * most + bins, bins, every]
        names: Sequence[str] = ("kind_hour", "works_hour", "hour", "all")
    elif daily:
        circles, names = [kinds, works.astype(np.int64), every], ("kind", "works", "all")
    else:
        circles, names = [every], ("all",)
    cycle = max(2, round(_DAY_S / step)) if intraday else 7
    return Season(np.array(circles), tuple(names), works, kinds, bins, intraday, daily, cycle, step)


def zone_of(name: str) -> zoneinfo.ZoneInfo:
    """A time zone by its name. Raises errors.UserError."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise errors.UserError("data.quality.monitors:zone", zone=name) from None


def _clock_s(at: datetime.datetime) -> float:
    return at.hour * 3600 + at.minute * 60 + at.second
