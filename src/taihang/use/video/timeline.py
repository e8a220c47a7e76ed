"""Timeline: the signals on one even grid of time, each in widths of its own noise.

What a moving camera does to a signal is taken out here, so that a step in it means the scene.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import compute

from taihang.use.video import changes, novelty, saliency, state

Floats = npt.NDArray[np.float64]

_STEP_S = 0.2
_MOST_STEPS = 100_000
# Widths below which a signal's own noise is not believed: a perfectly quiet scene would otherwise
# make an event of every flicker. Log2 of size; share of cells; share of the picture.
_LEAST_NOISE = {"activity": 0.15, "change": 0.02, "against": 0.02}
_MOVING = ("walk", "turn", "shake", "go", "stop")


@dataclasses.dataclass(frozen=True, slots=True)
class Timeline:
    """`step_s`: length of a step. `states`: the camera's per step. `activity`, `change`, `against`:
    (steps,) in noise widths, NaN where nothing is known; higher is more."""

    step_s: float
    states: list[state.State]
    activity: Floats
    change: Floats
    against: Floats

    @property
    def series(self) -> Floats:
        """(steps, 3) of all signals."""
        return np.stack([self.activity, self.change, self.against], axis=1)


def of(signals: saliency.Signals) -> Timeline:
    """The timeline of a film's signals."""
    times = signals.frames["time_s"].to_numpy()
    typical = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    step = max(_STEP_S, typical, signals.duration_s / _MOST_STEPS)
    count = max(1, int(np.ceil(signals.duration_s / step)))
    middles: Floats = (np.arange(count, dtype=np.float64) + 0.5) * step
    spans = [state.Span(**row) for row in signals.camera.to_pylist()]
    states = state.at(spans, middles)
    moving = np.isin(states, _MOVING)
    speed = _speed(signals.motion, middles)
    raw = _mean(times, signals.frames["activity"].to_numpy(), count, step)
    activity = _without_camera(raw, speed, moving)
    change = _change(signals.keys, np.exp2(np.nan_to_num(raw)), step)
    change = np.where(moving, np.nan, change)
    looked = signals.motion.filter(compute.equal(signals.motion["source"], "vectors"))
    against = _mean(looked["time_s"].to_numpy(), looked["against"].to_numpy(), count, step)
    against = _without_camera(against, speed, moving)
    return Timeline(
        step,
        states,
        _scaled(activity, "activity", max(1, round(0.6 / step))),
        _scaled(change, "change"),
        _scaled(against, "against"),
    )


def _scaled(values: Floats, name: str, lag: int = 1) -> Floats:
    width = float(changes.noise(values[:, None], lag)[0])
    return values / max(width, _LEAST_NOISE[name])


def _mean(times: Floats, values: npt.NDArray[np.float32], count: int, step: float) -> Floats:
    """Mean of the values in each step; a step without a frame takes the frame shown there."""
    place = np.clip((times / step).astype(np.int64), 0, count - 1)
    number = np.bincount(place, minlength=count)
    total = np.bincount(place, values.astype(np.float64), minlength=count)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def _change(keys: pa.Table, bits: Floats, step: float) -> Floats:
    """Novelty of each key frame against the one before, per step.

    Key frames tell that something changed since the last one, the `bits` spent in between tell when.
    """
    change = np.full(len(bits), np.nan)
    times = keys["time_s"].to_numpy()
    cells = novelty.of(keys)
    for place in range(1, len(times)):
        low, high = int(times[place - 1] / step), int(times[place] / step)
        span = slice(low, max(high, low + 1))
        when = bits[span] / max(float(bits[span].max()), 1e-9)
        change[span] = float(novelty.steps(cells[place - 1], cells[place]).mean()) * when
    return change


def _speed(motion: pa.Table, middles: Floats) -> Floats:
    """Speed of the scene at each step, between measurements; 0 where there are none."""
    times = motion["time_s"].to_numpy()
    if not len(times):
        return np.zeros(len(middles))
    x, y, zoom, roll = (motion[name].to_numpy().astype(np.float64) for name in ("x", "y", "zoom", "roll"))
    return np.asarray(np.interp(middles, times, np.hypot(np.hypot(x, y), 0.25 * np.hypot(zoom, roll))))


def _without_camera(values: Floats, speed: Floats, moving: npt.NDArray[np.bool_]) -> Floats:
    """Values less what the camera's speed alone lets expect, as the film itself shows it."""
    use = moving & np.isfinite(values)
    if use.sum() < 30:
        return values
    # A median per tenth of the speeds met: no shape is assumed, and events are too rare to bend it.
    edges = np.quantile(speed[use], np.linspace(0, 1, 11))
    place = np.clip(np.searchsorted(edges, speed, side="right") - 1, 0, 9)
    typical = np.array(
        [np.median(values[use & (place == i)]) if (use & (place == i)).any() else np.nan for i in range(10)]
    )
    middle = (edges[1:] + edges[:-1]) / 2
    good = np.isfinite(typical)
    expected = np.interp(speed, middle[good], typical[good])
    level = float(np.median(values[use]))
    return np.where(moving, values - expected + (level if not moving.all() else 0.0), values)
