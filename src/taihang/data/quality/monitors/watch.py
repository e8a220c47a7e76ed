"""Watch: a history walked by its models, and the newest points as a table that rules judge."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping
from typing import Literal

import numpy as np
import pyarrow as pa

from taihang.core import i18n
from taihang.data.quality.monitors import backtest, days, drift, fixed, learned, panel, season, track, why

Model = Literal["seasonal", "learned"]
TABLE, DRIFT = "monitor", "drift"
BOOK = "monitors"
MOST_JUDGED = 5000


@dataclasses.dataclass(frozen=True)
class Options:
    """How a history is watched.

    `budget`: false alarms for each monitor and quarter; `last`: how many of the newest points are judged, or since
    when; `told`: (monitor, ISO time) → `false` or `true`, what people said of earlier alarms.
    """

    model: Model = "seasonal"
    budget: float = 1.0
    zone: datetime.tzinfo = datetime.UTC
    calendar: days.Calendar = days.WEEKDAYS
    last: int = 1
    since: datetime.datetime | None = None
    told: Mapping[tuple[str, str], str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Watched:
    """What came of it: `tests` has the model in use first; `short` are monitors without a band; `lost` is feedback
    about points that the history lacks."""

    panel: panel.Panel
    season: season.Season
    track: track.Track
    tests: tuple[backtest.BackTest, ...]
    judged: range
    data: pa.Table
    options: Options
    short: tuple[str, ...]
    lost: tuple[tuple[str, str], ...]
    years: tuple[int, ...]

    @property
    def alarmed(self) -> tuple[int, ...]:
        """Monitors with a judged point outside, the farthest first."""
        if not len(self.judged):
            return ()
        worst = np.abs(np.nan_to_num(self.track.ratio[self.judged.start :])).max(axis=0)
        return tuple(j for j in np.argsort(-worst, kind="stable").tolist() if worst[j] > 1)


def watch(on: panel.Panel, options: Options) -> Watched:
    """Walk over a history with every model that is asked for, and put its newest points into a table."""
    at = season.season(on, options.calendar, options.zone)
    feedback, lost = track.points_of(options.told, on)
    plain = track.Tracker(on, at, options.budget, feedback).track()
    tracks = [plain, fixed.track_of(on, at)]
    if options.model == "learned":
        tracks.insert(0, learned.Learned(on, at, options.budget, feedback).track())
    tests = tuple(backtest.backtest(one, plain, on, at, feedback) for one in tracks)
    used = tracks[0]
    n = len(on.times)
    first = max(0, n - options.last)
    if options.since is not None:
        first = next((i for i, t in enumerate(on.times) if t >= options.since), n)
    first = max(first, n - MOST_JUDGED)
    judged = range(first, n)
    data = _table(on, at, used, judged, options)
    latest = used.ready[-1] if n else np.zeros(len(on.monitors), bool)
    short = tuple(one.name for j, one in enumerate(on.monitors) if not latest[j])
    years = options.calendar.lacks(t.astimezone(options.zone).date() for t in on.times)
    return Watched(on, at, used, tests, judged, data, options, short, tuple(lost), years)


def drifts(found: tuple[drift.Drift, ...]) -> pa.Table:
    """Measures of the newest change as a table."""
    columns: dict[str, list[object]] = {"column": [one.column for one in found]}
    schema = [("column", pa.string())]
    for name in ("psi", "ks", "js", "tvd", "chi2_p"):
        columns[name] = [getattr(one, name) for one in found]
        schema.append((name, pa.float64()))
    columns["exact"] = [one.exact for one in found]
    return pa.table(columns, schema=pa.schema([*schema, ("exact", pa.bool_())]))


_SCHEMA = pa.schema(
    [
        ("monitor", pa.string()), ("kind", pa.string()), ("column", pa.string()), ("at", pa.string()),
        ("since", pa.string()), ("value", pa.float64()), ("expected", pa.float64()), ("lower", pa.float64()),
        ("upper", pa.float64()), ("ratio", pa.float64()), ("points", pa.int64()), ("model", pa.string()),
        ("told_zh", pa.string()), ("told_en", pa.string()),
    ]
)  # fmt: skip


def _table(on: panel.Panel, at: season.Season, told: track.Track, judged: range, options: Options) -> pa.Table:
    rows: list[dict[str, object]] = []
    for j, one in enumerate(on.monitors):
        outside = told.outside[:, j]
        begins = track.starts(outside, at)
        for i in judged:
            if not np.isfinite(on.values[i, j]):
                continue
            begun = max((b for b in begins if b <= i), default=i) if outside[i] else i
            reason: i18n.Text | None = why.told(on, at, told, (i, begun), j, options) if told.ready[i, j] else None
            rows.append({
                "monitor": one.name, "kind": one.kind, "column": one.column, "at": _iso(on, i, options),
                "since": _iso(on, begun, options), "value": float(on.values[i, j]),
                "expected": _known(told.expected[i, j]), "lower": _known(told.lower[i, j]),
                "upper": _known(told.upper[i, j]), "ratio": _known(told.ratio[i, j]),
                "points": int(told.errors[i, j]), "model": told.model,
                "told_zh": reason.zh if reason else None, "told_en": reason.en if reason else None,
            })  # fmt: skip
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


def _iso(on: panel.Panel, i: int, options: Options) -> str:
    return on.times[i].astimezone(options.zone).isoformat()


def _known(value: float) -> float | None:
    return float(f"{value:.9g}") if np.isfinite(value) else None
