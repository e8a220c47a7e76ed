"""Track: what each point was expected to be, from the points before it alone, and the band around that."""

from __future__ import annotations

import dataclasses
import datetime
import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from taihang.data.quality.monitors import panel, season, tails

Values = panel.Values
_MAD = 1.482602218505602
_CLIP = 3.0  # robust scales by which an odd point may move what is expected later
_SCALE_PRIOR = 8.0
_NEEDS = {0: 3, 1: 3, 2: 3, 3: 1}
_FEW_HOLIDAYS = 2
_WIDER = 2.0  # an error on a day of a kind that was hardly ever seen
_YOUNG = 0.5  # limits are wider by this share in the first week, and by ever less
_HOLIDAY_HOURS = 1.4
_TOLD_FALSE = 1.1  # a band reaches so many times as far as an alarm that was told false
_RECENT = 12  # alike points whose median is the season


@dataclasses.dataclass(frozen=True)
class Feedback:
    """What people said of earlier alarms: (monitor, point) pairs."""

    false: frozenset[tuple[int, int]] = frozenset()
    true: frozenset[tuple[int, int]] = frozenset()


@dataclasses.dataclass(frozen=True)
class Track:
    """Arrays (n, m). `ratio`: distance from the expected value in units of the band's half-width, signed; beyond ±1
    is outside. NaN where there is no band yet. `errors`: how many past errors the band rests on. `limit` (2, n, m)
    in robust scales; `grown` by how much the back-test widened it. `logged`: the monitor is watched as a logarithm.
    `alike`, `circle`: how many alike points the season rests on, and which circle they are of.
    """

    expected: Values
    lower: Values
    upper: Values
    ratio: Values
    scale: Values
    limit: npt.NDArray[np.float64]
    grown: Values
    errors: npt.NDArray[np.int64]
    logged: npt.NDArray[np.bool_]
    circle: npt.NDArray[np.int64]
    alike: npt.NDArray[np.int64]
    slope: Values
    model: str

    @property
    def ready(self) -> npt.NDArray[np.bool_]:
        """Where there is a band."""
        return np.asarray(np.isfinite(self.lower) | np.isfinite(self.upper))

    @property
    def outside(self) -> npt.NDArray[np.bool_]:
        """Where a point lies outside of its band."""
        return np.asarray(np.abs(np.nan_to_num(self.ratio)) > 1.0)


def needs(at: season.Season) -> tuple[int, float]:
    """How many points, and how many seconds from first to last, a band needs."""
    if at.intraday:
        return 3 * at.cycle, 7 * 86400.0
    return (28, 27 * 86400.0) if at.daily else (20, 0.0)


class Tracker:
    """The walk over the points, all monitors at once; the seasonal model is its `base`, others replace that."""

    name = "seasonal"

    def __init__(self, on: panel.Panel, at: season.Season, budget: float, feedback: Feedback | None = None) -> None:
        self.on, self.at, self.budget, self.feedback = on, at, budget, feedback or Feedback()
        n, m = on.values.shape
        self.n, self.m = n, m
        self.logged = np.array([_logarithm(one, on.values[:, j]) for j, one in enumerate(on.monitors)], bool)
        self.high_only = np.array([one.high_only for one in on.monitors], bool)
        with np.errstate(invalid="ignore", divide="ignore"):
            self.x = np.where(self.logged, np.log1p(np.maximum(on.values, 0.0)), on.values)
        self.floor = np.array([_floor(one, self.x[:, j], bool(self.logged[j])) for j, one in enumerate(on.monitors)])
        self.clean = np.full((n, m), np.nan)
        self.expected = np.full((n, m), np.nan)
        self.plain = np.full((n, m), np.nan)  # before the last error is taken into account
        self.level = np.full((n, m), np.nan)
        self.drift = np.zeros((n, m))
        self.seasonal = np.zeros((n, m))
        self.error = np.full((n, m), np.nan)
        self.score = np.full((n, m), np.nan)
        self.scale = np.full((n, m), np.nan)
        self.raw = np.full((n, m), np.nan)  # distance in units of the limit before the back-test widened it
        self.limit = np.full((2, n, m), np.nan)
        self.grown = np.ones((n, m))
        self.errors = np.zeros((n, m), np.int64)
        self.circle = np.full(n, len(at.names) - 1, np.int64)
        self.alike = np.zeros(n, np.int64)
        self.run = np.zeros(m, np.int64)
        self._seen: list[dict[int, list[int]]] = [{} for _ in at.circles]
        self._phi = np.zeros(m)
        self._limits = np.full((2, m), np.nan)
        self._grown = np.ones(m)
        self._scales: dict[int, Values] = {}
        self._global = np.full(m, np.nan)
        self._p = tails.rate(budget, on.step_s or 86400.0)
        self._window = 7 * at.cycle if at.intraday else 3 * at.cycle
        self._memory = (28 if at.intraday else 26) * at.cycle

    def track(self) -> Track:
        """Walk over all points."""
        points, span = needs(self.at)
        began = self.on.seconds
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # columns that hold nothing yet
            for t in range(self.n):
                if t and t % self.at.cycle == 0:
                    self._refit(t)
                elif any(i == t - 1 for _, i in self.feedback.false):
                    self._grow(t)  # what was told of yesterday counts today
                self._step(t, ready=t >= points and began[t] - began[0] >= span)
        return self._told()

    def base(self, t: int) -> Values:
        """What is expected of point t before the last error is taken into account, in the watched unit."""
        return np.asarray(self.level[t] + self.drift[t] + self.seasonal[t])

    def refit(self, t: int) -> None:
        """Learn anew from the points before t."""

    def _step(self, t: int, *, ready: bool) -> None:
        self._decomposed(t)
        self.plain[t] = self.base(t)
        last = np.zeros(self.m)
        if t:
            last = np.nan_to_num(np.clip(self.clean[t - 1] - self.plain[t - 1], -3 * self._scale(), 3 * self._scale()))
        self.expected[t] = self.plain[t] + self._phi * last
        self.error[t] = self.x[t] - self.expected[t]
        self.scale[t] = self._scale_at(t)
        self.score[t] = self.error[t] / self.scale[t]
        self.errors[t] = np.sum(np.isfinite(self.error[:t]), axis=0)
        if ready:
            self._judge(t)
        self._kept(t)
        for circle, codes in zip(self._seen, self.at.circles, strict=True):
            circle.setdefault(int(codes[t]), []).append(t)

    def _decomposed(self, t: int) -> None:
        """Trend and season from the points before t: medians, so that odd points hardly move them."""
        if not t:
            return
        span = slice(max(0, t - self._window), t)
        self.level[t] = self._middle(self.clean[span] - self.seasonal[span])
        long = slice(max(0, t - 2 * self._window), t)
        drift = self._middle(self.clean[long] - self.level[long] - self.seasonal[long])
        self.drift[t] = np.nan_to_num(drift)
        rows, circle = self._alike_rows(t)
        self.circle[t], self.alike[t] = circle, len(rows)
        if len(rows) and circle < len(self.at.names) - 1:
            found = self._middle(self.clean[rows] - self.level[rows] - self.drift[rows])
            self.seasonal[t] = np.nan_to_num(found)

    def _middle(self, values: Values) -> Values:
        """Medians while odd values are not cut yet, then means, which need fewer points to be as sure."""
        return tails.mean(values) if self._scales else tails.median(values)

    def _alike_rows(self, t: int) -> tuple[list[int], int]:
        for number, (circle, codes) in enumerate(zip(self._seen, self.at.circles, strict=True)):
            rows = circle.get(int(codes[t]), [])
            need = _FEW_HOLIDAYS if number == 0 and self.at.kinds[t] > 6 else _NEEDS[number]
            if len(rows) >= need:
                return rows[-_RECENT:], number
        return [], len(self.at.names) - 1

    def _judge(self, t: int) -> None:
        self.limit[:, t] = self._limits
        self.grown[t] = self._grown
        side = np.where(self.score[t] >= 0, self._limits[1], self._limits[0])
        self.raw[t] = self.score[t] / side

    def _kept(self, t: int) -> None:
        """What later points may learn from this one: odd values are cut, unless they last (a day, or two weeks)."""
        reach = _CLIP * self.scale[t]
        cut = np.clip(self.x[t], self.expected[t] - reach, self.expected[t] + reach)
        self.clean[t] = np.where(np.isfinite(cut), cut, self.x[t])
        told = [j for j, i in self.feedback.true if i == t]
        self.clean[t, told] = self.expected[t, told]
        odd = np.sign(self.score[t]) * (np.abs(self.score[t]) > _CLIP)
        odd = np.nan_to_num(odd).astype(np.int64)
        self.run = np.where((odd != 0) & (np.sign(self.run) * odd >= 0), self.run + odd, odd)
        lasting = np.flatnonzero(np.abs(self.run) >= (self.at.cycle if self.at.intraday else 2 * self.at.cycle))
        for j in lasting.tolist():
            first = t - abs(int(self.run[j])) + 1
            self.clean[first : t + 1, j] = self.x[first : t + 1, j]

    def _refit(self, t: int) -> None:
        self.refit(t)
        span = slice(max(0, t - self._memory), t)
        errors = self.error[span]
        self._global = np.maximum(_MAD * tails.median(np.abs(errors)), self.floor)
        if not self._scales:
            reach = _CLIP * self._global
            cut = np.clip(self.x[:t], self.expected[:t] - reach, self.expected[:t] + reach)
            self.clean[:t] = np.where(np.isfinite(cut), cut, self.clean[:t])
        self._scales = {}
        codes = self.at.circles[1 if self.at.intraday else 0]
        recent = codes[span]
        for code in np.unique(recent).tolist():
            own = errors[recent == code]
            count = np.sum(np.isfinite(own), axis=0)
            found = _MAD * tails.median(np.abs(own))
            special = not self.at.intraday and code > 6
            prior = self._global * (_WIDER if special else 1.0)
            squared = (count * np.nan_to_num(found) ** 2 + _SCALE_PRIOR * prior**2) / (count + _SCALE_PRIOR)
            self._scales[code] = np.maximum(np.sqrt(squared), self.floor)
        cut = np.clip(self.clean[span] - self.plain[span], -3 * self._global, 3 * self._global)
        if len(cut) > 20:
            before, after = cut[:-1], cut[1:]
            both = np.isfinite(before) & np.isfinite(after)
            top = np.nansum(np.where(both, before * after, 0), axis=0)
            self._phi = np.clip(np.nan_to_num(top / np.nansum(np.where(both, before**2, 0), axis=0)), 0.0, 0.95)
        scores = self._counted(self.score[:t])
        weeks = t / (7 * self.at.cycle if self.at.intraday else self.at.cycle)
        self._limits = tails.limits(scores, self._p, self.high_only) * (1 + _YOUNG / weeks)
        self._grow(t)

    def _grow(self, t: int) -> None:
        """Keep to the budget in the back-test so far, and to what people said."""
        quarters = (self.on.seconds[t - 1] - self.on.seconds[0]) / panel.QUARTER_S
        for j in range(self.m):
            past = self._counted(self.raw[:t])[:, j]
            worst = episodes(np.abs(np.nan_to_num(past)), self.at)
            self._grown[j] = tails.held(worst, quarters, self.budget)
            for i in (i for k, i in self.feedback.false if k == j and i < t):
                score = float(np.nan_to_num(self.score[i, j]))
                limit = float(self._limits[1 if score >= 0 else 0, j])
                self._grown[j] = max(self._grown[j], abs(score) * _TOLD_FALSE / limit)

    def _counted(self, values: Values) -> Values:
        """Without the points that people confirmed as true anomalies."""
        if not self.feedback.true:
            return values
        made = values.copy()
        for j, i in self.feedback.true:
            if i < len(made):
                made[i, j] = np.nan
        return made

    def _scale(self) -> Values:
        return np.where(np.isfinite(self._global), self._global, np.inf)

    def _scale_at(self, t: int) -> Values:
        code = int(self.at.circles[1 if self.at.intraday else 0][t])
        found = self._scales.get(code)
        if found is None:
            return np.asarray(self._global * (_WIDER if self._scales else 1.0))
        # An hour of a holiday is scaled by the hour alone, which other holidays were few to shape.
        return found * _HOLIDAY_HOURS if self.at.intraday and self.at.kinds[t] > 6 else found

    def _told(self) -> Track:
        limit = self.limit * self.grown
        low, high = self.expected - limit[0] * self.scale, self.expected + limit[1] * self.scale
        with np.errstate(over="ignore", invalid="ignore"):
            expected, lower, upper = [np.where(self.logged, np.expm1(one), one) for one in (self.expected, low, high)]
        known = np.isfinite(self.limit[1])
        expected, lower, upper = (np.where(known, one, np.nan) for one in (expected, lower, upper))
        slope = self.drift / max(self._window / 2, 1)
        circle = np.broadcast_to(self.circle[:, None], (self.n, self.m))
        alike = np.broadcast_to(self.alike[:, None], (self.n, self.m))
        return Track(
            expected, lower, upper, self.raw / self.grown, self.scale, limit, self.grown, self.errors, self.logged,
            circle, alike, slope, self.name,
        )  # fmt: skip


def episodes(ratios: Values, at: season.Season) -> Values:
    """The largest distance of each stretch outside (ratio above 1); gaps of a day (intraday) or two points join."""
    gap = at.cycle if at.intraday else 2
    found: list[float] = []
    last = -gap - 1
    for t in np.flatnonzero(ratios > 1.0).tolist():
        if t - last <= gap:
            found[-1] = max(found[-1], float(ratios[t]))
        else:
            found.append(float(ratios[t]))
        last = t
    return np.array(found)


def starts(outside: npt.NDArray[np.bool_], at: season.Season) -> list[int]:
    """Where each stretch outside begins, joined as in `episodes`."""
    gap = at.cycle if at.intraday else 2
    found: list[int] = []
    last = -gap - 1
    for t in np.flatnonzero(outside).tolist():
        if t - last > gap:
            found.append(t)
        last = t
    return found


def points_of(told: Mapping[tuple[str, str], str], on: panel.Panel) -> tuple[Feedback, Sequence[tuple[str, str]]]:
    """Feedback by monitor's name and ISO time as points of a panel, and what matched none."""
    names = {one.name: j for j, one in enumerate(on.monitors)}
    times = {t.timestamp(): i for i, t in enumerate(on.times)}
    false: set[tuple[int, int]] = set()
    true: set[tuple[int, int]] = set()
    lost = []
    for (name, at), verdict in told.items():
        j, i = names.get(name), times.get(datetime.datetime.fromisoformat(at).timestamp())
        if j is None or i is None:
            lost.append((name, at))
        else:
            (false if verdict == "false" else true).add((j, i))
    return Feedback(frozenset(false), frozenset(true)), lost


def _logarithm(one: panel.Monitor, values: Values) -> bool:
    """Whether changes of a value are rather ratios: judged on the first half of what there is."""
    known = values[: max(28, len(values) // 2)]
    known = known[np.isfinite(known)]
    if one.kind not in {"volume", "value"} or len(known) < 10 or known.min() < 0 or np.median(known) < 1e-9:
        return False
    if one.kind == "volume":
        return bool(np.median(known) >= 20)
    return bool(known.min() > 0 and _skew(known) > 0.2 and abs(_skew(np.log1p(known))) < 0.7 * abs(_skew(known)))


def _skew(values: Values) -> float:
    low, middle, high = np.quantile(values, [0.1, 0.5, 0.9])
    return float((high + low - 2 * middle) / (high - low)) if high > low else 0.0


def _floor(one: panel.Monitor, x: Values, logged: bool) -> float:
    """The smallest scale: differences below it are of no matter, however still the past was."""
    if logged or one.kind == "volume":
        return 0.005 if logged else 0.5
    if one.kind in {"completeness", "score", "drift"}:
        return 0.0025
    known = x[np.isfinite(x)]
    size = float(np.median(np.abs(known))) if len(known) else 0.0
    return max(1e-3 * size, 1e-12)
