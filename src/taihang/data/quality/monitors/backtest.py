"""Back-test: what each model would have said of the history, point by point from the points before."""

from __future__ import annotations

import dataclasses

import numpy as np

from taihang.data.quality.monitors import panel, season, tails, track

SIZES = (4.0, 6.0, 8.0)


@dataclasses.dataclass(frozen=True)
class BackTest:
    """One model on one panel.

    `alarms` are stretches outside, `near` those of them that lie close to their band, `confirmed` and `false` those
    that people told of; `expected_false` counts near ones and those told false. `found`: the share of points that
    would lie outside, were each alone moved by so many robust scales of the seasonal model (synthetic).
    """

    model: str
    monitors: int
    points: int
    quarters: float
    alarms: int
    near: int
    confirmed: int
    false: int
    found: tuple[float, ...]
    width: float

    @property
    def false_rate(self) -> float | None:
        """Doubtful alarms for each monitor and quarter; None without history."""
        return (self.near + self.false) / self.quarters if self.quarters else None

    @property
    def alarm_rate(self) -> float | None:
        """All alarms for each monitor and quarter."""
        return self.alarms / self.quarters if self.quarters else None


def backtest(
    told: track.Track, seasonal: track.Track, on: panel.Panel, at: season.Season, feedback: track.Feedback
) -> BackTest:
    """The back-test of a track; sizes and widths are measured in the scale of the seasonal one."""
    alarms = near = confirmed = false = 0
    for j in range(len(on.monitors)):
        outside = told.outside[:, j]
        begins = track.starts(outside, at)
        worst = track.episodes(np.abs(np.nan_to_num(told.ratio[:, j])), at)
        alarms += len(begins)
        for start, size in zip(begins, worst, strict=True):
            if (j, start) in feedback.true:
                confirmed += 1
            elif (j, start) in feedback.false:
                false += 1
            elif size <= tails.DOUBTFUL:
                near += 1
    ready = told.ready & np.isfinite(on.values)
    points = int(ready.sum())
    return BackTest(
        told.model, len(on.monitors), points, points * on.step_s / panel.QUARTER_S, alarms, near, confirmed, false,
        _found(told, seasonal, on, ready), _width(told, seasonal, ready),
    )  # fmt: skip


def _found(told: track.Track, seasonal: track.Track, on: panel.Panel, ready: np.ndarray) -> tuple[float, ...]:
    usable = ready & seasonal.ready & ~told.outside
    if not usable.any():
        return (float("nan"),) * len(SIZES)
    shares = []
    for size in SIZES:
        hits = total = 0
        for sign in (-1, 1):
            moved = _moved(on.values, seasonal, sign * size)
            sides = usable & (np.array([not (m.high_only and sign < 0) for m in on.monitors]))
            with np.errstate(invalid="ignore"):
                hits += int((((moved > told.upper) | (moved < told.lower)) & sides).sum())
            total += int(sides.sum())
        shares.append(hits / total)
    return tuple(shares)


def _moved(values: panel.Values, seasonal: track.Track, by: float) -> panel.Values:
    with np.errstate(invalid="ignore", over="ignore"):
        logs = np.expm1(np.log1p(np.maximum(values, 0)) + by * seasonal.scale)
    return np.where(seasonal.logged, logs, values + by * seasonal.scale)


def _width(told: track.Track, seasonal: track.Track, ready: np.ndarray) -> float:
    """The usual half-width of the band, in robust scales of the seasonal model."""
    half = _moved(told.expected, seasonal, 1.0) - told.expected
    with np.errstate(invalid="ignore", divide="ignore"):
        widths = ((told.upper - told.expected) / half)[ready]
    widths = widths[np.isfinite(widths)]
    return float(np.median(widths)) if len(widths) else float("nan")
